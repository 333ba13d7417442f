package compute

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/blas/gonum"
)

// Dot is gonum's float32 inner product (vectorised on amd64). Its order of summation depends on the length alone, so a row
// computed by it has the same bits whatever its neighbours in the batch are. A blocked matrix product has not: gonum's
// Sgemm and GoMLX's DotGeneral both pick another blocking, and other low bits, for another batch size.
func Dot(a, b []float32) float32 { return gonum.Implementation{}.Sdot(len(a), a, 1, b, 1) }

// lanes is how many outputs of a layer lie side by side in a panel.
const lanes = 16

// Dense is a layer z = W·x + b for many inputs, laid out for the kernel that computes it. An input's outputs have the
// same bits whatever other inputs come with it: each is one chain of sums in an order that the layer's shape fixes.
type Dense struct {
	in, out int
	weights []float32 // [out × in]
	bias    []float32 // [width]
	panels  []float32 // [width/lanes × in × lanes]: the weights, outputs last; nil where no kernel reads them
}

// NewDense lays a layer out: weights [out × in] and bias [out].
func NewDense(in int, weights, bias []float32) *Dense {
	d := &Dense{in: in, out: len(bias), weights: slices.Clone(weights)}
	d.bias = append(slices.Clone(bias), make([]float32, d.Width()-d.out)...)
	if hasDenseKernel {
		d.panels = make([]float32, d.Width()*in)
		for j := range d.out {
			panel := d.panels[j/lanes*lanes*in:]
			for k, w := range d.weights[j*in : (j+1)*in] {
				panel[k*lanes+j%lanes] = w
			}
		}
	}
	return d
}

// Width is the number of outputs, up to whole panels.
func (d *Dense) Width() int { return (d.out + lanes - 1) / lanes * lanes }

// Apply computes n inputs, the i-th at x[i·stride:], into z [n × width]. What lies beyond the outputs of a row is not to be
// read.
func (d *Dense) Apply(n int, x []float32, stride int, z []float32) {
	if d.panels != nil {
		d.applyKernel(n, x, stride, z)
		return
	}
	for i := range n {
		row, input := z[i*d.Width():], x[i*stride:i*stride+d.in]
		for j := range d.out {
			row[j] = d.bias[j] + Dot(d.weights[j*d.in:(j+1)*d.in], input)
		}
	}
}

// tanh by the exponential: within 1e-7 of math.Tanh, at a third of its time.
func tanh(x float32) float32 {
	switch {
	case x > 9:
		return 1
	case x < -9:
		return -1
	}
	e := math.Exp(2 * float64(x))
	return float32((e - 1) / (e + 1))
}

func plainTanhs(x []float32) {
	for i, v := range x {
		x[i] = tanh(v)
	}
}
