package serve_test

import (
	"context"

	"github.com/trilemma-bench/trilemma/plugins/serve"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

type always struct{}

func (always) Route(_ context.Context, b *policy.Batch) (*policy.Decisions, error) {
	d := policy.NewDecisions(b.Rows())
	for range b.Rows() {
		d.AppendOne(policy.Select, 0)
	}
	return d, nil
}

// The whole main function of a plugin; it serves until the host is done, so this example is compiled and not run.
func ExamplePolicy() {
	serve.Policy(policy.Definition{
		Description: policy.Description{Name: "always", Version: "1", Summary: "the first model, always", Preference: policy.PreferenceIgnored},
		New:         func(policy.Setup) (policy.Policy, error) { return always{}, nil },
	})
}
