//go:build !goexperiment.simd || !amd64

package compute

const hasDenseKernel = false

func (d *dense) applyKernel(int, []float32, int, []float32) { panic("learn: no kernel in this build") }

func tanhs(x []float32) { plainTanhs(x) }
