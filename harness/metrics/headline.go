package metrics

import (
	"cmp"
	"math"
	"slices"

	"github.com/trilemma-bench/trilemma/harness/pareto"
	"github.com/trilemma-bench/trilemma/harness/stats"
)

// Pair is the difference between two policies by one metric, paired over prompts.
type Pair struct {
	Pool, Metric, A, B string
	// Diff is A − B with its 95 % interval over prompts and seeds, and its standard error.
	Diff, Low, High, SE float64
	P, HolmP            float64 // of the difference being zero; Holm over all pairs of the pool by the metric
}

// Headline names the best policy of a pool by one metric: chosen on the selection prompts, judged on the test prompts.
type Headline struct {
	Pool, Metric string
	Best         string
	Value        float64
	Low, High    float64
	// Second is the runner-up by selection; the Zero router where there is no other policy.
	Second                  string
	Diff, DiffLow, DiffHigh float64
	HolmP                   float64
	// Clear: the best is ahead of the second by more than chance, Holm over all pairs at 5 %. Only then it may be called best.
	Clear bool
}

// pairMetrics are those by which policies are compared in pairs.
var pairMetrics = []int{mAIQPool, mQualityMax}

// PromptsFor is how many prompts a difference of 0.005 would need to be seen with a power of 80 % at a two-sided level of
// 5 %, given the standard error on n:
//
//	n · ((z(0.975) + z(0.8)) · SE / 0.005)²
//
// The standard error is taken to fall as 1/√n; where it holds seeds' part too, more prompts do not lessen that.
func PromptsFor(se float64, n int) float64 {
	const z = stats.ZPower
	if !(se >= 0) {
		return math.NaN()
	}
	return math.Ceil(float64(n) * (z * se / 0.005) * (z * se / 0.005))
}

func (e *evaluation) ranked() []int {
	var out []int
	for i := range e.subjects {
		if e.subjects[i].role == RolePolicy && len(e.subjects[i].curves) > 0 {
			out = append(out, i)
		}
	}
	return out
}

// pairs compares every two policies.
func (e *evaluation) pairs(observed *sample, resampled *resampled) []Pair {
	of := e.ranked()
	var out []Pair
	for _, m := range pairMetrics {
		if e.Costless && onCosts[m] {
			continue
		}
		first := len(out)
		for i, a := range of {
			for _, b := range of[i+1:] {
				if p := e.pair(a, b, m, observed, resampled); !math.IsNaN(p.Diff) {
					out = append(out, p)
				}
			}
		}
		p := make([]float64, 0, len(out)-first)
		for _, x := range out[first:] {
			p = append(p, x.P)
		}
		for k, h := range stats.Holm(p) {
			out[first+k].HolmP = h
		}
	}
	return out
}

// mixing compares every policy with the Zero router by the headline metric, Holm over these comparisons: a policy that does
// not beat mixing single models has learned nothing of prompts.
func (e *evaluation) mixing(observed *sample, resampled *resampled) []Pair {
	zero := slices.IndexFunc(e.subjects, func(s subjectColumns) bool { return s.role == RoleReference })
	if zero < 0 || e.Costless {
		return nil
	}
	var out []Pair
	var p []float64
	for _, i := range e.ranked() {
		if x := e.pair(i, zero, mAIQPool, observed, resampled); !math.IsNaN(x.Diff) {
			out, p = append(out, x), append(p, x.P)
		}
	}
	for k, h := range stats.Holm(p) {
		out[k].HolmP = h
	}
	return out
}

func (e *evaluation) pair(a, b, m int, observed *sample, resampled *resampled) Pair {
	p := Pair{Pool: e.Pool, Metric: Metrics[m].Name, A: e.subjects[a].name, B: e.subjects[b].name}
	nan := math.NaN()
	p.Diff = none(overSeeds(observed.value[a], e.everySeed(a), m, 0)) - none(overSeeds(observed.value[b], e.everySeed(b), m, 0))
	p.Low, p.High, p.SE, p.P, p.HolmP = nan, nan, nan, nan, nan
	if resampled == nil || math.IsNaN(p.Diff) {
		return p
	}
	d := stats.Difference(resampled.mean[a][m], resampled.mean[b][m])
	low, high := stats.Percentile(d, level)
	p.Low, p.High, p.SE, p.P = none(low), none(high), stats.StdDev(d), stats.PValue(d)
	return p
}

// headlines names the best policy by the headline metric, where there are selection figures to choose it by. Where costs are
// unknown there is only quality to choose by.
func (e *evaluation) headlines(pairs []Pair, rows []Row) []Headline {
	type candidate struct {
		name     string
		selected float64
	}
	var all []candidate
	for _, i := range e.ranked() {
		var sum float64
		for _, c := range e.subjects[i].curves {
			sum += c.chosen
		}
		if s := sum / float64(len(e.subjects[i].curves)); pareto.Finite(s) && !e.subjects[i].blind {
			all = append(all, candidate{e.subjects[i].name, s})
		}
	}
	if len(all) == 0 {
		return nil
	}
	metric := HeadlineMetric
	if e.Costless {
		metric = QualityMetric
	}
	slices.SortStableFunc(all, func(a, b candidate) int { return cmp.Compare(b.selected, a.selected) })
	h := Headline{Pool: e.Pool, Metric: metric, Best: all[0].name, Diff: math.NaN(), DiffLow: math.NaN(), DiffHigh: math.NaN(), HolmP: math.NaN()}
	for i := range rows {
		if rows[i].Policy == h.Best && rows[i].Metric == metric {
			h.Value, h.Low, h.High = rows[i].Value, rows[i].Low, rows[i].High
		}
	}
	if len(all) == 1 {
		return []Headline{h}
	}
	h.Second = all[1].name
	for _, p := range pairs {
		if p.Metric != metric {
			continue
		}
		switch {
		case p.A == h.Best && p.B == h.Second:
			h.Diff, h.DiffLow, h.DiffHigh, h.HolmP = p.Diff, p.Low, p.High, p.HolmP
		case p.B == h.Best && p.A == h.Second:
			h.Diff, h.DiffLow, h.DiffHigh, h.HolmP = -p.Diff, -p.High, -p.Low, p.HolmP
		}
	}
	h.Clear = h.Diff > 0 && h.HolmP < 1-level
	return []Headline{h}
}
