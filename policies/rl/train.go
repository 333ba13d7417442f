package rl

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/trilemma-bench/trilemma/policies/nn/actor"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Algorithm changes an actor by what it played. A [Stepper] is all of it but Update.
type Algorithm interface {
	// Update learns from a rollout; left is the part of the training that is still to come, from 1 to 0.
	Update(ctx context.Context, r *Rollout, left float64) ([]policy.Metric, error)
	// Read copies the weights into the actor.
	Read(*actor.Actor) error
	// State is all that is remembered from one update to the next, and Restore goes on from it.
	State() (StepperState, error)
	Restore(StepperState) error
	Close()
}

// Loop is a training: rollouts and updates in turn.
type Loop struct {
	Environment    Environment
	Slots, Horizon int
	Draw           *rand.Rand // of actions; its state is the environment's to keep
	Updates, Every int        // updates in all, and from one validation to the next
	// Validate returns what an actor scores in episodes that teach it nothing, always the same ones; nil keeps the last actor.
	Validate func(context.Context, *actor.Actor) ([]float64, error)
	// KeepLast keeps the last actor though others validated better.
	KeepLast bool
	// Report is told of every update, and given a snapshot wherever the training may go on from.
	Report func(step, total int, metrics []policy.Metric, at *Snapshot) error
}

// Snapshot is a training between two updates.
type Snapshot struct {
	Updates     int
	Kept        *actor.Actor
	Scores      []float64 // of the one that is kept
	Environment []byte
	Algorithm   StepperState
}

// Train trains an actor and returns the one to keep: the best in validation, the untrained one included. Where from is not
// nil it goes on from there, to the same bits.
func (l *Loop) Train(ctx context.Context, a *actor.Actor, algorithm Algorithm, from *Snapshot) (*actor.Actor, error) {
	steps, kept := l.Slots*l.Horizon, a.Clone()
	var best []float64
	if l.Validate != nil {
		var err error
		if best, err = l.Validate(ctx, a); err != nil {
			return nil, err
		}
		if from == nil {
			if err := l.Report(0, l.Updates*steps, []policy.Metric{{Name: "validation_return", Value: mean(best)}}, nil); err != nil {
				return nil, err
			}
		}
	}
	first := 0
	if from != nil {
		if from.Kept.Check() != nil || from.Kept.Shape != a.Shape || from.Updates > l.Updates || len(from.Scores) != len(best) {
			return nil, errors.New("the snapshot of the interrupted training is of another agent; run again with --fresh")
		}
		first, kept, best = from.Updates, from.Kept, from.Scores
		if err := errors.Join(l.Environment.Restore(from.Environment), algorithm.Restore(from.Algorithm), algorithm.Read(a)); err != nil {
			return nil, fmt.Errorf("going on with the interrupted training: %w; run again with --fresh", err)
		}
	}
	collector := NewCollector(l.Environment, l.Slots, l.Horizon, a.Shape, l.Draw)
	started := time.Now()
	for u := first; u < l.Updates; u++ {
		r, err := collector.Collect(ctx, a)
		if err != nil {
			return nil, err
		}
		metrics := l.Environment.Played(r)
		more, err := algorithm.Update(ctx, r, 1-float64(u)/float64(l.Updates))
		if err != nil {
			return nil, fmt.Errorf("update %d: %w", u+1, err)
		}
		if err := algorithm.Read(a); err != nil {
			return nil, err
		}
		metrics = append(metrics, more...)
		rest := (u+1)%l.Every == 0 || u+1 == l.Updates
		if l.Validate == nil {
			kept = a
			l.Environment.Keep()
		} else if rest {
			scores, err := l.Validate(ctx, a)
			if err != nil {
				return nil, err
			}
			metrics = append(metrics, policy.Metric{Name: "validation_return", Value: mean(scores)})
			if l.KeepLast || better(scores, best) {
				best, kept = scores, a.Clone()
				l.Environment.Keep()
			}
		}
		var at *Snapshot
		if rest && u+1 < l.Updates {
			if at, err = l.snapshot(u+1, kept, best, algorithm); err != nil {
				return nil, err
			}
		}
		metrics = append(metrics, policy.Metric{Name: "steps_per_s", Value: float64((u+1-first)*steps) / time.Since(started).Seconds()})
		if err := l.Report((u+1)*steps, l.Updates*steps, metrics, at); err != nil {
			return nil, err
		}
	}
	return kept, ctx.Err()
}

func (l *Loop) snapshot(updates int, kept *actor.Actor, scores []float64, algorithm Algorithm) (*Snapshot, error) {
	environment, err := l.Environment.State()
	if err != nil {
		return nil, err
	}
	state, err := algorithm.State()
	return &Snapshot{updates, kept, scores, environment, state}, err
}

func mean(x []float64) (m float64) {
	for _, v := range x {
		m += v / float64(len(x))
	}
	return m
}

// better tells whether an actor's mean score is above another's by more than twice the standard error of their paired
// difference: of many actors that are no better than the best one, some look so in the episodes that they are chosen by.
func better(scores, than []float64) bool {
	n := float64(len(scores))
	var sum, square float64
	for i, s := range scores {
		d := s - than[i]
		sum, square = sum+d, square+d*d
	}
	mean := sum / n
	return n > 1 && mean > 2*math.Sqrt(max(square/n-mean*mean, 0)/(n-1))
}
