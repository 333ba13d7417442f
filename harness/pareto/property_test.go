package pareto

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// drawPoints draws points on a coarse grid, so that ties in cost and quality are common.
func drawPoints(t *rapid.T, least int) []Point {
	n := rapid.IntRange(least, 14).Draw(t, "n")
	out := make([]Point, n)
	for i := range out {
		out[i] = Point{
			CostUSD: float64(rapid.IntRange(0, 12).Draw(t, "cost")) / 4,
			Quality: float64(rapid.IntRange(0, 10).Draw(t, "quality")) / 10,
		}
	}
	return out
}

func shuffled(t *rapid.T, points []Point) []Point { return rapid.Permutation(points).Draw(t, "order") }

func scaledCosts(points []Point, k float64) []Point {
	out := slices.Clone(points)
	for i := range out {
		out[i].CostUSD *= k
	}
	return out
}

func close9(a, b float64) bool {
	return a == b || math.Abs(a-b) <= 1e-9*(1+math.Abs(a)) || math.IsNaN(a) && math.IsNaN(b)
}

func TestHullProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		points := drawPoints(t, 1)
		hull := NonDecreasingHull(points)
		if got, want := hull[len(hull)-1].CostUSD, HullMaxCost(points); got != want {
			t.Fatalf("the hull ends at %v, HullMaxCost is %v", got, want)
		}
		for i := 1; i < len(hull); i++ {
			a, b := hull[i-1], hull[i]
			if b.CostUSD <= a.CostUSD || b.Quality < a.Quality {
				t.Fatalf("hull %v falls", hull)
			}
			if i > 1 {
				z := hull[i-2]
				if (b.Quality-a.Quality)*(a.CostUSD-z.CostUSD) > (a.Quality-z.Quality)*(b.CostUSD-a.CostUSD)+1e-9 {
					t.Fatalf("hull %v is not concave", hull)
				}
			}
		}
		for _, p := range points {
			for i, h := range hull {
				if h.CostUSD == p.CostUSD && h.Quality < p.Quality-1e-9 {
					t.Fatalf("%v is above the hull's %d, %v", p, i, h)
				}
			}
		}
		// AIQ is the area under that hull.
		maxCost := HullMaxCost(points) + float64(rapid.IntRange(0, 3).Draw(t, "beyond"))
		aiq, why := AIQ(points, maxCost)
		if why != "" {
			t.Fatal(why)
		}
		want := hull[len(hull)-1].Quality
		if maxCost > 0 {
			want = (HullArea(hull) + want*(maxCost-hull[len(hull)-1].CostUSD)) / maxCost
		}
		if !close9(aiq, want) {
			t.Fatalf("AIQ %v, area under the hull %v", aiq, want)
		}
		if again, _ := AIQ(shuffled(t, points), maxCost); !close9(aiq, again) {
			t.Fatalf("AIQ %v in another order %v", aiq, again)
		}
		if scaled, _ := AIQ(scaledCosts(points, 8), 8*maxCost); !close9(aiq, scaled) {
			t.Fatalf("AIQ %v with costs in another unit %v", aiq, scaled)
		}
		d := dominated(t, points)
		if more, _ := AIQ(append(slices.Clone(points), d), maxCost); !close9(aiq, more) {
			t.Fatalf("AIQ %v with a dominated point %v", aiq, more)
		}
		if HullMaxCost(append(slices.Clone(points), d)) != HullMaxCost(points) {
			t.Fatalf("dominated point %v moves the hull's end", d)
		}
	})
}

// dominated is a point that is worse and no cheaper than one of the points.
func dominated(t *rapid.T, points []Point) Point {
	p := rapid.SampledFrom(points).Draw(t, "dominator")
	return Point{p.CostUSD + float64(rapid.IntRange(0, 4).Draw(t, "dearer")), p.Quality - 0.05*float64(rapid.IntRange(1, 4).Draw(t, "worse"))}
}

func TestFrontAndAreaProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		points := drawPoints(t, 1)
		front := Front(points)
		stands := NotDominated(points)
		for i, p := range points {
			if stands[i] != slices.Contains(front, p) {
				t.Fatalf("%v: on the front %v, not dominated %v", p, slices.Contains(front, p), stands[i])
			}
		}
		more := append(shuffled(t, points), dominated(t, points))
		if got := Front(more); !slices.Equal(got, front) {
			t.Fatalf("front %v, with a dominated point in another order %v", front, got)
		}
		lower := float64(rapid.IntRange(0, 6).Draw(t, "lower")) / 4
		upper := lower + float64(rapid.IntRange(0, 8).Draw(t, "width"))/4
		auc, why := NAUC(points, lower, upper)
		again, _ := NAUC(more, lower, upper)
		scaled, _ := NAUC(scaledCosts(points, 4), 4*lower, 4*upper)
		peak, _ := Peak(points)
		if why != "" || !close9(auc, again) || !close9(auc, scaled) || auc < 0 || auc > peak+1e-12 {
			t.Fatalf("nAUC %v (%s), with a dominated point %v, scaled %v, peak %v", auc, why, again, scaled, peak)
		}
		best := rapid.SampledFrom(points).Draw(t, "best single")
		qnc, none := QNC(points, best)
		save, _ := CostSave(points, best)
		if none == "" && (qnc > 1+1e-12 || !close9(save, 1-qnc)) {
			t.Fatalf("QNC %v and CostSave %v beside one of the policy's own points", qnc, save)
		}
		if none == NotReached {
			t.Fatalf("does not reach its own point %v", best)
		}
	})
}

func TestParetoDistProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		points, others := drawPoints(t, 1), drawPoints(t, 1)
		joint := append(slices.Clone(points), others...)
		var s Scale
		s.Widen(joint)
		got, why := Dist(points, joint, &s)
		if why != "" {
			t.Fatal(why)
		}
		// Plainly: the nearest point of the front, for each point.
		var want float64
		for _, p := range points {
			nearest := math.Inf(1)
			for _, f := range Front(joint) {
				nearest = min(nearest, s.squared(p, f))
			}
			want += math.Sqrt(nearest) / float64(len(points))
		}
		if !close9(got, want) {
			t.Fatalf("distance %v, want %v", got, want)
		}
		if d, _ := Dist(Front(joint), joint, &s); d != 0 {
			t.Fatalf("the front is %v from itself", d)
		}
		var s8 Scale
		s8.Widen(scaledCosts(joint, 8))
		if scaled, _ := Dist(scaledCosts(points, 8), scaledCosts(joint, 8), &s8); !close9(got, scaled) {
			t.Fatalf("distance %v with costs in another unit %v", got, scaled)
		}
		// Points above the front, as the oracle's, find it too.
		above := Point{rapid.Float64Range(0, 3).Draw(t, "x"), 1.2}
		nearest := math.Inf(1)
		for _, f := range Front(joint) {
			nearest = min(nearest, s.squared(above, f))
		}
		if got := s.Nearest(above, Front(joint)); !close9(got, math.Sqrt(nearest)) {
			t.Fatalf("distance from above %v, want %v", got, math.Sqrt(nearest))
		}
	})
}

// boxes is the volume below scaled points by inclusion–exclusion over a grid of their coordinates: slow and plain.
func boxes(points []Point3, box Box) float64 {
	axes := [3][]float64{{0}, {0}, {0}}
	var set [][3]float64
	for _, p := range points {
		u := [3]float64{
			(p.Quality - box.Worst.Quality) / (box.Best.Quality - box.Worst.Quality),
			(box.Worst.Cost - p.Cost) / (box.Worst.Cost - box.Best.Cost),
			(box.Worst.Carbon - p.Carbon) / (box.Worst.Carbon - box.Best.Carbon),
		}
		if min(u[0], u[1], u[2]) <= 0 {
			continue
		}
		set = append(set, u)
		for a := range axes {
			axes[a] = append(axes[a], u[a])
		}
	}
	for a := range axes {
		slices.Sort(axes[a])
	}
	var sum float64
	for i := 1; i < len(axes[0]); i++ {
		for j := 1; j < len(axes[1]); j++ {
			for k := 1; k < len(axes[2]); k++ {
				for _, u := range set {
					if u[0] >= axes[0][i] && u[1] >= axes[1][j] && u[2] >= axes[2][k] {
						sum += (axes[0][i] - axes[0][i-1]) * (axes[1][j] - axes[1][j-1]) * (axes[2][k] - axes[2][k-1])
						break
					}
				}
			}
		}
	}
	return sum
}

