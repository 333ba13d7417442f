package reinforce

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/trilemma-bench/trilemma/policies/forecast"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

var pool = []policy.Model{policy.NewModel("even"), policy.NewModel("odd"), policy.NewModel("both")}

// logged is what a router left behind that asked models by the kind of prompt: "even" answers even prompts, "odd" odd ones,
// "both" every second of either. propensity is that of the three models for a kind.
func logged(stream string, n int, propensity [2][3]float32) *policy.Split {
	r := policy.Stream(4, "logged", stream)
	s := &policy.Split{Outcomes: policy.Outcomes{Models: 3}}
	s.Prompts.Dim = 2
	o := &s.Outcomes
	for i := range n {
		kind := i % 2
		s.Prompts.ID = append(s.Prompts.ID, fmt.Sprint(stream, i))
		s.Prompts.Text = append(s.Prompts.Text, "")
		s.Prompts.Vector = append(s.Prompts.Vector, float32(kind), float32(1-kind))
		chosen, u := 0, r.Float32()
		for u >= propensity[kind][chosen] && chosen < 2 {
			u -= propensity[kind][chosen]
			chosen++
		}
		for m := range 3 {
			score := float32(0)
			if m == kind || m == 2 && r.IntN(2) == 0 {
				score = 1
			}
			there := m == chosen
			p := propensity[kind][m]
			if !there {
				nan := float32(0)
				nan /= nan
				score, p = nan, nan
			}
			o.Present, o.Figures[policy.Quality], o.Propensity = append(o.Present, there), append(o.Figures[policy.Quality], score), append(o.Propensity, p)
		}
	}
	return s
}

func fit(t *testing.T, raw string, task policy.Task) policy.Policy {
	t.Helper()
	p, err := Definition(nil).New(policy.Setup{Models: pool, Params: json.RawMessage(raw), Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.(policy.Learner).Fit(context.Background(), &task, func(policy.Progress) {}); err != nil {
		t.Fatal(err)
	}
	return p
}

// right is the share of prompts that go to a model which answers them: 1 for whoever tells the kinds apart, a half for
// whoever asks one model for all.
func right(t *testing.T, p policy.Policy, n int) float64 {
	t.Helper()
	b := &policy.Batch{Prompts: &policy.Prompts{Dim: 2}, Preferences: []policy.Preference{{}}}
	for i := range n {
		b.Prompts.ID, b.Prompts.Text = append(b.Prompts.ID, fmt.Sprint("test", i)), append(b.Prompts.Text, "")
		b.Prompts.Vector = append(b.Prompts.Vector, float32(i%2), float32(1-i%2))
		b.Prompt, b.Preference = append(b.Prompt, int32(i)), append(b.Preference, 0)
	}
	d, err := p.Route(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	hits := 0.0
	for r := range n {
		switch _, models, _ := d.Row(r); models[0] {
		case int32(r % 2):
			hits++
		case 2:
			hits += 0.5
		}
	}
	return hits / float64(n)
}

const offline = `"mode": "one-shot", "warm_start": "none", "feedback": "bandit", "use_vector": true, "hidden": 16, "scorer": 4,
	"slots": 32, "horizon": 8, "passes": 1000, "learning_rate": 0.01, "temperature": 0.3, "checks": 4`

// A log that mostly asked the wrong model for each kind of prompt teaches the right ones: what it seldom tried counts by its
// propensity. What is learned without a step of reward is but one model for all.
func TestASkewedLogTeachesTheRightModels(t *testing.T) {
	against := [2][3]float32{{0.15, 0.7, 0.15}, {0.7, 0.15, 0.15}}
	task := policy.Task{
		Train: logged("train", 1200, against), Validation: logged("validation", 600, against), Preferences: []policy.Preference{{}},
	}
	if got := right(t, fit(t, `{"steps": 30000, `+offline+`}`, task), 100); got < 0.95 {
		t.Errorf("right in %.2f of prompts, want nearly all", got)
	}
	if got := right(t, fit(t, `{"steps": 0, `+offline+`}`, task), 100); got > 0.6 {
		t.Errorf("without reward it is right in %.2f of prompts: the log is no test", got)
	}
	warm := map[string]func() forecast.Forecaster{"predict": func() forecast.Forecaster { return nil }}
	if p, err := Definition(warm).New(policy.Setup{Models: pool, Params: Definition(nil).Description.Untrained, Seed: 3}); err != nil || p == nil {
		t.Errorf("the parameters of the start are refused: %v", err)
	}
}

// Agents that differ only in how they learn share their start, to the last byte.
func TestTheStartDoesNotDependOnHowItLearns(t *testing.T) {
	even := [2][3]float32{{0.4, 0.3, 0.3}, {0.4, 0.3, 0.3}}
	task := policy.Task{Train: logged("train", 200, even), Validation: logged("validation", 100, even), Preferences: []policy.Preference{{}}}
	var states [][]byte
	for _, more := range []string{``, `, "entropy": 0.5, "baseline": "none", "minibatches": 2, "scalarisation": "chebyshev", "risk_weight": 0.5, "budget_cost_usd": 1`} {
		p := fit(t, `{"steps": 0, `+offline+more+`}`, task)
		state, err := p.(policy.Saver).Save()
		if err != nil {
			t.Fatal(err)
		}
		states = append(states, state)
	}
	if !bytes.Equal(states[0], states[1]) {
		t.Error("the starts differ")
	}
}
