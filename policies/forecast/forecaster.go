package forecast

import (
	"context"
	"encoding/json"

	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Forecaster learns from labels what to expect of each model for a prompt. Agents may start from one: they act on what it
// expects and learn from reward how to do better.
type Forecaster interface {
	// Fit learns a task. It returns what to expect of the task's train and validation prompts (nil where there are none), each
	// without its own outcome (cross-fitting): who learned on forecasts that had seen the outcomes would trust them too much.
	Fit(ctx context.Context, s policy.Setup, t *policy.Task, report func(policy.Progress)) (train, validation *Expected, err error)
	// Expect is what to expect of every model for each prompt.
	Expect(context.Context, *policy.Prompts) (*Expected, error)
	// Check tells whether what was loaded is whole.
	Check(models int) error
	json.Marshaler
	json.Unmarshaler
}

// Part is the rows from lo to hi: views, not copies.
func (e *Expected) Part(lo, hi int) *Expected {
	part := &Expected{Models: e.Models}
	for q, column := range e.Value {
		if column != nil {
			part.Value[q] = column[lo*e.Models : hi*e.Models]
		}
	}
	return part
}
