package metrics

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/trilemma-bench/trilemma/harness/stats"
)

// Names of the metrics, in the order in which tables have them.
var Names = []string{
	"quality_max", "aiq", "nauc", "peak", "qnc", "rci", "perfgain", "costsave",
	"gain_r", "gain_b", "gap_o", "paretodist", "hypervolume",
}

// References that Evaluate adds to the subjects.
const (
	ZeroRouter = "zero-router" // random mixing between single models
	Oracle     = "oracle"      // per-prompt best, cheapest of equals
)

// Input is one pool's results on the prompts that all compared policies cover.
type Input struct {
	Pool     string
	Outcomes Outcomes
	Stratum  []int32 // [prompts] resampling keeps the size of each; nil for one stratum
	Dataset  []int32 // [prompts] from 0; Gain and Gap are means over datasets; nil for one dataset
	Subjects []Subject
	// Baseline is the subject that the others are paired with; "" for none.
	Baseline  string
	Resamples int
	Seed      uint64
}

// Subject is one policy.
type Subject struct {
	Name   string
	Curves []Curve // one for each seed
}

// Curve is a policy of one seed over its preferences.
type Curve struct {
	Seed   uint64
	Points []PromptPoint
}

// PromptPoint is one preference's result for each prompt.
type PromptPoint struct {
	Quality, CostUSD, CarbonG []float32 // [prompts]
	Choice                    []int32   // [prompts] the most probable model; -1 none
	// Free marks the preference that pays any price for quality (all λ zero): the largest budget.
	Free bool
}

// Row is one metric of one policy. What has no value is NaN; then Reason says why.
type Row struct {
	Pool, Policy, Metric    string
	Value, Low, High        float64
	Seeds                   int
	IQM                     float64 // over seeds
	Baseline                string
	Diff, DiffLow, DiffHigh float64
	P, HolmP                float64 // of the difference being zero; Holm over the policies of the table
	Reason                  string
	AIQMaxCost              float64 // the cost that AIQ is normalised at, for aiq rows
}

// Table is what Evaluate found.
type Table struct {
	Rows     []Row
	Warnings []string
}

// level of all intervals.
const level = 0.95

// Evaluate computes every metric of every subject, with percentile intervals from a bootstrap over prompts, stratified,
// the same resamples for all, seeds averaged inside each resample.
func Evaluate(in Input) (*Table, error) {
	e, err := newEvaluation(in)
	if err != nil {
		return nil, err
	}
	observed := e.scratch()
	e.compute(observed, func(col int) float64 { return e.plain[col] })
	table := &Table{}
	resampled, err := e.resample()
	switch {
	case errors.Is(err, stats.ErrTooFewPrompts):
		table.Warnings = append(table.Warnings, fmt.Sprintf("pool %s: no intervals: %v", in.Pool, err))
	case err != nil:
		return nil, err
	}
	e.rows(table, observed, resampled)
	return table, nil
}

// evaluation holds the columns that are resampled, and where they are used.
type evaluation struct {
	Input
	columns *stats.Columns
	plain   []float64 // mean of each column over all prompts

	subjects []subjectColumns
	models   []triple
	cheapest triple // the cheapest model of each prompt
	dearest  int    // its cost column: the dearest model of each prompt
	oracle   triple
	// Per dataset: how many prompts, what random choice, each model and the oracle score there, each over all prompts.
	datasets []datasetColumns
}

type triple struct{ quality, cost, carbon int } // columns; carbon -1 where unknown

type subjectColumns struct {
	name   string
	curves []curveColumns
}

type curveColumns struct {
	points  []triple
	sound   int   // column of Outcomes.Sound at the largest budget, -1 without
	dataset []int // [dataset] quality at the largest budget within it
}

type datasetColumns struct {
	size   int // column of ones within the dataset
	models []int
	oracle int
}

func newEvaluation(in Input) (*evaluation, error) {
	n := in.Outcomes.Len()
	if n == 0 || in.Outcomes.Models == 0 {
		return nil, fmt.Errorf("pool %s: no prompt is covered by all compared policies", in.Pool)
	}
	e := &evaluation{Input: in, columns: stats.NewColumns(n)}
	if e.Dataset == nil {
		e.Dataset = make([]int32, n)
	}
	if err := e.addModels(n); err != nil {
		return nil, fmt.Errorf("pool %s: %w", in.Pool, err)
	}
	for _, s := range in.Subjects {
		if err := e.addSubject(s); err != nil {
			return nil, fmt.Errorf("pool %s: policy %s: %w", in.Pool, s.Name, err)
		}
	}
	return e, nil
}

