package runner

import (
	"context"
	"fmt"

	"github.com/trilemma-bench/trilemma/harness/replay"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// feed hands policies their data: what each declared it needs, and nothing else. It is the only place where trace
// columns become policy columns, and so the place where the rule is kept that outcomes of test prompts stay here.
type feed struct {
	data    *dataset
	vectors []float32 // [prompts × dim] of the cell's encoder; nil without one
	dim     int
	pool    []int
	ids     []string // of all prompts, as policies see them
	needs   *policy.Description

	weighsWater bool // some preference of the run does
}

// prompts are the columns of some prompts that a policy may see. category is the need that the label depends on: that of
// training prompts, or of those to be routed.
func (f *feed) prompts(rows []int, category policy.Need) policy.Prompts {
	src := &f.data.trace.Prompts
	out := policy.Prompts{ID: pick(f.ids, rows)}
	if f.needs.Wants(policy.NeedText) {
		out.Text = pick(src.Text, rows)
	}
	if f.needs.Wants(category) {
		out.Category = make([]string, len(rows))
		if src.Category != nil {
			out.Category = pick(src.Category, rows)
		}
	}
	if f.needs.Wants(policy.NeedVector) && f.vectors != nil {
		out.Dim = f.dim
		out.Vector = make([]float32, len(rows)*f.dim)
		for i, p := range rows {
			copy(out.Vector[i*f.dim:(i+1)*f.dim], f.vectors[p*f.dim:(p+1)*f.dim])
		}
	}
	if f.needs.Wants(policy.NeedGrid) {
		out.GridGPerKWh = make([]float32, 0, len(rows)*len(f.pool))
		for _, p := range rows {
			for _, m := range f.pool {
				out.GridGPerKWh = append(out.GridGPerKWh, float32(f.data.table.GridGPerKWh(p, m)))
			}
		}
	}
	return out
}

// quantities are those whose figures policies are given: water only where a preference weighs it.
func (f *feed) quantities() []policy.Quantity {
	fed := []policy.Quantity{policy.Quality, policy.Cost, policy.Energy, policy.Carbon, policy.Latency}
	if f.weighsWater {
		fed = append(fed, policy.Water)
	}
	return fed
}

// shown are the figures of an outcome that policies are given.
func (f *feed) shown(figures policy.Figures) policy.Figures {
	out := policy.Unknown()
	for _, q := range f.quantities() {
		out[q] = figures[q]
	}
	return out
}

// split is a labelled part of the trace: only ever called with prompts of train and validation.
func (f *feed) split(ctx context.Context, rows []int) (*policy.Split, error) {
	rows, _ = f.blind(rows)
	t, view := f.data.trace, replay.Of(f.data.table, f.pool)
	n, fed := len(rows)*len(f.pool), f.quantities()
	s := &policy.Split{Prompts: f.prompts(rows, policy.NeedCategory), Outcomes: policy.Outcomes{
		Models:  len(f.pool),
		Present: make([]bool, n), Figures: policy.NewMatrix(n, fed...), InputTokens: make([]float32, n), OutputTokens: make([]float32, n),
	}}
	if t.Outcomes.Propensity != nil {
		s.Outcomes.Propensity = make([]float32, n)
	}
	for i, p := range rows {
		for m, model := range f.pool {
			at, from := i*len(f.pool)+m, t.Outcomes.At(p, model)
			o := view.At(p, m)
			s.Outcomes.Present[at] = o.Present()
			figures := o.Central()
			for _, q := range fed {
				s.Outcomes.Figures[q][at] = float32(figures[q])
			}
			s.Outcomes.InputTokens[at] = figure(t.Outcomes.InputTokens, from)
			s.Outcomes.OutputTokens[at] = figure(t.Outcomes.OutputTokens, from)
			if s.Outcomes.Propensity != nil {
				s.Outcomes.Propensity[at] = t.Outcomes.Propensity[from]
			}
		}
	}
	if f.needs.Wants(policy.NeedAnswer) && t.Outcomes.Answer != nil {
		s.Outcomes.Answer = make([]string, n)
		for i, p := range rows {
			for m, model := range f.pool {
				s.Outcomes.Answer[i*len(f.pool)+m] = t.Outcomes.AnswerText[t.Outcomes.Answer[t.Outcomes.At(p, model)]]
			}
		}
		if t.Prompts.Reference != nil {
			s.Reference = pick(t.Prompts.Reference, rows)
		}
	}
	if f.needs.Wants(policy.NeedResponse) {
		responses, err := f.responses(ctx, rows)
		if err != nil {
			return nil, err
		}
		s.Outcomes.Response = responses
	}
	return s, nil
}

// responses reads the pool's responses to some prompts: [rows × pool].
func (f *feed) responses(ctx context.Context, rows []int) ([]string, error) {
	all, err := f.data.responses(ctx, rows, f.pool)
	if err != nil {
		return nil, fmt.Errorf("reading responses for a policy that asked for them: %w", err)
	}
	return all, nil
}

// models are the facts of the pool.
func (f *feed) models() []policy.Model {
	out := make([]policy.Model, len(f.pool))
	for i, m := range f.pool {
		out[i] = f.data.trace.Models[m]
	}
	return out
}

func (f *feed) view() *replay.View { return replay.Of(f.data.table, f.pool) }

func pick(column []string, rows []int) []string {
	if column == nil {
		return nil
	}
	out := make([]string, len(rows))
	for i, r := range rows {
		out[i] = column[r]
	}
	return out
}