func TestHypervolumeProperties(t *testing.T) {
	box := Box{Worst: Point3{0.1, 2.5, 25}, Best: Point3{0.9, 0.5, 5}}
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 9).Draw(t, "n")
		points := make([]Point3, n)
		for i := range points {
			points[i] = Point3{
				Quality: float64(rapid.IntRange(0, 10).Draw(t, "quality")) / 10,
				Cost:    float64(rapid.IntRange(0, 12).Draw(t, "cost")) / 4,
				Carbon:  float64(rapid.IntRange(0, 30).Draw(t, "carbon")),
			}
		}
		got, why := Hypervolume(points, box)
		if want := boxes(points, box); why != "" || !close9(got, want) {
			t.Fatalf("volume %v (%s), want %v", got, why, want)
		}
		p := rapid.SampledFrom(points).Draw(t, "dominator")
		worse := append(rapid.Permutation(points).Draw(t, "order"), Point3{p.Quality - 0.1, p.Cost + 0.25, p.Carbon + 1})
		if again, _ := Hypervolume(worse, box); !close9(got, again) {
			t.Fatalf("volume %v, with a dominated point %v", got, again)
		}
		stands := NotDominated3(points)
		var front []Point3
		for i, p := range points {
			if stands[i] {
				front = append(front, p)
			}
		}
		if again, _ := Hypervolume(front, box); !close9(got, again) {
			t.Fatalf("volume %v, of the front alone %v", got, again)
		}
	})
	if v, why := Hypervolume([]Point3{box.Best}, box); v != 1 || why != "" {
		t.Errorf("the best corner dominates %v (%s), want 1", v, why)
	}
	if v, _ := Hypervolume([]Point3{box.Worst}, box); v != 0 {
		t.Errorf("the worst corner dominates %v, want 0", v)
	}
	flat := box
	flat.Best.Cost = flat.Worst.Cost
	if v, _ := Hypervolume([]Point3{{0.9, 2.5, 5}, {1, 3, 5}}, flat); v != 1 {
		t.Errorf("with one cost for all the volume is %v, want 1", v)
	}
	if v, why := Hypervolume([]Point3{box.Best}, Box{Worst: box.Best, Best: box.Worst}); !math.IsNaN(v) || why == "" {
		t.Errorf("volume in a box turned over = %v, want none", v)
	}
	if v, why := Hypervolume([]Point3{{0.5, 1, math.NaN()}}, box); !math.IsNaN(v) || why != UnknownCarbon {
		t.Errorf("volume of unknown carbon = %v (%s), want none", v, why)
	}
}

func TestPairProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		points := make([]SharePoint, rapid.IntRange(2, 9).Draw(t, "n"))
		for i := range points {
			points[i] = SharePoint{float64(i) / float64(len(points)-1), rapid.Float64Range(0.2, 1).Draw(t, "quality")}
		}
		x := rapid.Float64Range(0.05, 0.95).Draw(t, "x")
		cpt, why := CPT(points, 0.3, 0.9, x)
		more, whyMore := CPT(points, 0.3, 0.9, x+0.05)
		if why == "" && whyMore == "" && more < cpt {
			t.Fatalf("more quality at fewer calls: %v then %v", cpt, more)
		}
		reversed := slices.Clone(points)
		slices.Reverse(reversed)
		a, _ := APGR(points, 0.3, 0.9)
		b, _ := APGR(reversed, 0.3, 0.9)
		if a != b {
			t.Fatalf("APGR %v, in another order %v", a, b)
		}
	})
}

