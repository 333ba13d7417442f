package agreement

import (
	"context"
	"slices"
	"testing"

	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Scores 0.5, 0.25, 1, 0.75 at costs 1, 2, 10, 5.
func fitted(t *testing.T, models int) policy.Policy {
	t.Helper()
	s := &policy.Split{}
	s.Outcomes.Models = models
	var pool []policy.Model
	for m := range models {
		pool = append(pool, policy.NewModel(string(rune('a'+m))))
	}
	for i := range 4 {
		s.Prompts.ID = append(s.Prompts.ID, "x")
		for m := range models {
			score := float32(0)
			if i < []int{2, 1, 4, 3}[m] {
				score = 1
			}
			s.Outcomes.Present, s.Outcomes.Figures[policy.Quality] = append(s.Outcomes.Present, true), append(s.Outcomes.Figures[policy.Quality], score)
			s.Outcomes.Figures[policy.Cost] = append(s.Outcomes.Figures[policy.Cost], []float32{1, 2, 10, 5}[m])
		}
	}
	p, err := Definition().New(policy.Setup{Models: pool})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.(policy.Learner).Fit(context.Background(), &policy.Task{Train: s}, nil); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestTwoRounds(t *testing.T) {
	p := fitted(t, 4)
	b := &policy.Batch{Prompts: &policy.Prompts{ID: []string{"x"}}, Preferences: []policy.Preference{{}}, Prompt: []int32{0}, Preference: []int32{0}}
	d, err := p.Route(context.Background(), b)
	if err != nil {
		t.Fatal(err)
	}
	if use, models, _ := d.Row(0); use != policy.Ask || !slices.Equal(models, []int32{0, 1}) {
		t.Fatalf("round 0: %v %v, want to ask the two cheapest, 0 and 1", use, models)
	}
	for _, c := range []struct {
		answers []string
		missing []bool
		want    int32
	}{
		{[]string{"A", "A"}, []bool{false, false}, 0}, // the better of the two, already paid for
		{[]string{"A", "B"}, []bool{false, false}, 2},
		{[]string{"", ""}, []bool{false, false}, 2}, // saying nothing twice is no agreement
		{[]string{"A", ""}, []bool{false, true}, 2},
	} {
		b.Round = 1
		b.Asked = &policy.Asked{Offset: []int32{0, 2}, Model: []int32{0, 1}, Round: []int32{0, 0}, Missing: c.missing, Answer: c.answers}
		d, err := p.Route(context.Background(), b)
		if err != nil {
			t.Fatal(err)
		}
		if use, models, _ := d.Row(0); use != policy.Select || models[0] != c.want {
			t.Errorf("answers %q: %v %v, want model %d", c.answers, use, models, c.want)
		}
	}
	b.Asked = nil
	if _, err := p.Route(context.Background(), b); err == nil {
		t.Error("round 1 without answers is taken")
	}
}

func TestPlanUnderPreference(t *testing.T) {
	p := fitted(t, 4).(*router)
	for _, c := range []struct {
		lambda float64
		best   int
	}{{0, 2}, {0.04, 2}, {0.06, 3}, {1, 0}} {
		got := p.plan(policy.Preference{policy.Cost: c.lambda})
		if got.best != c.best || !slices.Equal(got.cheap, []int32{0, 1}) {
			t.Errorf("λ %v: %+v, want 0 and 1 and then %d", c.lambda, got, c.best)
		}
	}
}

func TestOneModelNeedsNoWitness(t *testing.T) {
	b := &policy.Batch{Prompts: &policy.Prompts{ID: []string{"x"}}, Preferences: []policy.Preference{{}}, Prompt: []int32{0}, Preference: []int32{0}}
	d, err := fitted(t, 1).Route(context.Background(), b)
	if err != nil || d.Use[0] != policy.Select || d.Model[0] != 0 {
		t.Errorf("got %+v, %v; want to select model 0 at once", d, err)
	}
}
