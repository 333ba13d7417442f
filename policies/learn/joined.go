package learn

import (
	"math"
	"math/rand/v2"

	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Joined lays the train and validation prompts of a task side by side, train first, with every figure that one of them
// does not know as NaN. Answers and references are there only where both splits have them.
func Joined(t *policy.Task, models int) *policy.Split {
	splits := []*policy.Split{t.Train}
	if HasValidation(t) {
		splits = append(splits, t.Validation)
	}
	g := &policy.Split{Prompts: policy.Prompts{Dim: t.Train.Prompts.Dim}, Outcomes: policy.Outcomes{Models: models}}
	answered := true
	for _, s := range splits {
		cells := s.Len() * models
		g.Prompts.ID = append(g.Prompts.ID, s.Prompts.ID...)
		g.Prompts.Text = append(g.Prompts.Text, s.Prompts.Text...)
		g.Prompts.Category = append(g.Prompts.Category, s.Prompts.Category...)
		g.Prompts.Vector = append(g.Prompts.Vector, s.Prompts.Vector...)
		g.Outcomes.Present = append(g.Outcomes.Present, s.Outcomes.Present...)
		for _, column := range []struct {
			to   *[]float32
			from []float32
		}{
			{&g.Outcomes.Score, s.Outcomes.Score}, {&g.Outcomes.CostUSD, s.Outcomes.CostUSD},
			{&g.Outcomes.CarbonG, s.Outcomes.CarbonG}, {&g.Outcomes.LatencySec, s.Outcomes.LatencySec},
		} {
			if column.from == nil { // not known in this split
				column.from = make([]float32, cells)
				for i := range column.from {
					column.from[i] = float32(math.NaN())
				}
			}
			*column.to = append(*column.to, column.from...)
		}
		answered = answered && len(s.Reference) == s.Len() && len(s.Outcomes.Answer) == cells
		g.Reference = append(g.Reference, s.Reference...)
		g.Outcomes.Answer = append(g.Outcomes.Answer, s.Outcomes.Answer...)
	}
	if !answered {
		g.Reference, g.Outcomes.Answer = nil, nil
	}
	return g
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
