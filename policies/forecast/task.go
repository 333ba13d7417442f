package forecast

import (
	"errors"
	"fmt"
	"math"

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

// Joined lays the train and validation prompts of a task side by side, train first. A figure that one of them knows and the
// other does not is NaN there; any other column is there only where both have it, answers only beside references.
func Joined(t *policy.Task) (*policy.Split, error) {
	g := t.Train.Slice(0, t.Train.Len())
	if HasValidation(t) {
		more := *t.Validation
		for q := range g.Outcomes.Figures {
			a, b := &g.Outcomes.Figures[q], &more.Outcomes.Figures[q]
			switch {
			case *a == nil && *b != nil:
				*a = unknown(len(g.Outcomes.Present))
			case *a != nil && *b == nil:
				*b = unknown(len(more.Outcomes.Present))
			}
		}
		from := more.Columns()
		for i, c := range g.Columns() {
			if (c.Len() < 0) != (from[i].Len() < 0) {
				c.Drop()
				from[i].Drop()
			}
		}
		if err := g.Append(&more); err != nil {
			return nil, fmt.Errorf("laying train and validation side by side: %w", err)
		}
	}
	if g.Reference == nil || g.Outcomes.Answer == nil {
		g.Reference, g.Outcomes.Answer = nil, nil
	}
	return g, nil
}

// unknown are n figures of which none is known.
func unknown(n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(math.NaN())
	}
	return x
}
