// Package knn is the policy that asks what happened to the k training prompts most like this one. Likeness is the
// cosine of the prompt vectors. Of each model it expects the mean score, cost, carbon and latency over those neighbours
// that have its outcome (corrected for which of them these are, see [forecast.Memory.Expect]), and asks the model of the highest expected utility under the row's preference.
//
// It is the simplest of the routers that reach the plateau on which one-shot routers end (LLMRouterBench; Li, "Rethinking
// Predictive Modeling for LLM Routing: When Simple kNN Beats Complex Learned Routers", arXiv 2505.12601).
//
// k is chosen on the validation prompts: that of the smallest squared error of score differences between models (see
// [forecast.RoutingError]) with the training prompts as memory. After that the validation prompts are remembered as well.
package knn

import (
	"context"
	"fmt"
	"math"

	"github.com/trilemma-bench/trilemma/policies/checkpoint"
	"github.com/trilemma-bench/trilemma/policies/forecast"
	"github.com/trilemma-bench/trilemma/policies/params"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Params of the policy.
type Params struct {
	K        int  `json:"k" doc:"neighbours asked; 0 chooses among 5, 10, 20, 50, 100, 200 and 400 on validation (100 where there is none)" min:"0" max:"100000"`
	Remember bool `json:"remember_validation" doc:"remember the validation prompts too, once k is chosen"`
}

// Defaults of the parameters.
var Defaults = Params{Remember: true}

// grid holds the k that are tried, and fallback the one taken without validation prompts.
var grid = []int{5, 10, 20, 50, 100, 200, 400}

const fallback = 100

// Definition is the policy as the program offers it.
func Definition() policy.Definition {
	return params.Define(policy.Description{
		Name:       "knn",
		Version:    "2",
		Summary:    "mean outcomes of the k nearest training prompts by cosine",
		Source:     "arXiv 2505.12601",
		Preference: policy.PreferenceInput,
		Needs:      []policy.Need{policy.NeedVector},
		Learns:     true,
		Saves:      true,
	}, Defaults, func(p Params, s policy.Setup) (policy.Policy, error) {
		check := func(loaded *state) error {
			if loaded.K < 1 {
				return fmt.Errorf("k = %d; fit again", loaded.K)
			}
			return loaded.Memory.CheckShape(len(s.Models))
		}
		return &router{Learned: checkpoint.Learned[state]{Kind: "knn/1", Check: check}, params: p, models: s.Models}, nil
	})
}

type router struct {
	checkpoint.Learned[state]
	params Params
	models []policy.Model
}

// state is what was learned.
type state struct {
	K      int              `json:"k"`
	Memory *forecast.Memory `json:"memory"`
}

// Fit implements [policy.Learner].
func (p *router) Fit(ctx context.Context, t *policy.Task, report func(policy.Progress)) error {
	if err := forecast.CheckTask(t, len(p.models), policy.NeedVector); err != nil {
		return err
	}
	overall := forecast.Overall(len(p.models), t.Train)
	if err := overall.CheckEach(t.Preferences, p.models); err != nil {
		return err
	}
	if err := overall.Check(policy.Preference{}, p.models); err != nil {
		return err
	}
	memory := forecast.Remember(len(p.models), t.Train)
	k := p.params.K
	if k == 0 {
		var err error
		if k, err = chooseK(ctx, memory, t.Validation, report); err != nil {
			return err
		}
	}
	if p.params.Remember && forecast.HasValidation(t) {
		memory = forecast.Remember(len(p.models), t.Train, t.Validation)
	}
	p.State = &state{K: k, Memory: memory}
	return ctx.Err()
}

// chooseK is the k of the grid with the smallest error on validation, the larger of equals.
func chooseK(ctx context.Context, memory *forecast.Memory, validation *policy.Split, report func(policy.Progress)) (int, error) {
	if validation == nil || validation.Len() == 0 {
		return fallback, nil
	}
	tried, err := memory.Expect(ctx, validation.Prompts.Vector, validation.Prompts.Dim, grid, nil)
	if err != nil {
		return 0, err
	}
	best, least := fallback, math.Inf(1)
	for i, k := range grid {
		e := forecast.RoutingError(tried[i], validation)
		if report != nil {
			report(policy.Progress{Stage: "choose k", Step: i + 1, Total: len(grid),
				Metrics: []policy.Metric{{Name: "k", Value: float64(k)}, {Name: "validation_error", Value: e}}})
		}
		if e <= least && !math.IsInf(e, 1) {
			best, least = k, e
		}
	}
	return best, nil
}

// Route implements [policy.Policy].
func (p *router) Route(ctx context.Context, b *policy.Batch) (*policy.Decisions, error) {
	if err := p.Fitted(); err != nil {
		return nil, err
	}
	if err := forecast.CheckPrompts(b.Prompts, policy.NeedVector); err != nil {
		return nil, err
	}
	if b.Prompts.Len() == 0 {
		return policy.NewDecisions(0), ctx.Err()
	}
	expected, err := p.State.Memory.Expect(ctx, b.Prompts.Vector, b.Prompts.Dim, []int{p.State.K}, nil)
	if err != nil {
		return nil, err
	}
	return expected[0].Route(b, p.models, func(i int) int { return i })
}
