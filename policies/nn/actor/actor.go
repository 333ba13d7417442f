// Package actor is the networks of agents: a trunk that reads a state, a scorer that reads each action beside it, and heads
// for the logits and the value. [Updater] steps an [Actor]'s weights down a loss of the agent's own, on a GoMLX backend; acting
// runs in plain Go, many states at a time ([Batch]).
package actor

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/mat"

	"github.com/trilemma-bench/trilemma/policies/checkpoint"
	"github.com/trilemma-bench/trilemma/policies/compute"
)

// Shape is the shape of an [Actor].
type Shape struct {
	In      int `json:"in"`      // numbers that describe a state
	Actions int `json:"actions"` // logits
	Hidden  int `json:"hidden"`  // units of each of the trunk's two layers
	// Each action may be described too, by Each numbers that a scorer of Scorer units reads beside the trunk; the scorer
	// is the same for all actions, so what is learned of one model holds for all. 0 for none.
	Each   int `json:"each"`
	Scorer int `json:"scorer"`
}

// Actor is the network of an agent: a trunk s → h₂ = tanh(W₂·tanh(W₁·s + b₁) + b₂) with a value head v·h₂ + c and one
// logit for each action a,
//
//	base_a + A_a·h₂ + d_a + o·tanh(P·h₂ + Q·x_a + e).
//
// base is what is known beforehand, so that an untrained actor, whose heads are almost zero, acts as a warm start does;
// an action that the state does not allow has a base of −∞ and is never taken. The value likewise adds to what is known.
type Actor struct {
	Shape Shape `json:"shape"`
	// Weights by name, in the order of [Shape.parts].
	Weights []checkpoint.F32s `json:"weights"`
}

// parts are the names and dimensions of the weights.
func (s Shape) parts() []actorPart {
	parts := []actorPart{
		{"w1", []int{s.Hidden, s.In}, math.Sqrt2}, {"b1", []int{s.Hidden}, 0},
		{"w2", []int{s.Hidden, s.Hidden}, math.Sqrt2}, {"b2", []int{s.Hidden}, 0},
		{"value", []int{1, s.Hidden}, 0.1}, {"value_bias", []int{1}, 0},
		{"policy", []int{s.Actions, s.Hidden}, 0.01}, {"policy_bias", []int{s.Actions}, 0},
	}
	if s.Each > 0 {
		parts = append(parts,
			actorPart{"scorer_state", []int{s.Scorer, s.Hidden}, 1}, actorPart{"scorer_action", []int{s.Scorer, s.Each}, 1},
			actorPart{"scorer_bias", []int{s.Scorer}, 0}, actorPart{"scorer", []int{1, s.Scorer}, 0.01})
	}
	return parts
}

type actorPart struct {
	name string
	dims []int
	gain float64 // of the orthogonal initialisation; 0 for zeros
}

func (p actorPart) size() int {
	n := 1
	for _, d := range p.dims {
		n *= d
	}
	return n
}

// Indexes of the weights.
const (
	actorW1 = iota
	actorB1
	actorW2
	actorB2
	actorValue
	actorValueBias
	actorPolicy
	actorPolicyBias
	actorScorerState
	actorScorerAction
	actorScorerBias
	actorScorer
)

// New draws an actor: orthogonal matrices (Saxe et al., arXiv 1312.6120) of gain √2 in the trunk, 0.01 in the
// policy's head so that every action starts at its base, 0.1 in the value's head.
func New(s Shape, r *rand.Rand) (*Actor, error) {
	if s.In < 1 || s.Actions < 1 || s.Hidden < 1 || s.Each < 0 || (s.Each > 0 && s.Scorer < 1) {
		return nil, fmt.Errorf("an actor of shape %+v: no part may be empty", s)
	}
	a := &Actor{Shape: s}
	for _, p := range s.parts() {
		if p.gain == 0 {
			a.Weights = append(a.Weights, make(checkpoint.F32s, p.size()))
			continue
		}
		a.Weights = append(a.Weights, orthogonal(p.dims[0], p.dims[1], p.gain, r))
	}
	return a, nil
}

