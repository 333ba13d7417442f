// Package carbon is the policy that weighs emissions where and when they are made. It predicts what each model would do
// with a prompt: the chance that it answers well, what that costs, how long it takes and how much energy it needs; and
// knows from the contract how dirty each model's grid is in the prompt's hour. The model of highest
//
//	score − λ_cost·cost − λ_latency·latency − λ_carbon · energy · (grid(model, hour) + embodied share)
//
// is asked. The way of a prompt through it:
//
//  1. Copies of one model in several regions ("llama@FRA", "llama@POL") answer alike: one predictor serves them all, so
//     that nothing but grid, price and distance tells them apart ([router.bases]).
//  2. An ensemble of networks predicts quality; its blend with the nearest training prompts is stacked on predictions
//     made without the prompt predicted (Breiman, Machine Learning 24, 1996). A second ensemble predicts cost, energy and
//     latency relative to each model's mean, under a Poisson quasi-likelihood.
//  3. Energy becomes carbon by the grid of the hour, and of the place of each copy. Without time_aware it is the mean grid of
//     the training prompts.
//  4. A budget of USD or grams adds its own price to λ. It is found on the training and validation prompts by bisection;
//     carbon-budget lets it follow what was spent ([Controller]).
package carbon

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"strings"

	"github.com/trilemma-bench/trilemma/policies/checkpoint"
	"github.com/trilemma-bench/trilemma/policies/forecast"
	"github.com/trilemma-bench/trilemma/policies/nn"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

type router struct {
	checkpoint.Learned[state]
	params Params
	setup  policy.Setup
}

// usages are the quantities of the second ensemble, in the order of its blocks.
const (
	useCost = iota
	useEnergy
	useLatency
	uses
)

// state is what was learned. Rows of means are over bases, see [router.bases].
type state struct {
	Dim     int                `json:"dim"`
	Mean    []float64          `json:"mean"`  // of the features of the text
	Scale   []float64          `json:"scale"` // multiplies what is left
	Overall *forecast.Expected `json:"overall"`
	Quality *nn.Net            `json:"quality"`
	Usage   *nn.Net            `json:"usage,omitempty"` // nil where neither cost, energy nor latency is known
	Memory  *forecast.Memory   `json:"memory,omitempty"`
	Near    int                `json:"near"`
	// Known [n] are the prompts that were learned from, and Held the member of the ensembles that did not train on each: one
	// that is routed again, to choose a setting by it, is predicted without itself.
	Known   []uint64  `json:"known"`
	Held    []int32   `json:"held"`
	Weights []float64 `json:"weights"` // network, neighbours, overall
	// UsageMean [uses][bases] are the means that the second ensemble's ratios multiply; NaN where unknown.
	UsageMean [uses]checkpoint.F32s `json:"usage_mean"`
	// EmbodiedG [bases] is what a Wh causes beside its grid, in gCO2e.
	EmbodiedG checkpoint.F32s `json:"embodied_g"`
	// Grid [models] is the mean intensity over the training prompts, in gCO2e/kWh.
	Grid checkpoint.F32s `json:"grid"`
	// Direct [models] is mean carbon where energy is not known; NaN elsewhere.
	Direct checkpoint.F32s `json:"direct"`
	// Price is what the budgets add to every preference.
	Price policy.Preference `json:"price"`
}

// bases numbers the models that answer alike: what comes before the last @ of their ids, where that stands for a region
// of the model. base[m] is the number of model m, first[b] the first model of base b.
func (p *router) bases() (base, first []int) {
	seen := map[string]int{}
	base = make([]int, len(p.setup.Models))
	for m, facts := range p.setup.Models {
		name := facts.ID
		if cut, region, ok := cutLast(name); ok && region == facts.Region {
			name = cut
		}
		b, ok := seen[name]
		if !ok {
			b = len(first)
			seen[name] = b
			first = append(first, m)
		}
		base[m] = b
	}
	return base, first
}

func cutLast(s string) (before, after string, ok bool) {
	i := strings.LastIndexByte(s, '@')
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}

