package moe

import (
	"context"
	"math"

	"github.com/trilemma-bench/trilemma/policies/forecast"
	"github.com/trilemma-bench/trilemma/policies/nn"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// leads are the shares of the residual that are tried; the first, none of it, wins where they do equally well.
var leads = []float64{0, 0.25, 0.5, 1}

// temper chooses how far the trained gate is to be trusted, on predictions by the member that did not train on the
// prompt: the weights with which its forecasts are blended with the category's, the neighbours' and the overall means
// (stacking: Breiman, Machine Learning 24, 1996), and the share of the residual at which the first expert's mean utility
// is highest. The gate is left as it is where nothing was held out.
//
// A gate that was to be sparse or balanced keeps all of both: what it gives up for that is not to be taken back.
func (p *router) temper(ctx context.Context, g *gate, s *state, ex *examples, x []float32, list []policy.Preference) error {
	w := &p.params
	if w.Entropy+w.L1+w.Importance+w.Load+w.Switch > 0 {
		return nil
	}
	if ex.heldOut[0] == nn.FromNobody && g.Members > 1 {
		return nil
	}
	n := ex.Len()
	parts := make([]*forecast.Expected, blendParts)
	for k := range parts {
		g.Blend = make([]float64, blendParts)
		g.Blend[k] = 1
		r, err := g.read(ctx, x, ex.near, s.ClassMeans)
		if err != nil {
			return err
		}
		parts[k] = forecast.NewExpected(n, g.Models)
		forecast := make([]float64, g.Models)
		for i := range n {
			from, to := g.honest(ex.heldOut[i])
			g.forecasts(r, i, from, to, forecast)
			for m, q := range forecast {
				parts[k].Row(policy.Quality, i)[m] = float32(q)
				if !s.seen[m] {
					parts[k].Row(policy.Quality, i)[m] = float32(math.NaN())
				}
			}
		}
	}
	g.Blend = forecast.Blend(parts, &ex.Outcomes)
	r, err := g.read(ctx, x, ex.near, s.ClassMeans)
	if err != nil {
		return err
	}
	some := spread(list)
	best, taken := math.Inf(-1), 0.0
	logits, cost, room := make([]float64, g.Models), make([]float64, g.Models), g.scratch()
	for _, g.Lead = range leads {
		var utility, count float64
		for i := range n {
			from, to := g.honest(ex.heldOut[i])
			for _, preference := range some {
				price(ex.expect, i, preference, cost)
				g.logits(r, i, from, to, g.layout(preference, s.MeanCost), cost, logits, room)
				drop(logits, s.seen)
				first := order(logits, 1)
				at := i * g.Models
				if len(first) == 0 || !ex.Outcomes.Present[at+int(first[0])] {
					continue
				}
				at += int(first[0])
				u := preference.Utility(ex.Outcomes.Figures.At(at))
				if !math.IsNaN(u) {
					utility += u
					count++
				}
			}
		}
		if utility/max(count, 1) > best {
			best, taken = utility/max(count, 1), g.Lead
		}
	}
	g.Lead = taken
	return nil
}

// spread picks at most maxWorthPreferences preferences, evenly over the list.
func spread(list []policy.Preference) []policy.Preference {
	if len(list) <= maxWorthPreferences {
		return list
	}
	var some []policy.Preference
	for i := range maxWorthPreferences {
		some = append(some, list[i*len(list)/maxWorthPreferences])
	}
	return some
}

// honest are the members that may speak of a training prompt: the one that it was held out from, or all.
func (g *gate) honest(heldOut int32) (from, to int) {
	if heldOut >= 0 {
		return int(heldOut), int(heldOut) + 1
	}
	return 0, g.Members
}
