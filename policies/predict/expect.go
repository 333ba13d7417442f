package predict

import (
	"context"
	"encoding/json"

	"github.com/trilemma-bench/trilemma/policies/forecast"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Predictor is what the policy has learned, for agents that start from it: they act on what it expects and learn from
// reward how to do better.
type Predictor struct{ state *state }

// Needs are the columns that a predictor with these parameters looks at.
func (p Params) Needs() []policy.Need {
	return (&router{params: p}).needs()
}

// Learn fits a predictor as the policy does. It also returns what it expects of the task's train and validation prompts
// (nil where there are none), each predicted without itself: an agent that learned on forecasts which had seen the
// outcomes would trust them too much.
func Learn(ctx context.Context, setup policy.Setup, params Params, t *policy.Task, report func(policy.Progress)) (p *Predictor, train, validation *forecast.Expected, err error) {
	r := &router{params: params, setup: setup}
	if err := r.Fit(ctx, t, report); err != nil {
		return nil, nil, nil, err
	}
	all, err := r.honest(ctx, t)
	if err != nil {
		return nil, nil, nil, err
	}
	n, models := t.Train.Len(), len(setup.Models)
	train = &forecast.Expected{Models: models}
	if all.Rows() > n {
		validation = &forecast.Expected{Models: models}
	}
	for q, column := range all.Value {
		if column == nil {
			continue // a quantity that is not predicted
		}
		train.Value[q] = column[:n*models]
		if validation != nil {
			validation.Value[q] = column[n*models:]
		}
	}
	return &Predictor{r.state}, train, validation, nil
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

// Expect is what the predictor expects of every model for each prompt.
func (p *Predictor) Expect(ctx context.Context, prompts *policy.Prompts) (*forecast.Expected, error) {
	return p.state.expect(ctx, prompts)
}

// Check tells whether a loaded predictor is whole.
func (p *Predictor) Check(models int) error { return p.state.check(models) }

// MarshalJSON implements [json.Marshaler].
func (p *Predictor) MarshalJSON() ([]byte, error) { return json.Marshal(p.state) }

// UnmarshalJSON implements [json.Unmarshaler].
func (p *Predictor) UnmarshalJSON(data []byte) error {
	p.state = new(state)
	return json.Unmarshal(data, p.state)
}
