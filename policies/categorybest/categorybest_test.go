package categorybest

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Model 0 is right on law, model 1 on maths at ten times the price; one prompt of history says 1, against all else.
func task() *policy.Task {
	s := &policy.Split{}
	o := &s.Outcomes
	o.Models = 2
	add := func(category string, n int, a, b float32) {
		for range n {
			s.Prompts.ID, s.Prompts.Category = append(s.Prompts.ID, "x"), append(s.Prompts.Category, category)
			o.Present, o.Figures[policy.Quality] = append(o.Present, true, true), append(o.Figures[policy.Quality], a, b)
			o.Figures[policy.Cost] = append(o.Figures[policy.Cost], 0.01, 0.1)
		}
	}
	add("law", 40, 1, 0)
	add("maths", 30, 0, 1)
	add("history", 1, 0, 1)
	return &policy.Task{Train: s}
}

func TestBestOfTheCategory(t *testing.T) {
	for _, c := range []struct {
		category   string
		preference policy.Preference
		shrinkage  string
		want       int32
	}{
		{"law", policy.Preference{}, "10", 0},
		{"maths", policy.Preference{}, "10", 1},
		// The gain of 1 costs 0.09 more, but shrunk means differ by (30−10·9/71)/40 ≈ 0.72 only: worth it to λ = 7.98.
		{"maths", policy.Preference{policy.Cost: 7.9}, "10", 1},
		{"maths", policy.Preference{policy.Cost: 8.1}, "10", 0},
		{"maths", policy.Preference{policy.Cost: 11}, "0", 1},
		{"maths", policy.Preference{policy.Cost: 11.2}, "0", 0},
		{"history", policy.Preference{}, "0", 1},
		{"history", policy.Preference{}, "10", 0},
		{"seen only in test", policy.Preference{}, "10", 0}, // 40 of 71
	} {
		p, err := Definition().New(policy.Setup{
			Models: []policy.Model{policy.NewModel("a"), policy.NewModel("b")},
			Params: json.RawMessage(`{"shrinkage":` + c.shrinkage + `}`),
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := p.(policy.Learner).Fit(context.Background(), task(), nil); err != nil {
			t.Fatal(err)
		}
		b := &policy.Batch{Prompts: &policy.Prompts{ID: []string{"x"}, Category: []string{c.category}},
			Preferences: []policy.Preference{c.preference}, Prompt: []int32{0}, Preference: []int32{0}}
		d, err := p.Route(context.Background(), b)
		if err != nil || d.Model[0] != c.want {
			t.Errorf("%s at %+v, shrinkage %s: got %v (%v), want model %d", c.category, c.preference, c.shrinkage, d, err, c.want)
		}
	}
}
