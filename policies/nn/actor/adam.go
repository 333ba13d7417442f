package actor

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
)

const adamBeta1, adamBeta2 = 0.9, 0.999

// adam is what the optimiser keeps: weights and moments as flat vectors, and the steps taken, a scalar.
type adam struct{ weights, mean, square, steps *graph.Node }

// step is one step of Adam (Kingma and Ba, arXiv 1412.6980) along a flat gradient whose norm is bounded first. It is of
// length zero where alive is.
func (a adam) step(gradient, rate, alive *graph.Node, clipNorm, epsilon float64) adam {
	g := gradient.Graph()
	scalar := func(x float64) *graph.Node { return graph.Scalar(g, dtypes.Float32, x) }
	if clipNorm > 0 {
		norm := graph.Sqrt(sumOfSquares(gradient))
		clip := graph.MinScalar(graph.Div(scalar(clipNorm), graph.AddScalar(norm, 1e-6)), 1)
		gradient = graph.Mul(gradient, clip)
	}
	steps := graph.Add(a.steps, alive)
	count := graph.MaxScalar(steps, 1) // before the first step nothing moves
	// The corrections of the moments' bias are scalars: they are taken out of the division of two vectors.
	rate = graph.Div(graph.Mul(alive, rate), graph.OneMinus(graph.Pow(scalar(adamBeta1), count)))
	spread := graph.Sqrt(graph.OneMinus(graph.Pow(scalar(adamBeta2), count)))
	// Where alive is 0 the moments stay as well: what is mixed in is 1−β or 0.
	mean := graph.Add(a.mean, graph.Mul(graph.MulScalar(alive, 1-adamBeta1), graph.Sub(gradient, a.mean)))
	square := graph.Add(a.square, graph.Mul(graph.MulScalar(alive, 1-adamBeta2), graph.Sub(graph.Square(gradient), a.square)))
	by := graph.AddScalar(graph.Div(graph.Sqrt(square), spread), epsilon)
	return adam{graph.Sub(a.weights, graph.Mul(rate, graph.Div(mean, by))), mean, square, steps}
}

// sumOfSquares of a flat vector: over columns first, many at a time, for a sum of one row is one long chain of additions.
// That the sums of columns are not negative is said in between, or XLA would make one sum of the two.
func sumOfSquares(x *graph.Node) *graph.Node {
	columns := graph.ReduceSum(graph.Square(graph.Reshape(x, flatRows, -1)), 0)
	return graph.ReduceAllSum(graph.MaxScalar(columns, 0))
}
