package agent

import (
	"context"
	"math"

	"github.com/trilemma-bench/trilemma/policies/compute"
	"github.com/trilemma-bench/trilemma/policies/nn/actor"
	"github.com/trilemma-bench/trilemma/policies/policy"
	"github.com/trilemma-bench/trilemma/policies/rl"
)

// checkPrompts bounds the validation prompts that a check plays, each under every preference.
const checkPrompts = 1500

// evaluator plays the greedy agent on prompts that no reward came from.
type evaluator struct {
	*player
	preferences []policy.Preference
	scale       []float32
	prompts     []int32
	weight      []float64                  // [preferences] of a preference in the mean, from the first play on
	sweeps      [policy.NumQuantities]bool // which quantities some preference weighs
}

const checkSlots = 256

func newEvaluator(c *Config, s *estimator, preferences []policy.Preference, g *dataset) (*evaluator, error) {
	p, err := newPlayer(c, s, g, checkSlots)
	if err != nil {
		return nil, err
	}
	k := &evaluator{player: p, preferences: preferences, scale: scales(preferences, &g.split.Outcomes)}
	for _, p := range preferences {
		for q, lambda := range p {
			k.sweeps[q] = k.sweeps[q] || lambda > 0
		}
	}
	// A prompt that some model did not answer would favour those that did; where there is no other, it has to do.
	var some []int32
	for i := range g.split.Len() {
		asked, answered := 0, 0
		for m := range s.Models {
			if usable(g.expect, i, m) {
				asked++
				if p.env.Present(i, m) {
					answered++
				}
			}
		}
		if answered > 0 {
			some = append(some, int32(i))
			if answered == asked {
				k.prompts = append(k.prompts, int32(i))
			}
		}
	}
	if len(k.prompts) == 0 {
		k.prompts = some
	}
	k.prompts = k.prompts[:min(len(k.prompts), checkPrompts)]
	return k, nil
}

// play takes the most probable actions on every prompt under every preference. It returns the utility that each prompt came
// to, weighted mean over the preferences.
func (k *evaluator) play(ctx context.Context, a *actor.Actor, multiplier policy.Preference) ([]float64, error) {
	out := make([]float64, len(k.prompts))
	episodes := len(k.prompts) * len(k.preferences)
	if episodes == 0 {
		return out, nil
	}
	utility := make([]float64, episodes)
	spent := make([]policy.Figures, len(k.preferences))
	slots := k.env.Config.Slots
	batch, at := a.Batch(), rl.NewObservations(slots, a.Shape)
	action, reward, done := make([]int32, slots), make([]float32, slots), make([]bool, slots)
	episode := make([]int, slots)
	next := 0
	start := func(slot int) {
		action[slot] = -1
		if next < episodes {
			p := next % len(k.preferences)
			k.env.Reset(slot, k.prompts[next/len(k.preferences)], charged(k.preferences[p], multiplier))
			episode[slot], action[slot] = next, 0
			next++
		}
	}
	for slot := range slots {
		start(slot)
	}
	for busy := true; busy; {
		err := compute.EachChunk(ctx, slots, func(lo, hi int) {
			rows := lo
			for slot := lo; slot < hi; slot++ {
				if action[slot] >= 0 {
					at.Observe(k, slot, rows)
					rows++
				}
			}
			at.Act(batch, lo, rows)
			rows = lo
			for slot := lo; slot < hi; slot++ {
				if action[slot] >= 0 {
					action[slot] = int32(at.Likeliest(rows))
					rows++
				}
			}
		})
		if err != nil {
			return nil, err
		}
		k.env.Step(action, reward, done)
		busy = false
		for slot := range slots {
			if action[slot] < 0 {
				continue
			}
			p := episode[slot] % len(k.preferences)
			utility[episode[slot]] += float64(reward[slot] * k.scale[p])
			if done[slot] {
				r := k.env.Result(slot)
				for i, x := range r {
					spent[p][i] += float64(x) / float64(len(k.prompts))
				}
				start(slot)
			}
			busy = busy || action[slot] >= 0
		}
	}
	if k.weight == nil {
		k.weight = frontWeights(spent, k.sweeps)
	}
	for i, u := range utility {
		out[i/len(k.preferences)] += k.weight[i%len(k.preferences)] * u
	}
	return out, nil
}

// evenly is the part of the weight that all preferences share alike.
const evenly = 0.1

// frontWeights weigh each preference of a sweep by the stretch of the front that it stands for: half the way to its
// neighbours, in what the agent spends there of the figures that the sweep charges for. The areas under fronts differ by
// the weighted mean of the differences in utility, to first order; preferences under which every agent buys the same
// count little. The weights sum to 1.
func frontWeights(spent []policy.Figures, sweeps [policy.NumQuantities]bool) []float64 {
	n := len(spent)
	var most policy.Figures
	for _, s := range spent {
		for i, x := range s {
			most[i] = max(most[i], x)
		}
	}
	out, total := make([]float64, n), 0.0
	for k := 1; k < n; k++ {
		way := 0.0
		for i := range most {
			if d := math.Abs(spent[k][i]-spent[k-1][i]) / most[i]; sweeps[i] && d == d {
				way += d
			}
		}
		out[k-1], out[k], total = out[k-1]+way/2, out[k]+way/2, total+way
	}
	for k := range out {
		if total > 0 {
			out[k] *= (1 - evenly) / total
			out[k] += evenly / float64(n)
		} else {
			out[k] = 1 / float64(n)
		}
	}
	return out
}
