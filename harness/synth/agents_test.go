package synth_test

import (
	"context"
	"encoding/json"
	"os"
	"testing"

	"github.com/trilemma-bench/trilemma/harness/encode"
	"github.com/trilemma-bench/trilemma/harness/synth"
	"github.com/trilemma-bench/trilemma/policies/bundled"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// One-shot agents must come near to what the best reader of a prompt's words could reach: TRILEMMA_FULL=1.
func TestAgentsReachTheObservableOptimum(t *testing.T) {
	if os.Getenv("TRILEMMA_FULL") == "" {
		t.Skip("set TRILEMMA_FULL=1 to train agents on a simulated trace")
	}
	ctx := context.Background()
	p := synth.Default()
	p.Prompts = 5000
	sim, err := synth.Generate(p)
	if err != nil {
		t.Fatal(err)
	}
	const train, validation = 3200, 4000
	texts := sim.Trace.Prompts.Text
	hash, err := encode.FitHash(ctx, texts[:train], encode.DefaultHash())
	if err != nil {
		t.Fatal(err)
	}
	vectors, err := hash.Encode(ctx, texts)
	if err != nil {
		t.Fatal(err)
	}
	models, dim := len(sim.Trace.Models), hash.Dim()
	prompts := func(lo, hi int) policy.Prompts {
		return policy.Prompts{ID: sim.Trace.Prompts.ID[lo:hi], Text: texts[lo:hi], Category: sim.Trace.Prompts.Category[lo:hi], Vector: vectors[lo*dim : hi*dim], Dim: dim}
	}
	split := func(lo, hi int) *policy.Split {
		s := &policy.Split{Prompts: prompts(lo, hi)}
		o, cells := &s.Outcomes, (hi-lo)*models
		o.Models, o.Present = models, make([]bool, cells)
		o.Figures[policy.Quality] = sim.Trace.Outcomes.Logged[policy.Quality][lo*models : hi*models]
		// The agent learns from costs as they would be billed, expected over the length of the answer.
		o.Figures[policy.Cost] = sim.Truth.CostUSD[lo*models : hi*models]
		for i := range o.Present {
			o.Present[i] = true
		}
		return s
	}
	var sweep []policy.Preference
	for _, lambda := range []float64{0, 3, 10, 30, 100} {
		sweep = append(sweep, policy.Preference{policy.Cost: lambda})
	}
	task := &policy.Task{Train: split(0, train), Validation: split(train, validation), Preferences: sweep}
	test := prompts(validation, p.Prompts)
	for _, name := range []string{"reinforce", "ppo"} {
		def, _ := bundled.Find(name)
		agent, err := def.New(policy.Setup{Models: sim.Trace.Models, Params: json.RawMessage(`{"mode": "one-shot", "steps": 100000}`), Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		if err := agent.(policy.Learner).Fit(ctx, task, nil); err != nil {
			t.Fatal(err)
		}
		for _, preference := range sweep {
			b := &policy.Batch{Prompts: &test, Preferences: []policy.Preference{preference}, Preference: make([]int32, test.Len())}
			for i := range test.Len() {
				b.Prompt = append(b.Prompt, int32(i))
			}
			d, err := agent.Route(ctx, b)
			if err != nil {
				t.Fatal(err)
			}
			mean := func(choice func(i int) int) (sum float64) {
				for i := range test.Len() {
					at := (validation+i)*models + choice(i)
					sum += preference.Utility(policy.Figures{policy.Quality: float64(sim.Truth.Chance[at]), policy.Cost: float64(sim.Truth.CostUSD[at])}) / float64(test.Len())
				}
				return sum
			}
			best := sim.Truth.BestSeen(preference)
			got, want := mean(func(i int) int { return int(d.Model[i]) }), mean(func(i int) int { return best[validation+i] })
			t.Logf("%s at %v a dollar: %.4f of %.4f, %.1f %%", def.Description.Name, preference[policy.Cost], got, want, 100*got/want)
			if got < 0.95*want {
				t.Errorf("%s at %v a dollar: utility %.4f, the optimum of the observable features is %.4f", def.Description.Name, preference[policy.Cost], got, want)
			}
		}
	}
}
