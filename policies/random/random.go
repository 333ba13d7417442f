// Package random is the policy that looks at nothing: every model of the pool with the same probability. Replay takes
// the expectation over its distribution, so no draw is made and its result has no noise of its own.
package random

import (
	"context"

	"github.com/trilemma-bench/trilemma/policies/params"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Params are none.
type Params struct{}

// Definition is the policy as the program offers it.
func Definition() policy.Definition {
	return params.Define(policy.Description{
		Name:       "random",
		Version:    "1",
		Summary:    "every model with the same probability, in expectation",
		Preference: policy.PreferenceIgnored,
	}, Params{}, func(_ Params, s policy.Setup) (policy.Policy, error) {
		return newUniform(len(s.Models)), nil
	})
}

// uniform answers every row with the same distribution.
type uniform struct {
	models  []int32
	weights []float32
}

func newUniform(n int) *uniform {
	u := &uniform{models: make([]int32, n), weights: make([]float32, n)}
	for m := range n {
		u.models[m], u.weights[m] = int32(m), 1/float32(n)
	}
	return u
}

// Route implements [policy.Policy].
func (u *uniform) Route(ctx context.Context, b *policy.Batch) (*policy.Decisions, error) {
	d := policy.NewDecisions(b.Rows())
	for range b.Rows() {
		d.Append(policy.Select, u.models, u.weights)
	}
	return d, ctx.Err()
}
