package savings

import (
	"slices"

	"github.com/trilemma-bench/trilemma/harness/stats"
	"github.com/trilemma-bench/trilemma/harness/store"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// doubt is how wrong the estimate of energy may be: a factor for each model and resample. Copies of one model in several
// places share its factor: their energy is the same.
type doubt struct {
	store.Estimate
	of      []int // [models of the table] → row of factors
	factors [][]float64
}

// newDoubt draws the factors from streams named by the models.
func (f *Finder) newDoubt() (doubt, error) {
	d := doubt{}
	var err error
	if d.SDLn, d.Source, err = f.Accounting.Method.ErrorSD(); err != nil {
		return d, err
	}
	if d.Method = string(f.Accounting.Method.Name); d.Method == "" {
		d.Method = "regression"
	}
	d.Prefill = f.Accounting.Energy.Prefill.On
	d.Logged = max(f.Data.Table.Logged.Logged[policy.Carbon], f.Data.Table.Logged.Logged[policy.Energy])
	var names []string
	for m := range f.Data.Trace.Models {
		name := f.Data.OriginalID(m)
		at := slices.Index(names, name)
		if at < 0 {
			at, names = len(names), append(names, name)
		}
		d.of = append(d.of, at)
	}
	d.factors = Factors(f.Metrics.Seed, names, d.SDLn, f.Metrics.Resamples)
	return d, nil
}

// bounds are those of a sum by model (rows of factors) and of what was measured, by the estimate of energy alone. They
// are nil where nothing was estimated or something is not known.
func (d *doubt) bounds(byModel []float64, exact float64) (low, high *float64) {
	estimated := false
	for _, g := range byModel {
		estimated = estimated || g > 0
	}
	if !estimated || len(d.factors) == 0 {
		return nil, nil
	}
	sums := make([]float64, len(d.factors[0]))
	for r := range sums {
		sums[r] = exact
		for m, g := range byModel {
			if g != 0 {
				sums[r] += g * d.factors[m][r]
			}
		}
	}
	a, b := stats.Percentile(sums, Level)
	return store.Known(a), store.Known(b)
}
