// Package savings tells what the policies of a run save against baselines, and how sure that is. The way of the data:
//
//  1. [NewFinder] takes a run's data and draws how wrong the estimate of energy may be, model by model ([Factors]).
//  2. [Finder.Usage] adds up, cell by cell, by which models, categories, hours and regions its answers emitted.
//  3. [Finder.Find] chooses the baselines of each [Pool] and each policy's setting against them, and reads from the stored
//     decisions what both led to on the test prompts: their [Spent], score, USD, seconds, and gCO2e by the model that emitted it.
//  4. [Front] finds which single models a blind mix is made of, on prompts that are not the ones compared on.
//  5. [Compare] resamples prompts, seeds and the factors, and gives every saving with its intervals.
//  6. The saving that is largest on the selection prompts is billed again under other assumptions: the sensitivity.
//
// A saving is 1 − policy ÷ baseline of the means over the same prompts. Intervals are 95 % percentile intervals of a paired
// bootstrap (Efron and Tibshirani, 1993) over prompts, and over seeds where there are several.
package savings

import (
	"errors"
	"fmt"
	"math"

	"github.com/trilemma-bench/trilemma/harness/stats"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Level of all intervals.
const Level = 0.95

// Spent is what answering n prompts took.
type Spent struct {
	Score, CostUSD, LatencySec []float32 // [prompts]
	Carbon                     []Emitted
}

// Emitted is what one model emitted: G[i] grams for prompt Prompt[i], which ascend. Several entries may be of one model.
type Emitted struct {
	Factor int // row of Input.Factors by which the estimate may be wrong; Exact where it was measured
	Prompt []int32
	G      []float32
}

// Exact is the factor of emissions that were measured.
const Exact = -1

// Input is one comparison.
type Input struct {
	Policy []Spent // one a seed
	Base   Spent
	// Front are the models that a blind mix is made of, cleanest first, as [Front] finds them; none: no mix to hold against.
	Front []Spent
	// Factors are by model, then by resample, as [Factors] draws them.
	Factors   [][]float64
	Stratum   []int32 // of the prompts; nil: all are one
	Resamples int
	Seed      uint64
}

// Interval is a lower and an upper bound; NaN where it is not known.
type Interval struct{ Low, High float64 }

var unknown = Interval{math.NaN(), math.NaN()}

// Share is a share that is saved, with its interval over prompts (and seeds).
type Share struct {
	Value float64
	Interval
}

// CarbonShare is a share of emissions that is saved.
type CarbonShare struct {
	Share          // Interval: prompts (and seeds) alone, as if the estimate of energy were right
	Model Interval // the estimate of energy alone: a factor of its own for every model
	Both  Interval
}

// Result is what a comparison found. Figures are means per prompt.
type Result struct {
	N                            int
	Quality, CostUSD, LatencySec float64 // the policy's
	CarbonG                      float64
	CarbonModel                  Interval // of CarbonG, by the estimate of energy
	QualityDiff                  Share    // policy − baseline
	Cost, Latency                Share
	Carbon                       CarbonShare
	// Blind is what a blind mix of the policy's quality saves against the baseline, and OverBlind what the policy saves
	// against that mix; NaN without a mix.
	Blind     float64
	OverBlind CarbonShare
}

// Factors draws the factor by which each model's estimate is wrong: lognormal of median 1, exp(sd·z), independent between
// models, the same for all answers of one. Each model has a stream of its own by its name, so that another pool or order
// draws the same.
func Factors(seed uint64, models []string, sd float64, resamples int) [][]float64 {
	out := make([][]float64, len(models))
	for m, name := range models {
		rng := policy.Stream(seed, "savings", "energy-error", name)
		out[m] = make([]float64, resamples)
		for r := range out[m] {
			out[m][r] = math.Exp(sd * rng.NormFloat64())
		}
	}
	return out
}

// column is a way of answering as columns of the bootstrap.
type spentColumns struct {
	score, cost, latency int
	carbon               []carbonColumn
	means                means // over the whole sample
}

type carbonColumn struct {
	column, factor int
	mean           float64
}

type means struct{ score, cost, latency float64 }

func addSpent(c *stats.Columns, s *Spent) (spentColumns, error) {
	var out spentColumns
	var errs [3]error
	out.score, errs[0] = c.Add(s.Score, stats.None)
	out.cost, errs[1] = c.Add(s.CostUSD, stats.None)
	out.latency, errs[2] = c.Add(s.LatencySec, stats.None)
	if err := errors.Join(errs[:]...); err != nil {
		return out, err
	}
	out.means = means{mean(s.Score, c.Prompts()), mean(s.CostUSD, c.Prompts()), mean(s.LatencySec, c.Prompts())}
	for _, e := range s.Carbon {
		id, err := c.AddSparse(e.Prompt, e.G)
		if err != nil {
			return out, err
		}
		out.carbon = append(out.carbon, carbonColumn{id, e.Factor, mean(e.G, c.Prompts())})
	}
	return out, nil
}

func mean(x []float32, n int) float64 {
	var sum float64
	for _, v := range x {
		sum += float64(v)
	}
	return sum / float64(n)
}

// carbon is the mean emission where model m's is off by factor(m).
func (s *spentColumns) grams(at func(column int) float64, factor func(model int) float64) float64 {
	var sum float64
	for _, c := range s.carbon {
		g := c.mean
		if at != nil {
			g = at(c.column)
		}
		if c.factor != Exact {
			g *= factor(c.factor)
		}
		sum += g
	}
	return sum
}

func right(int) float64 { return 1 }

// Compare tells what the policy saves against the baseline. Below stats.MinPrompts the values stand without intervals.
func Compare(in Input) (Result, error) {
	n := len(in.Base.Score)
	if n == 0 || len(in.Policy) == 0 {
		return Result{}, errors.New("savings: nothing to compare: no prompt, or no policy")
	}
	columns := stats.NewColumns(n)
	c := &comparison{in: &in}
	var err error
	if c.base, err = addSpent(columns, &in.Base); err != nil {
		return Result{}, fmt.Errorf("savings: baseline: %w", err)
	}
	for i := range in.Policy {
		s, err := addSpent(columns, &in.Policy[i])
		if err != nil {
			return Result{}, fmt.Errorf("savings: policy: %w", err)
		}
		c.policy = append(c.policy, s)
	}
	for i := range in.Front {
		s, err := addSpent(columns, &in.Front[i])
		if err != nil {
			return Result{}, fmt.Errorf("savings: blind mix: %w", err)
		}
		c.front = append(c.front, s)
	}
	out := c.whole(n)
	err = c.intervals(columns, &out)
	if errors.Is(err, stats.ErrTooFewPrompts) {
		return out, nil // the values stand alone
	}
	return out, err
}

// comparison is an Input as columns.
type comparison struct {
	in     *Input
	base   spentColumns
	policy []spentColumns
	front  []spentColumns
}

// drawn are the shares of one resample.
type drawn struct{ quality, qualityDiff, cost, latency, policyG, carbon, blind, over float64 }

// at works the shares out: means by at (nil: of the whole sample), of the seeds picked, where models are off by factor.
func (c *comparison) at(at func(column int) float64, picked []int, factor func(model int) float64) drawn {
	pick := func(column int, whole float64) float64 {
		if at == nil {
			return whole
		}
		return at(column)
	}
	var own means
	var grams float64
	k := float64(len(picked))
	for _, i := range picked {
		s := &c.policy[i]
		own.score += pick(s.score, s.means.score) / k
		own.cost += pick(s.cost, s.means.cost) / k
		own.latency += pick(s.latency, s.means.latency) / k
		grams += s.grams(at, factor) / k
	}
	b := &c.base
	baseG := b.grams(at, factor)
	d := drawn{
		quality: own.score, qualityDiff: own.score - pick(b.score, b.means.score),
		cost: 1 - own.cost/pick(b.cost, b.means.cost), latency: 1 - own.latency/pick(b.latency, b.means.latency),
		policyG: grams, carbon: 1 - grams/baseG, blind: math.NaN(), over: math.NaN(),
	}
	if len(c.front) > 0 {
		quality, g := make([]float64, len(c.front)), make([]float64, len(c.front))
		for i := range c.front {
			f := &c.front[i]
			quality[i], g[i] = pick(f.score, f.means.score), f.grams(at, factor)
		}
		mixed := MixCarbon(quality, g, own.score)
		d.blind, d.over = 1-mixed/baseG, 1-grams/mixed
	}
	return d
}

func (c *comparison) whole(n int) Result {
	all := make([]int, len(c.policy))
	for i := range all {
		all[i] = i
	}
	d := c.at(nil, all, right)
	out := Result{
		N: n, Quality: d.quality, CarbonG: d.policyG, CarbonModel: unknown, QualityDiff: Share{d.qualityDiff, unknown},
		Cost: Share{d.cost, unknown}, Latency: Share{d.latency, unknown}, Blind: d.blind,
		Carbon: CarbonShare{Share{d.carbon, unknown}, unknown, unknown}, OverBlind: CarbonShare{Share{d.over, unknown}, unknown, unknown},
	}
	for i := range c.policy {
		out.CostUSD += c.policy[i].means.cost / float64(len(c.policy))
		out.LatencySec += c.policy[i].means.latency / float64(len(c.policy))
	}
	return out
}

// figures of which resamples are kept.
const (
	qualityDiff = iota
	cost
	latency
	carbon
	carbonModel
	carbonBoth
	over
	overModel
	overBoth
	grams
	figures
)

func (c *comparison) intervals(columns *stats.Columns, out *Result) error {
	in := c.in
	var kept [figures][]float64
	for f := range kept {
		kept[f] = make([]float64, in.Resamples)
	}
	seeds := c.seeds()
	all := make([]int, len(c.policy))
	for i := range all {
		all[i] = i
	}
	boot := stats.Bootstrap{Resamples: in.Resamples, Seed: in.Seed, Stratum: in.Stratum}
	err := boot.Run(columns, func(b *stats.Block) {
		for i := range b.N {
			r := b.First + i
			at := func(column int) float64 { return b.Means(column)[i] }
			factor := func(model int) float64 { return in.Factors[model][r] }
			sampled, modelled, both := c.at(at, seeds[r], right), c.at(nil, all, factor), c.at(at, seeds[r], factor)
			for f, x := range [figures]float64{
				sampled.qualityDiff, sampled.cost, sampled.latency, sampled.carbon, modelled.carbon, both.carbon,
				sampled.over, modelled.over, both.over, modelled.policyG,
			} {
				kept[f][r] = x
			}
		}
	})
	if err != nil {
		return err
	}
	interval := func(figure int) Interval {
		low, high := stats.Percentile(kept[figure], Level)
		return Interval{low, high}
	}
	out.QualityDiff.Interval, out.Cost.Interval, out.Latency.Interval = interval(qualityDiff), interval(cost), interval(latency)
	out.Carbon.Interval, out.Carbon.Model, out.Carbon.Both = interval(carbon), interval(carbonModel), interval(carbonBoth)
	out.OverBlind.Interval, out.OverBlind.Model, out.OverBlind.Both = interval(over), interval(overModel), interval(overBoth)
	out.CarbonModel = interval(grams)
	return nil
}

// seeds are those of each resample, drawn with replacement; one seed is always itself.
func (c *comparison) seeds() [][]int {
	out := make([][]int, c.in.Resamples)
	rng := policy.Stream(c.in.Seed, "savings", "seeds")
	k := len(c.policy)
	for r := range out {
		out[r] = make([]int, k)
		for i := range out[r] {
			out[r][i] = rng.IntN(k)
		}
	}
	return out
}

// Verdict on a quality difference, in the sense of a non-inferiority trial (Piaggio et al., CONSORT extension, JAMA
// 308(24), 2012): the margin is the largest loss that still counts as none.
type Verdict string

// The verdicts.
const (
	NonInferior Verdict = "non-inferior" // the whole interval lies above −margin
	Worse       Verdict = "worse"        // the whole interval lies below −margin
	NotShown    Verdict = "not shown"
)

// Judge holds a difference's interval against a margin.
func Judge(diff Interval, margin float64) Verdict {
	switch {
	case diff.Low > -margin:
		return NonInferior
	case diff.High < -margin:
		return Worse
	}
	return NotShown
}

// What an interval of a saving says.
const (
	Saves     Verdict = "saves"      // it lies above zero
	EmitsMore Verdict = "emits more" // it lies below
)

// Verdict tells whether an interval of a saving is clear of zero.
func (i Interval) Verdict() Verdict {
	switch {
	case i.Low > 0:
		return Saves
	case i.High < 0:
		return EmitsMore
	}
	return NotShown
}
