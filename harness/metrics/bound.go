package metrics

import (
	"math"

	"github.com/trilemma-bench/trilemma/harness/pareto"
	"github.com/trilemma-bench/trilemma/harness/stats"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// bound is what no policy that asks one model a prompt exceeds in quality, cost and carbon together. At every pair of
// prices the mean of the per-prompt best utilities u bounds the utility of any such policy, mixtures of them included, so
//
//	quality ≤ min over (λcost, λcarbon) of u(λcost, λcarbon) + λcost·cost + λcarbon·carbon.
//
// The volume below this roof is what the hypervolume of a policy is measured in.
type bound struct {
	planes []plane // the first has no prices: its utility is the highest quality
	least  triple  // means of each prompt's lowest cost and lowest carbon; quality unused
}

// plane is one pair of prices and the column of the best utilities.
type plane struct {
	cost, carbon float64
	utility      int
}

// boundPrices are the prices on either axis, in quality for the way from the least to the dearest (or dirtiest) model's mean.
var boundPrices = []float64{0, 0.01, 0.03, 0.1, 0.25, 0.6, 1.5, 5}

// boundCells is the number of cells on either axis by which the volume is summed.
const boundCells = 14

// addBound adds the columns of the roof; nothing where some carbon is unknown.
func (e *evaluation) addBound() error {
	o := &e.Outcomes
	if o.Figures[policy.Carbon] == nil || unknown(o.Figures[policy.Carbon]) {
		return nil
	}
	n := o.Len()
	cost, carbon := make([]float32, n), make([]float32, n)
	var dearest, dirtiest float64
	for _, t := range e.models {
		dearest, dirtiest = max(dearest, e.plain[t.cost]), max(dirtiest, e.plain[t.carbon])
	}
	for p := range n {
		cost[p], carbon[p] = float32(math.Inf(1)), float32(math.Inf(1))
		for at := p * o.Models; at < (p+1)*o.Models; at++ {
			cost[p], carbon[p] = min(cost[p], o.Figures[policy.Cost][at]), min(carbon[p], o.Figures[policy.Carbon][at])
		}
	}
	b := &bound{}
	var err error
	if b.least.cost, err = e.add(cost, stats.None); err != nil {
		return err
	}
	if b.least.carbon, err = e.add(carbon, stats.None); err != nil {
		return err
	}
	perCost, perCarbon := pareto.Inverse(dearest-e.plain[b.least.cost]), pareto.Inverse(dirtiest-e.plain[b.least.carbon])
	for _, x := range boundPrices {
		for _, y := range boundPrices {
			if x > 0 && perCost == 0 || y > 0 && perCarbon == 0 {
				continue
			}
			at := plane{cost: x * perCost, carbon: y * perCarbon}
			if at.utility, err = e.add(o.bestUtility(at.cost, at.carbon), stats.None); err != nil {
				return err
			}
			b.planes = append(b.planes, at)
		}
	}
	e.bound = b
	return nil
}

// box is the space of the volumes in one sample: from the worst single model on each axis to the highest quality, the lowest
// cost and the lowest carbon that any decisions have.
func (b *bound) box(means func(column int) []float64, r int, worst pareto.Point3) pareto.Box {
	return pareto.Box{Worst: worst, Best: pareto.Point3{
		Quality: means(b.planes[0].utility)[r], Cost: means(b.least.cost)[r], Carbon: means(b.least.carbon)[r],
	}}
}

// volume is the volume below the roof in a box, each axis scaled to one: an upper bound, since the roof is concave and
// a cell of the sum takes it at the cell's middle (Jensen).
func (b *bound) volume(means func(column int) []float64, r int, box pareto.Box) float64 {
	height := make([]float64, len(b.planes))
	for i, p := range b.planes {
		height[i] = means(p.utility)[r]
	}
	// quality above the worst model's under the roof, scaled, at a scaled cost and carbon.
	roof := func(cost, carbon float64) float64 {
		cost = box.Best.Cost + cost*(box.Worst.Cost-box.Best.Cost)
		carbon = box.Best.Carbon + carbon*(box.Worst.Carbon-box.Best.Carbon)
		least := math.Inf(1)
		for k, p := range b.planes {
			least = min(least, height[k]+p.cost*cost+p.carbon*carbon)
		}
		return max(0, pareto.Scaled(least-box.Worst.Quality, box.Best.Quality-box.Worst.Quality))
	}
	// Cells are small where the roof is steep: at the cheap end.
	edge := func(i int) float64 {
		t := float64(i) / boundCells
		return t * t
	}
	var sum float64
	for i := range boundCells {
		c0, c1 := edge(i), edge(i+1)
		for j := range boundCells {
			g0, g1 := edge(j), edge(j+1)
			q := roof((c0+c1)/2, (g0+g1)/2)
			if roof(c0, g0) == 0 {
				// Where the roof comes down to the floor it is not concave: its highest corner bounds it.
				q = roof(c1, g1)
			}
			sum += q * (c1 - c0) * (g1 - g0)
		}
	}
	return sum
}
