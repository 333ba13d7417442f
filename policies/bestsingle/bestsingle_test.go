package bestsingle

import (
	"context"
	"testing"

	"github.com/trilemma-bench/trilemma/policies/policy"
)

func split(scores, costs []float32) *policy.Split {
	s := &policy.Split{}
	s.Outcomes.Models, s.Outcomes.Figures[policy.Quality], s.Outcomes.Figures[policy.Cost] = 2, scores, costs
	for i := range scores {
		s.Outcomes.Present = append(s.Outcomes.Present, scores[i] >= 0)
		if i%2 == 0 {
			s.Prompts.ID = append(s.Prompts.ID, "x")
		}
	}
	return s
}

func TestBestOfTrainAndValidation(t *testing.T) {
	for _, c := range []struct {
		name              string
		train, validation *policy.Split
		want              int32
	}{
		{"train alone", split([]float32{1, 0}, nil), nil, 0},
		{"validation turns it", split([]float32{1, 0}, nil), split([]float32{0, 1, 0, 1}, nil), 1},
		{"ties to the cheaper", split([]float32{1, 1}, []float32{2, 1}), nil, 1},
		{"missing outcomes do not count", split([]float32{1, 0, -1, 1}, nil), nil, 0},
		// Model 1 lacks the two that are hard: 0.9 on what it has against the 0.6 of model 0, which beats it where both answered.
		{"missing is not random", split([]float32{1, 0.9, 1, 0.9, 0.9, 0.9, 0.1, -1, 0, -1}, nil), nil, 0},
	} {
		p, err := Definition().New(policy.Setup{Models: []policy.Model{policy.NewModel("a"), policy.NewModel("b")}})
		if err != nil {
			t.Fatal(err)
		}
		if err := p.(policy.Learner).Fit(context.Background(), &policy.Task{Train: c.train, Validation: c.validation}, nil); err != nil {
			t.Fatal(err)
		}
		b := &policy.Batch{Prompts: &policy.Prompts{ID: []string{"x"}}, Preferences: []policy.Preference{{policy.Cost: 9}}, Prompt: []int32{0}, Preference: []int32{0}}
		d, err := p.Route(context.Background(), b)
		if err != nil || d.Model[0] != c.want {
			t.Errorf("%s: got %v (%v), want model %d", c.name, d, err, c.want)
		}
	}
}