// orthogonal is a random matrix [rows × cols] whose rows, or columns where they are fewer, are orthogonal and of length
// gain: the Q of a QR decomposition of Gaussian draws, with the signs of R's diagonal so that it is uniform.
func orthogonal(rows, cols int, gain float64, r *rand.Rand) checkpoint.F32s {
	tall, wide := max(rows, cols), min(rows, cols)
	g := mat.NewDense(tall, wide, nil)
	for i := range tall {
		for j := range wide {
			g.Set(i, j, r.NormFloat64())
		}
	}
	var qr mat.QR
	qr.Factorize(g)
	var q, upper mat.Dense
	qr.QTo(&q)
	qr.RTo(&upper)
	out := make(checkpoint.F32s, rows*cols)
	for i := range rows {
		for j := range cols {
			long, short := i, j
			if rows < cols {
				long, short = j, i
			}
			x := gain * q.At(long, short)
			if upper.At(short, short) < 0 {
				x = -x
			}
			out[i*cols+j] = float32(x)
		}
	}
	return out
}

// Check tells whether a loaded actor is whole.
func (a *Actor) Check() error {
	if a == nil || a.Shape.In < 1 || a.Shape.Actions < 1 || a.Shape.Hidden < 1 || a.Shape.Each < 0 {
		return errors.New("the checkpoint's actor has no shape; fit again")
	}
	parts := a.Shape.parts()
	if len(parts) != len(a.Weights) {
		return errors.New("the checkpoint's actor lacks weights; fit again")
	}
	for i, p := range parts {
		if len(a.Weights[i]) != p.size() {
			return fmt.Errorf("the checkpoint's actor has %d numbers in %s, want %d; fit again", len(a.Weights[i]), p.name, p.size())
		}
	}
	return nil
}

// Clone is a copy that shares nothing.
func (a *Actor) Clone() *Actor {
	c := &Actor{Shape: a.Shape}
	for _, w := range a.Weights {
		c.Weights = append(c.Weights, append(checkpoint.F32s{}, w...))
	}
	return c
}

// Scratch is room that [Actor.Forward] works in; one a goroutine.
type Scratch struct{ h1, h2, state []float32 }

// NewScratch returns room for actors of a shape.
func (s Shape) NewScratch() *Scratch {
	return &Scratch{make([]float32, s.Hidden), make([]float32, s.Hidden), make([]float32, s.Scorer)}
}

// Forward computes one state's logits into logits [Actions] and returns what is added to its value. state is [In], each
// [Actions × Each], base [Actions]. Every sum runs in an order that the shape fixes, so a state has the same bits whatever
// batch it comes in.
func (a *Actor) Forward(state, each, base, logits []float32, room *Scratch) (value float32) {
	s, w := a.Shape, a.Weights
	for j := range s.Hidden {
		room.h1[j] = compute.Tanh(w[actorB1][j] + compute.Dot(w[actorW1][j*s.In:(j+1)*s.In], state))
	}
	for j := range s.Hidden {
		room.h2[j] = compute.Tanh(w[actorB2][j] + compute.Dot(w[actorW2][j*s.Hidden:(j+1)*s.Hidden], room.h1))
	}
	for j := range logits {
		logits[j] = base[j]
		if base[j] > NotAllowed {
			logits[j] += w[actorPolicyBias][j] + compute.Dot(w[actorPolicy][j*s.Hidden:(j+1)*s.Hidden], room.h2)
		}
	}
	if s.Each > 0 {
		for k := range s.Scorer {
			room.state[k] = w[actorScorerBias][k] + compute.Dot(w[actorScorerState][k*s.Hidden:(k+1)*s.Hidden], room.h2)
		}
		for j := range logits {
			if base[j] <= NotAllowed {
				continue
			}
			x := each[j*s.Each : (j+1)*s.Each]
			var sum float32
			for k := range s.Scorer {
				sum += w[actorScorer][k] * compute.Tanh(room.state[k]+compute.Dot(w[actorScorerAction][k*s.Each:(k+1)*s.Each], x))
			}
			logits[j] += sum
		}
	}
	return w[actorValueBias][0] + compute.Dot(w[actorValue], room.h2)
}

// NotAllowed is the base of an action that the state does not allow: finite, so that no gradient is NaN, and so low that
// its probability is zero.
const NotAllowed float32 = -1e9

// LogSoftmax turns logits into log-probabilities, in place.
func LogSoftmax(logits []float32) {
	top := logits[0]
	for _, x := range logits {
		top = max(top, x)
	}
	sum := 0.0
	for _, x := range logits {
		if x-top > -80 {
			sum += math.Exp(float64(x - top))
		}
	}
	shift := top + float32(math.Log(sum))
	for i := range logits {
		logits[i] -= shift
	}
}
