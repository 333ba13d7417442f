package actor

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"

	"github.com/trilemma-bench/trilemma/policies/nn"
)

// adam is what the optimiser keeps: weights and moments as flat vectors, and the steps taken, a scalar.
type adam struct{ weights, mean, square, steps *graph.Node }

// step is one step of [nn.Adam] along a flat gradient whose norm is bounded first. Where alive is 0 nothing moves.
func (a adam) step(gradient, rate, alive *graph.Node, clipNorm, epsilon float64) adam {
	g := gradient.Graph()
	scalar := func(x float64) *graph.Node { return graph.Scalar(g, dtypes.Float32, x) }
	if clipNorm > 0 {
		norm := graph.Sqrt(sumOfSquares(gradient))
		clip := graph.MinScalar(graph.Div(scalar(clipNorm), graph.AddScalar(norm, 1e-6)), 1)
		gradient = graph.Mul(gradient, clip)
	}
	steps := graph.Add(a.steps, alive)
	correct := func(beta float64) *graph.Node {
		return graph.Reciprocal(graph.OneMinus(graph.Pow(scalar(beta), graph.MaxScalar(steps, 1))))
	}
	weights, mean, square := nn.Adam(a.weights, a.mean, a.square, gradient, graph.Mul(alive, rate), correct(nn.Beta1), correct(nn.Beta2), 0, epsilon)
	kept := func(old, now *graph.Node) *graph.Node { return graph.Add(old, graph.Mul(alive, graph.Sub(now, old))) }
	return adam{weights, kept(a.mean, mean), kept(a.square, square), steps}
}

// sumOfSquares of a flat vector: over columns first, many at a time, for a sum of one row is one long chain of additions.
// That the sums of columns are not negative is said in between, or XLA would make one sum of the two.
func sumOfSquares(x *graph.Node) *graph.Node {
	columns := graph.ReduceSum(graph.Square(graph.Reshape(x, flatRows, -1)), 0)
	return graph.ReduceAllSum(graph.MaxScalar(columns, 0))
}
