package pareto

import "math"

// NonDecreasingHull is RouterBench's non-decreasing convex hull (evaluation/AIQ.py): the upper concave envelope of the
// points, taken at every cost that a point has, without what is lower than its predecessor. By ascending cost. Of one
// point, or of points of one cost, it is the best of them; RouterBench's own code fails there.
func NonDecreasingHull(points []Point) []Point {
	sorted := known(points)
	var vertex []Point
	for _, p := range sorted {
		vertex = grow(vertex, p)
	}
	var hull []Point
	v := 0
	for i, p := range sorted {
		if i+1 < len(sorted) && sorted[i+1].CostUSD == p.CostUSD {
			continue
		}
		for v+1 < len(vertex) && vertex[v+1].CostUSD <= p.CostUSD {
			v++
		}
		at := Point{CostUSD: p.CostUSD, Quality: vertex[v].Quality}
		if p.CostUSD > vertex[v].CostUSD {
			a, b := vertex[v], vertex[v+1]
			at.Quality = a.Quality + (b.Quality-a.Quality)*(p.CostUSD-a.CostUSD)/(b.CostUSD-a.CostUSD)
		}
		if len(hull) == 0 || at.Quality >= hull[len(hull)-1].Quality {
			hull = append(hull, at)
			continue
		}
		break // the envelope is concave: once it falls it falls for good
	}
	return hull
}

// grow adds the next point, by ascending cost and quality, to the vertices of an upper concave envelope.
func grow(vertex []Point, p Point) []Point {
	for n := len(vertex); n > 0; n-- {
		last := vertex[n-1]
		if last.CostUSD == p.CostUSD {
			vertex = vertex[:n-1]
			continue
		}
		if n == 1 {
			break
		}
		before := vertex[n-2]
		// last stays where it is above the line from before to p.
		if (last.Quality-before.Quality)*(p.CostUSD-before.CostUSD) > (p.Quality-before.Quality)*(last.CostUSD-before.CostUSD) {
			break
		}
		vertex = vertex[:n-1]
	}
	return append(vertex, p)
}

// HullMaxCost is the largest cost of the policy's hull: that of its dearest point of highest quality. AIQ is normalised by
// the largest of all compared policies. 0 without points.
func HullMaxCost(points []Point) float64 {
	end, peak := 0.0, math.Inf(-1)
	for _, p := range points {
		if !Finite(p.CostUSD) || !Finite(p.Quality) {
			continue
		}
		if p.Quality > peak || p.Quality == peak && p.CostUSD > end {
			end, peak = p.CostUSD, p.Quality
		}
	}
	return end
}

// AIQ is RouterBench's average improvement in quality: the area under the non-decreasing hull, extended flat to maxCost
// (the largest hull cost of all compared policies), divided by maxCost. Left of the policy's cheapest point counts
// nothing. What a hull has beyond maxCost, as that of a policy outside the compared set may, does not count either. Where
// maxCost is zero every compared policy is free and the AIQ is the quality to be had for nothing.
//
// (RouterBench's paper divides by max − min cost; its code, followed here, by max.)
func AIQ(points []Point, maxCost float64) (float64, Reason) {
	front := Front(points)
	if len(front) == 0 {
		return math.NaN(), NoPoints
	}
	return aiqOf(HullOf(front, nil), maxCost), ""
}

// HullOf appends to vertex the vertices of the envelope of a front. The points of the non-decreasing hull lie on it: its
// vertices up to the peak are on the front, and between them it is straight.
func HullOf(front, vertex []Point) []Point {
	for _, p := range front {
		vertex = grow(vertex, p)
	}
	return vertex
}

// HullArea is the area under a hull's vertices.
func HullArea(vertex []Point) float64 {
	var area float64
	for i := 1; i < len(vertex); i++ {
		a, b := vertex[i-1], vertex[i]
		area += (a.Quality + b.Quality) / 2 * (b.CostUSD - a.CostUSD)
	}
	return area
}

func aiqOf(vertex []Point, maxCost float64) float64 {
	if maxCost <= 0 {
		if vertex[0].CostUSD > 0 {
			return 0
		}
		return vertex[0].Quality
	}
	// Cut the hull at maxCost, or carry it there.
	var within []Point
	for i, v := range vertex {
		if v.CostUSD < maxCost {
			within = append(within, v)
			continue
		}
		if i > 0 {
			a := vertex[i-1]
			q := a.Quality + (v.Quality-a.Quality)*(maxCost-a.CostUSD)/(v.CostUSD-a.CostUSD)
			within = append(within, Point{CostUSD: maxCost, Quality: q})
		}
		return HullArea(within) / maxCost
	}
	last := vertex[len(vertex)-1]
	return (HullArea(within) + last.Quality*(maxCost-last.CostUSD)) / maxCost
}
