package rl

import (
	"context"
	"math"
	"math/rand/v2"

	"github.com/trilemma-bench/trilemma/policies/compute"
	"github.com/trilemma-bench/trilemma/policies/nn/actor"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Observer tells what a slot's state looks like.
type Observer interface {
	// Observe fills state [In], about [Actions × Each] and base [Actions] with a slot's state, all of which may hold another
	// one, and returns what is known of its value. Slots are observed by several goroutines at once.
	Observe(slot int, state, about, base []float32) (ahead float32)
}

// Environment is what an actor learns in: episodes side by side, one a slot.
type Environment interface {
	Observer
	// Step takes an action of every slot and fills rewards and ends. A slot whose episode ended starts another.
	Step(action []int32, reward []float32, done []bool)
	// Played is called after every rollout: it returns the environment's diagnostics, and may learn something of its own.
	Played(*Rollout) []policy.Metric
	// Keep is called whenever the actor becomes the one that training will return.
	Keep()
	// State is where all of it stands, and Restore goes on from there.
	State() ([]byte, error)
	Restore([]byte) error
}

// Collector plays rollouts.
type Collector struct {
	env  Environment
	draw *rand.Rand
	roll *Rollout
	last *Observations
}

// NewCollector returns a collector that draws actions from a stream.
func NewCollector(env Environment, slots, horizon int, s actor.Shape, draw *rand.Rand) *Collector {
	return &Collector{env, draw, NewRollout(slots, horizon, s), NewObservations(slots, s)}
}

// Collect plays one rollout, which is good until the next.
func (k *Collector) Collect(ctx context.Context, a *actor.Actor) (*Rollout, error) {
	r, batch, entropy := k.roll, a.Batch(), 0.0
	for t := range r.Horizon {
		first := t * r.Slots
		if err := k.observe(ctx, batch, &r.Observations, first, r.Ahead[first:]); err != nil {
			return nil, err
		}
		for row := first; row < first+r.Slots; row++ {
			logp := r.Logits[row*r.Actions : (row+1)*r.Actions]
			action := pick(logp, k.draw.Float64())
			r.Action[row], r.LogP[row] = int32(action), logp[action]
			for _, x := range logp {
				if x > -30 {
					entropy -= math.Exp(float64(x)) * float64(x)
				}
			}
		}
		k.env.Step(r.Action[first:first+r.Slots], r.Reward[first:first+r.Slots], r.Done[first:first+r.Slots])
	}
	r.Entropy = entropy / float64(r.Rows())
	if err := k.observe(ctx, batch, k.last, 0, make([]float32, r.Slots)); err != nil {
		return nil, err
	}
	copy(r.Last, k.last.Value)
	return r, nil
}

// observe reads every slot's state into the rows from first, and acts on them.
func (k *Collector) observe(ctx context.Context, a *actor.Batch, o *Observations, first int, ahead []float32) error {
	return compute.EachChunk(ctx, k.roll.Slots, func(lo, hi int) {
		for slot := lo; slot < hi; slot++ {
			ahead[slot] = o.Observe(k.env, slot, first+slot)
		}
		o.Act(a, first+lo, first+hi)
		for slot := lo; slot < hi; slot++ {
			o.Value[first+slot] += ahead[slot]
		}
	})
}

// pick draws from log-probabilities with one uniform number.
func pick(logp []float32, u float64) int {
	last := 0
	for i, x := range logp {
		if x < -60 {
			continue
		}
		last = i
		if u -= math.Exp(float64(x)); u < 0 {
			return i
		}
	}
	return last
}
