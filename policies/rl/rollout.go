// Package rl is what algorithms that learn from reward share, whatever the reward is for.
//
// The way of the data:
//
//  1. A [Collector] plays an [Environment], many episodes side by side, one a slot, with an actor's network. What it read, did
//     and was given is a [Rollout].
//  2. [Rollout.GAE] turns rewards into advantages and targets of the value.
//  3. A [Stepper] deals the rollout's rows into minibatches and steps the actor's weights down the algorithm's loss, all of
//     one pass in one call of the backend. The loss and the passes are the [Algorithm]'s own, in its package.
//  4. [Loop.Train] does these in turn, validates the actor from time to time, keeps the best and leaves a [Snapshot] from
//     which an interrupted training goes on.
//
// Sources: Sutton and Barto, "Reinforcement Learning" (2018), chapter 13; Schulman et al., arXiv 1506.02438; the layout of
// rollouts is that of Huang et al., "The 37 Implementation Details of Proximal Policy Optimization" (ICLR blog track 2022).
package rl

import (
	"github.com/trilemma-bench/trilemma/policies/nn/actor"
)

// Observations are what an actor reads of some states, row by row, and what it says of them.
type Observations struct {
	actor.Shape
	State  []float32 // [rows × In]
	About  []float32 // [rows × Actions × Each]
	Base   []float32 // [rows × Actions]
	Logits []float32 // [rows × Actions] log-probabilities, once it acted
	Value  []float32 // [rows]
}

// NewObservations is room for some rows.
func NewObservations(rows int, s actor.Shape) *Observations {
	return &Observations{
		s, make([]float32, rows*s.In), make([]float32, rows*s.Actions*s.Each), make([]float32, rows*s.Actions),
		make([]float32, rows*s.Actions), make([]float32, rows),
	}
}

// Observe lays the state of a slot out in a row and returns what is known of its value.
func (o *Observations) Observe(from Observer, slot, row int) (ahead float32) {
	about := o.Actions * o.Each
	return from.Observe(slot, o.State[row*o.In:(row+1)*o.In], o.About[row*about:(row+1)*about], o.Base[row*o.Actions:(row+1)*o.Actions])
}

// Act fills the log-probabilities and values of rows lo to hi.
func (o *Observations) Act(a *actor.Batch, lo, hi int) {
	logits := o.Logits[lo*o.Actions : hi*o.Actions]
	a.Forward(hi-lo, o.State[lo*o.In:], o.About[lo*o.Actions*o.Each:], o.Base[lo*o.Actions:], logits, o.Value[lo:], new(actor.Scratch))
	for ; len(logits) > 0; logits = logits[o.Actions:] {
		actor.LogSoftmax(logits[:o.Actions])
	}
}

// Likeliest is the most probable action of a row, the first of equals.
func (o *Observations) Likeliest(row int) int {
	best, logits := 0, o.Logits[row*o.Actions:(row+1)*o.Actions]
	for i, x := range logits {
		if x > logits[best] {
			best = i
		}
	}
	return best
}

// Rollout is what was played between two updates: Horizon steps of every slot, row t·Slots + slot. An episode may go on
// from one rollout to the next.
type Rollout struct {
	Observations   // the value is Ahead and what the actor adds
	Slots, Horizon int

	Action  []int32
	LogP    []float32 // of the action, when it was taken
	Ahead   []float32 // value of the state that was known beforehand
	Reward  []float32
	Done    []bool    // the episode ended with this step
	Last    []float32 // [Slots] value of the states that the rollout ended in
	Entropy float64   // of the policy, mean over the rows

	Advantage, Target []float32 // see [Rollout.GAE]
}

// NewRollout is room for a rollout.
func NewRollout(slots, horizon int, s actor.Shape) *Rollout {
	rows := slots * horizon
	return &Rollout{
		Observations: *NewObservations(rows, s), Slots: slots, Horizon: horizon,
		Action: make([]int32, rows), LogP: make([]float32, rows), Ahead: make([]float32, rows), Reward: make([]float32, rows),
		Done: make([]bool, rows), Last: make([]float32, slots), Advantage: make([]float32, rows), Target: make([]float32, rows),
	}
}

// Rows is the number of steps.
func (r *Rollout) Rows() int { return r.Slots * r.Horizon }

// GAE is generalised advantage estimation (Schulman et al., arXiv 1506.02438): with
//
//	δ_t = r_t + γ·V(s_{t+1}) − V(s_t)   and   A_t = δ_t + γλ·A_{t+1},
//
// both cut where an episode ends. It fills Advantage and Target = A + V.
func (r *Rollout) GAE(gamma, lambda float64) {
	for slot := range r.Slots {
		next, later := float64(r.Last[slot]), 0.0
		for t := r.Horizon - 1; t >= 0; t-- {
			row := t*r.Slots + slot
			if r.Done[row] {
				next, later = 0, 0
			}
			value := float64(r.Value[row])
			delta := float64(r.Reward[row]) + gamma*next - value
			later = delta + gamma*lambda*later
			r.Advantage[row], r.Target[row] = float32(later), float32(later+value)
			next = value
		}
	}
}

// ExplainedVariance is 1 − Var(target − value)/Var(target): how much of the returns the value foresees.
func (r *Rollout) ExplainedVariance() float64 {
	var n, sum, square, errSum, errSquare float64
	for i, y := range r.Target {
		e := float64(y) - float64(r.Value[i])
		n, sum, square = n+1, sum+float64(y), square+float64(y)*float64(y)
		errSum, errSquare = errSum+e, errSquare+e*e
	}
	variance := square/n - sum/n*sum/n
	if variance <= 0 {
		return 0
	}
	return 1 - (errSquare/n-errSum/n*errSum/n)/variance
}
