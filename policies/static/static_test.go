package static

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Three groups of prompts, each with a model of its own that is right there alone.
func split(name string, n int) *policy.Split {
	r := policy.Stream(1, "static test", name)
	s := &policy.Split{Prompts: policy.Prompts{Dim: 5}, Outcomes: policy.Outcomes{Models: 3}}
	for i := range n {
		vector := make([]float32, 5)
		for j := range vector {
			vector[j] = float32(0.3 * r.NormFloat64())
		}
		vector[i%3] += 2
		s.Prompts.ID = append(s.Prompts.ID, fmt.Sprint(name, i))
		s.Prompts.Category = append(s.Prompts.Category, string(rune('a'+i%3)))
		s.Prompts.Vector = append(s.Prompts.Vector, vector...)
		for m := range 3 {
			score := float32(0)
			if m == i%3 {
				score = 1
			}
			s.Outcomes.Present, s.Outcomes.Figures[policy.Quality] = append(s.Outcomes.Present, true), append(s.Outcomes.Figures[policy.Quality], score)
		}
	}
	return s
}

var pool = []policy.Model{policy.NewModel("x"), policy.NewModel("y"), policy.NewModel("z")}

func TestClassifiesByTheVectorAlone(t *testing.T) {
	for _, raw := range []string{`{}`, `{"categories":"kmeans","k":3}`} {
		p, err := Definition().New(policy.Setup{Models: pool, Params: json.RawMessage(raw), Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		task := &policy.Task{Train: split("train", 150), Validation: split("validation", 60)}
		task.Validation.Prompts.Category[0] = "only here"
		if err := p.(policy.Learner).Fit(context.Background(), task, nil); err != nil {
			t.Fatal(err)
		}
		test := split("test", 60)
		for i := range test.Prompts.Category {
			test.Prompts.Category[i] = "a" // a lie that must not matter
		}
		b := &policy.Batch{Prompts: &test.Prompts, Preferences: []policy.Preference{{}}, Preference: make([]int32, 60)}
		for i := range 60 {
			b.Prompt = append(b.Prompt, int32(i))
		}
		d, err := p.Route(context.Background(), b)
		if err != nil {
			t.Fatal(err)
		}
		wrong := 0
		for i, m := range d.Model {
			if int(m) != i%3 {
				wrong++
			}
		}
		if wrong > 1 {
			t.Errorf("%s: %d of 60 prompts go to the wrong model", raw, wrong)
		}
	}
}

func TestTooManyCategories(t *testing.T) {
	task := &policy.Task{Train: split("train", maxCategories+1)}
	for i := range task.Train.Prompts.Category {
		task.Train.Prompts.Category[i] = fmt.Sprint(i)
	}
	p, _ := Definition().New(policy.Setup{Models: pool})
	if err := p.(policy.Learner).Fit(context.Background(), task, nil); err == nil || !strings.Contains(err.Error(), "set categories to kmeans") {
		t.Errorf("error %v, want one that says what to do", err)
	}
}
