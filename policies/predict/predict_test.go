package predict

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"testing"

	"github.com/trilemma-bench/trilemma/policies/policy"
)

// split draws prompts on which the second number of the vector alone decides what model 0 costs, and the first which of
// two models is right.
func split(name string, n int) *policy.Split {
	r := policy.Stream(4, "predict test", name)
	s := &policy.Split{Prompts: policy.Prompts{Dim: 4}, Outcomes: policy.Outcomes{Models: 2}}
	o := &s.Outcomes
	for i := range n {
		v := [4]float64{r.NormFloat64(), r.NormFloat64(), r.NormFloat64(), r.NormFloat64()}
		s.Prompts.ID = append(s.Prompts.ID, fmt.Sprint(name, i))
		s.Prompts.Text, s.Prompts.Category = append(s.Prompts.Text, "what?"), append(s.Prompts.Category, "one")
		for _, x := range v {
			s.Prompts.Vector = append(s.Prompts.Vector, float32(x))
		}
		for m := range 2 {
			p := 1 / (1 + math.Exp(-3*v[0]))
			if m == 1 {
				p = 1 - p
			}
			score := float32(0)
			if r.Float64() < p {
				score = 1
			}
			cost := 0.01
			if m == 0 {
				cost = 0.01 * math.Exp(v[1])
			}
			cost *= r.ExpFloat64()
			o.Present, o.Figures[policy.Quality], o.Figures[policy.Cost] = append(o.Present, true), append(o.Figures[policy.Quality], score), append(o.Figures[policy.Cost], float32(cost))
			o.Figures[policy.Carbon], o.Figures[policy.Latency] = append(o.Figures[policy.Carbon], float32(math.NaN())), append(o.Figures[policy.Latency], 0)
		}
	}
	return s
}

func TestPredictsQualityAndCostOfThePrompt(t *testing.T) {
	for _, raw := range []string{
		`{"learning_rate":0.01,"hidden":16,"epochs":15,"neighbours":40}`,
		`{"model":"linear","learning_rate":0.03,"weight_decay":0.01,"epochs":25,"use_validation":false,"neighbours":0,"text_features":false,"cost_hidden":0}`,
		`{"members":1,"learning_rate":0.01,"hidden":16,"epochs":15}`,
	} {
		p, err := Definition().New(policy.Setup{Models: []policy.Model{policy.NewModel("a"), policy.NewModel("b")}, Params: json.RawMessage(raw), Seed: 2})
		if err != nil {
			t.Fatal(err)
		}
		task := &policy.Task{Train: split("train", 900), Validation: split("validation", 300), Preferences: []policy.Preference{{}, {policy.Cost: 10}}}
		if err := p.(policy.Learner).Fit(context.Background(), task, nil); err != nil {
			t.Fatal(err)
		}
		test := split("test", 300)
		e, err := p.(*router).state.expect(context.Background(), &test.Prompts)
		if err != nil {
			t.Fatal(err)
		}
		var right, quality, cost, plain float64
		mean := 0.01 * math.Exp(0.5)
		for i := range test.Len() {
			x := test.Prompts.Row(i)
			truth, price := 1/(1+math.Exp(-3*float64(x[0]))), math.Log(0.01)+float64(x[1])
			if e.Choose(i, policy.Preference{}) == 0 == (x[0] > 0) {
				right++
			}
			quality += math.Abs(float64(e.Row(policy.Quality, i)[0]) - truth)
			cost += math.Abs(math.Log(float64(e.Row(policy.Cost, i)[0])) - price)
			plain += math.Abs(math.Log(mean) - price)
		}
		n := float64(test.Len())
		if right/n < 0.93 || quality/n > 0.1 {
			t.Errorf("%s: %.2f of choices right, quality off by %.3f", raw, right/n, quality/n)
		}
		if cost > 0.4*plain {
			t.Errorf("%s: log cost off by %.3f, the mean alone by %.3f", raw, cost/n, plain/n)
		}
		for i, x := range e.Value[policy.Latency] {
			if x != 0 || !math.IsNaN(float64(e.Value[policy.Carbon][i])) {
				t.Fatalf("latency %v of what was always 0, carbon %v of what was never known", x, e.Value[policy.Carbon][i])
			}
		}
	}
}
