//go:build !(linux && cgo)

package footprint

func openGPU() counter { return nil }
