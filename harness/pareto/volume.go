package pareto

import (
	"cmp"
	"math"
	"slices"
)

// Point3 is a point of quality (higher is better), cost and carbon (lower are better).
type Point3 struct{ Quality, Cost, Carbon float64 }

// Box scales the axes of the hypervolume: Worst is the reference point, Best becomes 1 on every axis.
type Box struct{ Worst, Best Point3 }

// Hypervolume is the volume that the points dominate above the box's worst corner, exact, each axis scaled so that the
// box's best corner alone dominates a volume of 1 (Zitzler and Thiele 1999; as in pymoo and MORL-baselines). The corners
// of a run are the worst single model on each axis and the oracle. A point worse than the worst corner on some axis adds
// nothing; one beyond the best corner, cheaper than the oracle say, may bring the volume above 1. An axis on which the
// corners agree is left out: every point no worse than them is at 1. No value where the best corner is worse than the
// worst.
func Hypervolume(points []Point3, box Box) (float64, Reason) {
	var s Sweep
	return s.Volume(points, box)
}

// Sweep holds the memory of a hypervolume.
type Sweep struct {
	set    []Point3 // scaled, all axes to be maximised
	stairs []Point  // front of the swept in (cost, quality): cost ascends, quality descends
}

// Volume is [Hypervolume] without an allocation.
func (s *Sweep) Volume(points []Point3, box Box) (float64, Reason) {
	if w, b := box.Worst, box.Best; !(b.Quality >= w.Quality && b.Cost <= w.Cost && b.Carbon <= w.Carbon) {
		if !Finite(b.Carbon) || !Finite(w.Carbon) {
			return math.NaN(), UnknownCarbon
		}
		return math.NaN(), "the oracle is worse than every single model on some axis"
	}
	s.set = s.set[:0]
	anyKnown := false
	for _, p := range points {
		if !Finite(p.Quality) || !Finite(p.Cost) || !Finite(p.Carbon) {
			continue
		}
		anyKnown = true
		u := Point3{
			Quality: Scaled(p.Quality-box.Worst.Quality, box.Best.Quality-box.Worst.Quality),
			Cost:    Scaled(box.Worst.Cost-p.Cost, box.Worst.Cost-box.Best.Cost),
			Carbon:  Scaled(box.Worst.Carbon-p.Carbon, box.Worst.Carbon-box.Best.Carbon),
		}
		if u.Quality > 0 && u.Cost > 0 && u.Carbon > 0 {
			s.set = append(s.set, u)
		}
	}
	if !anyKnown {
		return math.NaN(), UnknownCarbon
	}
	// Sweep from the least carbon: between two neighbours the dominated area of (cost, quality) stays the same.
	slices.SortFunc(s.set, func(a, b Point3) int { return cmp.Compare(b.Carbon, a.Carbon) })
	s.stairs = s.stairs[:0]
	var volume, area float64
	for i, u := range s.set {
		area += s.climb(Point{CostUSD: u.Cost, Quality: u.Quality})
		floor := 0.0
		if i+1 < len(s.set) {
			floor = s.set[i+1].Carbon
		}
		volume += (u.Carbon - floor) * area
	}
	return volume, ""
}

// Scaled is x in widths of an axis. On an axis of no width it is 1, or 0 where x is below.
func Scaled(x, width float64) float64 {
	switch {
	case width > 0:
		return x / width
	case x >= 0:
		return 1
	}
	return 0
}

// climb adds a point to the stairs, drops what it dominates, and returns by how much the area below grows.
func (s *Sweep) climb(p Point) float64 {
	// Stairs to the left of p's cost and no higher are dominated; the first to its right bounds what p adds.
	right := 0
	for right < len(s.stairs) && s.stairs[right].CostUSD < p.CostUSD {
		right++
	}
	floor := 0.0
	if right < len(s.stairs) {
		floor = s.stairs[right].Quality
		if floor >= p.Quality {
			return 0
		}
		if s.stairs[right].CostUSD == p.CostUSD {
			// Lower at the same cost: dominated as well.
			right++
			floor = 0
			if right < len(s.stairs) {
				floor = s.stairs[right].Quality
			}
		}
	}
	left := right
	for left > 0 && s.stairs[left-1].Quality <= p.Quality {
		left--
	}
	// Below p between the costs of stairs[left-1] and p, what stairs[left:right] and the floor covered was there before.
	from := 0.0
	if left > 0 {
		from = s.stairs[left-1].CostUSD
	}
	grown := 0.0
	for _, old := range s.stairs[left:right] {
		grown += (old.CostUSD - from) * (p.Quality - old.Quality)
		from = old.CostUSD
	}
	grown += (p.CostUSD - from) * (p.Quality - floor)
	s.stairs = slices.Replace(s.stairs, left, right, p)
	return grown
}

// NotDominated3 tells for each point whether no other is at least as good on all three axes and better on one. Equal
// points stand together; points with an unknown figure do not stand.
func NotDominated3(points []Point3) []bool {
	out := make([]bool, len(points))
	for i, p := range points {
		out[i] = Finite(p.Quality) && Finite(p.Cost) && Finite(p.Carbon)
		for j := 0; out[i] && j < len(points); j++ {
			o := points[j]
			out[i] = !(o.Quality >= p.Quality && o.Cost <= p.Cost && o.Carbon <= p.Carbon && o != p)
		}
	}
	return out
}
