package agent

import (
	"fmt"
	"math"
	"testing"

	"github.com/trilemma-bench/trilemma/policies/env"
	"github.com/trilemma-bench/trilemma/policies/forecast"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// talk is a dataset on which the logarithm of each cost over the expected one is share of a figure of the prompt and noise.
func talk(t *testing.T, share float64) *dataset {
	t.Helper()
	const n, models = 4000, 3
	r := policy.Stream(1, "talk")
	s := &policy.Split{Outcomes: policy.Outcomes{Models: models}}
	e := forecast.NewExpected(n, models)
	for i := range n {
		s.Prompts.ID = append(s.Prompts.ID, fmt.Sprint(i))
		prompt := r.NormFloat64()
		for m := range models {
			expected := float32(0.001 * float64(m+1))
			log := 0.5 * (math.Sqrt(share)*prompt + math.Sqrt(1-share)*r.NormFloat64())
			s.Outcomes.Present, s.Outcomes.Figures[policy.Quality] = append(s.Outcomes.Present, true), append(s.Outcomes.Figures[policy.Quality], 1)
			s.Outcomes.Figures[policy.Cost] = append(s.Outcomes.Figures[policy.Cost], expected*float32(math.Exp(log-0.125)))
			e.Row(policy.Cost, i)[m] = expected
		}
	}
	w, err := env.NewWorld(s, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return &dataset{split: s, expect: e, world: w}
}

func TestElasticityIsTheCorrelation(t *testing.T) {
	for _, share := range []float64{0, 0.6} {
		g := talk(t, share)
		v := learnElasticity(&Config{Name: "test"}, g)
		if math.Abs(v.Elasticity[policy.Cost]-share) > 0.07 {
			t.Errorf("elasticity %.3f, want about %v", v.Elasticity[policy.Cost], share)
		}
		if v.Elasticity[policy.Carbon] != 0 || v.Shift[policy.Carbon] != 0 {
			t.Error("learned something of carbon, which nobody logged")
		}
		// What it foretells of the third model from the first is closer than what the prompt alone does.
		var before, after float64
		for i := range g.split.Len() {
			seen := &env.Seen{Models: []int32{0}, Spent: env.Result{policy.Cost: g.split.Outcomes.Figures[policy.Cost][i*3]}}
			came, expected := float64(g.split.Outcomes.Figures[policy.Cost][i*3+2]), float64(g.expect.Row(policy.Cost, i)[2])
			told := expected * v.factors(g.expect, i, seen)[policy.Cost]
			before, after = before+(came-expected)*(came-expected), after+(came-told)*(came-told)
		}
		if limit := 1.01 - 0.5*share; after > limit*before {
			t.Errorf("share %v: squared error %.3f times that of the prompt alone", share, after/before)
		}
	}
}

func TestElasticityOfNothing(t *testing.T) {
	v := lengthElasticity{Elasticity: policy.Figures{1, 1, 1, 1, 1, 1}, Shift: policy.Figures{1, 1, 1, 1, 1, 1}}
	e := forecast.NewExpected(1, 2)
	nan := float32(math.NaN())
	for _, seen := range []*env.Seen{{}, {Models: []int32{1}}, {Models: []int32{1}, Spent: env.Result{policy.Cost: nan, policy.Carbon: nan, policy.Latency: nan}}} {
		if got := v.factors(e, 0, seen); got != (policy.Figures{1, 1, 1, 1, 1, 1}) {
			t.Errorf("factors %v of %+v, want ones", got, seen)
		}
	}
}
