package agent

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/trilemma-bench/trilemma/policies/env"
	"github.com/trilemma-bench/trilemma/policies/nn/actor"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// trained is an actor and what it was trained for.
type trained struct {
	Preference *policy.Preference `json:"preference,omitempty"` // nil: it is told the preference, any of them
	Actor      *actor.Actor       `json:"actor"`
	Multiplier policy.Preference  `json:"multiplier"` // prices of the budgets, added to every preference
}

// trainAll trains one agent on all preferences, or one on each. All see with the same estimator. from is where an interrupted
// training stood, or nil.
func (p *Router) trainAll(ctx context.Context, s *estimator, preferences []policy.Preference, datasets []*dataset, from *snapshot, report func(policy.Progress)) ([]trained, error) {
	lists := [][]policy.Preference{preferences}
	if p.config.Separate {
		lists = nil
		for _, one := range preferences {
			lists = append(lists, []policy.Preference{one})
		}
	}
	agents, history := make([]trained, 0, len(lists)), []policy.Progress{}
	if from != nil {
		if len(from.Agents) >= len(lists) {
			return nil, errors.New("the snapshot of the interrupted training is of other preferences; run again with --fresh")
		}
		agents = append(agents, from.Agents...)
		for _, g := range from.History {
			history = append(history, g)
			if report != nil {
				report(g)
			}
		}
	}
	for i, list := range lists {
		if i < len(agents) {
			continue
		}
		// One curve of all agents, one after another.
		tell := func(g policy.Progress, at *snapshot) error {
			g.Step, g.Total = g.Step+i*g.Total, g.Total*len(lists)
			history = append(history, g)
			if report == nil {
				return nil
			}
			if at != nil {
				at.Agents, at.History = agents, history
				var err error
				if g.Snapshot, err = at.encode(); err != nil {
					return err
				}
			}
			report(g)
			return nil
		}
		one, err := p.train(ctx, s, list, datasets, from, tell)
		from = nil
		if err != nil && p.config.Separate {
			err = fmt.Errorf("the agent of preference %d: %w", i, err)
		}
		if err != nil {
			return nil, err
		}
		if p.config.Separate {
			one.Preference = &list[0]
		}
		agents = append(agents, *one)
	}
	return agents, nil
}

// nearest is the agent trained for a preference, or for the one least far from it where it is none of the sweep. The
// first wins a tie.
func nearest(agents []trained, p policy.Preference) int {
	best, least := 0, math.Inf(1)
	for i := range agents {
		q := agents[i].Preference
		if q == nil {
			return i
		}
		far := 0.0
		for _, weighed := range policy.Weighed {
			far += apart(q[weighed], p[weighed])
		}
		if far < least {
			best, least = i, far
		}
	}
	return best
}

// apart compares prices of one figure by their ratio: 0 where they are equal, 1 where one of them is zero.
func apart(a, b float64) float64 {
	if a == b {
		return 0
	}
	return math.Abs(a-b) / math.Max(a, b)
}

// checkAgents tells whether loaded agents fit the parameters.
func (p *Router) checkAgents(s *state) error {
	if len(s.Agents) == 0 {
		return errors.New("the checkpoint has no agent; fit again")
	}
	for i := range s.Agents {
		a := &s.Agents[i]
		if err := a.Actor.Check(); err != nil {
			return err
		}
		want := actor.Shape{
			In: p.config.width(s.Estimator), Actions: env.Actions(s.Estimator.Models, p.config.Sequential), Hidden: a.Actor.Shape.Hidden,
			Each: p.config.each(), Scorer: a.Actor.Shape.Scorer,
		}
		// All share one featurizer, whose buffers are laid out by the first.
		if a.Actor.Shape != want || want != s.Agents[0].Actor.Shape {
			return fmt.Errorf("the checkpoint's actor has shape %+v, want %+v: it was fitted with other parameters", a.Actor.Shape, want)
		}
		if (a.Preference != nil) != p.config.Separate {
			return errors.New("the checkpoint was fitted with another value of conditioned; fit again")
		}
	}
	return nil
}
