package forecast

import (
	"errors"
	"fmt"

	"github.com/trilemma-bench/trilemma/policies/policy"
)

// CheckTask tells whether a task can be learned from: it has training prompts, and its columns have the lengths that
// the contract promises. A policy calls it first, so that wrong input is an error and never an index out of range.
func CheckTask(t *policy.Task, models int, needs ...policy.Need) error {
	if t == nil || t.Train == nil || t.Train.Len() == 0 {
		return errors.New("the train split is empty: a policy that learns needs logged outcomes; make the train share larger")
	}
	if err := checkSplit(t.Train, models, needs); err != nil {
		return fmt.Errorf("train split: %w", err)
	}
	if t.Validation != nil && t.Validation.Len() > 0 {
		if err := checkSplit(t.Validation, models, needs); err != nil {
			return fmt.Errorf("validation split: %w", err)
		}
		if t.Validation.Prompts.Vector != nil && t.Validation.Prompts.Dim != t.Train.Prompts.Dim {
			return fmt.Errorf("vectors have %d numbers in train and %d in validation", t.Train.Prompts.Dim, t.Validation.Prompts.Dim)
		}
	}
	return nil
}

func checkSplit(s *policy.Split, models int, needs []policy.Need) error {
	o := &s.Outcomes
	cells := s.Len() * models
	if o.Models != models || len(o.Present) != cells || len(o.Figures[policy.Quality]) != cells {
		return fmt.Errorf("%d prompts with %d presences and %d scores of %d models, want %d × %d",
			s.Len(), len(o.Present), len(o.Figures[policy.Quality]), o.Models, s.Len(), models)
	}
	for q, column := range o.Figures {
		if column != nil && len(column) != cells {
			return fmt.Errorf("%d figures of %s, want %d", len(column), policy.Quantity(q), cells)
		}
	}
	return CheckPrompts(&s.Prompts, needs...)
}

// CheckPrompts tells whether the columns that a policy needs are there.
func CheckPrompts(p *policy.Prompts, needs ...policy.Need) error {
	for _, need := range needs {
		have := p.Len()
		switch need {
		case policy.NeedVector:
			if p.Len() > 0 && (p.Dim <= 0 || len(p.Vector) != p.Len()*p.Dim) {
				return fmt.Errorf("%d prompts have %d numbers of vectors of length %d: the policy needs prompt vectors, give an encoder",
					p.Len(), len(p.Vector), p.Dim)
			}
		case policy.NeedText:
			have = len(p.Text)
		case policy.NeedCategory:
			have = len(p.Category)
		}
		if have != p.Len() {
			return fmt.Errorf("%d prompts come with %d entries of %s", p.Len(), have, need)
		}
	}
	return nil
}

// HasValidation tells whether a task has prompts to validate on.
func HasValidation(t *policy.Task) bool { return t.Validation != nil && t.Validation.Len() > 0 }