// add adds a column and keeps its mean. like is a column that it may resemble.
func (e *evaluation) add(values []float32, like int) (int, error) {
	id, err := e.columns.Add(values, like)
	if err != nil {
		return 0, err
	}
	if id == len(e.plain) {
		var sum float64
		for _, v := range values {
			sum += float64(v)
		}
		e.plain = append(e.plain, sum/float64(len(values)))
	}
	return id, nil
}

// addWithin adds a column that is zero outside of a dataset.
func (e *evaluation) addWithin(dataset int32, value func(prompt int) float32) (int, error) {
	var index []int32
	var values []float32
	var sum float64
	for p, d := range e.Dataset {
		if d == dataset {
			v := value(p)
			index, values = append(index, int32(p)), append(values, v)
			sum += float64(v)
		}
	}
	id, err := e.columns.AddSparse(index, values)
	if err == nil {
		e.plain = append(e.plain, sum/float64(len(e.Dataset)))
	}
	return id, err
}

func (e *evaluation) addTriple(quality, cost, carbon []float32, like triple) (triple, error) {
	var t triple
	var err error
	if t.quality, err = e.add(quality, like.quality); err != nil {
		return t, err
	}
	if t.cost, err = e.add(cost, like.cost); err != nil {
		return t, err
	}
	t.carbon = stats.None
	if carbon != nil {
		t.carbon, err = e.add(carbon, like.carbon)
	}
	return t, err
}

var unlike = triple{stats.None, stats.None, stats.None}

// addModels adds the single models and the references that their outcomes give.
func (e *evaluation) addModels(n int) error {
	o := &e.Outcomes
	gather := func(from []float32, of func(p int) int) []float32 {
		if from == nil {
			return nil
		}
		out := make([]float32, n)
		for p := range out {
			out[p] = from[p*o.Models+of(p)]
		}
		return out
	}
	add := func(of func(p int) int) (triple, error) {
		return e.addTriple(gather(o.Score, of), gather(o.CostUSD, of), gather(o.CarbonG, of), unlike)
	}
	for m := range o.Models {
		t, err := add(func(int) int { return m })
		if err != nil {
			return err
		}
		e.models = append(e.models, t)
	}
	best := o.Oracle()
	var err error
	if e.oracle, err = add(func(p int) int { return int(best[p]) }); err != nil {
		return err
	}
	extreme := func(p int, dearer bool) int {
		row, at := o.CostUSD[p*o.Models:(p+1)*o.Models], 0
		for m, c := range row {
			if c < row[at] && !dearer || c > row[at] && dearer {
				at = m
			}
		}
		return at
	}
	if e.cheapest, err = add(func(p int) int { return extreme(p, false) }); err != nil {
		return err
	}
	if e.dearest, err = e.add(gather(o.CostUSD, func(p int) int { return extreme(p, true) }), stats.None); err != nil {
		return err
	}
	for d := range slices.Max(e.Dataset) + 1 {
		var c datasetColumns
		if c.size, err = e.addWithin(d, func(int) float32 { return 1 }); err != nil {
			return err
		}
		for m := range o.Models {
			id, err := e.addWithin(d, func(p int) float32 { return o.Score[p*o.Models+m] })
			if err != nil {
				return err
			}
			c.models = append(c.models, id)
		}
		if c.oracle, err = e.addWithin(d, func(p int) float32 { return o.Score[p*o.Models+int(best[p])] }); err != nil {
			return err
		}
		e.datasets = append(e.datasets, c)
	}
	return nil
}

func (e *evaluation) addSubject(s Subject) error {
	dearest := e.Outcomes.Dearest()
	sc := subjectColumns{name: s.Name}
	for _, curve := range s.Curves {
		cc := curveColumns{sound: stats.None}
		like := unlike
		for _, p := range curve.Points {
			t, err := e.addTriple(p.Quality, p.CostUSD, p.CarbonG, like)
			if err != nil {
				return err
			}
			like = t
			cc.points = append(cc.points, t)
		}
		if len(curve.Points) > 0 {
			p := curve.Points[e.largestBudget(curve.Points, cc.points)]
			var err error
			if p.Choice != nil {
				if cc.sound, err = e.add(e.Outcomes.Sound(p.Choice, dearest), stats.None); err != nil {
					return err
				}
			}
			for d := range e.datasets {
				id, err := e.addWithin(int32(d), func(i int) float32 { return p.Quality[i] })
				if err != nil {
					return err
				}
				cc.dataset = append(cc.dataset, id)
			}
		}
		sc.curves = append(sc.curves, cc)
	}
	e.subjects = append(e.subjects, sc)
	return nil
}

