package metrics

import (
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/trilemma-bench/trilemma/harness/pareto"
	"github.com/trilemma-bench/trilemma/harness/stats"
)

// Row is one metric of one policy. What has no value is NaN; then Reason says why.
type Row struct {
	Pool, Policy, Metric string
	Role                 Role
	Value, Low, High     float64
	Prompts              int // that it is measured on
	Seeds                int
	PerSeed              []float64 // NaN where a seed has no value
	IQM                  float64   // interquartile mean over seeds
	// IQMLow and IQMHigh are its interval over prompts and seeds: every resample draws seeds too (stratified bootstrap of
	// Agarwal et al., NeurIPS 2021). NaN for one seed.
	IQMLow, IQMHigh         float64
	Baseline                string
	Diff, DiffLow, DiffHigh float64
	DiffSE                  float64 // standard error of the difference
	PromptsFor005           float64 // prompts that a difference of 0.005 would need, see [PromptsFor]
	P, HolmP                float64 // of the difference being zero; Holm over the policies of the table
	Reason                  string
	Warnings                []string
	MaxCostUSD              float64 // the cost that the areas aiq, aiq_pool and aiq_hindsight are divided by
}

// Table is what Evaluate found.
type Table struct {
	Rows  []Row
	Pairs []Pair
	// Mixing are the differences of each policy to the Zero router by the headline metric.
	Mixing    []Pair
	Headlines []Headline
	Warnings  []string
}

// level of all intervals.
const level = 0.95

// Evaluate computes every metric of every subject and of the references, with percentile intervals from a bootstrap over
// prompts: stratified, the same resamples for all, every metric computed anew on the points of each resample. Where a
// subject has several seeds, each resample draws among them too and averages what it drew: a difference between policies
// that were trained anew would hold over other seeds as well as over other prompts.
//
// Settings, and the models that others are measured against, are chosen once, on other prompts than these ([pareto.Vertices]):
// what is left is a smooth function of means, which such an interval covers. Of the metrics in hindsight, whose settings
// are the best on these prompts, the interval is the basic one, 2·value − the resamples' quantiles, since every resample
// flatters them once more. The table of docs/intervals.md says how often each covers.
//
// The compared policies are the subjects, the single models and the Zero router; the oracle is only measured against
// them. RCI, Gain@R, Gain@B and Gap@O are of the point at the largest budget.
//
// Where the best single model's quality is not reached, QNC counts as infinite and CostSave as minus infinity in that
// resample: if it happens in enough of them, that end of the interval is empty and the row warns.
//
// With too few prompts for an interval the table has values and a warning.
func Evaluate(in Input) (*Table, error) {
	e, err := newEvaluation(in)
	if err != nil {
		return nil, err
	}
	observed := e.newSample()
	observed.compute(1, func(column int) []float64 { return e.plain[column : column+1] })
	resampled, err := e.resample(observed)
	if errors.Is(err, stats.ErrTooFewPrompts) {
		e.warnings = append(e.warnings, fmt.Sprintf("pool %s: no intervals: %v", in.Pool, err))
	} else if err != nil {
		return nil, fmt.Errorf("pool %s: %w", in.Pool, err)
	} else if w := stats.SmallSample(in.Stratum, e.Outcomes.Len()); w != "" {
		e.warnings = append(e.warnings, fmt.Sprintf("pool %s: %s", in.Pool, w))
	}
	t := e.table(observed, resampled)
	t.Pairs, t.Mixing = e.pairs(observed, resampled), e.mixing(observed, resampled)
	t.Headlines = e.headlines(t.Pairs, t.Rows)
	return t, nil
}

// resampled are metrics in every resample, [subject][metric][resample].
type resampled struct {
	mean [][][]float64 // over as many seeds drawn with replacement
	iqm  [][][]float64 // their interquartile mean; nil for a subject with one
}

