package knn

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/trilemma-bench/trilemma/policies/policy"
)

var nan = float32(math.NaN())

func batch(x, y float32, preferences ...policy.Preference) *policy.Batch {
	b := &policy.Batch{Prompts: &policy.Prompts{ID: []string{"q"}, Dim: 2, Vector: []float32{x, y}}, Preferences: preferences}
	for j := range preferences {
		b.Prompt, b.Preference = append(b.Prompt, 0), append(b.Preference, int32(j))
	}
	return b
}

// Three prompts on a quarter circle. To the right model 0 is right, up model 1 is; in between model 1 did not answer.
func TestNearestDecide(t *testing.T) {
	s := &policy.Split{Prompts: policy.Prompts{ID: []string{"right", "between", "up"}, Dim: 2, Vector: []float32{2, 0, 1, 1, 0, 5}}}
	s.Outcomes = policy.Outcomes{Models: 2, Present: []bool{true, true, true, false, true, true},
		Figures: policy.Matrix{policy.Quality: {1, 0, 1, nan, 0, 1}, policy.Cost: {1, 1, 2, nan, 3, 1}}}
	p, err := Definition().New(policy.Setup{Models: []policy.Model{policy.NewModel("a"), policy.NewModel("b")}, Params: json.RawMessage(`{"k":2}`)})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.(policy.Learner).Fit(context.Background(), &policy.Task{Train: s}, nil); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		x, y   float32
		lambda float64
		want   int32
	}{
		// The prompt in between is 0.5 easier than the others and half as dear again as the right one, so that model 1 is
		// expected to have 0.25 for 1.25 on these two, of which it answered the right one alone with 0 for 1.
		{1, 0.1, 0, 0},   // right and between: 1 against 0.25
		{0.1, 1, 0, 1},   // between and up: (1+0)/2 against 1
		{1, 0.1, 2.9, 0}, // costs (1+2)/2 = 1.5 against 1.25: 0.25 dearer for a gain of 0.75
		{1, 0.1, 3.1, 1},
	} {
		d, err := p.Route(context.Background(), batch(c.x, c.y, policy.Preference{policy.Cost: c.lambda}))
		if err != nil || d.Model[0] != c.want {
			t.Errorf("(%v,%v) at λ %v: got %v (%v), want model %d", c.x, c.y, c.lambda, d, err, c.want)
		}
	}
	other := batch(1, 0, policy.Preference{})
	other.Prompts.Dim = 1
	other.Prompts.Vector = other.Prompts.Vector[:1]
	if _, err := p.Route(context.Background(), other); err == nil || !strings.Contains(err.Error(), "use the same encoder") {
		t.Errorf("error %v for vectors of another length", err)
	}
}

// Neighbours by the dozen are alike here, and beyond them they mislead: the k chosen must not be the largest.
func TestKIsChosenOnValidation(t *testing.T) {
	r := policy.Stream(1, "knn test")
	make1 := func(n int) *policy.Split {
		s := &policy.Split{Prompts: policy.Prompts{Dim: 2}, Outcomes: policy.Outcomes{Models: 2}}
		for i := range n {
			angle := r.Float64() * 2 * math.Pi
			s.Prompts.ID = append(s.Prompts.ID, fmt.Sprint(i))
			s.Prompts.Vector = append(s.Prompts.Vector, float32(math.Cos(angle)), float32(math.Sin(angle)))
			right := float32(0)
			if math.Sin(8*angle) > 0 {
				right = 1
			}
			s.Outcomes.Present = append(s.Outcomes.Present, true, true)
			s.Outcomes.Figures[policy.Quality] = append(s.Outcomes.Figures[policy.Quality], right, 1-right)
		}
		return s
	}
	p, _ := Definition().New(policy.Setup{Models: []policy.Model{policy.NewModel("a"), policy.NewModel("b")}})
	task := &policy.Task{Train: make1(600), Validation: make1(200), Preferences: []policy.Preference{{}}}
	if err := p.(policy.Learner).Fit(context.Background(), task, nil); err != nil {
		t.Fatal(err)
	}
	got := p.(*router).State
	if got.K > 20 || got.Memory.Len() != 800 {
		t.Errorf("k = %d of %d remembered, want at most 20 of 800", got.K, got.Memory.Len())
	}
}
