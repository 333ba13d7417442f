package forecast

import (
	"fmt"
	"math"

	"github.com/trilemma-bench/trilemma/policies/policy"
)

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
