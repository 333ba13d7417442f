package moe

import (
	"context"
	"encoding/json"
	"math"

	"github.com/trilemma-bench/trilemma/policies/forecast"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// forecaster is what a trained gate forecasts of every model, for agents that start from it. What the gate adds to the
// utility of those forecasts under a preference stays with the policy.
type forecaster struct {
	params Params
	state  *state
}

// Forecaster makes forecasters that learn as the policy does under these parameters.
func Forecaster(p Params) func() forecast.Forecaster {
	return func() forecast.Forecaster { return &forecaster{params: p} }
}

func (p *forecaster) Fit(ctx context.Context, setup policy.Setup, t *policy.Task, report func(policy.Progress)) (train, validation *forecast.Expected, err error) {
	s, ex, err := (&router{params: p.params, setup: setup}).fit(ctx, t, report)
	if err != nil {
		return nil, nil, err
	}
	p.state = s
	if err := s.forecast(ctx, s.Features.Inputs(&ex.Prompts), ex.near, ex.heldOut, ex.expect); err != nil {
		return nil, nil, err
	}
	n := t.Train.Len()
	if ex.Len() > n {
		validation = ex.expect.Part(n, ex.Len())
	}
	return ex.expect.Part(0, n), validation, nil
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

func (p *forecaster) Expect(ctx context.Context, prompts *policy.Prompts) (*forecast.Expected, error) {
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

func (p *forecaster) Check(models int) error {
	if err := p.state.check(models); err != nil {
		return err
	}
	p.state.recall()
	return nil
}

func (p *forecaster) MarshalJSON() ([]byte, error) { return json.Marshal(p.state) }

func (p *forecaster) UnmarshalJSON(data []byte) error {
	p.state = new(state)
	return json.Unmarshal(data, p.state)
}
