package recommend

import (
	"math"

	"gonum.org/v1/gonum/mathext"
	"gonum.org/v1/gonum/stat/distuv"

	"github.com/trilemma-bench/trilemma/harness/stats"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Method is how a limit was tested.
type Method string

// The methods. Costs, grams and seconds have no upper bound that is known, so nothing without assumptions bounds their
// means: they are tested by t, corrected for skewness, for a few dear answers make a mean look smaller than it is more often
// than larger.
const (
	// Binomial: the exact test of a share, for scores that are all 0 or 1 (Clopper and Pearson 1934).
	Binomial Method = "exact binomial"
	// Bounded: Hoeffding and Bentkus for means of scores in [0, 1], without assumptions, where there are too few prompts for t
	// or all scores are equal (Bates, Angelopoulos, Lei, Malik and Jordan 2021, eq. 11).
	Bounded Method = "Hoeffding-Bentkus"
	// Skewed: Student's t of the mean, its skewness removed by Hall's transformation (P. Hall, On the removal of skewness by
	// transformation, 1992).
	Skewed Method = "t, corrected for skewness"
)

// fewForT is the number of prompts below which scores between 0 and 1 are not tested by t.
const fewForT = 50

// methodOf is how a limit on a figure is tested.
func methodOf(k policy.Quantity, m stats.Moments) Method {
	if k != policy.Quality {
		return Skewed
	}
	// 0 and 1 have the largest variance that a mean allows.
	n := float64(m.N)
	if widest := m.Mean * (1 - m.Mean) * n / (n - 1); math.Abs(m.SD*m.SD-widest) < 1e-6 {
		return Binomial
	}
	if m.N < fewForT || !(m.SD > 0) {
		return Bounded
	}
	return Skewed
}

// pvalue is the probability that a setting whose true mean does not keep the limit looks at least as good as this one. What
// is not known proves nothing.
func pvalue(k policy.Quantity, m stats.Moments, limit float64) float64 {
	if m.N < 2 || math.IsNaN(m.Mean) || math.IsNaN(m.SD) {
		return 1
	}
	if k == policy.Quality && limit <= 0 {
		return 0
	}
	switch methodOf(k, m) {
	case Binomial:
		return binomialOver(int(math.Round(m.Mean*float64(m.N))), m.N, min(limit, 1))
	case Bounded:
		return bounded(1-m.Mean, m.N, 1-limit)
	}
	if m.SD == 0 { // every prompt costs the same, as with a free model
		if k != policy.Quality && m.Mean <= limit {
			return 0
		}
		return 1
	}
	t := distuv.StudentsT{Sigma: 1, Nu: float64(m.N - 1)}
	at := hall((m.Mean-limit)/m.SE(), m.Skewness/math.Sqrt(float64(m.N)))
	if k == policy.Quality {
		return t.Survival(at)
	}
	return t.CDF(at)
}

// hall is a studentised mean with its skewness removed; a is the skewness over √n.
func hall(t, a float64) float64 { return t + a*t*t/3 + a*a*t*t*t/27 + a/6 }

// binomialOver is P(X ≥ k) of n draws that each hold with probability p.
func binomialOver(k, n int, p float64) float64 {
	switch {
	case k <= 0 || p >= 1:
		return 1
	case p <= 0:
		return 0
	}
	return mathext.RegIncBeta(float64(k), float64(n-k+1), p)
}

// bounded tests that the mean of n losses in [0, 1] is below a limit, of which risk is the mean that was seen.
func bounded(risk float64, n int, limit float64) float64 {
	if risk >= limit {
		return 1
	}
	if limit >= 1 {
		return 0
	}
	h := 0.0 // the relative entropy of risk to the limit
	if risk > 0 {
		h += risk * math.Log(risk/limit)
	}
	h += (1 - risk) * math.Log((1-risk)/(1-limit))
	hoeffding := math.Exp(-float64(n) * h)
	bentkus := math.E * (1 - binomialOver(int(math.Ceil(float64(n)*risk-1e-9))+1, n, limit))
	return min(1, hoeffding, bentkus)
}

// bound is the tightest limit that the figure keeps with p at most alpha; NaN where there is none.
func bound(k policy.Quantity, m stats.Moments, alpha float64) float64 {
	if m.N < 2 || math.IsNaN(m.Mean) || math.IsNaN(m.SD) {
		return math.NaN()
	}
	kept := m.Mean // to become a limit that is kept
	broken := m.Mean
	if k == policy.Quality {
		kept, broken = 0, 1
	} else {
		for step := max(m.SD, math.Abs(m.Mean)*1e-9); pvalue(k, m, kept) > alpha; step *= 2 {
			if broken, kept = kept, kept+step; math.IsInf(kept, 0) {
				return math.NaN()
			}
		}
	}
	for range 60 {
		if at := (kept + broken) / 2; pvalue(k, m, at) <= alpha {
			kept = at
		} else {
			broken = at
		}
	}
	return kept
}

// enough is how many prompts a test at alpha needs to prove the limit with a probability of 80 %, if the figure and its
// spread stay what they are; 0 where no number is enough, because the mean itself does not keep it.
func enough(k policy.Quantity, m stats.Moments, limit, alpha float64) int {
	gap := limit - m.Mean
	if k == policy.Quality {
		gap = -gap
	}
	if !(gap > 0) {
		return 0
	}
	const power = 0.8
	z := distuv.UnitNormal.Quantile(1-alpha) + distuv.UnitNormal.Quantile(power)
	n := z * m.SD / gap
	return max(minPrompts, int(math.Ceil(min(n*n, 1e12))))
}
