package learn

// lanes is how many outputs of a layer lie side by side in a panel.
const lanes = 16

// dense is a layer z = W·x + b for many inputs, laid out for the kernel that computes it. An input's outputs have the
// same bits whatever other inputs come with it: each is one chain of sums in an order that the layer's shape fixes.
type dense struct {
	in, out int
	weights []float32 // [out × in]
	bias    []float32 // [width]
	panels  []float32 // [width/lanes × in × lanes]: the weights, outputs last; nil where no kernel reads them
}

// newDense lays a layer out. rows are matrices [… × in] and biases their biases, that follow one another.
func newDense(in int, rows, biases []F32s) *dense {
	d := &dense{in: in}
	for i := range rows {
		d.weights, d.bias = append(d.weights, rows[i]...), append(d.bias, biases[i]...)
	}
	d.out = len(d.bias)
	d.bias = append(d.bias, make([]float32, d.width()-d.out)...)
	if hasDenseKernel {
		d.panels = make([]float32, d.width()*in)
		for j := range d.out {
			panel := d.panels[j/lanes*lanes*in:]
			for k, w := range d.weights[j*in : (j+1)*in] {
				panel[k*lanes+j%lanes] = w
			}
		}
	}
	return d
}

// width is the number of outputs, up to whole panels.
func (d *dense) width() int { return (d.out + lanes - 1) / lanes * lanes }

// apply computes n inputs, the i-th at x[i·stride:], into z [n × width]. What lies beyond the outputs of a row is not to be
// read.
func (d *dense) apply(n int, x []float32, stride int, z []float32) {
	if d.panels != nil {
		d.applyKernel(n, x, stride, z)
		return
	}
	for i := range n {
		row, input := z[i*d.width():], x[i*stride:i*stride+d.in]
		for j := range d.out {
			row[j] = d.bias[j] + sdot(d.weights[j*d.in:(j+1)*d.in], input)
		}
	}
}
