package predict

import (
	"context"
	"encoding/json"

	"github.com/trilemma-bench/trilemma/policies/forecast"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// forecaster is the policy's predictor for agents that start from it.
type forecaster struct {
	params Params
	state  *state
}

// Forecaster makes forecasters that learn as the policy does under these parameters.
func Forecaster(p Params) func() forecast.Forecaster {
	return func() forecast.Forecaster { return &forecaster{params: p} }
}

func (p *forecaster) Fit(ctx context.Context, s policy.Setup, t *policy.Task, report func(policy.Progress)) (train, validation *forecast.Expected, err error) {
	r := &router{params: p.params, setup: s}
	if err := r.Fit(ctx, t, report); err != nil {
		return nil, nil, err
	}
	p.state = r.state
	all, err := r.honest(ctx, t)
	if err != nil {
		return nil, nil, err
	}
	n := t.Train.Len()
	if all.Rows() > n {
		validation = all.Part(n, all.Rows())
	}
	return all.Part(0, n), validation, nil
}

// honest predicts the prompts that were learned from, train then validation, each without itself.
func (p *router) honest(ctx context.Context, t *policy.Task) (*forecast.Expected, error) {
	g, err := p.gather(t)
	if err != nil {
		return nil, err
	}
	s := p.state
	x := s.Features.Inputs(&g.prompts)
	ex := p.qualityExamples(g, x)
	quality, err := s.Quality.Predict(ctx, ex.X, ex.HeldOut)
	if err != nil {
		return nil, err
	}
	var near *forecast.Expected
	if s.Memory != nil {
		itself := make([]int32, g.prompts.Len())
		for i := range itself {
			itself[i] = int32(i)
		}
		found, err := s.Memory.Expect(ctx, g.prompts.Vector, g.prompts.Dim, []int{s.Neighbours}, itself)
		if err != nil {
			return nil, err
		}
		near = found[0]
	}
	mixed := forecast.Mix(s.parts(g.prompts.Len(), quality, near), s.Weights)
	if s.Expense == nil {
		return mixed, nil
	}
	return mixed, s.Expense.Price(ctx, mixed, s.Overall, x, ex.HeldOut)
}

func (p *forecaster) Expect(ctx context.Context, prompts *policy.Prompts) (*forecast.Expected, error) {
	return p.state.expect(ctx, prompts)
}

func (p *forecaster) Check(models int) error { return p.state.check(models) }

func (p *forecaster) MarshalJSON() ([]byte, error) { return json.Marshal(p.state) }

func (p *forecaster) UnmarshalJSON(data []byte) error {
	p.state = new(state)
	return json.Unmarshal(data, p.state)
}