// TestDefinedAnswers pins what a metric says where published code fails or divides by zero.
func TestDefinedAnswers(t *testing.T) {
	nan := math.NaN()
	one := []Point{{1, 0.5}}
	free := []Point{{0, 0.4}, {0, 0.6}}
	unknown := []Point{{nan, 0.5}, {1, nan}, {math.Inf(1), 1}}
	value := func(v float64, why Reason) [2]any { return [2]any{v, why} }
	for _, tc := range []struct {
		name string
		got  [2]any
		want float64
		why  Reason
	}{
		{"AIQ of one point", value(AIQ(one, 1)), 0, ""},
		{"AIQ of one point below the largest cost", value(AIQ(one, 4)), 0.375, ""},
		{"AIQ beyond the largest cost", value(AIQ(one, 0.5)), 0, ""},
		{"AIQ of a hull across the largest cost", value(AIQ([]Point{{0, 0}, {2, 1}}, 1)), 0.25, ""},
		{"AIQ where all is free", value(AIQ(free, 0)), 0.6, ""},
		{"AIQ of a dear policy where all compared are free", value(AIQ(one, 0)), 0, ""},
		{"AIQ of nothing", value(AIQ(nil, 1)), nan, NoPoints},
		{"AIQ of unknown points", value(AIQ(unknown, 1)), nan, NoPoints},
		{"nAUC of one point", value(NAUC(one, 0, 2)), 0.375, ""},
		{"nAUC within bounds of no width", value(NAUC(one, 1, 1)), 0.5, ""},
		{"nAUC of what is beyond the bounds", value(NAUC(one, 0, 0.5)), 0, ""},
		{"nAUC of bounds turned over", value(NAUC(one, 2, 1)), nan, "the cost bounds are not a range"},
		{"nAUC of nothing", value(NAUC(nil, 0, 1)), nan, NoPoints},
		{"older nAUC of free points", value(NAUCv1(free, 0)), 0, ""},
		{"older nAUC of nothing", value(NAUCv1(nil, 1)), nan, NoPoints},
		{"peak of nothing", value(Peak(unknown)), nan, NoPoints},
		{"QNC not reached", value(QNC(one, Point{1, 0.6})), nan, NotReached},
		{"QNC beside a free model, for nothing", value(QNC(free, Point{0, 0.5})), 1, ""},
		{"QNC beside a free model, for money", value(QNC(one, Point{0, 0.5})), nan, FreeSingle},
		{"CostSave may be negative", value(CostSave(one, Point{0.5, 0.5})), -1, ""},
		{"PerfGain may be negative", value(PerfGain(one, Point{1, 1})), -0.5, ""},
		{"PerfGain over nothing", value(PerfGain(one, Point{1, 0})), nan, ZeroReference},
		{"PerfGain of nothing over nothing", value(PerfGain([]Point{{1, 0}}, Point{1, 0})), 0, ""},
		{"PerfGain of no points", value(PerfGain(nil, Point{1, 0})), nan, NoPoints},
		{"PGR of equal models", value(PGR(0.5, 0.4, 0.4)), nan, SameQuality},
		{"PGR half way", value(PGR(0.5, 0.4, 0.6)), 0.5, ""},
		{"APGR of one share", value(APGR([]SharePoint{{0.5, 1}}, 0, 1)), nan, "all points have one strong-model share"},
		{"APGR of nothing", value(APGR(nil, 0, 1)), nan, NoPoints},
		{"CPT of equal models", value(CPT([]SharePoint{{0, 1}}, 1, 1, 0.5)), nan, SameQuality},
		{"CPT of nothing", value(CPT(nil, 0, 1, 0.5)), nan, NoPoints},
		{"CPT not reached", value(CPT([]SharePoint{{0, 0}, {1, 0.4}}, 0, 1, 0.5)), nan, "the quality is not reached"},
		{"CPT at the first point", value(CPT([]SharePoint{{0.1, 0.7}, {1, 1}}, 0, 1, 0.5)), 0.1, ""},
		{"CPT after a dip", value(CPT([]SharePoint{{0, 0.4}, {0.5, 0.2}, {1, 0.6}}, 0, 1, 0.5)), 0.75, ""},
		{"distance of nothing", value(Dist(nil, one, &Scale{})), nan, NoPoints},
		{"distance on axes of no range", value(Dist(one, one, &Scale{})), 0, ""},
	} {
		v := tc.got[0].(float64)
		if !close9(v, tc.want) || tc.got[1].(Reason) != tc.why {
			t.Errorf("%s = %v (%q), want %v (%q)", tc.name, v, tc.got[1], tc.want, tc.why)
		}
	}
	if g, used, why := Gain([]float64{0.5, 0.3, nan}, []float64{0.25, 0, 0.1}); g != 1 || used != 1 || why != "" {
		t.Errorf("Gain = %v over %d datasets (%s), want 1 over 1: the others have no reference", g, used, why)
	}
	if _, used, why := Gain([]float64{0.5}, []float64{0}); used != 0 || why != ZeroReference {
		t.Errorf("Gain over nothing: %d datasets, %q", used, why)
	}
}
