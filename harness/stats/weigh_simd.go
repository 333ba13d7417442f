//go:build goexperiment.simd && amd64

package stats

import "simd/archsimd"

var haveAVX2 = archsimd.X86.AVX2()

// weigh sets sum[r] = Σ_k value[k] · weight[index[k]·BlockSize + r]. Products are rounded before they are added, so the
// result is that of the plain loop to the bit.
func weigh(sum *[BlockSize]float32, weight []float32, index []int32, value []float32) {
	if !haveAVX2 {
		weighPlain(sum, weight, index, value)
		return
	}
	var s0, s1, s2, s3, s4, s5, s6, s7 archsimd.Float32x8
	value = value[:len(index)]
	for k, i := range index {
		w := (*[BlockSize]float32)(weight[int(i)*BlockSize:])
		v := archsimd.BroadcastFloat32x8(value[k])
		s0 = s0.Add(v.Mul(archsimd.LoadFloat32x8((*[8]float32)(w[0:]))))
		s1 = s1.Add(v.Mul(archsimd.LoadFloat32x8((*[8]float32)(w[8:]))))
		s2 = s2.Add(v.Mul(archsimd.LoadFloat32x8((*[8]float32)(w[16:]))))
		s3 = s3.Add(v.Mul(archsimd.LoadFloat32x8((*[8]float32)(w[24:]))))
		s4 = s4.Add(v.Mul(archsimd.LoadFloat32x8((*[8]float32)(w[32:]))))
		s5 = s5.Add(v.Mul(archsimd.LoadFloat32x8((*[8]float32)(w[40:]))))
		s6 = s6.Add(v.Mul(archsimd.LoadFloat32x8((*[8]float32)(w[48:]))))
		s7 = s7.Add(v.Mul(archsimd.LoadFloat32x8((*[8]float32)(w[56:]))))
	}
	s0.Store((*[8]float32)(sum[0:]))
	s1.Store((*[8]float32)(sum[8:]))
	s2.Store((*[8]float32)(sum[16:]))
	s3.Store((*[8]float32)(sum[24:]))
	s4.Store((*[8]float32)(sum[32:]))
	s5.Store((*[8]float32)(sum[40:]))
	s6.Store((*[8]float32)(sum[48:]))
	s7.Store((*[8]float32)(sum[56:]))
}
