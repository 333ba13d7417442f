// Package predict is the policy that predicts what each model would do with a prompt: its score, and what it would
// cost in money, carbon and time. The model of the highest predicted utility under the row's preference is asked, so
// one fit serves every preference.
//
// Three predictors of the score are blended, each of which sees something else in the same few thousand prompts:
//
//   - an ensemble of networks from the prompt's vector and the shape of its text to every model's score (sigmoid
//     outputs, cross-entropy), which learns the category of the training prompts on the side;
//   - the mean score of every model in each training category, weighted by the category's predicted probability: few
//     parameters, so little noise;
//   - the mean outcome of the nearest prompts (see policies/knn).
//
// Their weights are chosen by stacking, on predictions made without the prompt predicted: each network by the fold that
// it was not trained on, a prompt's neighbours without itself. The overall mean takes part, so predictions that do not
// help shrink to it.
//
// A second ensemble predicts cost, carbon and latency, each relative to the model's mean, under a Poisson
// quasi-likelihood. What a model will cost for this very prompt is worth about as much as a better predictor of scores
// (a long proof is dear everywhere, but not in the same proportion).
//
// Sources: the multi-output predictor is that of RouterBench (arXiv 2403.12031) and its successors; stacking is
// Breiman's (Machine Learning 24, 1996); cross-fitting as in Chernozhukov et al. (arXiv 1608.00060).
package predict

import (
	"context"
	"errors"
	"fmt"

	"github.com/trilemma-bench/trilemma/policies/checkpoint"
	"github.com/trilemma-bench/trilemma/policies/forecast"
	"github.com/trilemma-bench/trilemma/policies/nn"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

const kind = "predict/1"

type router struct {
	params Params
	setup  policy.Setup
	state  *state // nil before Fit
}

// state is what was learned.
type state struct {
	Features   forecast.Features  `json:"features"`
	Overall    *forecast.Expected `json:"overall"` // one row
	Quality    *nn.Net            `json:"quality"`
	Expense    *forecast.Expense  `json:"expense,omitempty"`  // nil where no cost, carbon or latency is known
	Category   *forecast.Expected `json:"category,omitempty"` // one row a category; nil where there are none
	Memory     *forecast.Memory   `json:"memory,omitempty"`   // nil without neighbours
	Neighbours int                `json:"neighbours"`
	Weights    []float64          `json:"weights"` // of [state.parts]
}

// Fit implements [policy.Learner].
func (p *router) Fit(ctx context.Context, t *policy.Task, report func(policy.Progress)) error {
	if err := forecast.CheckTask(t, len(p.setup.Models), p.needs()...); err != nil {
		return err
	}
	overall := forecast.Overall(len(p.setup.Models), t.Train)
	for i, preference := range append([]policy.Preference{{}}, t.Preferences...) {
		if err := overall.Check(preference, p.setup.Models); err != nil {
			return fmt.Errorf("preference %d: %w", i-1, err)
		}
	}
	s, err := p.fit(ctx, t, report)
	if err != nil {
		return err
	}
	p.state = s
	return nil
}

// needs are the columns that these parameters look at.
func (p *router) needs() []policy.Need {
	needs := []policy.Need{policy.NeedVector}
	if p.params.Shape {
		needs = append(needs, policy.NeedText)
	}
	return needs
}

// Route implements [policy.Policy].
func (p *router) Route(ctx context.Context, b *policy.Batch) (*policy.Decisions, error) {
	if p.state == nil {
		return nil, errors.New("predict was not fitted")
	}
	if err := forecast.CheckPrompts(b.Prompts, p.needs()...); err != nil {
		return nil, err
	}
	if b.Prompts.Len() == 0 {
		return policy.NewDecisions(0), ctx.Err()
	}
	expected, err := p.state.expect(ctx, b.Prompts)
	if err != nil {
		return nil, err
	}
	return expected.Route(b, p.setup.Models, func(i int) int { return i })
}

// expect predicts every prompt once, whatever the number of preferences.
func (s *state) expect(ctx context.Context, p *policy.Prompts) (*forecast.Expected, error) {
	if p.Dim != s.Features.Dim {
		return nil, fmt.Errorf("prompt vectors have %d numbers, those fitted on had %d: use the same encoder", p.Dim, s.Features.Dim)
	}
	x := s.Features.Inputs(p)
	quality, err := s.Quality.Predict(ctx, x, nil)
	if err != nil {
		return nil, err
	}
	var near *forecast.Expected
	if s.Memory != nil {
		found, err := s.Memory.Expect(ctx, p.Vector, p.Dim, []int{s.Neighbours}, nil)
		if err != nil {
			return nil, err
		}
		near = found[0]
	}
	mixed := forecast.Mix(s.parts(p.Len(), quality, near), s.Weights)
	if s.Expense == nil {
		return mixed, nil
	}
	if err := s.Expense.Price(ctx, mixed, s.Overall, x, nil); err != nil {
		return nil, err
	}
	return mixed, nil
}

// Save implements [policy.Saver].
func (p *router) Save() ([]byte, error) {
	if p.state == nil {
		return nil, errors.New("predict was not fitted")
	}
	return checkpoint.Save(kind, p.state)
}

// Load implements [policy.Saver].
func (p *router) Load(data []byte) error {
	s := new(state)
	if err := checkpoint.Load(kind, data, s); err != nil {
		return err
	}
	if err := s.check(len(p.setup.Models)); err != nil {
		return err
	}
	p.state = s
	return nil
}