// Route implements [policy.Policy].
func (p *router) Route(ctx context.Context, b *policy.Batch) (*policy.Decisions, error) {
	if err := p.Fitted(); err != nil {
		return nil, err
	}
	if err := forecast.CheckPrompts(b.Prompts, policy.NeedVector, policy.NeedText); err != nil {
		return nil, err
	}
	if b.Prompts.Len() == 0 {
		return policy.NewDecisions(0), ctx.Err()
	}
	e, err := p.expect(ctx, b.Prompts)
	if err != nil {
		return nil, err
	}
	priced := *b
	priced.Preferences = make([]policy.Preference, len(b.Preferences))
	for i, pref := range b.Preferences {
		pref[policy.Cost] += p.State.Price[policy.Cost]
		pref[policy.Carbon] += p.State.Price[policy.Carbon]
		priced.Preferences[i] = pref
	}
	return e.Route(&priced, p.setup.Models, func(i int) int { return i })
}

// expect predicts every prompt once, whatever the number of preferences.
func (p *router) expect(ctx context.Context, prompts *policy.Prompts) (*forecast.Expected, error) {
	s := p.State
	if prompts.Dim != s.Dim {
		return nil, fmt.Errorf("prompt vectors have %d numbers, those fitted on had %d: use the same encoder", prompts.Dim, s.Dim)
	}
	x := s.inputs(prompts)
	itself, held := s.seen(prompts)
	ex := &nn.Examples{N: prompts.Len(), X: x, HeldOut: held}
	quality, err := s.Quality.Predict(ctx, ex.X, ex.HeldOut)
	if err != nil {
		return nil, err
	}
	var near *forecast.Expected
	if s.Memory != nil {
		found, err := s.Memory.Expect(ctx, prompts.Vector, prompts.Dim, []int{s.Near}, itself)
		if err != nil {
			return nil, err
		}
		near = found[0]
	}
	var usage []float32
	if s.Usage != nil {
		if usage, err = s.Usage.Predict(ctx, ex.X, ex.HeldOut); err != nil {
			return nil, err
		}
	}
	mixed := forecast.Mix(s.parts(prompts.Len(), quality, near), s.Weights)
	grid, err := grids(prompts, len(p.setup.Models))
	if err != nil {
		return nil, err
	}
	return p.place(mixed, usage, grid), nil
}

// grids is the column of grids, unknown throughout where there is none.
func grids(p *policy.Prompts, models int) ([]float32, error) {
	if p.GridGPerKWh != nil && len(p.GridGPerKWh) != p.Len()*models {
		return nil, fmt.Errorf("%d grid intensities for %d prompts of %d models", len(p.GridGPerKWh), p.Len(), models)
	}
	if p.GridGPerKWh != nil {
		return p.GridGPerKWh, nil
	}
	out := make([]float32, p.Len()*models)
	for i := range out {
		out[i] = float32(math.NaN())
	}
	return out, nil
}

// seen tells for each prompt which of those learned from it is (−1: none), and which member must predict it (all, where it
// is new).
func (s *state) seen(p *policy.Prompts) (itself, held []int32) {
	row := make(map[uint64]int32, len(s.Known))
	for i, k := range s.Known {
		row[k] = int32(i)
	}
	for i := range p.Len() {
		at, ok := row[fingerprint(p, i)]
		if !ok {
			itself, held = append(itself, -1), append(held, nn.FromNobody)
			continue
		}
		itself, held = append(itself, at), append(held, s.Held[at])
	}
	return itself, held
}

func fingerprint(p *policy.Prompts, i int) uint64 {
	h := fnv.New64a()
	h.Write([]byte(p.ID[i]))
	h.Write([]byte{0})
	h.Write([]byte(p.Text[i]))
	return h.Sum64()
}

// parts are what the predicted quality is blended from, over bases.
func (s *state) parts(n int, quality []float32, near *forecast.Expected) []*forecast.Expected {
	bases := s.Overall.Models
	network, overall := forecast.NewExpected(n, bases), forecast.NewExpected(n, bases)
	for i := range n {
		overall.CopyRow(i, s.Overall, 0)
		row := network.Row(policy.Quality, i)
		for b, mean := range s.Overall.Row(policy.Quality, 0) {
			row[b] = quality[i*bases+b]
			if mean != mean {
				row[b] = mean // without a single training outcome nothing is known
			}
		}
	}
	if near == nil {
		near = overall
	}
	return []*forecast.Expected{network, near, overall}
}

