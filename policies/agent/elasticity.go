package agent

import (
	"math"

	"github.com/trilemma-bench/trilemma/policies/env"
	"github.com/trilemma-bench/trilemma/policies/forecast"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// lengthElasticity is how far one answer that cost more than was expected tells that the next one will: models are talkative
// about the same prompts. With r the logarithm of what the answers in hand cost over what was expected of them, another
// model's cost is expected to be
//
//	E[cost | r] = e^(Shift + Elasticity·r) · what the prompt alone lets expect
//
// and likewise whatever else is spent, each with figures of its own. The zero value expects nothing of r.
type lengthElasticity struct {
	Elasticity policy.Figures `json:"elasticity"`
	Shift      policy.Figures `json:"shift"`
}

const (
	elasticityPairs = 8 // of models, drawn for every prompt
	elasticityMost  = 2 // bound of |r|
)

// learnElasticity fits the elasticities by least squares of one model's logarithm on another's, over pairs of models that
// answered the same prompt, and the shifts so that the mean is kept.
func learnElasticity(c *Config, g *dataset) (v lengthElasticity) {
	draw := policy.Stream(c.Setup.Seed, c.Name, "verbosity")
	models := g.expect.Models
	for _, q := range policy.Weighed {
		figures := g.split.Outcomes.Figures[q]
		if len(figures) == 0 || models < 2 {
			continue
		}
		ratio := func(i, m int) float64 {
			if !g.world.Present(i, m) {
				return 0
			}
			return exceeds(float64(figures[i*models+m]), float64(g.expect.Row(q, i)[m]))
		}
		var of, by []float64
		var product, square float64
		for i := range g.split.Len() {
			for range elasticityPairs {
				a := draw.IntN(models)
				b := (a + 1 + draw.IntN(models-1)) % models
				x, y := ratio(i, a), ratio(i, b)
				if x == 0 || y == 0 {
					continue // not known, or as expected: nothing to learn from
				}
				of, by = append(of, y), append(by, x)
				product, square = product+x*y, square+x*x
			}
		}
		if square == 0 {
			continue
		}
		v.Elasticity[q] = product / square
		var came, expected float64
		for i := range of {
			came += math.Exp(of[i])
			expected += math.Exp(v.Elasticity[q] * by[i])
		}
		v.Shift[q] = math.Log(came / expected)
	}
	return v
}

// exceeds is the logarithm of a figure over what was expected, within bounds; 0 where either is unknown or nothing.
func exceeds(figure, expected float64) float64 {
	if !(figure > 0) || !(expected > 0) {
		return 0
	}
	return math.Min(math.Max(math.Log(figure/expected), -elasticityMost), elasticityMost)
}

// factors are what is expected to be spent on models not asked yet is to be multiplied by in a state.
func (v *lengthElasticity) factors(e *forecast.Expected, row int, seen *env.Seen) policy.Figures {
	var out policy.Figures
	for q := range out {
		out[q] = 1
	}
	if len(seen.Models) == 0 {
		return out
	}
	for _, q := range policy.Weighed {
		expected := 0.0
		for _, m := range seen.Models {
			expected += float64(e.Row(q, row)[m])
		}
		if r := exceeds(float64(seen.Spent[q]), expected); r != 0 {
			out[q] = math.Exp(v.Shift[q] + v.Elasticity[q]*r)
		}
	}
	return out
}
