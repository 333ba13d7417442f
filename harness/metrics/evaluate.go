package metrics

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/trilemma-bench/trilemma/harness/stats"
)

// Row is one metric of one policy. What has no value is NaN; then Reason says why.
type Row struct {
	Pool, Policy, Metric string
	Value, Low, High     float64
	Seeds                int
	PerSeed              []float64 // NaN where a seed has no value
	IQM                  float64   // interquartile mean over seeds
	// IQMLow and IQMHigh are its interval over prompts and seeds: every resample draws seeds too (stratified bootstrap of
	// Agarwal et al., NeurIPS 2021). NaN for one seed.
	IQMLow, IQMHigh         float64
	Baseline                string
	Diff, DiffLow, DiffHigh float64
	P, HolmP                float64 // of the difference being zero; Holm over the policies of the table
	Reason                  string
	Warnings                []string
	AIQMaxCost              float64 // the cost that AIQ is normalised at, for aiq rows
}

// Table is what Evaluate found.
type Table struct {
	Rows     []Row
	Warnings []string
}

// level of all intervals.
const level = 0.95

// Evaluate computes every metric of every subject and of the references, with percentile intervals from a bootstrap over
// prompts: stratified, the same resamples for all, every metric computed anew on the points of each resample, seeds
// averaged inside it. What a metric refers to, such as the best single model or the largest cost of the compared
// policies, is found anew in each resample too.
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
	resampled, err := e.resample()
	if errors.Is(err, stats.ErrTooFewPrompts) {
		e.warnings = append(e.warnings, fmt.Sprintf("pool %s: no intervals: %v", in.Pool, err))
	} else if err != nil {
		return nil, fmt.Errorf("pool %s: %w", in.Pool, err)
	}
	return e.table(observed, resampled), nil
}

// resampled are metrics in every resample, [subject][metric][resample].
type resampled struct {
	mean [][][]float64 // over seeds
	iqm  [][][]float64 // over as many seeds drawn with replacement; nil for a subject with one
}

func (e *evaluation) resample() (*resampled, error) {
	room := func() [][]float64 {
		out := make([][]float64, len(Names))
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
			for m := range Names {
				for r := range b.N {
					out.mean[i][m][b.First+r] = overSeeds(s.value[i], m, r)
				}
			}
			if out.iqm[i] == nil {
				continue
			}
			for r := range b.N {
				// The same seeds for every metric, whichever worker gets the block.
				draw := rand.New(rand.NewPCG(e.Seed, uint64(b.First+r)))
				chosen := make([]int, len(s.value[i]))
				for k := range chosen {
					chosen[k] = draw.IntN(len(chosen))
				}
				for m := range Names {
					out.iqm[i][m][b.First+r] = iqmOf(s.value[i], chosen, m, r)
				}
			}
		}
	})
	if err != nil {
		return nil, err
	}
	return out, nil
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
	rows := make([]Row, len(e.subjects)*len(Names))
	for m := range Names {
		p := make([]float64, len(e.subjects))
		for i := range e.subjects {
			row := &rows[i*len(Names)+m]
			*row = e.row(i, m, observed)
			if resampled != nil {
				row.interval(resampled.mean[i][m])
				if of := resampled.iqm[i]; of != nil && !math.IsNaN(row.IQM) {
					low, high := stats.Percentile(of[m], level)
					row.IQMLow, row.IQMHigh = none(low), none(high)
				}
			}
			if baseline >= 0 && i != baseline {
				row.Baseline = e.Baseline
				row.Diff = row.Value - none(overSeeds(observed.value[baseline], m, 0))
				if resampled != nil {
					row.difference(resampled.mean[i][m], resampled.mean[baseline][m])
				}
			}
			p[i] = row.P
		}
		for i, h := range stats.Holm(p) {
			rows[i*len(Names)+m].HolmP = h
		}
	}
	return &Table{Rows: rows, Warnings: e.warnings}
}

// row is the value of a metric, without its interval.
func (e *evaluation) row(i, m int, observed *sample) Row {
	nan := math.NaN()
	sub := &e.subjects[i]
	row := Row{
		Pool: e.Pool, Policy: sub.name, Metric: Names[m], Value: none(overSeeds(observed.value[i], m, 0)), Seeds: len(sub.curves),
		Low: nan, High: nan, Diff: nan, DiffLow: nan, DiffHigh: nan, P: nan, HolmP: nan, AIQMaxCost: nan, IQMLow: nan, IQMHigh: nan,
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
	if m == mAIQ {
		row.AIQMaxCost = observed.maxCost[0]
	}
	if math.IsNaN(row.Value) {
		row.Reason = string(e.reason(i, m, observed))
	} else if k := len(with); k < row.Seeds {
		row.Warnings = append(row.Warnings, fmt.Sprintf("%d of %d seeds have no value: %s", row.Seeds-k, row.Seeds, e.reason(i, m, observed)))
	}
	return row
}

// none is NaN for what is not reached.
func none(x float64) float64 {
	if math.IsInf(x, 0) {
		return math.NaN()
	}
	return x
}

// interval sets Low and High from the metric's resamples.
func (row *Row) interval(resamples []float64) {
	if math.IsNaN(row.Value) {
		return
	}
	low, high := stats.Percentile(resamples, level)
	row.Low, row.High = none(low), none(high)
	if without := count(resamples); without > 0 {
		row.Warnings = append(row.Warnings, fmt.Sprintf("no value in %.3g %% of the resamples", 100*float64(without)/float64(len(resamples))))
	}
}

func (row *Row) difference(resamples, baseline []float64) {
	if math.IsNaN(row.Diff) {
		return
	}
	d := stats.Difference(resamples, baseline)
	low, high := stats.Percentile(d, level)
	row.DiffLow, row.DiffHigh = none(low), none(high)
	row.P = stats.PValue(d)
	if without := count(d); without > 0 {
		row.Warnings = append(row.Warnings, fmt.Sprintf("no difference in %.3g %% of the resamples", 100*float64(without)/float64(len(d))))
	}
}

// count is how many are not numbers or not finite.
func count(x []float64) int {
	n := 0
	for _, v := range x {
		if !finite(v) {
			n++
		}
	}
	return n
}

// reason says why a metric has no value for some or all seeds of a subject.
func (e *evaluation) reason(i, m int, observed *sample) Reason {
	sub := &e.subjects[i]
	points := 0
	for _, c := range sub.curves {
		points += len(c.points)
	}
	ref := &observed.refs[0]
	switch {
	case points == 0:
		return NoPoints
	case m == mQNC || m == mCostSave:
		for _, v := range observed.value[i] {
			if math.IsInf(v[m][0], 0) {
				return NotReached
			}
		}
		return FreeSingle
	case m == mRCI && sub.mixes:
		return NoChoice
	case m == mPerfGain || m == mGainR || m == mGainB || m == mGapO:
		return ZeroReference
	case m == mParetoDist && sub.apart:
		return "the oracle is a reference, not one of the compared policies"
	case m == mHypervolume:
		if _, why := Hypervolume([]Point3{ref.box.Worst}, ref.box); why != "" {
			return why
		}
		return UnknownCarbon
	}
	return NoPoints
}
