// Package worth says, before anybody trains a router, whether routing over a trace is worth it. The way of the data:
//
//  1. [Measure] keeps the models that answered most and the prompts that all of them answered, and deals the prompts into
//     folds, equal texts into the same one.
//  2. What is said of a fold is chosen without it (cross-fitting): the best single model, and a router by nearest neighbours
//     (knn.go) with its number of neighbours and its price of a dollar.
//  3. The router is held against the best single model, against a cheaper model that is as good, and against a shuffle of its
//     own decisions: the same shares of models, prompts dealt at random (paired.go). All are paired over prompts.
//  4. The oracle tells what could be had at most, and a permutation how much of that is luck (oracle.go).
//  5. A verdict is derived from the intervals (verdict.go), and the report is written as text, HTML or JSON (tell.go).
//
// Sources: cross-fitting, Chernozhukov et al., The Econometrics Journal 21 (2018); nearest neighbours as a router and the mix of
// models as its yardstick, Hu et al., RouterBench (arXiv 2403.12031).
package worth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/trilemma-bench/trilemma/harness/billing"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Data is what the question is asked of.
type Data struct {
	Table  *billing.Table
	Models []string // ids, those of the table's columns
	// Text [prompts] tells prompts that are the same; nil where there are no texts.
	Text []string
	// Vector [prompts × Dim] tells which prompts are near; nil where there are none, and no router can be tried.
	Vector  []float32
	Dim     int
	Encoder string // what the vectors are of
}

// Options of a measurement.
type Options struct {
	Folds  int     // at least 2
	Margin float64 // of score: a quality lower by less is as good
	Volume float64 // prompts a month that money, time and carbon are told for
	Seed   uint64
}

// Defaults are five folds, a margin of a point of score, and a million prompts a month.
var Defaults = Options{Folds: 5, Margin: 0.01, Volume: 1e6, Seed: 1}

