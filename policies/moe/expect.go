package moe

import (
	"context"
	"encoding/json"
	"math"

	"github.com/trilemma-bench/trilemma/policies/forecast"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Predictor is what a trained gate forecasts of every model, for agents that start from it. What the gate adds to the
// utility of those forecasts under a preference stays with the policy.
type Predictor struct{ state *state }

// Needs are the columns that a predictor with these parameters looks at.
func (p Params) Needs() []policy.Need { return (&router{params: p}).needs() }

// Learn fits a gate as the policy does. It also returns what it expects of the task's train and validation prompts (nil
// where there are none), each predicted by the member that did not see it.
func Learn(ctx context.Context, setup policy.Setup, params Params, t *policy.Task, report func(policy.Progress)) (p *Predictor, train, validation *forecast.Expected, err error) {
	r := &router{params: params, setup: setup}
	s, ex, err := r.fit(ctx, t, report)
	if err != nil {
		return nil, nil, nil, err
	}
	if err := s.forecast(ctx, s.Features.Inputs(&ex.Prompts), ex.near, ex.heldOut, ex.expect); err != nil {
		return nil, nil, nil, err
	}
	n, models := t.Train.Len(), len(setup.Models)
	train, validation = &forecast.Expected{Models: models}, nil
	if ex.Len() > n {
		validation = &forecast.Expected{Models: models}
	}
	for q, all := range ex.expect.Value {
		train.Value[q] = all[:n*models]
		if validation != nil {
			validation.Value[q] = all[n*models:]
		}
	}
	return &Predictor{s}, train, validation, nil
}

// priced is what outcomes of prompts with inputs x are expected to cost; the scores are the overall means.
func (s *state) priced(ctx context.Context, x []float32) (*forecast.Expected, error) {
	e := s.means(len(x) / s.Features.Width())
	if s.Expense == nil {
		return e, nil
	}
	return e, s.Expense.Price(ctx, e, s.Overall, x, nil)
}

// forecast fills in the scores that the first gate forecasts. heldOut, where it is not nil, is that of training prompts.
func (s *state) forecast(ctx context.Context, x, near []float32, heldOut []int32, e *forecast.Expected) error {
	g := s.Gates[0].Gate
	r, err := g.read(ctx, x, near, s.ClassMeans)
	if err != nil {
		return err
	}
	may, scores := s.may(), make([]float64, g.Models)
	for i := range e.Rows() {
		from, to := 0, g.Members
		if heldOut != nil {
			from, to = g.honest(heldOut[i])
		}
		g.forecasts(r, i, from, to, scores)
		for m, q := range scores {
			e.Row(policy.Quality, i)[m] = float32(q)
			if !may[m] {
				e.Row(policy.Quality, i)[m] = float32(math.NaN())
			}
		}
	}
	return nil
}

// Expect is what the gate expects of every model for each prompt.
func (p *Predictor) Expect(ctx context.Context, prompts *policy.Prompts) (*forecast.Expected, error) {
	s := p.state
	x := s.Features.Inputs(prompts)
	e, err := s.priced(ctx, x)
	if err != nil {
		return nil, err
	}
	var near []float32
	if s.Memory != nil {
		if near, err = s.near(ctx, prompts, nil); err != nil {
			return nil, err
		}
	}
	return e, s.forecast(ctx, x, near, nil, e)
}

// Check tells whether a loaded predictor is whole.
func (p *Predictor) Check(models int) error {
	if err := p.state.check(models); err != nil {
		return err
	}
	p.state.recall()
	return nil
}

// MarshalJSON implements [json.Marshaler].
func (p *Predictor) MarshalJSON() ([]byte, error) { return json.Marshal(p.state) }

// UnmarshalJSON implements [json.Unmarshaler].
func (p *Predictor) UnmarshalJSON(data []byte) error {
	p.state = new(state)
	return json.Unmarshal(data, p.state)
}