func (e *evaluation) resample(observed *sample) (*resampled, error) {
	room := func() [][]float64 {
		out := make([][]float64, len(Metrics))
		for m := range out {
			out[m] = make([]float64, e.Resamples)
		}
		return out
	}
	out := &resampled{make([][][]float64, len(e.subjects)), make([][][]float64, len(e.subjects))}
	for i := range e.subjects {
		out.mean[i] = room()
		if len(e.subjects[i].curves) > 1 {
			out.iqm[i] = room()
		}
	}
	samples := make([]*sample, stats.Workers())
	boot := stats.Bootstrap{Stratum: e.Stratum, Resamples: e.Resamples, Seed: e.Seed}
	err := boot.Run(e.columns, func(b *stats.Block) {
		s := samples[b.Worker]
		if s == nil {
			s = e.newSample()
			samples[b.Worker] = s
		}
		s.compute(b.N, b.Means)
		for i := range e.subjects {
			for r := range b.N {
				// The same seeds for every metric, whichever worker gets the block.
				seeds := e.drawSeeds(i, b.First+r)
				for m := range Metrics {
					// One fewer are averaged than there are, so that their variance is that of the mean over seeds.
					out.mean[i][m][b.First+r] = overSeeds(s.value[i], seeds[min(1, len(seeds)/2):], m, r)
					if out.iqm[i] != nil {
						out.iqm[i][m][b.First+r] = iqmOf(s.value[i], seeds, m, r)
					}
				}
			}
		}
	})
	if err != nil {
		return nil, err
	}
	for i := range e.subjects {
		for m := range Metrics {
			boot.Correct(out.mean[i][m], overSeeds(observed.value[i], e.everySeed(i), m, 0), e.Outcomes.Len())
		}
	}
	return out, nil
}

// drawSeeds draws as many seeds of a subject as it has, with replacement. Subjects draw apart: their trainings are.
func (e *evaluation) drawSeeds(subject, resample int) []int {
	chosen := make([]int, len(e.subjects[subject].curves))
	if len(chosen) < 2 {
		return chosen
	}
	name := fnv.New64a()
	name.Write([]byte(e.subjects[subject].name))
	draw := rand.New(rand.NewPCG(e.Seed^name.Sum64(), uint64(resample)))
	for k := range chosen {
		chosen[k] = draw.IntN(len(chosen))
	}
	return chosen
}

// everySeed are all seeds of a subject, once each.
func (e *evaluation) everySeed(subject int) []int {
	all := make([]int, len(e.subjects[subject].curves))
	for k := range all {
		all[k] = k
	}
	return all
}

// iqmOf is the interquartile mean of a metric over chosen seeds, without those that have no value.
func iqmOf(values [][][]float64, chosen []int, m, r int) float64 {
	with := make([]float64, 0, len(chosen))
	for _, c := range chosen {
		if x := none(values[c][m][r]); !math.IsNaN(x) {
			with = append(with, x)
		}
	}
	return stats.IQM(with)
}

// table turns the values and their resamples, nil where there are none, into rows: by subject, then by metric.
func (e *evaluation) table(observed *sample, resampled *resampled) *Table {
	baseline := -1
	for i, s := range e.subjects {
		if s.name == e.Baseline {
			baseline = i
		}
	}
	if baseline < 0 && e.Baseline != "" {
		e.warnings = append(e.warnings, fmt.Sprintf("pool %s: no differences: the baseline %s is not among the policies", e.Pool, e.Baseline))
	}
	rows := make([]Row, len(e.subjects)*len(Metrics))
	for m := range Metrics {
		p := make([]float64, len(e.subjects))
		for i := range e.subjects {
			row := &rows[i*len(Metrics)+m]
			*row = e.row(i, m, observed)
			if resampled != nil {
				row.interval(resampled.mean[i][m], Metrics[m], Metrics[m].Hindsight && e.subjects[i].flattered())
				if of := resampled.iqm[i]; of != nil && !math.IsNaN(row.IQM) {
					low, high := stats.Percentile(of[m], level)
					row.IQMLow, row.IQMHigh = none(low), none(high)
				}
			}
			if baseline >= 0 && i != baseline {
				row.Baseline = e.Baseline
				row.Diff = row.Value - none(overSeeds(observed.value[baseline], e.everySeed(baseline), m, 0))
				if resampled != nil {
					row.difference(resampled.mean[i][m], resampled.mean[baseline][m], e.Outcomes.Len())
				}
			}
			p[i] = row.P
		}
		for i, h := range stats.Holm(p) {
			rows[i*len(Metrics)+m].HolmP = h
		}
	}
	return &Table{Rows: rows, Warnings: e.warnings}
}

