package pareto

import "math"

// NAUC is ORBIT's normalised area under the cost–quality front (utils/metrics.py, ff213c0): quality over the costs from
// lower to upper, straight between the points of the front, divided by upper − lower. At lower it begins with the best
// quality to be had for no more (zero if there is none), and right of the last point within the bounds it stays. Shared
// bounds make policies comparable: the means of each prompt's cheapest and dearest cost; the caller adds the policy that
// takes each prompt's cheapest model to the points, as the left anchor.
//
// Where the bounds are equal it is the best quality within them.
func NAUC(points []Point, lower, upper float64) (float64, Reason) {
	front := Front(points)
	if len(front) == 0 {
		return math.NaN(), NoPoints
	}
	if !Finite(lower) || !Finite(upper) || upper < lower {
		return math.NaN(), "the cost bounds are not a range"
	}
	return NaucOf(front, 0, lower, upper), ""
}

// NaucOf is the nAUC of a front beside a policy of quality atLower at the lower bound.
func NaucOf(front []Point, atLower, lower, upper float64) float64 {
	cost, quality := lower, atLower
	i := 0
	for ; i < len(front) && front[i].CostUSD <= lower; i++ {
		quality = max(quality, front[i].Quality)
	}
	if upper == lower {
		return quality
	}
	var area float64
	last := Point{CostUSD: cost, Quality: quality}
	for ; i < len(front) && front[i].CostUSD < upper; i++ {
		if front[i].Quality > last.Quality {
			area += (last.Quality + front[i].Quality) / 2 * (front[i].CostUSD - last.CostUSD)
			last = front[i]
		}
	}
	// A point right on the upper bound is still within it.
	end := last.Quality
	if i < len(front) && front[i].CostUSD == upper {
		end = max(end, front[i].Quality)
	}
	area += (last.Quality + end) / 2 * (upper - last.CostUSD)
	return area / (upper - lower)
}

// NAUCv1 is ORBIT's older area (methods/base.py, d33cb0b): under the policy's own front, carried flat to carryTo, divided by
// the largest cost reached. ORBIT carried it to the best single model's cost, or not at all (0). A policy that goes beyond
// that has its own normalisation, so policies cannot be compared by it; it is offered to check against published numbers.
// Of one point that is not carried on, or of zero costs, it is 0.
func NAUCv1(points []Point, carryTo float64) (float64, Reason) {
	front := Front(points)
	if len(front) == 0 {
		return math.NaN(), NoPoints
	}
	// At one cost the older front keeps every rising point, and its area leaves from the best but arrives at the first.
	var area float64
	sorted := known(points)
	for i := 1; i < len(front); i++ {
		arrive := front[i].Quality
		for _, p := range sorted {
			if p.CostUSD == front[i].CostUSD && p.Quality > front[i-1].Quality {
				arrive = p.Quality
				break
			}
		}
		area += (front[i-1].Quality + arrive) / 2 * (front[i].CostUSD - front[i-1].CostUSD)
	}
	last := front[len(front)-1]
	end := max(last.CostUSD, carryTo)
	area += last.Quality * (end - last.CostUSD)
	if end <= 0 {
		return 0, ""
	}
	return area / end, ""
}

// QNC is ORBIT's quality-normalised cost: the lowest cost at which the policy's front is no worse than the best single
// model, divided by that model's cost. It has no value where the policy never is. Where the best single model is free,
// a policy that reaches it for nothing has 1, any other none.
func QNC(points []Point, bestSingle Point) (float64, Reason) {
	c, ok := CheapestAtLeast(points, bestSingle.Quality)
	switch {
	case !ok:
		return math.NaN(), NotReached
	case bestSingle.CostUSD == 0 && c == 0:
		return 1, ""
	case bestSingle.CostUSD == 0:
		return math.NaN(), FreeSingle
	}
	return c / bestSingle.CostUSD, ""
}

// Reasons of metrics that compare with the best single model.
const (
	NotReached Reason = "the best single model's quality is not reached"
	FreeSingle Reason = "the best single model is free"
)

// CostSave is LLMRouterBench's largest relative saving over the best single model at no less than its quality: 1 − QNC.
// Negative where the policy needs more; no value where it never reaches the quality.
func CostSave(points []Point, bestSingle Point) (float64, Reason) {
	q, why := QNC(points, bestSingle)
	return 1 - q, why
}

// CheapestAtLeast is the lowest cost of a point of at least the given quality.
func CheapestAtLeast(points []Point, quality float64) (float64, bool) {
	best, ok := math.Inf(1), false
	for _, p := range points {
		if p.Quality >= quality && Finite(p.CostUSD) && p.CostUSD < best {
			best, ok = p.CostUSD, true
		}
	}
	return best, ok
}
