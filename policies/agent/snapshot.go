package agent

import (
	"bytes"
	"encoding/gob"
	"errors"
	"fmt"
	"slices"

	"github.com/trilemma-bench/trilemma/policies/env"
	"github.com/trilemma-bench/trilemma/policies/nn/actor"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// snapshot is a training between two updates. What came before the playing is not in it: it is learned again, to the same
// bits.
type snapshot struct {
	Agents  []trained         // those of earlier preferences
	History []policy.Progress // what was reported of the playing

	Updates int
	Learned trained // the best so far
	Best    []float64
	Play    collectorState
	Steps   StepperState
}

// collectorState is where the play stands.
type collectorState struct {
	Order      []int32
	Next       int
	Stream     []byte
	Which      []int
	Spent      []float64
	Threshold  []float64
	Multiplier policy.Preference
	Followed   []int
	Env        env.State
}

func (k *collector) state() (collectorState, error) {
	stream, err := k.source.MarshalBinary()
	return collectorState{
		slices.Clone(k.order), k.next, stream, slices.Clone(k.which), slices.Clone(k.spent), slices.Clone(k.threshold), k.multiplier,
		slices.Clone(k.followed), k.env.State(),
	}, err
}

func (k *collector) restore(s *collectorState) error {
	if len(s.Order) != len(k.order) || len(s.Which) != len(k.which) || len(s.Spent) != len(k.spent) || len(s.Threshold) != len(k.threshold) {
		return errors.New("the play is of other prompts or preferences")
	}
	for _, a := range s.Followed {
		if a < 0 || a >= k.shape.Actions {
			return fmt.Errorf("action %d of %d is followed", a, k.shape.Actions)
		}
	}
	if err := k.env.Restore(s.Env); err != nil {
		return err
	}
	copy(k.order, s.Order)
	copy(k.which, s.Which)
	copy(k.spent, s.Spent)
	copy(k.threshold, s.Threshold)
	k.next, k.multiplier, k.followed = s.Next, s.Multiplier, slices.Clone(s.Followed)
	return k.source.UnmarshalBinary(s.Stream)
}

// encode writes a snapshot. Costs that are not known are NaN, which JSON has not.
func (s *snapshot) encode() ([]byte, error) {
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(s); err != nil {
		return nil, fmt.Errorf("writing a snapshot: %w", err)
	}
	return b.Bytes(), nil
}

// decodeSnapshot reads a snapshot; nil where there is none.
func decodeSnapshot(data []byte) (*snapshot, error) {
	if len(data) == 0 {
		return nil, nil
	}
	s := new(snapshot)
	if err := gob.NewDecoder(bytes.NewReader(data)).Decode(s); err != nil {
		return nil, fmt.Errorf("reading the snapshot of an interrupted training: %w; run again with --fresh", err)
	}
	return s, nil
}

// shaped tells whether an actor of a snapshot has a shape.
func shaped(a *actor.Actor, s actor.Shape) bool { return a.Check() == nil && a.Shape == s }
