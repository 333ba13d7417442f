package pareto

import (
	"math"
	"slices"

	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Line is a policy's curve as it would be deployed: quality against cost, straight between settings that were chosen
// without the prompts it is drawn on, for whoever can afford a cost between two of them mixes the two. By ascending cost.
// Unlike a hull over the points at hand it need be neither rising nor concave there: a maximum over noisy points would lie
// above what the settings are worth.
type Line []Point

// Sort orders the line by cost. Chosen settings are nearly in order already.
func (l Line) Sort() {
	for k := range l {
		for j := k; j > 0 && l[j-1].CostUSD > l[j].CostUSD; j-- {
			l[j], l[j-1] = l[j-1], l[j]
		}
	}
}

// Area is the area under the line from its cheapest setting to a cost, carried flat beyond its dearest. What is right of
// upTo does not count.
func (l Line) Area(upTo float64) float64 {
	if len(l) == 0 || l[0].CostUSD >= upTo {
		return 0
	}
	var sum float64
	last := l[0]
	for _, p := range l[1:] {
		if p.CostUSD > upTo {
			q := last.Quality + (p.Quality-last.Quality)*(upTo-last.CostUSD)/(p.CostUSD-last.CostUSD)
			return sum + (last.Quality+q)/2*(upTo-last.CostUSD)
		}
		sum += (last.Quality + p.Quality) / 2 * (p.CostUSD - last.CostUSD)
		last = p
	}
	return sum + last.Quality*(upTo-last.CostUSD)
}

// Aiq is the area up to a cost divided by it. Where that is zero everything compared is free, and it is the quality to be
// had for nothing.
func (l Line) Aiq(upTo float64) float64 {
	if upTo > 0 {
		return l.Area(upTo) / upTo
	}
	var quality float64
	for _, p := range l {
		if p.CostUSD <= 0 {
			quality = p.Quality
		}
	}
	return quality
}

// Cheapest is the lowest cost on the line at which a quality is reached; false where it never is.
func (l Line) Cheapest(quality float64) (float64, bool) {
	for i, p := range l {
		if p.Quality < quality {
			continue
		}
		if i == 0 || p.Quality == l[i-1].Quality {
			return p.CostUSD, true
		}
		a := l[i-1]
		return a.CostUSD + (p.CostUSD-a.CostUSD)*(quality-a.Quality)/(p.Quality-a.Quality), true
	}
	return math.NaN(), false
}

// Nauc is ORBIT's area (see [NAUC]) of the line between two costs. It begins with the quality of the dearest setting that
// costs no more than lower, or of each prompt's cheapest model where there is none.
func (l Line) Nauc(atLower, lower, upper float64) float64 {
	last := Point{CostUSD: lower, Quality: atLower}
	var area float64
	for _, p := range l {
		switch {
		case p.CostUSD <= lower:
			last.Quality = p.Quality
		case p.CostUSD <= upper:
			area += (last.Quality + p.Quality) / 2 * (p.CostUSD - last.CostUSD)
			last = p
		}
	}
	if upper <= lower {
		return last.Quality
	}
	return (area + last.Quality*(upper-last.CostUSD)) / (upper - lower)
}

// PointOf is where means of quality and cost lie.
func PointOf(m policy.Figures) Point {
	return Point{CostUSD: m[policy.Cost], Quality: m[policy.Quality]}
}

// Anchor is the place of the cheapest model in what [Vertices] returns: it is nobody's setting, but open to everybody.
const Anchor = -1

// Vertices chooses the settings that a policy's curve runs through: the vertices of the upper concave envelope, up to its
// peak, of the settings' means and those of the cheapest single model, which every policy can be mixed with (ORBIT's left
// anchor; without it a policy of one setting, or whose settings are all dear, would have no curve at its left). They are
// chosen on means over prompts that are not the ones it is judged on. Indexes into settings or [Anchor], by ascending
// cost.
func Vertices(settings []policy.Figures, cheapest policy.Figures) []int {
	type candidate struct {
		Point
		at int
	}
	all := make([]candidate, 0, len(settings)+1)
	for i, s := range settings {
		if Finite(s[policy.Cost]) && Finite(s[policy.Quality]) {
			all = append(all, candidate{PointOf(s), i})
		}
	}
	if len(all) == 0 {
		return nil
	}
	if Finite(cheapest[policy.Cost]) && Finite(cheapest[policy.Quality]) {
		all = append(all, candidate{PointOf(cheapest), Anchor})
	}
	// Of equals the policy's own setting comes first and stays.
	slices.SortStableFunc(all, func(a, b candidate) int { return ByCost(a.Point, b.Point) })
	points := make([]Point, len(all))
	for i, c := range all {
		points[i] = c.Point
	}
	var out []int
	at := 0
	for _, v := range HullOf(FrontOf(points, nil), nil) {
		for all[at].Point != v {
			at++
		}
		out = append(out, all[at].at)
	}
	// A policy is not its anchor: where that is best, the policy's own best stands to the right of it.
	if len(out) == 1 && out[0] == Anchor {
		out = append(out, Best(settings))
	}
	return out
}

// Best is the setting of the highest quality, of equals the cheapest, then the first.
func Best(settings []policy.Figures) int {
	at := -1
	for i, s := range settings {
		if !Finite(s[policy.Quality]) {
			continue
		}
		if at < 0 || s[policy.Quality] > settings[at][policy.Quality] || s[policy.Quality] == settings[at][policy.Quality] && s[policy.Cost] < settings[at][policy.Cost] {
			at = i
		}
	}
	return at
}

// Frontier are the settings that no other is at least as good and as cheap as and better in one; of equals all.
func Frontier(settings []policy.Figures) []int {
	points := make([]Point, len(settings))
	for i, s := range settings {
		points[i] = PointOf(s)
	}
	var out []int
	for i, stands := range NotDominated(points) {
		if stands {
			out = append(out, i)
		}
	}
	return out
}

// Reaching is the cheapest setting of at least a quality; -1 where there is none.
func Reaching(settings []policy.Figures, quality float64) int {
	at := -1
	for i, s := range settings {
		if s[policy.Quality] >= quality && Finite(s[policy.Cost]) && (at < 0 || s[policy.Cost] < settings[at][policy.Cost]) {
			at = i
		}
	}
	return at
}
