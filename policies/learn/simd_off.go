//go:build !goexperiment.simd

package learn

const builtWithSIMD = false
