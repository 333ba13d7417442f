package rl

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/trilemma-bench/trilemma/policies/checkpoint"
	"github.com/trilemma-bench/trilemma/policies/nn/actor"
)

// Optimiser are the parameters of an algorithm's steps.
type Optimiser struct {
	ClipNorm     float64 `json:"clip_norm" doc:"bound of the gradient's norm; 0 for none" min:"0" max:"1000"`
	LearningRate float64 `json:"learning_rate" doc:"of Adam at the start" min:"0.0000001" max:"1"`
	Anneal       bool    `json:"anneal" doc:"let the learning rate fall to zero along a line"`
}

// Rate is the learning rate where some part of the training is left, from 1 to 0.
func (o *Optimiser) Rate(left float64) float64 {
	if o.Anneal {
		return o.LearningRate * left
	}
	return o.LearningRate
}

// StepConfig says how a stepper steps.
type StepConfig struct {
	Backend     string
	Rows        int // of a rollout
	Minibatches int // that it is dealt into
	ClipNorm    float64
	Epsilon     float64 // of Adam
	TargetKL    float64 // see [actor.UpdateConfig]
	Stats       int     // how many statistics the loss has
	Source      *rand.ChaCha8
}

// Stepper is an actor on the backend, and the minibatches that it steps by.
type Stepper struct {
	updater *actor.Updater
	order   []int32 // of the rollout's rows
	size    int     // rows of a minibatch
	count   int     // minibatches
	source  *rand.ChaCha8
}

// NewStepper builds the update for an actor.
func NewStepper(c StepConfig, a *actor.Actor, loss actor.Loss) (*Stepper, error) {
	count := min(c.Minibatches, c.Rows)
	s := &Stepper{order: make([]int32, c.Rows), size: c.Rows / count, count: count, source: c.Source}
	for i := range s.order {
		s.order[i] = int32(i)
	}
	var err error
	s.updater, err = actor.NewUpdater(actor.UpdateConfig{
		Backend: c.Backend, Minibatches: s.count, Size: s.size, ClipNorm: c.ClipNorm, Epsilon: c.Epsilon, TargetKL: c.TargetKL,
		Facts: facts(a.Shape.Actions), Stats: c.Stats,
	}, a, loss)
	return s, err
}

// facts are what minibatches hold beside what the actor reads, in the order of deal.
func facts(actions int) []actor.Fact {
	return []actor.Fact{
		{Name: "base", Rows: actions}, {Name: "action", Rows: actions}, {Name: "logp"}, {Name: "ahead"}, {Name: "value"},
		{Name: "advantage"}, {Name: "target"},
	}
}

// Epoch steps once by every minibatch of the rollout, dealt anew. It returns the statistics' means, how many minibatches
// stepped, and whether all did.
func (s *Stepper) Epoch(r *Rollout, rate float64) (stats []float64, steps int, all bool, err error) {
	rand.New(s.source).Shuffle(len(s.order), func(i, j int) { s.order[i], s.order[j] = s.order[j], s.order[i] })
	stats, steps, err = s.updater.Run(rate, func(k int, into actor.Sample) { r.deal(s.order[k*s.size:(k+1)*s.size], into) })
	return stats, steps, steps == s.count, err
}

// deal fills a minibatch with some rows. Minibatches of whole size hold every row once; rows that do not fill one are left
// for another order.
func (r *Rollout) deal(rows []int32, into actor.Sample) {
	a, size := r.Actions, len(rows)
	base, action, rest := into.Facts[:a*size], into.Facts[a*size:2*a*size], into.Facts[2*a*size:]
	clear(action)
	for i, row := range rows {
		row := int(row)
		copy(into.State[i*r.In:(i+1)*r.In], r.State[row*r.In:])
		for j := range a {
			base[j*size+i] = r.Base[row*a+j]
			copy(into.About[(j*size+i)*r.Each:(j*size+i+1)*r.Each], r.About[(row*a+j)*r.Each:])
		}
		action[int(r.Action[row])*size+i] = 1
		for j, from := range [...][]float32{r.LogP, r.Ahead, r.Value, r.Advantage, r.Target} {
			rest[j*size+i] = from[row]
		}
	}
}

// Read copies the weights into an actor.
func (s *Stepper) Read(a *actor.Actor) error { return s.updater.Read(a) }

// Close frees what the backend holds.
func (s *Stepper) Close() { s.updater.Close() }

// StepperState is all that a stepper remembers from one rollout to the next.
type StepperState struct {
	Weights []checkpoint.F32s // and moments
	Order   []int32
	Stream  []byte
}

// State is what the stepper remembers.
func (s *Stepper) State() (StepperState, error) {
	weights, err := s.updater.State()
	if err != nil {
		return StepperState{}, err
	}
	stream, err := s.source.MarshalBinary()
	return StepperState{weights, slices.Clone(s.order), stream}, err
}

// Restore goes on from a state.
func (s *Stepper) Restore(state StepperState) error {
	if err := s.source.UnmarshalBinary(state.Stream); err != nil {
		return err
	}
	if len(state.Order) != len(s.order) {
		return fmt.Errorf("an order of %d rows, want %d: it is of another rollout", len(state.Order), len(s.order))
	}
	for _, row := range state.Order {
		if row < 0 || int(row) >= len(state.Order) {
			return fmt.Errorf("an order with row %d of %d", row, len(state.Order))
		}
	}
	copy(s.order, state.Order)
	return s.updater.Restore(state.Weights)
}
