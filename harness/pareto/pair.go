package pareto

import (
	"math"
	"slices"
)

// SharePoint is one point of a router between a weak and a strong model: the share of prompts that the strong model
// answers, in [0, 1], and the mean quality.
type SharePoint struct{ StrongShare, Quality float64 }

// SameQuality is the reason where the strong model is no better or worse than the weak one.
const SameQuality Reason = "the weak and the strong model score the same"

// PGR is RouteLLM's performance gap recovered: which part of the way from the weak to the strong model's quality.
func PGR(quality, weak, strong float64) (float64, Reason) {
	if weak == strong {
		return math.NaN(), SameQuality
	}
	return (quality - weak) / (strong - weak), ""
}

// PairAUC is the area under quality over the strong-model share, by trapezoids over the shares observed (RouteLLM,
// evals/evaluate.py). Of one point it is 0.
func PairAUC(points []SharePoint) (float64, Reason) {
	sorted := byShare(points)
	if len(sorted) == 0 {
		return math.NaN(), NoPoints
	}
	var area float64
	for i := 1; i < len(sorted); i++ {
		a, b := sorted[i-1], sorted[i]
		area += (a.Quality + b.Quality) / 2 * (b.StrongShare - a.StrongShare)
	}
	return area, ""
}

// APGR is RouteLLM's average performance gap recovered: (AUC − AUC of always weak) ÷ (AUC of always strong − AUC of always
// weak) over the shares observed. No value where the models score the same, where RouteLLM gives an infinity, or where all
// points have one share.
func APGR(points []SharePoint, weak, strong float64) (float64, Reason) {
	auc, why := PairAUC(points)
	if why != "" {
		return auc, why
	}
	sorted := byShare(points)
	width := sorted[len(sorted)-1].StrongShare - sorted[0].StrongShare
	switch {
	case weak == strong:
		return math.NaN(), SameQuality
	case width == 0:
		return math.NaN(), "all points have one strong-model share"
	}
	return (auc - weak*width) / ((strong - weak) * width), ""
}

// CPT is RouteLLM's call-performance threshold: the smallest strong-model share at which the gap recovered is at least x,
// straight between points on the running maximum of quality. RouteLLM interpolates on the quality itself, which is the
// same where it rises with the share and arbitrary where it does not. Where the first point already has the quality it
// is that point's share; no value where no point has it.
func CPT(points []SharePoint, weak, strong, x float64) (float64, Reason) {
	if weak == strong {
		return math.NaN(), SameQuality
	}
	sorted := byShare(points)
	if len(sorted) == 0 {
		return math.NaN(), NoPoints
	}
	want := weak + x*(strong-weak)
	if sorted[0].Quality >= want {
		return sorted[0].StrongShare, ""
	}
	top := sorted[0]
	for _, p := range sorted[1:] {
		if p.Quality >= want {
			return top.StrongShare + (p.StrongShare-top.StrongShare)*(want-top.Quality)/(p.Quality-top.Quality), ""
		}
		top = SharePoint{p.StrongShare, max(top.Quality, p.Quality)}
	}
	return math.NaN(), "the quality is not reached"
}

// byShare returns the points with known share and quality by ascending share.
func byShare(points []SharePoint) []SharePoint {
	out := make([]SharePoint, 0, len(points))
	for _, p := range points {
		if Finite(p.StrongShare) && Finite(p.Quality) {
			out = append(out, p)
		}
	}
	slices.SortStableFunc(out, func(a, b SharePoint) int {
		switch {
		case a.StrongShare < b.StrongShare:
			return -1
		case a.StrongShare > b.StrongShare:
			return 1
		}
		return 0
	})
	return out
}
