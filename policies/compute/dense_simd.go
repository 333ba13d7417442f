//go:build goexperiment.simd && amd64

package compute

import "simd/archsimd"

var hasDenseKernel = archsimd.X86.AVX2() && archsimd.X86.FMA()

// few is how many inputs the kernel takes at a time, so that a weight is loaded once for all of them.
const few = 4

func (d *Dense) applyKernel(n int, x []float32, stride int, z []float32) {
	width := d.Width()
	// A panel stays in the cache while all inputs pass it.
	for from := 0; from < width; from += lanes {
		panel, bias := d.panels[from*d.in:(from+lanes)*d.in], (*[lanes]float32)(d.bias[from:])
		i := 0
		for ; i+few <= n; i += few {
			panelFew(panel, bias, x[i*stride:], stride, d.in, z[i*width+from:], width)
		}
		for ; i < n; i++ {
			panelOne(panel, bias, x[i*stride:i*stride+d.in], (*[lanes]float32)(z[i*width+from:]))
		}
	}
}

func load(x *[lanes]float32) (lo, hi archsimd.Float32x8) {
	return archsimd.LoadFloat32x8((*[8]float32)(x[:8])), archsimd.LoadFloat32x8((*[8]float32)(x[8:]))
}

func store(lo, hi archsimd.Float32x8, x *[lanes]float32) {
	lo.Store((*[8]float32)(x[:8]))
	hi.Store((*[8]float32)(x[8:]))
}

// panelOne is one input's outputs of one panel. MulAdd overwrites the register of what it is called on, so that is the input,
// which is not needed again.
func panelOne(panel []float32, bias *[lanes]float32, x []float32, z *[lanes]float32) {
	lo, hi := load(bias)
	for _, a := range x {
		w0, w1 := load((*[lanes]float32)(panel))
		panel = panel[lanes:]
		v := archsimd.BroadcastFloat32x8(a)
		lo, hi = v.MulAdd(w0, lo), v.MulAdd(w1, hi)
	}
	store(lo, hi, z)
	archsimd.ClearAVXUpperBits()
}

// panelFew is panelOne for few inputs, bit by bit.
func panelFew(panel []float32, bias *[lanes]float32, x []float32, stride, in int, z []float32, width int) {
	lo0, hi0 := load(bias)
	lo1, hi1, lo2, hi2, lo3, hi3 := lo0, hi0, lo0, hi0, lo0, hi0
	x0, x1, x2, x3 := x[:in], x[stride:][:in], x[2*stride:][:in], x[3*stride:][:in]
	for k := range x0 {
		w0, w1 := load((*[lanes]float32)(panel))
		panel = panel[lanes:]
		v := archsimd.BroadcastFloat32x8(x0[k])
		lo0, hi0 = v.MulAdd(w0, lo0), v.MulAdd(w1, hi0)
		v = archsimd.BroadcastFloat32x8(x1[k])
		lo1, hi1 = v.MulAdd(w0, lo1), v.MulAdd(w1, hi1)
		v = archsimd.BroadcastFloat32x8(x2[k])
		lo2, hi2 = v.MulAdd(w0, lo2), v.MulAdd(w1, hi2)
		v = archsimd.BroadcastFloat32x8(x3[k])
		lo3, hi3 = v.MulAdd(w0, lo3), v.MulAdd(w1, hi3)
	}
	store(lo0, hi0, (*[lanes]float32)(z))
	store(lo1, hi1, (*[lanes]float32)(z[width:]))
	store(lo2, hi2, (*[lanes]float32)(z[2*width:]))
	store(lo3, hi3, (*[lanes]float32)(z[3*width:]))
	archsimd.ClearAVXUpperBits()
}

// The rational approximation of tanh that Eigen and XLA compute with, within 3e-7 of it: x·P(x²)/Q(x²), P and Q from
// the highest power on. Beyond tanhBound it is 1 in float32.
const tanhBound = 7.90531110763549805

var (
	tanhP = [...]float32{-2.76076847742355e-16, 2.00018790482477e-13, -8.60467152213735e-11, 5.12229709037114e-08, 1.48572235717979e-05, 6.37261928875436e-04, 4.89352455891786e-03}
	tanhQ = [...]float32{1.19825839466702e-06, 1.18534705686654e-04, 2.26843463243900e-03, 4.89352518554385e-03}
)

// Tanhs replaces every number by its tanh. Its bits do not depend on where it lies.
func Tanhs(x []float32) {
	if !hasDenseKernel {
		plainTanhs(x)
		return
	}
	for ; len(x) >= 8; x = x[8:] {
		tanh8(archsimd.LoadFloat32x8Slice(x)).StoreSlice(x)
	}
	if len(x) > 0 {
		tanh8(archsimd.LoadFloat32x8SlicePart(x)).StoreSlicePart(x)
	}
	archsimd.ClearAVXUpperBits()
}

func tanh8(x archsimd.Float32x8) archsimd.Float32x8 {
	x = x.Min(archsimd.BroadcastFloat32x8(tanhBound)).Max(archsimd.BroadcastFloat32x8(-tanhBound))
	square := x.Mul(x)
	p := archsimd.BroadcastFloat32x8(tanhP[0])
	for _, c := range tanhP[1:] {
		p = p.MulAdd(square, archsimd.BroadcastFloat32x8(c))
	}
	q := archsimd.BroadcastFloat32x8(tanhQ[0])
	for _, c := range tanhQ[1:] {
		q = q.MulAdd(square, archsimd.BroadcastFloat32x8(c))
	}
	return x.Mul(p).Div(q)
}
