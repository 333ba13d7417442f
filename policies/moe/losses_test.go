package moe

import (
	"math"
	"testing"

	"github.com/gomlx/compute"
	_ "github.com/gomlx/compute/gobackend"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/trilemma-bench/trilemma/policies/policy"
)

// The sizes of the checks: members, prompts, models, answers, categories.
const e, b, m, c = 2, 3, 4, 3

// fixture is a drawn batch.
type fixture struct {
	logits, spread, noise                []float32
	present, score, price, votes, labels []float32
	use                                  []float32
}

func newFixture() fixture {
	r := policy.Stream(7, "losses test")
	draw := func(n int, next func() float64) []float32 {
		out := make([]float32, n)
		for i := range out {
			out[i] = float32(next())
		}
		return out
	}
	f := fixture{
		logits: draw(e*b*m, r.NormFloat64), spread: draw(e*b*m, func() float64 { return 0.5 + r.Float64() }), noise: draw(e*b*m, r.NormFloat64),
		present: draw(b*m, func() float64 { return 1 }), score: draw(b*m, r.Float64), price: draw(b*m, r.Float64),
		votes: make([]float32, b*m*c), labels: make([]float32, b*m), use: []float32{1, 1, 0, 1, 1, 1},
	}
	f.present[2] = 0
	for i := range b * m {
		if a := r.IntN(c + 1); a < c {
			f.votes[i*c+a] = 1
		}
	}
	for i := range b {
		f.labels[i*m+r.IntN(m)] = 1
	}
	return f
}

// Each loss's gradient agrees with central differences of its value.
func TestGradientsAgreeWithFiniteDifferences(t *testing.T) {
	f := newFixture()
	backend, err := compute.NewWithConfig("go:ops_sequential")
	if err != nil {
		t.Fatal(err)
	}
	losses := map[string]func(z, spread *node, in func([]float32, ...int) *node) *node{
		"expected task": func(z, _ *node, in func([]float32, ...int) *node) *node {
			return expectedTaskLoss(graph.Softmax(z, -1), in(f.present, b, m), in(f.score, b, m), in(f.use, e, b))
		},
		"vote cross-entropy": func(z, _ *node, in func([]float32, ...int) *node) *node {
			return voteCrossEntropy(graph.Softmax(z, -1), in([]float32{3, 5}, e), in(f.votes, b, m, c), in(f.use, e, b))
		},
		"vote cross-entropy of the top 2": func(z, _ *node, in func([]float32, ...int) *node) *node {
			return voteCrossEntropy(maskedSoftmax(z, topMask(z, 2)), in([]float32{3, 5}, e), in(f.votes, b, m, c), in(f.use, e, b))
		},
		"vote score": func(z, _ *node, in func([]float32, ...int) *node) *node {
			return voteScoreLoss(maskedSoftmax(z, topMask(z, 2)), in(f.present, b, m), in(f.score, b, m), in(f.use, e, b))
		},
		"entropy": func(z, _ *node, in func([]float32, ...int) *node) *node {
			return entropyLoss(graph.Softmax(z, -1), in(f.use, e, b))
		},
		"L1": func(z, _ *node, in func([]float32, ...int) *node) *node { return l1Loss(z, in(f.use, e, b)) },
		"importance": func(z, _ *node, in func([]float32, ...int) *node) *node {
			return importanceLoss(graph.Softmax(z, -1), in(f.use, e, b))
		},
		"load": func(z, spread *node, in func([]float32, ...int) *node) *node {
			noisy := graph.Add(z, graph.Mul(spread, in(f.noise, e, b, m)))
			return loadLoss(topChance(z, noisy, spread, topMask(noisy, 2)), in(f.use, e, b))
		},
		"switch": func(z, _ *node, in func([]float32, ...int) *node) *node {
			return switchLoss(graph.Softmax(z, -1), topMask(z, 2), in(f.use, e, b), 2)
		},
		"price": func(z, _ *node, in func([]float32, ...int) *node) *node {
			return priceLoss(graph.Softmax(z, -1), in(f.price, b, m), in(f.use, e, b))
		},
		"score": func(z, _ *node, in func([]float32, ...int) *node) *node {
			return scoreLoss(z, in(f.present, b, m), in(f.score, b, m), in(f.use, e, b))
		},
		"category": func(z, _ *node, in func([]float32, ...int) *node) *node {
			return categoryLoss(z, in(f.labels, b, m), in(f.use, e, b))
		},
	}
	for name, loss := range losses {
		t.Run(name, func(t *testing.T) {
			exec, err := graph.NewExec(backend, func(z, spread *node) []*node {
				in := func(x []float32, dims ...int) *node { return graph.Reshape(graph.Const(z.Graph(), x), dims...) }
				value := graph.ReduceAllSum(loss(z, spread, in))
				grads := graph.Gradient(value, z, spread)
				return []*node{value, grads[0], grads[1]}
			})
			if err != nil {
				t.Fatal(err)
			}
			run := func(z, spread []float32) (float64, []float32, []float32) {
				out, err := exec.Call(tensors.FromFlatDataAndDimensions(z, e, b, m), tensors.FromFlatDataAndDimensions(spread, e, b, m))
				if err != nil {
					t.Fatal(err)
				}
				flat := func(x *tensors.Tensor) []float32 { return append([]float32{}, tensors.MustCopyFlatData[float32](x)...) }
				return float64(tensors.ToScalar[float32](out[0])), flat(out[1]), flat(out[2])
			}
			_, byLogit, bySpread := run(f.logits, f.spread)
			some := false
			for which, analytic := range [][]float32{byLogit, bySpread} {
				for i := range f.logits {
					at := func(step float32) float64 {
						z, s := append([]float32{}, f.logits...), append([]float32{}, f.spread...)
						if which == 0 {
							z[i] += step
						} else {
							s[i] += step
						}
						v, _, _ := run(z, s)
						return v
					}
					const step = 5e-3
					numeric := (at(step) - at(-step)) / (2 * step)
					if math.Abs(numeric-float64(analytic[i])) > 2e-3+0.02*math.Abs(numeric) {
						t.Errorf("gradient %d of entry %d is %v, by differences %v", which, i, analytic[i], numeric)
					}
					some = some || math.Abs(numeric) > 1e-2
				}
			}
			if !some {
				t.Error("no entry has a gradient: the check says nothing")
			}
		})
	}
}
