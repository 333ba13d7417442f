package metrics

import (
	"math"
	"slices"

	"github.com/trilemma-bench/trilemma/harness/pareto"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// frontSize bounds the settings by which the oracle's front is drawn. Up to it the front is exact.
const frontSize = 256

// OracleFront is the oracle at every price of quality: the per-prompt best decisions
//
//	argmax over models of score − λ·cost
//
// for λ from infinity (each prompt's cheapest model) down to zero (the highest score, then the cheapest: [Outcomes.Oracle]).
// Between two λ at which some decision changes nothing does, so these settings are all the vertices of the best curve that
// any policy which asks one model a prompt can have: none lies above it at any cost, on these prompts. Where there are more
// than 256, they are thinned so that neighbours lie equally far apart along the curve, both axes scaled to one.
//
// One row of choices, [prompts], a setting, by ascending cost.
func (o *Outcomes) OracleFront() [][]int32 {
	n := o.Len()
	choice := make([]int32, n)
	// step is a change of one prompt's decision to a dearer, better model: the segments of the prompt's own concave
	// envelope. Taken together in the order of their slopes they make the front (a Minkowski sum).
	type step struct {
		slope, cost, quality float64
		prompt, to           int32
	}
	var steps []step
	var hull []int32
	for p := range n {
		row := p * o.Models
		order := make([]int32, o.Models)
		for m := range order {
			order[m] = int32(m)
		}
		slices.SortStableFunc(order, func(a, b int32) int { return pareto.ByCost(o.point(row+int(a)), o.point(row+int(b))) })
		hull = hull[:0]
		for _, m := range order {
			hull = o.growChoice(row, hull, m)
		}
		choice[p] = hull[0]
		for i := 1; i < len(hull); i++ {
			a, b := o.point(row+int(hull[i-1])), o.point(row+int(hull[i]))
			s := step{cost: b.CostUSD - a.CostUSD, quality: b.Quality - a.Quality, prompt: int32(p), to: hull[i]}
			s.slope = s.quality / s.cost
			steps = append(steps, s)
		}
	}
	slices.SortStableFunc(steps, func(a, b step) int {
		switch {
		case a.slope > b.slope:
			return -1
		case a.slope < b.slope:
			return 1
		}
		return int(a.prompt) - int(b.prompt)
	})
	var cost, quality float64
	kinks := 0
	for i, s := range steps {
		cost, quality = cost+s.cost, quality+s.quality
		if i+1 == len(steps) || steps[i+1].slope != s.slope {
			kinks++
		}
	}
	front := [][]int32{slices.Clone(choice)}
	var way, next float64
	for i, s := range steps {
		choice[s.prompt] = s.to
		way += (s.cost/cost + s.quality/quality) / 2
		last := i+1 == len(steps)
		switch {
		case !last && steps[i+1].slope == s.slope:
		case last || kinks < frontSize || way >= next:
			front = append(front, slices.Clone(choice))
			next = way + 1.0/(frontSize-2)
		}
	}
	return front
}

func (o *Outcomes) point(at int) pareto.Point {
	return pareto.Point{CostUSD: float64(o.Figures[policy.Cost][at]), Quality: float64(o.Figures[policy.Quality][at])}
}

// growChoice is [grow] for the models of one prompt, given by ascending cost: the vertices of their envelope up to its peak.
// Of models of equal score and cost the one that emits least stands.
func (o *Outcomes) growChoice(row int, hull []int32, m int32) []int32 {
	p := o.point(row + int(m))
	if len(hull) > 0 {
		last := o.point(row + int(hull[len(hull)-1]))
		if p == last {
			if o.Figures[policy.Carbon] != nil && o.Figures[policy.Carbon][row+int(m)] < o.Figures[policy.Carbon][row+int(hull[len(hull)-1])] {
				hull[len(hull)-1] = m
			}
			return hull
		}
		if p.Quality <= last.Quality {
			return hull
		}
	}
	for n := len(hull); n > 0; n-- {
		last := o.point(row + int(hull[n-1]))
		if last.CostUSD < p.CostUSD {
			if n == 1 {
				break
			}
			before := o.point(row + int(hull[n-2]))
			if (last.Quality-before.Quality)*(p.CostUSD-before.CostUSD) > (p.Quality-before.Quality)*(last.CostUSD-before.CostUSD) {
				break
			}
		}
		hull = hull[:n-1]
	}
	return append(hull, m)
}

// bestUtility is, a prompt, the highest score − λcost·cost − λcarbon·carbon of any model.
func (o *Outcomes) bestUtility(lambdaCost, lambdaCarbon float64) []float32 {
	out := make([]float32, o.Len())
	for p := range out {
		best := math.Inf(-1)
		for at := p * o.Models; at < (p+1)*o.Models; at++ {
			best = max(best, float64(o.Figures[policy.Quality][at])-lambdaCost*float64(o.Figures[policy.Cost][at])-lambdaCarbon*float64(o.Figures[policy.Carbon][at]))
		}
		out[p] = float32(best)
	}
	return out
}
