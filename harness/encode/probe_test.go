package encode

import (
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/trilemma-bench/trilemma/harness/synth"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// A linear probe on hashed features, ridge regression of every model's score, must route clearly better than the best
// single model: the simulated words and the encoder together are worth learning from.
func TestLinearProbeBeatsBestSingleModel(t *testing.T) {
	p := synth.Default()
	p.Prompts = 2600
	s, err := synth.Generate(p)
	if err != nil {
		t.Fatal(err)
	}
	const train = 1800
	text, score, m := s.Trace.Prompts.Text, s.Trace.Outcomes.Logged[policy.Quality], len(s.Trace.Models)
	params := DefaultHash()
	params.Features = 8192
	h := fit(t, text[:train], params)
	v := encode(t, h, text)
	dim := h.Dim() + 1
	row := func(i int) []float64 {
		r := make([]float64, dim)
		for d, x := range v[i*h.Dim() : (i+1)*h.Dim()] {
			r[d] = float64(x)
		}
		r[dim-1] = 1
		return r
	}
	x, y := mat.NewDense(train, dim, nil), mat.NewDense(train, m, nil)
	for i := range train {
		x.SetRow(i, row(i))
		for j := range m {
			y.Set(i, j, float64(score[i*m+j]))
		}
	}
	var gram, target, weights mat.Dense
	gram.Mul(x.T(), x)
	for d := range dim {
		gram.Set(d, d, gram.At(d, d)+5)
	}
	target.Mul(x.T(), y)
	if err := weights.Solve(&gram, &target); err != nil {
		t.Fatal(err)
	}
	var routed, best float64
	single := make([]float64, m)
	for i := train; i < p.Prompts; i++ {
		var predicted mat.Dense
		predicted.Mul(mat.NewDense(1, dim, row(i)), &weights)
		choice := 0
		for j := range m {
			single[j] += float64(score[i*m+j]) / float64(p.Prompts-train)
			if predicted.At(0, j) > predicted.At(0, choice) {
				choice = j
			}
		}
		routed += float64(score[i*m+choice]) / float64(p.Prompts-train)
	}
	for _, q := range single {
		best = max(best, q)
	}
	t.Logf("best single model %.3f, linear probe %.3f, what shows %.3f", best, routed, s.Truth.Summary().SeenScore)
	if routed < best+0.04 {
		t.Errorf("the linear probe scores %.3f, the best single model %.3f: want a gap of 0.04", routed, best)
	}
}
