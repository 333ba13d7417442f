package stats

import (
	"math"
	"slices"
	"sort"
)

// Mean of x; NaN for none.
func Mean(x []float64) float64 {
	if len(x) == 0 {
		return math.NaN()
	}
	var sum float64
	for _, v := range x {
		sum += v
	}
	return sum / float64(len(x))
}

// StdDev is the standard deviation of the finite ones of x, with n − 1: of a statistic's resamples its standard error. NaN
// for fewer than two.
func StdDev(x []float64) float64 {
	var mean, m2, n float64
	for _, v := range x {
		if v-v != 0 {
			continue
		}
		n++
		d := v - mean
		mean += d / n
		m2 += d * (v - mean)
	}
	if n < 2 {
		return math.NaN()
	}
	return math.Sqrt(m2 / (n - 1))
}

// IQM is the interquartile mean: the mean of what is left when the lowest and the highest quarter (rounded down) of x are
// left out, as rliable takes it over seeds. With fewer than four values it is the mean; NaN for none.
func IQM(x []float64) float64 {
	sorted := slices.Clone(x)
	sort.Float64s(sorted)
	cut := len(sorted) / 4
	return Mean(sorted[cut : len(sorted)-cut])
}

// Quantile of sorted values at p in [0, 1], interpolated linearly between order statistics (Hyndman and Fan's type 7, as
// numpy's default). Infinite values are allowed; NaN for none.
func Quantile(sorted []float64, p float64) float64 {
	n := len(sorted)
	if n == 0 || math.IsNaN(p) {
		return math.NaN()
	}
	at := min(max(p, 0), 1) * float64(n-1)
	lo := int(at)
	if lo >= n-1 {
		return sorted[n-1]
	}
	part := at - float64(lo)
	if part == 0 || sorted[lo] == sorted[lo+1] {
		return sorted[lo]
	}
	return sorted[lo] + part*(sorted[lo+1]-sorted[lo])
}

// Percentile is the percentile interval of a metric's resamples at a level such as 0.95. Resamples in which the metric has
// no value (NaN) are left out; a bound is infinite where the resamples there are. NaN, NaN for none.
func Percentile(resamples []float64, level float64) (low, high float64) {
	sorted := make([]float64, 0, len(resamples))
	for _, v := range resamples {
		if !math.IsNaN(v) {
			sorted = append(sorted, v)
		}
	}
	sort.Float64s(sorted)
	return Quantile(sorted, (1-level)/2), Quantile(sorted, (1+level)/2)
}

// PValue is the two-sided bootstrap p-value of a difference: twice the smaller share of resamples on either side of zero,
// counting the observed sample itself as one more, so that it is never zero. Resamples without a value (NaN) are left
// out; NaN for none.
func PValue(diffs []float64) float64 {
	var n, atMost, atLeast int
	for _, d := range diffs {
		if math.IsNaN(d) {
			continue
		}
		n++
		if d <= 0 {
			atMost++
		}
		if d >= 0 {
			atLeast++
		}
	}
	if n == 0 {
		return math.NaN()
	}
	return min(1, 2*float64(1+min(atMost, atLeast))/float64(n+1))
}

// Holm adjusts p-values for having been looked at together: in ascending order the i-th of m is multiplied by m − i and
// never falls below the one before it. NaN stays NaN and does not count.
func Holm(p []float64) []float64 {
	var order []int
	for i, v := range p {
		if !math.IsNaN(v) {
			order = append(order, i)
		}
	}
	sort.SliceStable(order, func(i, j int) bool { return p[order[i]] < p[order[j]] })
	adjusted := make([]float64, len(p))
	for i := range adjusted {
		adjusted[i] = math.NaN()
	}
	var floor float64
	for rank, i := range order {
		floor = max(floor, min(1, p[i]*float64(len(order)-rank)))
		adjusted[i] = floor
	}
	return adjusted
}

// Difference is a − b, resample by resample; NaN where either has no value or both are infinite.
func Difference(a, b []float64) []float64 {
	d := make([]float64, len(a))
	for i := range d {
		d[i] = a[i] - b[i]
	}
	return d
}
