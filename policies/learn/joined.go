package learn

import (
	"fmt"
	"math"
	"math/rand/v2"

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

// Folds deals n examples into as many folds as there are members, for [Examples.HeldOut]. A single member holds out a
// fifth. Folds of a few prompts would stop training by noise: below four prompts a member nothing is held out.
func Folds(n, members int, r *rand.Rand) []int32 {
	heldOut := make([]int32, n)
	switch {
	case members == 1 || n < 4*members:
		// One member of a fold of its own would train on nothing.
		for i := range heldOut {
			heldOut[i] = FromNobody
		}
		if members == 1 && n >= 8 {
			for i, at := range r.Perm(n) {
				if i%5 == 0 {
					heldOut[at] = 0
				}
			}
		}
	default:
		for i, at := range r.Perm(n) {
			heldOut[at] = int32(i % members)
		}
	}
	return heldOut
}
