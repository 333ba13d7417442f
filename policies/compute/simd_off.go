//go:build !goexperiment.simd

package compute

const builtWithSIMD = false
