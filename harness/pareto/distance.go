package pareto

import (
	"math"
	"sort"
)

// Scale maps costs and qualities to [0, 1] over a set of points. An axis on which all points agree maps to 0.
type Scale struct {
	CostUSD, Quality    float64 // least
	perCost, perQuality float64 // 1 ÷ range, 0 where there is none
	maxCost, maxQuality float64
	seen                bool
}

// Widen takes more points into account. Points of unknown cost or quality are left out.
func (s *Scale) Widen(points []Point) {
	for _, p := range points {
		if !Finite(p.CostUSD) || !Finite(p.Quality) {
			continue
		}
		if !s.seen {
			s.CostUSD, s.maxCost, s.Quality, s.maxQuality, s.seen = p.CostUSD, p.CostUSD, p.Quality, p.Quality, true
		}
		s.CostUSD, s.maxCost = min(s.CostUSD, p.CostUSD), max(s.maxCost, p.CostUSD)
		s.Quality, s.maxQuality = min(s.Quality, p.Quality), max(s.maxQuality, p.Quality)
	}
	s.perCost, s.perQuality = Inverse(s.maxCost-s.CostUSD), Inverse(s.maxQuality-s.Quality)
}

// Inverse is 1/x, 0 for an axis of no range.
func Inverse(x float64) float64 {
	if x > 0 {
		return 1 / x
	}
	return 0
}

// Dist is LLMRouterBench's distance to the front: the mean Euclidean distance of the policy's points to the nearest
// point of the joint front of all compared policies, both axes min–max scaled over all points of all of them (our
// choice: the paper does not say). 0 where every point is on the front. joint need not be a front, but must hold the
// points of one; s must have seen the compared policies' points.
func Dist(points, joint []Point, s *Scale) (float64, Reason) {
	return paretoDistOf(points, Front(joint), s)
}

func paretoDistOf(points, front []Point, s *Scale) (float64, Reason) {
	var sum float64
	n := 0
	for _, p := range points {
		if Finite(p.CostUSD) && Finite(p.Quality) {
			sum += s.Nearest(p, front)
			n++
		}
	}
	if n == 0 || len(front) == 0 {
		return math.NaN(), NoPoints
	}
	return sum / float64(n), ""
}

// Nearest is the scaled distance of p to a front, looked for outwards from where p's cost lies on it. Along a front cost
// and quality rise together, so beyond p on both axes it only gets farther.
func (s *Scale) Nearest(p Point, front []Point) float64 {
	at := sort.Search(len(front), func(i int) bool { return front[i].CostUSD >= p.CostUSD })
	best := math.Inf(1)
	for _, f := range front[at:] {
		if dx := (f.CostUSD - p.CostUSD) * s.perCost; dx*dx > best {
			break
		}
		best = min(best, s.squared(p, f))
		if f.Quality >= p.Quality {
			break
		}
	}
	for i := at - 1; i >= 0; i-- {
		f := front[i]
		if dx := (p.CostUSD - f.CostUSD) * s.perCost; dx*dx > best {
			break
		}
		best = min(best, s.squared(p, f))
		if f.Quality <= p.Quality {
			break
		}
	}
	return math.Sqrt(best)
}

func (s *Scale) squared(a, b Point) float64 {
	dx, dy := (a.CostUSD-b.CostUSD)*s.perCost, (a.Quality-b.Quality)*s.perQuality
	return dx*dx + dy*dy
}
