package dataset

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/trilemma-bench/trilemma/harness/experiment"
	"github.com/trilemma-bench/trilemma/harness/replay"
	"github.com/trilemma-bench/trilemma/harness/trace/split"
	"github.com/trilemma-bench/trilemma/plugins/host"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Feed hands policies their data: what each declared it needs, and nothing else. It is the only place where trace
// columns become policy columns, and so the place where the rule is kept that outcomes of test prompts stay here.
type Feed struct {
	Pool    []int // models
	Vectors Vectors
	Needs   *policy.Description
	// Quantities are those whose figures policies are given.
	Quantities []policy.Quantity
	data       *Dataset
}

// Feed is the data of a cell: a pool of models, and prompts as an encoder has them. What comes after
// latency is among its quantities where one of the preferences weighs it: a policy trains no net for what nobody asks for.
func (d *Dataset) Feed(pool []int, v Vectors, preferences []experiment.Labelled) *Feed {
	f := &Feed{Pool: pool, Vectors: v, data: d}
	for q := range policy.NumQuantities {
		if q <= policy.Latency || slices.ContainsFunc(preferences, func(l experiment.Labelled) bool { return l.Preference[q] != 0 }) {
			f.Quantities = append(f.Quantities, q)
		}
	}
	return f
}

// Shown are the figures of an outcome that policies are given.
func (f *Feed) Shown(figures policy.Figures) policy.Figures {
	out := policy.Unknown()
	for _, q := range f.Quantities {
		out[q] = figures[q]
	}
	return out
}

// Prompts are the columns of some prompts that a policy may see. category is the need that the label depends on: that of
// training prompts, or of those to be routed.
func (f *Feed) Prompts(rows []int, category policy.Need) policy.Prompts {
	src := &f.data.Trace.Prompts
	out := policy.Prompts{ID: Pick(f.data.IDs, rows)}
	if f.Needs.Wants(policy.NeedText) {
		out.Text = Pick(src.Text, rows)
	}
	if f.Needs.Wants(category) {
		out.Category = make([]string, len(rows))
		if src.Category != nil {
			out.Category = Pick(src.Category, rows)
		}
	}
	if f.Needs.Wants(policy.NeedVector) && f.Vectors.Data != nil {
		out.Dim = f.Vectors.Dim
		out.Vector = make([]float32, len(rows)*f.Vectors.Dim)
		for i, p := range rows {
			copy(out.Vector[i*f.Vectors.Dim:(i+1)*f.Vectors.Dim], f.Vectors.Data[p*f.Vectors.Dim:(p+1)*f.Vectors.Dim])
		}
	}
	if f.Needs.Wants(policy.NeedGrid) {
		out.GridGPerKWh = make([]float32, 0, len(rows)*len(f.Pool))
		for _, p := range rows {
			for _, m := range f.Pool {
				out.GridGPerKWh = append(out.GridGPerKWh, float32(f.data.Table.GridGPerKWh(p, m)))
			}
		}
	}
	return out
}

// Split is a labelled part of the trace. Prompts that are to be routed have no labels here: asking for one is an error.
func (f *Feed) Split(ctx context.Context, rows []int) (*policy.Split, error) {
	for _, p := range rows {
		if part := f.data.Part[p]; part != split.Train && part != split.Validation {
			return nil, fmt.Errorf("prompt %s is of the %s part: its outcomes are not for policies", f.data.Trace.Prompts.ID[p], part)
		}
	}
	rows, _ = f.Blind(rows)
	t, view := f.data.Trace, replay.Of(f.data.Table, f.Pool)
	n := len(rows) * len(f.Pool)
	s := &policy.Split{Prompts: f.Prompts(rows, policy.NeedCategory), Outcomes: policy.Outcomes{
		Models:  len(f.Pool),
		Present: make([]bool, n), Figures: policy.NewMatrix(n, f.Quantities...), InputTokens: make([]float32, n), OutputTokens: make([]float32, n),
	}}
	if t.Outcomes.Propensity != nil {
		s.Outcomes.Propensity = make([]float32, n)
	}
	for i, p := range rows {
		for m, model := range f.Pool {
			at, from := i*len(f.Pool)+m, t.Outcomes.At(p, model)
			o := view.At(p, m)
			s.Outcomes.Present[at] = o.Present()
			for _, q := range f.Quantities {
				s.Outcomes.Figures[q][at] = o.At(q)
			}
			s.Outcomes.InputTokens[at] = figure(t.Outcomes.InputTokens, from)
			s.Outcomes.OutputTokens[at] = figure(t.Outcomes.OutputTokens, from)
			if s.Outcomes.Propensity != nil {
				s.Outcomes.Propensity[at] = t.Outcomes.Propensity[from]
			}
		}
	}
	if f.Needs.Wants(policy.NeedAnswer) && t.Outcomes.Answer != nil {
		s.Outcomes.Answer = make([]string, n)
		for i, p := range rows {
			for m, model := range f.Pool {
				s.Outcomes.Answer[i*len(f.Pool)+m] = t.Outcomes.AnswerText[t.Outcomes.Answer[t.Outcomes.At(p, model)]]
			}
		}
		if t.Prompts.Reference != nil {
			s.Reference = Pick(t.Prompts.Reference, rows)
		}
	}
	if f.Needs.Wants(policy.NeedResponse) {
		responses, err := f.Responses(ctx, rows)
		if err != nil {
			return nil, err
		}
		s.Outcomes.Response = responses
	}
	return s, nil
}

// Responses reads the pool's responses to some prompts, for [Feed.Reveal]: [rows × pool].
func (f *Feed) Responses(ctx context.Context, rows []int) ([]string, error) {
	all, err := f.data.responses(ctx, rows, f.Pool)
	if err != nil {
		return nil, fmt.Errorf("reading responses for a policy that asked for them: %w", err)
	}
	return all, nil
}

// Reveal is what a policy that asked a model of the pool is shown of its answer to a prompt: never the score. false where the
// trace holds no outcome.
func (f *Feed) Reveal(prompt, model int) (host.Revealed, bool) {
	out := &f.data.Trace.Outcomes
	o := f.data.Table.At(prompt, f.Pool[model])
	if !o.Present() {
		return host.Revealed{}, false
	}
	at := out.At(prompt, f.Pool[model])
	shown := host.Revealed{InputTokens: figure(out.InputTokens, at), OutputTokens: figure(out.OutputTokens, at), Figures: f.Shown(o.Central())}
	shown.Figures[policy.Quality] = math.NaN()
	if out.Answer != nil && f.Needs.Wants(policy.NeedAnswer) {
		shown.Answer = out.AnswerText[out.Answer[at]]
	}
	return shown, true
}

// Models are the facts of the pool.
func (f *Feed) Models() []policy.Model { return Pick(f.data.Trace.Models, f.Pool) }

// View is the bills of the pool.
func (f *Feed) View() *replay.View { return replay.Of(f.data.Table, f.Pool) }
