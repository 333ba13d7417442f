// Package moe is the mixture-of-experts router. The experts are the pool's models; a gating network on the prompt's
// vector spreads the prompt over them, the top k answer, and their answers are combined by the gate's weights.
//
// The way of a prompt:
//
//  1. The gate ([gate]) forecasts every model's score and adds what the task taught it beyond: logits under a preference.
//  2. The k experts of the greatest logits are candidates. With adaptive k only as many of them are asked as are
//     expected to be worth their price ([head.choose]).
//  3. One expert is selected; several are combined. The weights of their vote have logits of their own, which no
//     preference moves: what an answer is worth does not depend on what it cost.
//
// It is trained end to end (fit.go) by the losses of losses.go: the expected task loss or the cross-entropy of the
// weighted vote, sparsity, balance, prices, and two labels that come for nothing, the scores and categories of the
// training prompts. Each has a weight among the parameters and a curve in the progress reports. Preferences are drawn
// from the sweep during training, so one gate serves all of it.
//
// Models that join later (expert.go) are fitted on their answers to a few probe prompts with everything else frozen.
//
// Sources: Shazeer et al., "Outrageously Large Neural Networks" (arXiv 1701.06538), for noisy top-k gating and balance;
// Fedus et al., "Switch Transformers" (arXiv 2101.03961); Jacobs et al., "Adaptive Mixtures of Local Experts" (Neural
// Computation 3, 1991).
package moe

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/trilemma-bench/trilemma/policies/checkpoint"
	"github.com/trilemma-bench/trilemma/policies/compute"
	"github.com/trilemma-bench/trilemma/policies/forecast"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

const kind = "moe/1"

type router struct {
	params Params
	setup  policy.Setup
	unseen []int
	state  *state // nil before Fit
}

// state is what was learned.
type state struct {
	Features   forecast.Features  `json:"features"`
	Overall    *forecast.Expected `json:"overall"` // one row
	Expense    *forecast.Expense  `json:"expense,omitempty"`
	Memory     *forecast.Memory   `json:"memory,omitempty"` // nil without neighbours
	Neighbours int                `json:"neighbours"`
	ClassMeans checkpoint.F32s    `json:"class_means,omitempty"` // [classes × M], as logits about the overall mean
	MeanCost   policy.Figures     `json:"mean_cost"`
	Gates      []head             `json:"gates"`
	Joined     []int              `json:"joined,omitempty"` // models that joined later

	seen    []bool          // models that the gate is trained on
	changes []policy.Metric // what joining changed, see compare
	mean    []float32       // of the inputs, until folded
	scale   float64
}

// head is a gate with the preferences that it serves and what its combinations are worth.
type head struct {
	Gate        *gate               `json:"gate"`
	Preferences []policy.Preference `json:"preferences"`
	Worth       []checkpoint.F32s   `json:"worth,omitempty"` // [k × worthFeatures]
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
	s, _, err := p.fit(ctx, t, report)
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
	s := p.state
	if s == nil {
		return nil, errNotFitted
	}
	if err := forecast.CheckPrompts(b.Prompts, p.needs()...); err != nil {
		return nil, err
	}
	n := b.Prompts.Len()
	if n == 0 {
		return policy.NewDecisions(0), ctx.Err()
	}
	if b.Prompts.Dim != s.Features.Dim {
		return nil, fmt.Errorf("prompt vectors have %d numbers, those fitted on had %d: use the same encoder", b.Prompts.Dim, s.Features.Dim)
	}
	if err := s.Overall.CheckEach(b.Preferences, p.setup.Models); err != nil {
		return nil, err
	}
	x := s.Features.Inputs(b.Prompts)
	expect, err := s.priced(ctx, x)
	if err != nil {
		return nil, err
	}
	var near []float32
	if s.Memory != nil {
		if near, err = s.near(ctx, b.Prompts, nil); err != nil {
			return nil, err
		}
	}
	readings := make([]*reading, len(s.Gates))
	gateOf := make([]int, len(b.Preferences))
	for i, preference := range b.Preferences {
		gateOf[i] = s.serving(preference)
		if readings[gateOf[i]] == nil {
			if readings[gateOf[i]], err = s.Gates[gateOf[i]].Gate.read(ctx, x, near, s.ClassMeans); err != nil {
				return nil, err
			}
		}
	}
	type row struct {
		models  []int32
		weights []float32
	}
	rows := make([]row, b.Rows())
	may := s.may()
	err = compute.EachChunk(ctx, len(rows), func(lo, hi int) {
		models := len(p.setup.Models)
		free, logits, forecast, cost := make([]float64, models), make([]float64, models), make([]float64, models), make([]float64, models)
		for r := lo; r < hi; r++ {
			i, preference := int(b.Prompt[r]), b.Preferences[b.Preference[r]]
			h := &s.Gates[gateOf[b.Preference[r]]]
			room := h.Gate.scratch()
			price(expect, i, preference, cost)
			h.Gate.logits(readings[gateOf[b.Preference[r]]], i, 0, h.Gate.Members, h.Gate.layout(preference, s.MeanCost), cost, logits, room)
			drop(logits, may)
			chosen := order(logits, p.params.K)
			if len(chosen) > 1 {
				h.Gate.votes(readings[gateOf[b.Preference[r]]], i, 0, h.Gate.Members, free)
				h.Gate.forecasts(readings[gateOf[b.Preference[r]]], i, 0, h.Gate.Members, forecast)
				if p.params.Adaptive {
					chosen = h.choose(chosen, free, forecast, cost)
				}
			}
			rows[r].models = chosen
			for _, w := range voteWeights(chosen, free, nil) {
				rows[r].weights = append(rows[r].weights, float32(w))
			}
		}
	})
	if err != nil {
		return nil, err
	}
	d := policy.NewDecisions(b.Rows())
	for r := range rows {
		switch len(rows[r].models) {
		case 0:
			return nil, fmt.Errorf("prompt %q: no model has a known utility", b.Prompts.ID[b.Prompt[r]])
		case 1:
			d.AppendOne(policy.Select, int(rows[r].models[0]))
		default:
			d.Append(policy.Combine, rows[r].models, rows[r].weights)
		}
	}
	return d, ctx.Err()
}

