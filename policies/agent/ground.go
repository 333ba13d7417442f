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

// dataset is a labelled split to play on.
type dataset struct {
	split  *policy.Split
	expect *forecast.Expected // of each prompt, by a predictor that did not see it
	world  *env.World
	// fold [prompts] is the member of the nets of estimator that did not train on the prompt. It alone may judge there, so that
	// what is known of a training prompt looks as it will for a new one.
	fold []int32
}

// lay makes the datasets of a task, train first, and learns on them how far answers are to be believed.
func (s *estimator) lay(ctx context.Context, c *Config, t *policy.Task, train, validation *forecast.Expected, report func(policy.Progress)) ([]*dataset, error) {
	r := policy.Stream(c.Setup.Seed, c.Name, "folds")
	var datasets []*dataset
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
		g, err := newDataset(c, s, split, part.expect, r)
		if err != nil {
			return nil, err
		}
		datasets = append(datasets, g)
	}
	if !c.Sequential {
		return datasets, nil
	}
	responses := true
	for _, g := range datasets {
		responses = responses && g.world.Shape(0, 0) != nil
	}
	if responses {
		s.scaleShapes(datasets[0].world)
	}
	if c.Warm == Cold {
		return datasets, nil
	}
	if responses {
		if err := s.learnAnswerModel(ctx, c, datasets, report); err != nil {
			return nil, err
		}
	}
	s.Elasticity = learnElasticity(c, datasets[0])
	return datasets, s.learnPosterior(ctx, c, t.Preferences, datasets, report)
}

// newDataset lays a split out. A figure that is not known of an outcome is taken to be what is expected: a reward that is
// not a number would teach nothing.
func newDataset(c *Config, s *estimator, split *policy.Split, e *forecast.Expected, r *rand.Rand) (*dataset, error) {
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
	return &dataset{split: split, expect: e, world: w, fold: nn.Folds(split.Len(), folds, r)}, nil
}
