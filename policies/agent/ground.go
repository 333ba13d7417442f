package agent

import (
	"context"
	"math/rand/v2"
	"slices"

	"github.com/trilemma-bench/trilemma/policies/env"
	"github.com/trilemma-bench/trilemma/policies/forecast"
	"github.com/trilemma-bench/trilemma/policies/nn"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// ground is a labelled split to play on.
type ground struct {
	split  *policy.Split
	expect *forecast.Expected // of each prompt, by a predictor that did not see it
	world  *env.World
	// held [prompts] is the member of the nets of sense that did not train on the prompt. It alone may judge there, so that
	// what is known of a training prompt looks as it will for a new one.
	held []int32
}

// lay makes the grounds of a task, train first, and learns on them how far answers are to be believed.
func (s *sense) lay(ctx context.Context, c *Config, t *policy.Task, train, validation *forecast.Expected, report func(policy.Progress)) ([]*ground, error) {
	r := policy.Stream(c.Setup.Seed, c.Name, "folds")
	var grounds []*ground
	for _, part := range []struct {
		split  *policy.Split
		expect *forecast.Expected
	}{{t.Train, train}, {t.Validation, validation}} {
		if part.expect == nil {
			continue
		}
		split := part.split
		if c.Bandit {
			split = newBandit(split, c.Setup.Seed, c.Name).playable(s.Overall)
		}
		g, err := newGround(c, s, split, part.expect, r)
		if err != nil {
			return nil, err
		}
		grounds = append(grounds, g)
	}
	if !c.Sequential {
		return grounds, nil
	}
	responses := true
	for _, g := range grounds {
		responses = responses && g.world.Shape(0, 0) != nil
	}
	if responses {
		s.scaleShapes(grounds[0].world)
	}
	if c.Warm == Cold {
		return grounds, nil
	}
	if responses {
		if err := s.learnCredit(ctx, c, grounds, report); err != nil {
			return nil, err
		}
	}
	s.Verbosity = learnVerbosity(c, grounds[0])
	return grounds, s.learnBelief(ctx, c, t.Preferences, grounds, report)
}

// newGround lays a split out. A figure that is not known of an outcome is taken to be what is expected: a reward that is
// not a number would teach nothing.
func newGround(c *Config, s *sense, split *policy.Split, e *forecast.Expected, r *rand.Rand) (*ground, error) {
	known := *split
	o := &known.Outcomes
	for _, q := range policy.Weighed {
		if o.Figures[q] == nil {
			continue
		}
		o.Figures[q] = slices.Clone(o.Figures[q])
		for at, x := range o.Figures[q] {
			if o.Present[at] && x != x {
				o.Figures[q][at] = e.Value[q][at]
			}
		}
	}
	if !c.Sequential || !c.Responses {
		o.Response = nil
	}
	w, err := env.NewWorld(&known, s.priorWeights(e), s.Answers)
	if err != nil {
		return nil, err
	}
	return &ground{split: split, expect: e, world: w, held: nn.Folds(split.Len(), judgeMembers, r)}, nil
}
