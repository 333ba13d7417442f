// Package bestsingle is the policy that always asks the model of the highest mean score on the logged prompts, the
// baseline that every router has to beat. Models that answered different prompts are compared by what they would come to on
// all, see [learn.Means].
package bestsingle

import (
	"context"
	"errors"

	"github.com/trilemma-bench/trilemma/policies/checkpoint"
	"github.com/trilemma-bench/trilemma/policies/forecast"
	"github.com/trilemma-bench/trilemma/policies/params"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Params are none.
type Params struct{}

const kind = "best-single/1"

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
		return &best{models: s.Models}, nil
	})
}

type best struct {
	models []policy.Model
	mean   *forecast.Expected // one row; nil before Fit
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
	p.mean = mean
	return ctx.Err()
}

// Route implements [policy.Policy].
func (p *best) Route(ctx context.Context, b *policy.Batch) (*policy.Decisions, error) {
	if p.mean == nil {
		return nil, errors.New("best-single was not fitted")
	}
	choice := p.mean.Choose(0, policy.Preference{})
	d := policy.NewDecisions(b.Rows())
	for range b.Rows() {
		d.AppendOne(policy.Select, choice)
	}
	return d, ctx.Err()
}

// Save implements [policy.Saver].
func (p *best) Save() ([]byte, error) {
	if p.mean == nil {
		return nil, errors.New("best-single was not fitted")
	}
	return checkpoint.Save(kind, p.mean)
}

// Load implements [policy.Saver].
func (p *best) Load(state []byte) error {
	mean := new(forecast.Expected)
	if err := checkpoint.Load(kind, state, mean); err != nil {
		return err
	}
	if err := mean.CheckShape(1, len(p.models)); err != nil {
		return err
	}
	if err := mean.Check(policy.Preference{}, p.models); err != nil {
		return err
	}
	p.mean = mean
	return nil
}
