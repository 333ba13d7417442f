// Package bestsingle is the policy that always asks the model of the highest mean score on the logged prompts, the
// baseline that every router has to beat. Models that answered different prompts are compared by what they would come to on
// all, see [forecast.Means].
package bestsingle

import (
	"context"

	"github.com/trilemma-bench/trilemma/policies/checkpoint"
	"github.com/trilemma-bench/trilemma/policies/forecast"
	"github.com/trilemma-bench/trilemma/policies/params"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Params are none.
type Params struct{}

// Definition is the policy as the program offers it.
func Definition() policy.Definition {
	return params.Define(policy.Description{
		Name:       "best-single",
		Version:    "2",
		Summary:    "always the model of the highest mean score on train and validation, ties to the cheaper",
		Preference: policy.PreferenceIgnored,
		Learns:     true,
		Saves:      true,
	}, Params{}, func(_ Params, s policy.Setup) (policy.Policy, error) {
		check := func(mean *forecast.Expected) error {
			if err := mean.CheckShape(1, len(s.Models)); err != nil {
				return err
			}
			return mean.Check(policy.Preference{}, s.Models)
		}
		return &best{Learned: checkpoint.Learned[forecast.Expected]{Kind: "best-single/1", Check: check}, models: s.Models}, nil
	})
}

type best struct {
	checkpoint.Learned[forecast.Expected]
	models []policy.Model
}

// Fit implements [policy.Learner].
func (p *best) Fit(ctx context.Context, t *policy.Task, report func(policy.Progress)) error {
	if err := forecast.CheckTask(t, len(p.models)); err != nil {
		return err
	}
	mean := forecast.Overall(len(p.models), t.Train, t.Validation)
	if err := mean.Check(policy.Preference{}, p.models); err != nil {
		return err
	}
	p.State = mean
	return ctx.Err()
}

// Route implements [policy.Policy].
func (p *best) Route(ctx context.Context, b *policy.Batch) (*policy.Decisions, error) {
	if err := p.Fitted(); err != nil {
		return nil, err
	}
	choice := p.State.Choose(0, policy.Preference{})
	d := policy.NewDecisions(b.Rows())
	for range b.Rows() {
		d.AppendOne(policy.Select, choice)
	}
	return d, ctx.Err()
}
