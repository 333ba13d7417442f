package pareto

import (
	"math"
	"slices"
)

// Point is one point of a policy: means per prompt of quality and cost.
type Point struct{ CostUSD, Quality float64 }

// Reason says why a metric has no value; "" where it has one.
type Reason string

// Reasons that more than one metric gives.
const (
	NoPoints      Reason = "no point has a known quality and cost"
	UnknownCarbon Reason = "the carbon of some model is unknown"
	UnknownCost   Reason = "what the answers cost is unknown"
)

// ByCost orders points by ascending cost, of equal cost by ascending quality.
func ByCost(a, b Point) int {
	// Written out: it is the inner loop of the bootstrap, and the figures are known.
	switch {
	case a.CostUSD < b.CostUSD:
		return -1
	case a.CostUSD > b.CostUSD:
		return 1
	case a.Quality < b.Quality:
		return -1
	case a.Quality > b.Quality:
		return 1
	}
	return 0
}

// known returns the points with known quality and cost by ascending cost, as a new slice.
func known(points []Point) []Point {
	out := make([]Point, 0, len(points))
	for _, p := range points {
		if Finite(p.CostUSD) && Finite(p.Quality) {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, ByCost)
	return out
}

// Finite tells numbers from infinities and NaN.
func Finite(x float64) bool { return x-x == 0 }

// Front is the cost–quality front: the points of which no other is at least as good and as cheap and better in one, by
// ascending cost; of equal points one. Along it cost and quality both rise. Points of unknown cost or quality are left out.
func Front(points []Point) []Point { return FrontOf(known(points), nil) }

// FrontOf appends the front of points sorted by cost and quality to front.
func FrontOf(sorted, front []Point) []Point {
	begin := len(front)
	for _, p := range sorted {
		switch last := len(front) - 1; {
		case last < begin || p.Quality > front[last].Quality && p.CostUSD > front[last].CostUSD:
			front = append(front, p)
		case p.Quality > front[last].Quality: // at the same cost
			front[last] = p
		}
	}
	return front
}

// NotDominated tells for each point whether no other is at least as good and as cheap and better in one. Equal points
// stand together; points of unknown cost or quality do not stand.
func NotDominated(points []Point) []bool {
	out := make([]bool, len(points))
	for i, p := range points {
		out[i] = Finite(p.CostUSD) && Finite(p.Quality)
		for j := 0; out[i] && j < len(points); j++ {
			o := points[j]
			out[i] = !(o.Quality >= p.Quality && o.CostUSD <= p.CostUSD && o != p)
		}
	}
	return out
}

// Peak is the highest quality on the front (ORBIT), which is the policy's highest quality at all.
func Peak(points []Point) (float64, Reason) {
	best := math.Inf(-1)
	for _, p := range points {
		if Finite(p.CostUSD) && Finite(p.Quality) {
			best = max(best, p.Quality)
		}
	}
	if math.IsInf(best, -1) {
		return math.NaN(), NoPoints
	}
	return best, ""
}
