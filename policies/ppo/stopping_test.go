package ppo

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"testing"

	"github.com/trilemma-bench/trilemma/policies/policy"
)

// stopping is a small instance whose best rule is known: two cheap models that are right six times in ten, and a dear one
// that is almost always right. Two cheap answers that agree are to be trusted; two that do not are to be replaced.
func stopping(n int, stream string) *policy.Split {
	r := policy.Stream(11, stream)
	s := &policy.Split{Outcomes: policy.Outcomes{Models: 3}}
	o := &s.Outcomes
	for i := range n {
		s.Prompts.ID = append(s.Prompts.ID, fmt.Sprint(stream, i))
		s.Prompts.Text = append(s.Prompts.Text, "")
		s.Prompts.Vector = append(s.Prompts.Vector, 1, 0)
		s.Reference = append(s.Reference, "A")
		for m, right := range []float64{0.6, 0.6, 0.97} {
			answer, score := string(rune('B'+r.IntN(9))), float32(0)
			if r.Float64() < right {
				answer, score = "A", 1
			}
			o.Present, o.Figures[policy.Quality], o.Answer = append(o.Present, true), append(o.Figures[policy.Quality], score), append(o.Answer, answer)
			o.Figures[policy.Cost] = append(o.Figures[policy.Cost], []float32{0.02, 0.02, 0.3}[m])
		}
	}
	s.Prompts.Dim = 2
	return s
}

// optimum is the value of the best policy by dynamic programming over what can be known: who was asked, in which order,
// and which answers are equal. Expectations are those of the split itself.
func optimum(s *policy.Split, lambda float64) float64 {
	o := &s.Outcomes
	var best func(rows []int, asked []int) float64
	best = func(rows []int, asked []int) float64 {
		value := math.Inf(-1)
		// Stop with any answer in hand. With equal weights a vote is one of them.
		for _, m := range asked {
			v := 0.0
			for _, i := range rows {
				v += float64(o.Figures[policy.Quality][i*3+m])
			}
			value = max(value, v)
		}
		for m := range 3 {
			known := false
			for _, a := range asked {
				known = known || a == m
			}
			if known {
				continue
			}
			next := append(append([]int{}, asked...), m)
			groups := map[string][]int{}
			for _, i := range rows {
				pattern := ""
				for _, a := range next {
					for k, b := range next {
						if o.Answer[i*3+a] == o.Answer[i*3+b] {
							pattern += fmt.Sprint(k)
							break
						}
					}
				}
				groups[pattern] = append(groups[pattern], i)
			}
			v := -lambda * float64(o.Figures[policy.Cost][m]) * float64(len(rows))
			for _, g := range groups {
				v += best(g, next)
			}
			value = max(value, v)
		}
		return value
	}
	all := make([]int, s.Len())
	for i := range all {
		all[i] = i
	}
	return best(all, nil) / float64(len(all))
}

// follow plays a policy on a split and returns the mean utility.
func follow(t *testing.T, p policy.Policy, s *policy.Split, preference policy.Preference) float64 {
	t.Helper()
	o, total := &s.Outcomes, 0.0
	rows := make([]int32, s.Len())
	asked := make([][]int32, s.Len())
	for i := range rows {
		rows[i] = int32(i)
	}
	for round := 0; len(rows) > 0; round++ {
		b := &policy.Batch{Prompts: &s.Prompts, Preferences: []policy.Preference{preference}, Prompt: rows, Preference: make([]int32, len(rows)), Round: round}
		if round > 0 {
			b.Asked = &policy.Asked{Offset: []int32{0}}
			for _, i := range rows {
				for _, m := range asked[i] {
					at := int(i)*3 + int(m)
					b.Asked.Model, b.Asked.Round = append(b.Asked.Model, m), append(b.Asked.Round, 0)
					b.Asked.Missing, b.Asked.Answer = append(b.Asked.Missing, false), append(b.Asked.Answer, o.Answer[at])
					b.Asked.Figures[policy.Cost] = append(b.Asked.Figures[policy.Cost], o.Figures[policy.Cost][at])
				}
				b.Asked.Offset = append(b.Asked.Offset, int32(len(b.Asked.Model)))
			}
		}
		d, err := p.Route(context.Background(), b)
		if err != nil {
			t.Fatal(err)
		}
		var again []int32
		for r, i := range rows {
			use, models, weights := d.Row(r)
			votes := map[string]float32{}
			for k, m := range models {
				at := int(i)*3 + int(m)
				switch use {
				case policy.Ask:
					asked[i] = append(asked[i], m)
					total -= preference[policy.Cost] * float64(o.Figures[policy.Cost][at])
				case policy.Select:
					total += float64(o.Figures[policy.Quality][at])
				default:
					votes[o.Answer[at]] += weights[k]
				}
			}
			if use == policy.Ask {
				again = append(again, i)
			}
			right := len(votes) > 0
			for answer, w := range votes {
				right = right && (answer == "A" || w < votes["A"])
			}
			if right {
				total++
			}
		}
		rows = again
	}
	return total / float64(s.Len())
}

func TestSequentialFindsTheOptimalStoppingRule(t *testing.T) {
	s := stopping(1500, "train")
	models := []policy.Model{policy.NewModel("cheap-1"), policy.NewModel("cheap-2"), policy.NewModel("dear")}
	preference := policy.Preference{policy.Cost: 1}
	raw := `{"warm_start": "none", "use_responses": false, "temperature": 1, "hidden": 16, "scorer": 8, "steps": 20000, "passes": 1000,
		"slots": 64, "horizon": 16, "checks": 0, "entropy": 0.01, "learning_rate": 0.005, "max_asks": 3}`
	p, err := Definition(warmStarts).New(policy.Setup{Models: models, Params: json.RawMessage(raw), Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	task := &policy.Task{Train: s, Preferences: []policy.Preference{preference}}
	if err := p.(policy.Learner).Fit(context.Background(), task, nil); err != nil {
		t.Fatal(err)
	}
	got, want := follow(t, p, s, preference), optimum(s, preference[policy.Cost])
	single := 0.0
	for i := range s.Len() {
		single += float64(s.Outcomes.Figures[policy.Quality][i*3+2]) / float64(s.Len())
	}
	t.Logf("PPO %.4f, dynamic programming %.4f, the best single model %.4f", got, want, single-0.3)
	if got < want-0.005 {
		t.Errorf("mean utility %.4f, the optimal stopping rule has %.4f", got, want)
	}
	if want < single-0.3+0.05 {
		t.Errorf("the instance teaches nothing: stopping is worth %.4f, the dear model alone %.4f", want, single-0.3)
	}
}