// row is the value of a metric, without its interval.
func (e *evaluation) row(i, m int, observed *sample) Row {
	nan := math.NaN()
	sub := &e.subjects[i]
	row := Row{
		Pool: e.Pool, Policy: sub.name, Metric: Metrics[m].Name, Role: sub.role, Prompts: e.Outcomes.Len(), Seeds: len(sub.curves),
		Value: none(overSeeds(observed.value[i], e.everySeed(i), m, 0)),
		Low:   nan, High: nan, Diff: nan, DiffLow: nan, DiffHigh: nan, DiffSE: nan, PromptsFor005: nan, P: nan, HolmP: nan,
		MaxCostUSD: nan, IQMLow: nan, IQMHigh: nan,
	}
	if e.Costless && onCosts[m] {
		row.Value, row.Reason = nan, string(pareto.UnknownCost)
		for range sub.curves {
			row.PerSeed = append(row.PerSeed, nan)
		}
		row.IQM = nan
		return row
	}
	var with []float64
	for c := range sub.curves {
		x := none(observed.value[i][c][m][0])
		row.PerSeed = append(row.PerSeed, x)
		if !math.IsNaN(x) {
			with = append(with, x)
		}
	}
	row.IQM = stats.IQM(with)
	switch m {
	case mAIQ:
		row.MaxCostUSD = observed.maxCost[0]
	case mAIQHindsight:
		row.MaxCostUSD = observed.maxCostHindsight[0]
	case mAIQPool:
		row.MaxCostUSD = observed.refs[0].pool
	}
	if math.IsNaN(row.Value) {
		row.Reason = string(e.reason(i, m, observed))
	} else if k := len(with); k < row.Seeds {
		row.Warnings = append(row.Warnings, fmt.Sprintf("%d of %d seeds have no value: %s", row.Seeds-k, row.Seeds, e.reason(i, m, observed)))
	}
	return row
}

// flattered tells whether hindsight has anything to choose from: the oracle is a bound, and one point is no choice.
func (s *subjectColumns) flattered() bool {
	return !s.apart && slices.ContainsFunc(s.curves, func(c curveColumns) bool { return len(c.points) > 1 })
}

// none is NaN for what is not reached.
func none(x float64) float64 {
	if math.IsInf(x, 0) {
		return math.NaN()
	}
	return x
}

// interval sets Low and High from the metric's resamples: the percentile interval, or the basic one.
func (row *Row) interval(resamples []float64, of Metric, basic bool) {
	if math.IsNaN(row.Value) {
		return
	}
	low, high := stats.Percentile(resamples, level)
	if basic {
		low, high = 2*row.Value-high, 2*row.Value-low
	}
	row.Low, row.High = none(low), none(high)
	if of.Share {
		row.Low, row.High = max(row.Low, min(row.Value, 0)), min(row.High, max(row.Value, 1))
	}
	if without := count(resamples); without > 0 {
		row.Warnings = append(row.Warnings, fmt.Sprintf("no value in %.3g %% of the resamples", 100*float64(without)/float64(len(resamples))))
	}
}

func (row *Row) difference(resamples, baseline []float64, prompts int) {
	if math.IsNaN(row.Diff) {
		return
	}
	d := stats.Difference(resamples, baseline)
	low, high := stats.Percentile(d, level)
	row.DiffLow, row.DiffHigh = none(low), none(high)
	row.P, row.DiffSE = stats.PValue(d), stats.StdDev(d)
	row.PromptsFor005 = PromptsFor(row.DiffSE, prompts)
	if without := count(d); without > 0 {
		row.Warnings = append(row.Warnings, fmt.Sprintf("no difference in %.3g %% of the resamples", 100*float64(without)/float64(len(d))))
	}
}

// count is how many are not numbers or not finite.
func count(x []float64) int {
	n := 0
	for _, v := range x {
		if !pareto.Finite(v) {
			n++
		}
	}
	return n
}

// reason says why a metric has no value for some or all seeds of a subject.
func (e *evaluation) reason(i, m int, observed *sample) pareto.Reason {
	sub := &e.subjects[i]
	points := 0
	for _, c := range sub.curves {
		points += len(c.points)
	}
	switch {
	case points == 0:
		return pareto.NoPoints
	case m == mAIQHindsight && points == len(sub.curves):
		return "one point is no curve"
	case m == mCostSaveQuality && !(sub.curves[0].reaches != nil):
		return pareto.NotReached
	case m == mQNC || m == mCostSave || m == mQNCHindsight || m == mCostSaveHindsight:
		for _, v := range observed.value[i] {
			if math.IsInf(v[m][0], 0) {
				return pareto.NotReached
			}
		}
		return pareto.FreeSingle
	case m == mRCI && sub.mixes:
		return NoChoice
	case m == mPerfGain || m == mPerfGainHindsight || m == mGainR || m == mGainB || m == mGapO:
		return pareto.ZeroReference
	case m == mParetoDist && sub.apart:
		return "the oracle is a reference, not one of the compared policies"
	case m == mHypervolume:
		return pareto.UnknownCarbon
	}
	return pareto.NoPoints
}
