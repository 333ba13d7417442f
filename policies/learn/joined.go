package learn

import (
	"math"

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
