package nn

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
)

// variables are the weights of n as a [Loop] sees them. Their values are those of n: what the loop writes, n reads.
func (n *Net) variables() []*Variable {
	list := []*Variable{
		{Name: "w2", Dims: []int{n.Members, n.Out(), n.fan()}, Value: n.W2},
		{Name: "b2", Dims: []int{n.Members, n.Out()}, Value: n.B2},
	}
	if n.Hidden > 0 {
		list = append(list,
			&Variable{Name: "w1", Dims: []int{n.Members * n.Hidden, n.In}, Value: n.W1},
			&Variable{Name: "b1", Dims: []int{n.Members * n.Hidden}, Value: n.B1})
	}
	return list
}

// forward is the network of every member: x [B, in] → z [members, B, out].
func (n *Net) forward(variable func(string) *graph.Node, x *graph.Node) *graph.Node {
	size := x.Shape().Dimensions[0]
	var z *graph.Node
	if n.Hidden > 0 {
		// One product for all members: [B, in] × [members·hidden, in]ᵀ.
		h := graph.DotGeneral(x, []int{1}, nil, variable("w1"), []int{1}, nil)
		h = graph.MaxScalar(graph.Add(h, graph.InsertAxes(variable("b1"), 0)), 0)
		h = graph.Reshape(h, size, n.Members, n.Hidden)
		z = graph.DotGeneral(h, []int{2}, []int{1}, variable("w2"), []int{2}, []int{0})
	} else {
		w := graph.Reshape(variable("w2"), n.Members*n.Out(), n.In)
		z = graph.Reshape(graph.DotGeneral(x, []int{1}, nil, w, []int{1}, nil), size, n.Members, n.Out())
		z = graph.TransposeAllAxes(z, 1, 0, 2)
	}
	return graph.Add(z, graph.InsertAxes(variable("b2"), 1))
}

// lossGraph is the sum over members of each block's weighted mean loss: z [members, B, out], y and w [B, out],
// trains [B, members].
func lossGraph(blocks []Block, z, y, w, trains *graph.Node) *graph.Node {
	g := z.Graph()
	trains = graph.InsertAxes(graph.TransposeAllAxes(trains, 1, 0), -1) // [members, B, 1]
	var total *graph.Node
	from := 0
	for _, b := range blocks {
		to := from + b.Width
		zb := graph.Slice(z, graph.AxisRange(), graph.AxisRange(), graph.AxisRange(from, to))
		yb := graph.InsertAxes(graph.Slice(y, graph.AxisRange(), graph.AxisRange(from, to)), 0)
		wb := graph.Mul(graph.InsertAxes(graph.Slice(w, graph.AxisRange(), graph.AxisRange(from, to)), 0), trains) // [members, B, width]
		var each *graph.Node
		switch b.Link {
		case Bernoulli:
			// max(z,0) − z·y + ln(1+e^−|z|)
			each = graph.Add(graph.Sub(graph.MaxScalar(zb, 0), graph.Mul(zb, yb)), graph.Log1P(graph.Exp(graph.Neg(graph.Abs(zb)))))
		case Poisson:
			zb = graph.ClipScalar(zb, -maxExponent, maxExponent)
			each = graph.Sub(graph.Exp(zb), graph.Mul(yb, zb))
		case Softmax:
			each = graph.Neg(graph.Mul(yb, graph.LogSoftmax(zb, -1)))
		}
		members := float64(z.Shape().Dimensions[0])
		// Mean over the examples and outputs that count, for all members alike, times their number; a softmax block's
		// terms add up to one loss an example.
		weight := graph.ReduceAllSum(wb)
		if b.Link == Softmax {
			weight = graph.DivScalar(weight, float64(b.Width))
		}
		mean := graph.Div(graph.ReduceAllSum(graph.Mul(each, wb)), graph.MaxScalar(weight, 1e-6))
		term := graph.MulScalar(mean, b.Weight*members)
		if total == nil {
			total = term
		} else {
			total = graph.Add(total, term)
		}
		from = to
	}
	if total == nil {
		return graph.ScalarZero(g, dtypes.Float32)
	}
	return total
}
