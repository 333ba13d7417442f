package agent

import (
	"context"

	"github.com/trilemma-bench/trilemma/policies/learn"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// checkPrompts bounds the validation prompts that a check plays, each under every preference.
const checkPrompts = 1500

// checker plays the greedy agent on prompts that no reward came from.
type checker struct {
	*player
	preferences []policy.Preference
	scale       []float32
	prompts     []int32
}

const checkSlots = 256

func newChecker(c *Config, s *sense, t *policy.Task, e *learn.Expected, shape learn.ActorShape) (*checker, error) {
	p, err := newPlayer(c, s, t.Validation, e, shape, checkSlots)
	if err != nil {
		return nil, err
	}
	k := &checker{player: p, preferences: t.Preferences, scale: scales(t.Preferences, &t.Validation.Outcomes)}
	for i := range t.Validation.Len() {
		// A prompt that some model did not answer would favour those that did.
		whole := false
		for m := range s.Models {
			whole = whole || p.env.Present(i, m) && usable(e, i, m)
		}
		if whole && len(k.prompts) < checkPrompts {
			k.prompts = append(k.prompts, int32(i))
		}
	}
	return k, nil
}

// play returns the mean over preferences and prompts of the scaled utility of the most probable actions.
func (k *checker) play(ctx context.Context, a *learn.Actor, multiplier [3]float64) (float64, error) {
	total, episodes := 0.0, len(k.prompts)*len(k.preferences)
	if episodes == 0 {
		return 0, nil
	}
	slots := k.env.Config.Slots
	s := k.shape
	action, reward, done := make([]int32, slots), make([]float32, slots), make([]bool, slots)
	scale := make([]float32, slots)
	next := 0
	start := func(slot int) {
		action[slot] = -1
		if next < episodes {
			p := next % len(k.preferences)
			k.env.Reset(slot, k.prompts[next/len(k.preferences)], charged(k.preferences[p], multiplier))
			scale[slot], action[slot] = k.scale[p], 0
			next++
		}
	}
	for slot := range slots {
		start(slot)
	}
	for busy := true; busy; {
		err := learn.EachChunk(ctx, slots, func(lo, hi int) {
			state, each, base, logits := make([]float32, s.In), make([]float32, s.Actions*s.Each), make([]float32, s.Actions), make([]float32, s.Actions)
			for slot := lo; slot < hi; slot++ {
				if action[slot] >= 0 {
					k.see(a, slot, state, each, base, logits)
					action[slot] = int32(likeliest(logits))
				}
			}
		})
		if err != nil {
			return 0, err
		}
		k.env.Step(action, reward, done)
		busy = false
		for slot := range slots {
			if action[slot] < 0 {
				continue
			}
			total += float64(reward[slot] * scale[slot])
			if done[slot] {
				start(slot)
			}
			busy = busy || action[slot] >= 0
		}
	}
	return total / float64(episodes), nil
}

func likeliest(logits []float32) int {
	best := 0
	for i, x := range logits {
		if x > logits[best] {
			best = i
		}
	}
	return best
}
