package replay

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/trilemma-bench/trilemma/harness/billing"
	"github.com/trilemma-bench/trilemma/policies/env"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// split is the split of the table's prompts that a policy would be given.
func split(t *billing.Table, answers bool) *policy.Split {
	s := &policy.Split{Outcomes: policy.Outcomes{Models: t.Models}}
	o := &s.Outcomes
	text := func(code uint32) string {
		if code == 0 {
			return ""
		}
		return fmt.Sprint("answer ", code)
	}
	for p := range t.Prompts {
		s.Prompts.ID = append(s.Prompts.ID, fmt.Sprint(p))
		if answers && t.Reference != nil {
			s.Reference = append(s.Reference, text(t.Reference[p]))
		}
		for m := range t.Models {
			c := t.At(p, m)
			o.Present = append(o.Present, c.Present())
			for q, figure := range c.Central() {
				o.Figures[q] = append(o.Figures[q], float32(figure))
			}
			if answers {
				o.Answer = append(o.Answer, text(c.Answer))
			}
		}
	}
	return s
}

// Agents learn in policies/env and are judged by Replay. On any path through any table both must say the same: score,
// cost, carbon, latency, and so the sum of rewards.
func TestEnvironmentEqualsReplayOnEveryPath(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		prompts, models := rapid.IntRange(1, 4).Draw(t, "prompts"), rapid.IntRange(1, 5).Draw(t, "models")
		tab := made(prompts, models)
		for i := range tab.Outcomes {
			if rapid.IntRange(0, 9).Draw(t, "missing") == 0 {
				tab.Outcomes[i].Figures = billing.Unknown
			}
			tab.Outcomes[i].Answer = uint32(rapid.IntRange(0, 3).Draw(t, "answer"))
		}
		votes := rapid.Bool().Draw(t, "votes")
		if votes {
			tab.Reference = make([]uint32, prompts)
			for p := range tab.Reference {
				tab.Reference[p] = uint32(rapid.IntRange(0, 3).Draw(t, "reference"))
			}
		}
		weight := make([]float32, prompts*models)
		for i := range weight {
			// Eighths add up without rounding, so that both sides see the same ties.
			weight[i] = float32(rapid.IntRange(1, 8).Draw(t, "weight")) / 8
		}
		w, err := env.NewWorld(split(tab, votes), weight, nil)
		if err != nil {
			t.Fatal(err)
		}
		sequential := rapid.Bool().Draw(t, "sequential")
		e, err := env.New(w, env.Config{Slots: 2, Sequential: sequential})
		if err != nil {
			t.Fatal(err)
		}
		p := rapid.IntRange(0, prompts-1).Draw(t, "prompt")
		lambda := policy.Preference{policy.Cost: float64(rapid.IntRange(0, 50).Draw(t, "λ")), policy.Latency: 0.01}
		e.Reset(1, int32(p), lambda)
		reward, done := make([]float32, 2), make([]bool, 2)
		total := 0.0
		d := &Decisions{Final: policy.NewDecisions(1), AskedOffset: []int32{0, 0}}
		for round := int32(0); !done[1]; round++ {
			var allowed []int
			for a := range env.Actions(models, sequential) {
				if e.Allowed(1, a) {
					allowed = append(allowed, a)
				}
			}
			if len(allowed) == 0 {
				if round > 0 {
					t.Fatal("an episode that asked cannot stop")
				}
				return // nobody answered this prompt
			}
			a := rapid.SampledFrom(allowed).Draw(t, "action")
			var seen env.Seen
			e.Seen(1, &seen)
			e.Step([]int32{-1, int32(a)}, reward, done)
			total += float64(reward[1])
			switch {
			case a < models && !sequential:
				d.Final.AppendOne(policy.Select, a)
			case a < models:
				d.AskedModel, d.AskedRound = append(d.AskedModel, int32(a)), append(d.AskedRound, round)
				d.AskedOffset[1]++
			case a == models:
				d.Final.AppendOne(policy.Select, int(seen.Models[len(seen.Models)-1]))
			default:
				d.Final.Append(policy.Combine, seen.Models, seen.Weights)
			}
		}
		if !sequential {
			d.AskedOffset = nil
		}
		results := make([]Result, 1)
		if _, err := Replay(Of(tab, pool(models)), []int{p}, d, results); err != nil {
			t.Fatal(err)
		}
		got, want := e.Result(1), results[0]
		if !want.Covered || got[policy.Quality] != want.At(policy.Quality) || got[policy.Cost] != want.At(policy.Cost) {
			t.Fatalf("environment %+v, replay %+v", got, want)
		}
		close := func(what string, got, want float64) {
			if d := got - want; d > 1e-5*(1+want) || d < -1e-5*(1+want) {
				t.Fatalf("%s: environment %v, replay %v", what, got, want)
			}
		}
		close("carbon", float64(got[policy.Carbon]), float64(want.At(policy.Carbon)))
		close("latency", float64(got[policy.Latency]), float64(want.At(policy.Latency)))
		close("return", total, lambda.Utility(want.Central()))
	})
}
