// Package actor is the networks of agents: a trunk that reads a state, a scorer that reads each action beside it, and heads
// for the logits and the value. [Updater] steps an [Actor]'s weights down a loss of the agent's own, on a GoMLX backend; acting
// runs in plain Go, many states at a time ([Batch]).
package actor

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/mat"

	"github.com/trilemma-bench/trilemma/policies/checkpoint"
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
	Shape   Shape           `json:"shape"`
	Weights checkpoint.F32s `json:"weights"` // of all layers, see [Shape.layers]
}

// layer is one block of weights.
type layer struct {
	name       string
	rows, cols int     // cols is 1 for a bias
	gain       float64 // of the orthogonal initialisation; 0 for zeros
	from, to   int     // where it lies among the weights
}

// layers are the blocks of weights in the order in which they lie behind one another: a single vector, since what an
// optimiser does is the same for all of them, and one operation on one long vector costs little more than one on a short
// one. The heads of policy and value lie together so that one product computes both; the value comes last.
func (s Shape) layers() []layer {
	list := []layer{
		{name: "w1", rows: s.Hidden, cols: s.In, gain: math.Sqrt2}, {name: "b1", rows: s.Hidden, cols: 1},
		{name: "w2", rows: s.Hidden, cols: s.Hidden, gain: math.Sqrt2}, {name: "b2", rows: s.Hidden, cols: 1},
		{name: "heads", rows: s.Actions + 1, cols: s.Hidden, gain: policyGain}, {name: "heads_bias", rows: s.Actions + 1, cols: 1},
	}
	if s.Each > 0 {
		list = append(list,
			layer{name: "scorer_state", rows: s.Scorer, cols: s.Hidden, gain: 1}, layer{name: "scorer_action", rows: s.Scorer, cols: s.Each, gain: 1},
			layer{name: "scorer_bias", rows: s.Scorer, cols: 1}, layer{name: "scorer", rows: 1, cols: s.Scorer, gain: policyGain})
	}
	at := 0
	for i := range list {
		l := &list[i]
		l.from, l.to = at, at+l.rows*l.cols
		at = l.to
	}
	return list
}

// flatRows divides the number of weights, so that they are a matrix of that many rows too.
const flatRows = 32

// size is the number of weights, and zeros up to whole rows.
func (s Shape) size() int {
	list := s.layers()
	return (list[len(list)-1].to + flatRows - 1) / flatRows * flatRows
}

// Layer is the block of weights of a name: a view.
func (a *Actor) Layer(name string) []float32 {
	for _, l := range a.Shape.layers() {
		if l.name == name {
			return a.Weights[l.from:l.to]
		}
	}
	return nil
}

// Gains of the initial heads: every action starts at its base, and the value close to what is known.
const (
	policyGain = 0.01
	valueGain  = 0.1
)

// New draws an actor: orthogonal matrices (Saxe et al., arXiv 1312.6120), of gain √2 in the trunk.
func New(s Shape, r *rand.Rand) (*Actor, error) {
	if s.In < 1 || s.Actions < 1 || s.Hidden < 1 || s.Each < 0 || (s.Each > 0 && s.Scorer < 1) {
		return nil, fmt.Errorf("an actor of shape %+v: no part may be empty", s)
	}
	a := &Actor{Shape: s, Weights: make(checkpoint.F32s, s.size())}
	for _, l := range s.layers() {
		if l.gain != 0 {
			copy(a.Weights[l.from:l.to], orthogonal(l.rows, l.cols, l.gain, r))
		}
	}
	value := a.Layer("heads")[s.Actions*s.Hidden:]
	for i := range value {
		value[i] *= valueGain / policyGain
	}
	return a, nil
}

// orthogonal is a random matrix [rows × cols] whose rows, or columns where they are fewer, are orthogonal and of length
// gain: the Q of a QR decomposition of Gaussian draws, with the signs of R's diagonal so that it is uniform.
func orthogonal(rows, cols int, gain float64, r *rand.Rand) []float32 {
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
	out := make([]float32, rows*cols)
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
	if len(a.Weights) != a.Shape.size() {
		return fmt.Errorf("the checkpoint's actor has %d weights, want %d; fit again", len(a.Weights), a.Shape.size())
	}
	return nil
}

// Clone is a copy that shares nothing.
func (a *Actor) Clone() *Actor {
	return &Actor{Shape: a.Shape, Weights: slices.Clone(a.Weights)}
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