// Interval is an estimate with its 95 % interval.
type Interval struct {
	Mean float64 `json:"mean"`
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// Model is a single model on the prompts that all answered.
type Model struct {
	ID      string   `json:"id"`
	Quality Interval `json:"quality"`
	CostUSD *float64 `json:"cost_usd"` // mean of a prompt; null where unknown
	CarbonG *float64 `json:"carbon_g"`
	Seconds *float64 `json:"latency_s"`
	OnFront bool     `json:"on_front"` // no other is as good and as cheap, and better in one
}

// Router is one way of routing beside the best single model.
type Router struct {
	Quality Interval `json:"quality"`
	// Gain is its quality less that of the best single model, GainOverShuffle less that of its own shares of models dealt at
	// random.
	Gain            Interval `json:"gain"`
	GainOverShuffle Interval `json:"gain_over_shuffle"`
	// Saved are what it saves of what the best single model takes, a prompt: USD, grams and seconds; absent where unknown.
	Saved map[string]Interval `json:"saved"`
	// SavedShare is the saving of each relative to what the best single model takes.
	SavedShare map[string]float64 `json:"saved_share"`
	Shares     []Share            `json:"shares"` // by falling share
	spread     float64            // of the gain between prompts
}

// Share is the part of the prompts that a model gets.
type Share struct {
	Model string  `json:"model"`
	Share float64 `json:"share"`
}

// Point is one setting of the router, means over all folds.
type Point struct {
	Lambda  float64 `json:"lambda_cost"` // score that a dollar is worth
	Quality float64 `json:"quality"`
	CostUSD float64 `json:"cost_usd"`
}

// Oracle is the bound, and what of its lead is luck.
type Oracle struct {
	Quality Interval `json:"quality"`
	Lead    Interval `json:"lead"` // over the best single model
	// LuckLead is the lead that remains where each model's scores are dealt anew among prompts of equal difficulty, so that
	// nothing but luck tells who is right: mean and 95 % range over the permutations.
	LuckLead     Interval `json:"luck_lead"`
	LuckShare    float64  `json:"luck_share"` // of the lead; what a router got of it is taken off
	PValue       float64  `json:"p_value"`    // that the scores differ from such a deal by chance
	Permutations int      `json:"permutations"`
}

// Report is the answer.
type Report struct {
	Trace   string   `json:"trace"`
	Prompts int      `json:"prompts"`     // that all models answered
	All     int      `json:"all_prompts"` // of the trace
	Left    []string `json:"left_out"`    // models that answered too few
	Encoder string   `json:"encoder"`     // "" where no router was tried
	Options Options  `json:"options"`
	Models  []Model  `json:"models"` // by cost, or quality where no cost is known
	Best    string   `json:"best_single"`
	// BestQuality is that of the best single model chosen without the prompts it is measured on.
	BestQuality Interval `json:"best_quality"`
	// AsGood is the cheapest other model that is no worse than the margin; nil where there is none.
	AsGood *Router `json:"as_good,omitempty"`
	Oracle Oracle  `json:"oracle"`
	// Keep is the router at the cheapest setting that keeps the best single model's quality, Peak where only quality counts;
	// both set without the prompts that they are measured on. nil where no router could be tried.
	Keep  *Router `json:"keep,omitempty"`
	Peak  *Router `json:"peak,omitempty"`
	Curve []Point `json:"curve,omitempty"`
	// OfLead is the share of the oracle's lead that the router gets where only quality counts.
	OfLead  float64  `json:"of_lead"`
	Verdict Verdict  `json:"verdict"`
	Notes   []string `json:"notes"`
}

// minPrompts is the fewest prompts that anything is said about.
const minPrompts = 20

// Measure answers. Its time goes into the distances between prompts: about n²·Dim multiplications a fold.
func Measure(ctx context.Context, d *Data, o Options) (*Report, error) {
	if o.Folds < 2 {
		return nil, fmt.Errorf("%d folds: at least 2 are needed, one to measure on and one to choose by", o.Folds)
	}
	s, err := newStudy(d, o)
	if err != nil {
		return nil, err
	}
	r := &Report{Prompts: len(s.rows), All: d.Table.Prompts, Options: o, Encoder: d.Encoder, Left: s.left}
	if s.vector == nil {
		r.Encoder = ""
		r.Notes = append(r.Notes, "the trace has neither texts nor vectors of its prompts, so no router was tried")
	}
	r.Models = s.models()
	if err := s.fit(ctx, r); err != nil {
		return nil, err
	}
	s.oracle(r)
	if lead := r.Oracle.Lead.Mean; r.Peak != nil && lead > 0 {
		r.OfLead = r.Peak.Gain.Mean / lead
	}
	if n := r.All - r.Prompts; n > 0 {
		r.Notes = append(r.Notes, fmt.Sprintf("%d of %d prompts were not answered by all of these models and are left out", n, r.All))
	}
	r.Verdict = decide(r)
	return r, ctx.Err()
}

// study is the data laid out: only models and prompts that are compared.
type study struct {
	Options
	ids    []string
	rows   []int // of the table
	left   []string
	figure [policy.NumQuantities][]float64 // [rows × models]; nil where a figure of some outcome is unknown
	vector []float32
	dim    int
	fold   []int // [rows]
	group  []int // [rows] equal prompts have equal numbers
}

// newStudy keeps models and prompts, deals folds.
func newStudy(d *Data, o Options) (*study, error) {
	s := &study{Options: o, dim: d.Dim}
	pool := s.choose(d)
	if len(pool) < 2 {
		return nil, errors.New("fewer than two models answered the same prompts: there is nothing to route between")
	}
	if len(s.rows) < minPrompts {
		return nil, fmt.Errorf("%d prompts were answered by all of %d models: nothing can be said about fewer than %d", len(s.rows), len(pool), minPrompts)
	}
	for _, m := range pool {
		s.ids = append(s.ids, d.Models[m])
	}
	for _, q := range []policy.Quantity{policy.Quality, policy.Cost, policy.Carbon, policy.Latency} {
		column := make([]float64, 0, len(s.rows)*len(pool))
		for _, row := range s.rows {
			for _, m := range pool {
				column = append(column, float64(d.Table.At(row, m).At(q)))
			}
		}
		if !slices.ContainsFunc(column, math.IsNaN) {
			s.figure[q] = column
		}
	}
	if d.Vector != nil {
		s.vector = make([]float32, 0, len(s.rows)*d.Dim)
		for _, row := range s.rows {
			s.vector = append(s.vector, d.Vector[row*d.Dim:(row+1)*d.Dim]...)
		}
	}
	s.deal(d)
	return s, nil
}

// choose keeps the models whose joint prompts, times their number less one, are most: a model that answered few prompts is left
// out before the prompts that it did not answer are.
func (s *study) choose(d *Data) []int {
	t := d.Table
	count := make([]int, t.Models)
	for i := range t.Prompts {
		for m := range count {
			if t.At(i, m).Present() {
				count[m]++
			}
		}
	}
	order := make([]int, t.Models)
	for m := range order {
		order[m] = m
	}
	slices.SortStableFunc(order, func(a, b int) int { return count[b] - count[a] })
	joint := make([]int, t.Prompts) // how many of the first models answered
	best, kept := 0, 0
	for k, m := range order {
		all := 0
		for i := range joint {
			if t.At(i, m).Present() && joint[i] == k {
				joint[i]++
				all++
			}
		}
		if worth := all * k; worth > best {
			best, kept = worth, k+1
		}
	}
	pool := slices.Sorted(slices.Values(order[:kept]))
	for i, n := range joint {
		if kept > 0 && n >= kept {
			s.rows = append(s.rows, i)
		}
	}
	for _, m := range order[kept:] {
		s.left = append(s.left, d.Models[m])
	}
	return pool
}

// deal draws folds of equal size, prompts of the same text into one.
func (s *study) deal(d *Data) {
	number := map[string]int{}
	s.group = make([]int, len(s.rows))
	for i, row := range s.rows {
		s.group[i] = i
		if d.Text == nil {
			continue
		}
		first, seen := number[d.Text[row]]
		if !seen {
			number[d.Text[row]], first = i, i
		}
		s.group[i] = first
	}
	s.Folds = min(s.Folds, len(s.rows)/4)
	fold, next := make([]int, len(s.rows)), 0
	for _, g := range policy.Stream(s.Seed, "worth", "folds").Perm(len(s.rows)) {
		if s.group[g] == g {
			fold[g] = next % s.Folds
			next++
		}
	}
	s.fold = make([]int, len(s.rows))
	for i, g := range s.group {
		s.fold[i] = fold[g]
	}
}

func (s *study) n() int { return len(s.rows) }

// at is a figure of a model's answer to a prompt; NaN where figures of that kind are unknown.
func (s *study) at(q policy.Quantity, row, model int) float64 {
	if s.figure[q] == nil {
		return math.NaN()
	}
	return s.figure[q][row*len(s.ids)+model]
}

// of is the figure that a choice of one model a prompt comes to.
func (s *study) of(q policy.Quantity, choice []int) []float64 {
	out := make([]float64, len(choice))
	for i, m := range choice {
		out[i] = s.at(q, i, m)
	}
	return out
}

// mean of a figure of a model over some prompts.
func (s *study) mean(q policy.Quantity, model int, rows []int) float64 {
	sum := 0.0
	for _, i := range rows {
		sum += s.at(q, i, model)
	}
	return sum / float64(len(rows))
}

// always is the choice of one model for every prompt.
func (s *study) always(model int) []int {
	out := make([]int, s.n())
	for i := range out {
		out[i] = model
	}
	return out
}

// models are the single models, cheap to dear.
func (s *study) models() []Model {
	all := make([]int, s.n())
	for i := range all {
		all[i] = i
	}
	out := make([]Model, len(s.ids))
	cost := make([]float64, len(s.ids))
	for m, id := range s.ids {
		choice := s.always(m)
		out[m] = Model{ID: id, Quality: s.interval(s.of(policy.Quality, choice))}
		cost[m] = s.mean(policy.Cost, m, all)
		for q, to := range map[policy.Quantity]**float64{policy.Cost: &out[m].CostUSD, policy.Carbon: &out[m].CarbonG, policy.Latency: &out[m].Seconds} {
			if x := s.mean(q, m, all); !math.IsNaN(x) {
				*to = &x
			}
		}
	}
	for m := range out {
		out[m].OnFront = true
		for k := range out {
			as := out[k].Quality.Mean >= out[m].Quality.Mean && !(cost[k] > cost[m])
			if as && (out[k].Quality.Mean > out[m].Quality.Mean || cost[k] < cost[m]) {
				out[m].OnFront = false
			}
		}
	}
	slices.SortStableFunc(out, func(a, b Model) int {
		if a.CostUSD != nil && b.CostUSD != nil && *a.CostUSD != *b.CostUSD {
			return cmp.Compare(*a.CostUSD, *b.CostUSD)
		}
		return cmp.Compare(a.Quality.Mean, b.Quality.Mean)
	})
	return out
}
