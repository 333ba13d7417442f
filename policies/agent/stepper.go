package agent

import (
	"fmt"
	"math/rand/v2"

	"github.com/trilemma-bench/trilemma/policies/checkpoint"
	"github.com/trilemma-bench/trilemma/policies/nn/actor"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Stepper is what the algorithms share: the actor on the backend, and the minibatches that it steps by.
type Stepper struct {
	Advantage, Target []float32 // [rows] of the rollout

	updater *actor.Updater
	batches Batches
	size    int // rows of a minibatch
	count   int // minibatches
	source  *rand.ChaCha8
}

// Steps says how a stepper steps.
type Steps struct {
	Minibatches int // that a rollout is dealt into
	ClipNorm    float64
	Epsilon     float64 // of Adam
	TargetKL    float64 // see [learn.UpdateConfig]
	Stats       int     // how many statistics the loss has
}

// NewStepper builds the update for an actor.
func NewStepper(c *Config, a *actor.Actor, o Steps, loss actor.Loss) (*Stepper, error) {
	rows := c.Slots * c.Horizon
	s := &Stepper{count: min(o.Minibatches, rows), source: policy.Source(c.Setup.Seed, c.Name, "minibatches")}
	s.Advantage, s.Target, s.size = make([]float32, rows), make([]float32, rows), rows/s.count
	roll := Rollout{Actions: a.Shape.Actions}
	var err error
	s.updater, err = actor.NewUpdater(actor.UpdateConfig{
		Backend: c.Setup.Backend, Minibatches: s.count, Size: s.size, ClipNorm: o.ClipNorm, Epsilon: o.Epsilon, TargetKL: o.TargetKL,
		Facts: roll.Facts(), Stats: o.Stats,
	}, a, loss)
	return s, err
}

// Epoch steps once by every minibatch of the rollout, dealt anew. It returns the statistics' means, how many minibatches
// stepped, and whether all did.
func (s *Stepper) Epoch(r *Rollout, rate float64) (stats []float64, steps int, all bool, err error) {
	s.batches.Shuffle(r, rand.New(s.source))
	stats, steps, err = s.updater.Run(rate, func(k int, into actor.Sample) {
		s.batches.Deal(r, k, s.size, s.Advantage, s.Target, into)
	})
	return stats, steps, steps == s.count, err
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
	return StepperState{weights, append([]int32{}, s.batches.order...), stream}, err
}

// Restore goes on from a state.
func (s *Stepper) Restore(state StepperState) error {
	if err := s.source.UnmarshalBinary(state.Stream); err != nil {
		return err
	}
	if len(state.Order) != len(s.Advantage) {
		return fmt.Errorf("an order of %d rows, want %d: it is of another rollout", len(state.Order), len(s.Advantage))
	}
	for _, row := range state.Order {
		if row < 0 || int(row) >= len(state.Order) {
			return fmt.Errorf("an order with row %d of %d", row, len(state.Order))
		}
	}
	s.batches.order = append([]int32{}, state.Order...)
	return s.updater.Restore(state.Weights)
}
