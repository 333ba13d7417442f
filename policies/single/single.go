// Package single is the policy that always asks the same model.
package single

import (
	"context"
	"errors"

	"github.com/trilemma-bench/trilemma/policies/params"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Params of the policy.
type Params struct {
	Model string `json:"model" doc:"id of the model that is always asked; an experiment that leaves it out runs every model of the pool"`
}

// Definition is the policy as the program offers it.
func Definition() policy.Definition {
	return params.Define(policy.Description{
		Name:       "single",
		Version:    "1",
		Summary:    "always the same model, one instance for each model of the pool",
		Preference: policy.PreferenceIgnored,
		EachModel:  true,
	}, Params{}, func(p Params, s policy.Setup) (policy.Policy, error) {
		if p.Model == "" && len(s.Models) == 1 {
			return constant(0), nil
		}
		if p.Model == "" {
			return nil, errors.New(`parameter "model": none given: name the model that is always asked`)
		}
		m, err := params.FindModel(s.Models, "model", p.Model)
		return constant(m), err
	})
}

// constant is the index of the model that is always asked.
type constant int

// Route implements [policy.Policy].
func (c constant) Route(ctx context.Context, b *policy.Batch) (*policy.Decisions, error) {
	d := policy.NewDecisions(b.Rows())
	for range b.Rows() {
		d.AppendOne(policy.Select, int(c))
	}
	return d, ctx.Err()
}