// place turns what is expected of bases into what is expected of each model where it runs. usage is [n × uses × bases]
// ratios, grid [n × models] gCO2e/kWh.
func (p *router) place(of *forecast.Expected, usage, grid []float32) *forecast.Expected {
	s := p.State
	n, bases, models := of.Rows(), of.Models, len(p.setup.Models)
	base, _ := p.bases()
	out := forecast.NewExpected(n, models)
	for i := range n {
		used := func(u, b int) float32 {
			mean := s.UsageMean[u][b]
			if usage == nil || !(mean > 0) {
				return mean
			}
			return mean * usage[(i*uses+u)*bases+b]
		}
		for m, b := range base {
			for _, q := range policy.Weighed {
				out.Row(q, i)[m] = s.Overall.Row(q, 0)[b] // of what is not predicted below, the mean
			}
			out.Row(policy.Quality, i)[m] = of.Row(policy.Quality, i)[b]
			out.Row(policy.Cost, i)[m] = used(useCost, b)
			out.Row(policy.Latency, i)[m] = used(useLatency, b)
			g := s.Grid[m]
			if p.params.TimeAware && grid != nil && grid[i*models+m] == grid[i*models+m] {
				g = grid[i*models+m]
			}
			carbon := used(useEnergy, b) * (g/1000 + s.EmbodiedG[b])
			if carbon != carbon && s.Direct[m] == s.Direct[m] {
				// Energy or grid are not known: the mean carbon follows what is known of them.
				carbon = s.Direct[m]
				if mean := s.UsageMean[useEnergy][b]; mean > 0 {
					carbon *= used(useEnergy, b) / mean
				}
				if s.Grid[m] > 0 && g == g {
					carbon *= g / s.Grid[m]
				}
			}
			out.Row(policy.Carbon, i)[m] = carbon
		}
	}
	return out
}

// check tells whether a loaded state is whole.
func (s *state) check(bases, models int) error {
	misfit := errors.New("the checkpoint's parts do not fit together or the pool; fit again")
	if s.Overall == nil || s.Quality == nil || s.Dim < 1 || len(s.Mean) != textFeatures || len(s.Scale) != textFeatures || len(s.Weights) != 3 ||
		len(s.Known) != len(s.Held) || len(s.EmbodiedG) != bases || len(s.Grid) != models || len(s.Direct) != models {
		return misfit
	}
	for _, h := range s.Held {
		if h < nn.FromEverybody || int(h) >= s.Quality.Members {
			return misfit
		}
	}
	for _, m := range s.UsageMean {
		if len(m) != bases {
			return misfit
		}
	}
	if math.IsNaN(s.Price[policy.Cost]+s.Price[policy.Carbon]) || s.Price[policy.Cost] < 0 || s.Price[policy.Carbon] < 0 {
		return misfit
	}
	if err := errors.Join(s.Overall.CheckShape(1, bases), s.Quality.Check()); err != nil {
		return err
	}
	if s.Quality.Out() != bases || s.Quality.In != s.Dim+textFeatures {
		return misfit
	}
	if s.Usage != nil {
		if err := s.Usage.Check(); err != nil {
			return err
		}
		if s.Usage.Out() != uses*bases || s.Usage.In != s.Quality.In {
			return misfit
		}
	}
	if s.Memory != nil {
		if s.Near < 1 || s.Memory.Dim != s.Dim || s.Memory.Len() != len(s.Known) {
			return misfit
		}
		return s.Memory.CheckShape(bases)
	}
	return nil
}

// online1 is the router that is shown what it spent.
type online1 struct{ *router }

// Observe implements [policy.Observer]: the prices of the budgets follow the spend.
func (o *online1) Observe(ctx context.Context, f *policy.Feedback) error {
	p := o.router
	if err := p.Fitted(); err != nil {
		return err
	}
	if p.params.BudgetUSD == 0 && p.params.BudgetCarbonG == 0 {
		return ctx.Err()
	}
	price := &p.State.Price
	for i := range f.Model {
		for _, b := range []struct {
			budget float64
			spend  float32
			lambda *float64
		}{{p.params.BudgetUSD, f.Figures[policy.Cost][i], &price[policy.Cost]}, {p.params.BudgetCarbonG, f.Figures[policy.Carbon][i], &price[policy.Carbon]}} {
			if b.budget == 0 {
				continue
			}
			// A price that bisection left at nothing begins where a prompt's whole budget is worth a thousandth of its score.
			c, err := NewController(p.params.Step, Budget{PerPrompt: b.budget, Lambda: max(*b.lambda, 1e-3/b.budget)})
			if err != nil {
				return err
			}
			c.Spend(float64(b.spend))
			*b.lambda = c.Budgets[0].Lambda
		}
	}
	return ctx.Err()
}