// largestBudget is the point that pays any price for quality, or else the dearest.
func (e *evaluation) largestBudget(points []PromptPoint, columns []triple) int {
	at := 0
	for i, p := range points {
		if p.Free {
			return i
		}
		if e.plain[columns[i].cost] > e.plain[columns[at].cost] {
			at = i
		}
	}
	return at
}

// resample returns [subject][metric][resample].
func (e *evaluation) resample() ([][][]float64, error) {
	all := len(e.subjects) + 2
	out := make([][][]float64, all)
	for s := range out {
		out[s] = make([][]float64, len(Names))
		for m := range out[s] {
			out[s][m] = make([]float64, e.Resamples)
		}
	}
	scratch := make([]*values, stats.Workers())
	for i := range scratch {
		scratch[i] = e.scratch()
	}
	boot := stats.Bootstrap{Stratum: e.Stratum, Resamples: e.Resamples, Seed: e.Seed}
	err := boot.Run(e.columns, func(b *stats.Block) {
		v := scratch[b.Worker]
		for r := range b.N {
			e.compute(v, func(col int) float64 { return b.Means(col)[r] })
			for s := range out {
				for m := range Names {
					out[s][m][b.First+r] = stats.Mean(v.metric[s][m])
				}
			}
		}
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// rows turns the values and their resamples into the table.
func (e *evaluation) rows(table *Table, observed *values, resampled [][][]float64) {
	nan := math.NaN()
	baseline := -1
	names := make([]string, 0, len(e.subjects)+2)
	for i, s := range e.subjects {
		names = append(names, s.name)
		if s.name == e.Baseline {
			baseline = i
		}
	}
	names = append(names, ZeroRouter, Oracle)
	if e.Baseline == ZeroRouter {
		baseline = len(e.subjects)
	}
	if baseline < 0 && e.Baseline != "" {
		table.Warnings = append(table.Warnings, fmt.Sprintf("pool %s: the baseline %s is not among the policies", e.Pool, e.Baseline))
	}
	for m, metric := range Names {
		first := len(table.Rows)
		p := make([]float64, len(names))
		for s, name := range names {
			seeds := observed.metric[s][m]
			row := Row{
				Pool: e.Pool, Policy: name, Metric: metric, Value: stats.Mean(seeds), IQM: stats.IQM(seeds), Seeds: len(seeds),
				Low: nan, High: nan, Diff: nan, DiffLow: nan, DiffHigh: nan, P: nan, HolmP: nan, AIQMaxCost: nan,
			}
			if metric == "aiq" {
				row.AIQMaxCost = observed.maxCost
			}
			if math.IsNaN(row.Value) {
				row.Reason = reason(metric)
			}
			if resampled != nil && !math.IsNaN(row.Value) {
				row.Low, row.High = stats.Percentile(resampled[s][m], level)
			}
			p[s] = nan
			if baseline >= 0 && s != baseline {
				row.Baseline = e.Baseline
				row.Diff = row.Value - stats.Mean(observed.metric[baseline][m])
				if resampled != nil && !math.IsNaN(row.Diff) {
					d := stats.Difference(resampled[s][m], resampled[baseline][m])
					row.DiffLow, row.DiffHigh = stats.Percentile(d, level)
					row.P = stats.PValue(d)
					p[s] = row.P
				}
			}
			table.Rows = append(table.Rows, row)
		}
		for s, h := range stats.Holm(p) {
			table.Rows[first+s].HolmP = h
		}
	}
	slices.SortStableFunc(table.Rows, func(a, b Row) int {
		return slices.Index(names, a.Policy) - slices.Index(names, b.Policy)
	})
}

// reason says why a metric has no value.
func reason(metric string) string {
	switch metric {
	case "qnc", "costsave":
		return "the best single model's quality is not reached"
	case "rci":
		return "no single model is chosen"
	case "hypervolume":
		return "the carbon of some model is unknown"
	case "gain_r", "gain_b", "gap_o", "perfgain":
		return "not defined for this subject, or the reference scores zero"
	}
	return "no point has a result"
}