// choose is how many of the candidates are asked: the first j of the greatest expected utility,
//
//	E[score of the vote of the first j] − Σ price,
//
// fewer where equal. It looks past an expert that is worth nothing without the next, as the second of two voters is.
func (h *head) choose(chosen []int32, free, forecast, price []float64) []int32 {
	var x [worthFeatures]float64
	best, take, paid := math.Inf(-1), 1, 0.0
	buffer := make([]float64, 0, len(chosen))
	for j := range min(len(chosen), len(h.Worth)) {
		part := chosen[:j+1]
		paid += price[chosen[j]]
		describeSet(part, voteWeights(part, free, buffer), forecast, &x)
		utility := -paid
		for a, v := range x {
			utility += float64(h.Worth[j][a]) * v
		}
		if utility > best {
			best, take = utility, j+1
		}
	}
	return chosen[:take]
}

// serving is the gate of a preference: the one trained for it, or for the nearest.
func (s *state) serving(preference policy.Preference) int {
	if len(s.Gates) == 1 {
		return 0
	}
	at, best, nearest := s.Gates[0].Gate.layout(preference, s.MeanCost), 0, math.Inf(1)
	for i := range s.Gates {
		other := s.Gates[0].Gate.layout(s.Gates[i].Preferences[0], s.MeanCost)
		d := 0.0
		for j := range at {
			d += float64(at[j]-other[j]) * float64(at[j]-other[j])
		}
		if d < nearest {
			best, nearest = i, d
		}
	}
	return best
}

// may tells which experts may be asked: those with a known mean score.
func (s *state) may() []bool {
	out := make([]bool, s.Overall.Models)
	for m, x := range s.Overall.Row(policy.Quality, 0) {
		out[m] = !math.IsNaN(float64(x))
	}
	return out
}

// describe is what is worth knowing of the gates after training.
func (s *state) describe() []policy.Metric {
	var tau, beta float64
	for i := range s.Gates {
		g := s.Gates[i].Gate
		for e := range g.Members {
			tau += math.Exp(float64(g.of("log_tau", e)[0])) / float64(g.Members*len(s.Gates))
			beta += math.Exp(float64(g.of("log_beta", e)[0])) / float64(g.Members*len(s.Gates))
		}
	}
	return append([]policy.Metric{{Name: "temperature", Value: tau}, {Name: "vote_sharpness", Value: beta}}, s.changes...)
}

// Save implements [policy.Saver].
func (p *router) Save() ([]byte, error) {
	if p.state == nil {
		return nil, errNotFitted
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
	s.recall()
	p.state = s
	return nil
}

// recall finds the models that a loaded gate was trained on.
func (s *state) recall() {
	s.seen = s.may()
	for _, m := range s.Joined {
		s.seen[m] = false
	}
}

// check tells whether a loaded state is whole.
func (s *state) check(models int) error {
	if err := s.Overall.CheckShape(1, models); err != nil {
		return err
	}
	if err := s.Features.Check(); err != nil {
		return err
	}
	if len(s.Gates) == 0 {
		return errors.New("the checkpoint has no gate; fit again")
	}
	for i := range s.Gates {
		h := &s.Gates[i]
		if err := h.Gate.check(); err != nil {
			return err
		}
		if h.Gate.Models != models || h.Gate.In != s.Features.Width() || h.Gate.Facts != 0 || len(s.ClassMeans) != h.Gate.Classes*models || len(h.Preferences) == 0 {
			return errors.New("the checkpoint's parts do not fit together; fit again")
		}
		for _, w := range h.Worth {
			if len(w) != worthFeatures {
				return errors.New("the checkpoint's values of combinations are not whole; fit again")
			}
		}
	}
	for _, m := range s.Joined {
		if m < 0 || m >= models {
			return errors.New("the checkpoint names a model that the pool has not; fit again")
		}
	}
	if s.Expense != nil {
		if err := s.Expense.Check(s.Features.Width(), models); err != nil {
			return err
		}
	}
	if s.Memory != nil {
		if s.Neighbours < 1 || s.Memory.Dim != s.Features.Dim {
			return errors.New("the checkpoint's memory does not fit its vectors; fit again")
		}
		return s.Memory.CheckShape(models)
	}
	return nil
}
