package host_test

import (
	"context"
	"fmt"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/trilemma-bench/trilemma/plugins/host"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// What asker is shown: model 0 says "no" to every prompt whose number is not a multiple of 3, model 1 has no outcome
// for multiples of 4.
func revealSome(prompt, model int) (host.Revealed, bool) {
	switch {
	case model == 0 && prompt%3 != 0:
		return host.Revealed{Answer: "no", OutputTokens: 3, Figures: policy.Figures{policy.Cost: 0.5}}, true
	case model == 1 && prompt%4 == 0:
		return host.Revealed{Answer: "this must not be seen"}, false
	}
	return host.Revealed{Answer: "yes"}, true
}

func TestRounds(t *testing.T) {
	preferences := []policy.Preference{{policy.Cost: 1}, {}, {policy.Carbon: 1}}
	both(t, "asker", func(t *testing.T, src host.Source) {
		for _, rows := range []int{0, 5, 64} {
			i := ready(t, src, host.Options{BatchRows: rows})
			got, err := i.RouteAll(t.Context(), somePrompts(50, 1), preferences, revealSome)
			if err != nil {
				t.Fatal(err)
			}
			if got[0].AskedOffset != nil || got[0].AskedModel != nil {
				t.Errorf("nobody asks under the first preference, got %v", got[0].AskedModel)
			}
			for j := 1; j < 3; j++ {
				for r := range 50 {
					want := []int32{0}
					if r%3 != 0 {
						want = append(want, 1)
						if r%4 == 0 {
							want = append(want, 2)
						}
					}
					asked := got[j].AskedModel[got[j].AskedOffset[r]:got[j].AskedOffset[r+1]]
					if diff := cmp.Diff(want, asked); diff != "" {
						t.Errorf("prompt %d asked:\n%s", r, diff)
					}
					for k := range asked {
						if round := got[j].AskedRound[int(got[j].AskedOffset[r])+k]; int(round) != k {
							t.Errorf("prompt %d asked model %d in round %d, want %d", r, asked[k], round, k)
						}
					}
					use, models, _ := got[j].Final.Row(r)
					if use != policy.Select || models[0] != want[len(want)-1] {
						t.Errorf("prompt %d ends with %v %v, want model %d", r, use, models, want[len(want)-1])
					}
				}
			}
		}
	})
}

// TestRevealingIsExact: whatever rows ask in whatever order, each sees just what it asked for, however calls are cut.
func TestRevealingIsExact(t *testing.T) {
	figure := func(prompt, model int) float32 { return float32(1000*prompt + model) }
	rapid.Check(t, func(t *rapid.T) {
		models := rapid.IntRange(1, 5).Draw(t, "models")
		n := rapid.IntRange(1, 12).Draw(t, "prompts")
		rows := rapid.IntRange(1, 40).Draw(t, "batch rows")
		seed := rapid.Uint64().Draw(t, "seed")
		wantsResponse := rapid.Bool().Draw(t, "response")
		// What row (prompt, preference) does in a round follows from its names alone.
		plan := func(id string, preference policy.Preference, round int) []int32 {
			rng := policy.Stream(seed, id, fmt.Sprint(preference[policy.Cost]))
			order := rng.Perm(models)
			at := 0
			for r := 0; ; r++ {
				take := rng.IntN(models + 1)
				if take == 0 || at+take > models {
					take = 0
				}
				if r == round || take == 0 {
					var list []int32
					for _, m := range order[at : at+take] {
						list = append(list, int32(m))
					}
					return list
				}
				at += take
			}
		}
		def := define("planned", func(d *policy.Description, s *subject) {
			d.Sequential, d.Needs = true, []policy.Need{policy.NeedAnswer}
			if wantsResponse {
				d.Needs = append(d.Needs, policy.NeedResponse)
			}
			s.route = func(_ context.Context, _ *subject, b *policy.Batch) (*policy.Decisions, error) {
				out := policy.NewDecisions(b.Rows())
				for r := range b.Rows() {
					id, preference := b.Prompts.ID[b.Prompt[r]], b.Preferences[b.Preference[r]]
					var shown []int32
					for e := 0; b.Asked != nil && e < int(b.Asked.Offset[r+1]-b.Asked.Offset[r]); e++ {
						k := int(b.Asked.Offset[r]) + e
						m := b.Asked.Model[k]
						shown = append(shown, m)
						var number int
						fmt.Sscanf(id, "p%d", &number)
						if missing := (number+int(m))%5 == 0; b.Asked.Missing[k] != missing {
							return nil, fmt.Errorf("row %s: model %d missing: %v", id, m, b.Asked.Missing[k])
						} else if missing {
							if b.Asked.Answer[k] != "" || !math.IsNaN(float64(b.Asked.Figures[policy.Cost][k])) {
								return nil, fmt.Errorf("row %s: a missing outcome is revealed", id)
							}
							continue
						}
						if b.Asked.Figures[policy.Cost][k] != figure(number, int(m)) || b.Asked.Answer[k] != fmt.Sprint(number, m) {
							return nil, fmt.Errorf("row %s: model %d is shown as %q", id, m, b.Asked.Answer[k])
						}
						if wantsResponse != (b.Asked.Response != nil) {
							return nil, fmt.Errorf("responses: %v", b.Asked.Response)
						}
					}
					var before []int32
					for round := range b.Round {
						before = append(before, plan(id, preference, round)...)
					}
					if !cmp.Equal(before, shown) {
						return nil, fmt.Errorf("row %s asked %v and is shown %v", id, before, shown)
					}
					next := plan(id, preference, b.Round)
					if len(next) == 0 {
						out.AppendOne(policy.Select, 0)
						continue
					}
					weights := make([]float32, len(next))
					for k := range weights {
						weights[k] = 1
					}
					out.Append(policy.Ask, next, weights)
				}
				return out, nil
			}
		})
		i, err := host.Start(t.Context(), host.InProcess(def), host.Options{BatchRows: rows})
		if err != nil {
			t.Fatal(err)
		}
		defer i.Close()
		if err := i.Configure(t.Context(), policy.Setup{Models: pool(models)}); err != nil {
			t.Fatal(err)
		}
		preferences := []policy.Preference{{}, {policy.Cost: 1}}
		got, err := i.RouteAll(t.Context(), somePrompts(n, 1), preferences, func(p, m int) (host.Revealed, bool) {
			return host.Revealed{Answer: fmt.Sprint(p, m), Response: "long", Figures: policy.Figures{policy.Cost: float64(figure(p, m))}}, (p+m)%5 != 0
		})
		if err != nil {
			t.Fatal(err)
		}
		for j, preference := range preferences {
			for p := range n {
				var want []int32
				for round := range models + 1 {
					next := plan(fmt.Sprintf("p%d", p), preference, round)
					if len(next) == 0 {
						break
					}
					want = append(want, next...)
				}
				var asked []int32
				if got[j].AskedOffset != nil {
					asked = append(asked, got[j].AskedModel[got[j].AskedOffset[p]:got[j].AskedOffset[p+1]]...)
				}
				if !cmp.Equal(want, asked) {
					t.Fatalf("prompt %d asked %v, charged for %v", p, want, asked)
				}
			}
		}
	})
}
