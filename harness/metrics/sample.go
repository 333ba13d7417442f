package metrics

import (
	"math"
	"slices"

	"github.com/trilemma-bench/trilemma/harness/stats"
)

// sample computes the metrics of all subjects on up to stats.BlockSize (re)samples at once. One goroutine uses it.
//
// It goes curve by curve, since the columns of one curve over a block of samples fit the cache. What needs all curves,
// the largest hull cost and the joint front, is done in a second pass.
type sample struct {
	e *evaluation
	// means are the means of a column in the samples at hand.
	means func(column int) []float64
	n     int

	// value[subject][seed][metric][sample]. A quantity that is not reached is infinitely bad, one without a value NaN.
	value   [][][][]float64
	maxCost []float64

	refs  []reference
	joint [][]Point // the fronts of all compared curves, then their joint front
	scale []Scale
	rest  [][][]tail // [subject][seed][sample]
	order [][][]int32

	points, front, vertex []Point
	points3               []Point3
	own                   []float64
	volume                sweep
}

// reference is what all subjects are measured against in one sample.
type reference struct {
	best     Point // the single model of highest quality, of equals the cheapest
	bestAt   int
	anchor   Point   // each prompt's cheapest model
	dearest  float64 // mean cost of each prompt's dearest model
	box      Box
	random   []float64 // [dataset] quality
	bestIn   []float64 // [dataset] quality of the best single model
	oracleIn []float64 // [dataset]
}

// tail is what the second pass needs of a curve's hull.
type tail struct {
	area, cost, quality float64 // the area under the hull up to its peak, and the peak
	hullMax             float64
}

func (e *evaluation) newSample() *sample {
	s := &sample{
		e: e, maxCost: make([]float64, stats.BlockSize), refs: make([]reference, stats.BlockSize),
		joint: make([][]Point, stats.BlockSize), scale: make([]Scale, stats.BlockSize),
	}
	for _, sub := range e.subjects {
		values := make([][][]float64, len(sub.curves))
		rest := make([][]tail, len(sub.curves))
		order := make([][]int32, len(sub.curves))
		for c, curve := range sub.curves {
			values[c] = make([][]float64, len(Names))
			for m := range values[c] {
				values[c][m] = make([]float64, stats.BlockSize)
			}
			rest[c] = make([]tail, stats.BlockSize)
			order[c] = make([]int32, len(curve.points))
			for i := range order[c] {
				order[c][i] = int32(i)
			}
		}
		s.value, s.rest, s.order = append(s.value, values), append(s.rest, rest), append(s.order, order)
	}
	return s
}

// The metrics by their place in Names.
const (
	mQualityMax = iota
	mAIQ
	mNAUC
	mPeak
	mQNC
	mRCI
	mPerfGain
	mCostSave
	mGainR
	mGainB
	mGapO
	mParetoDist
	mHypervolume
)

// compute fills value and maxCost for n samples.
func (s *sample) compute(n int, means func(column int) []float64) {
	s.n, s.means = n, means
	s.references()
	for i := range s.e.subjects {
		sub := &s.e.subjects[i]
		for c := range sub.curves {
			s.curve(i, c, !sub.apart)
		}
	}
	for r := range n {
		s.joint[r] = mergeFronts(s.joint[r])
	}
	for i := range s.e.subjects {
		for c := range s.e.subjects[i].curves {
			s.second(i, c)
		}
	}
}

func (s *sample) references() {
	e := s.e
	for r := range s.n {
		ref := &s.refs[r]
		*ref = reference{random: ref.random[:0], bestIn: ref.bestIn[:0], oracleIn: ref.oracleIn[:0]}
		worst := Point3{math.Inf(1), math.Inf(-1), math.Inf(-1)}
		for m, t := range e.models {
			p := s.point3(t, r)
			if m == 0 || p.Quality > ref.best.Quality || p.Quality == ref.best.Quality && p.Cost < ref.best.CostUSD {
				ref.best, ref.bestAt = Point{CostUSD: p.Cost, Quality: p.Quality}, m
			}
			// max keeps a NaN: the carbon of one model being unknown, so is the worst.
			worst = Point3{min(worst.Quality, p.Quality), max(worst.Cost, p.Cost), max(worst.Carbon, p.Carbon)}
		}
		ref.box = Box{Worst: worst, Best: s.point3(e.oracle, r)}
		ref.anchor = Point{CostUSD: s.means(e.anchor.cost)[r], Quality: s.means(e.anchor.quality)[r]}
		ref.dearest = s.means(e.dearest)[r]
		for d := range e.datasets {
			in := &e.datasets[d]
			// All are sums over the dataset ÷ the prompts of the sample: only their ratios are looked at. A dataset of
			// which no prompt was drawn is left out.
			if s.means(in.size)[r] == 0 {
				ref.random, ref.bestIn, ref.oracleIn = append(ref.random, math.NaN()), append(ref.bestIn, math.NaN()), append(ref.oracleIn, math.NaN())
				continue
			}
			ref.random = append(ref.random, s.means(in.random)[r])
			ref.bestIn = append(ref.bestIn, s.means(in.models[ref.bestAt])[r])
			ref.oracleIn = append(ref.oracleIn, s.means(in.oracle)[r])
		}
		s.joint[r], s.scale[r], s.maxCost[r] = s.joint[r][:0], Scale{}, 0
	}
}

func (s *sample) point3(t triple, r int) Point3 {
	p := Point3{Quality: s.means(t.quality)[r], Cost: s.means(t.cost)[r], Carbon: math.NaN()}
	if t.carbon != stats.None {
		p.Carbon = s.means(t.carbon)[r]
	}
	return p
}

// curve computes what a curve's own points decide. compared says whether it is one of those that AIQ's largest cost, the
// joint front and its scale are taken over.
func (s *sample) curve(i, c int, compared bool) {
	curve := &s.e.subjects[i].curves[c]
	out := s.value[i][c]
	for r := range s.n {
		ref := &s.refs[r]
		s.gather(curve, s.order[i][c], r)
		if len(s.points) == 0 {
			for m := range out {
				out[m][r] = math.NaN()
			}
			s.rest[i][c][r] = tail{area: math.NaN()}
			continue
		}
		s.front = frontOf(s.points, s.front[:0])
		s.vertex = hullOf(s.front, s.vertex[:0])
		top := s.front[len(s.front)-1]
		s.rest[i][c][r] = tail{area: hullArea(s.vertex), cost: top.CostUSD, quality: top.Quality, hullMax: HullMaxCost(s.points)}
		if compared {
			s.maxCost[r] = max(s.maxCost[r], s.rest[i][c][r].hullMax)
			s.joint[r] = append(s.joint[r], s.front...)
			s.scale[r].Widen(s.points)
		}
		out[mQualityMax][r], out[mPeak][r] = top.Quality, top.Quality
		out[mNAUC][r] = naucOf(s.front, ref.anchor.Quality, ref.anchor.CostUSD, ref.dearest)
		qnc, why := QNC(s.front, ref.best)
		if why == NotReached {
			qnc = math.Inf(1)
		}
		out[mQNC][r], out[mCostSave][r] = qnc, 1-qnc
		out[mPerfGain][r], _ = relative(top.Quality, ref.best.Quality)
		out[mRCI][r] = math.NaN()
		if curve.sound != stats.None {
			out[mRCI][r] = 1 - s.means(curve.sound)[r]
		}
		s.own = s.own[:0]
		for _, id := range curve.dataset {
			s.own = append(s.own, s.means(id)[r])
		}
		out[mGainR][r], _, _ = Gain(s.own, ref.random)
		out[mGainB][r], _, _ = Gain(s.own, ref.bestIn)
		out[mGapO][r], _, _ = GapO(s.own, ref.oracleIn)
		s.points3 = s.points3[:0]
		for _, t := range curve.points {
			s.points3 = append(s.points3, s.point3(t, r))
		}
		out[mHypervolume][r], _ = s.volume.volume(s.points3, ref.box)
	}
}

// gather sets points to the curve's in sample r by ascending cost and quality. order is their order in the sample before,
// from which it differs little.
func (s *sample) gather(curve *curveColumns, order []int32, r int) {
	s.points = s.points[:0]
	at := func(k int32) Point {
		t := curve.points[k]
		return Point{CostUSD: s.means(t.cost)[r], Quality: s.means(t.quality)[r]}
	}
	for k := range order {
		p := at(order[k])
		s.points = append(s.points, p)
		for j := k; j > 0 && byCost(s.points[j-1], p) > 0; j-- {
			s.points[j], s.points[j-1] = s.points[j-1], p
			order[j], order[j-1] = order[j-1], order[j]
		}
	}
}

func (s *sample) second(i, c int) {
	curve := &s.e.subjects[i].curves[c]
	out := s.value[i][c]
	for r := range s.n {
		t := s.rest[i][c][r]
		if math.IsNaN(t.area) {
			continue
		}
		switch top := s.maxCost[r]; {
		case t.cost <= top && top > 0:
			out[mAIQ][r] = (t.area + t.quality*(top-t.cost)) / top
		default: // free, or not compared and dearer than all that are
			s.gather(curve, s.order[i][c], r)
			out[mAIQ][r], _ = AIQ(s.points, top)
		}
		out[mParetoDist][r] = math.NaN()
		if s.e.subjects[i].apart {
			continue
		}
		var sum float64
		for _, p := range curve.points {
			sum += s.scale[r].nearest(Point{CostUSD: s.means(p.cost)[r], Quality: s.means(p.quality)[r]}, s.joint[r])
		}
		out[mParetoDist][r] = sum / float64(len(curve.points))
	}
}

// overSeeds is the mean of a metric over a subject's seeds in one sample: of those that have a value; infinite where none
// has but some are not reached; NaN else.
func overSeeds(curves [][][]float64, metric, r int) float64 {
	var sum float64
	n, limit := 0, math.NaN()
	for _, v := range curves {
		switch x := v[metric][r]; {
		case finite(x):
			sum += x
			n++
		case math.IsInf(x, 0):
			limit = x
		}
	}
	if n == 0 {
		return limit
	}
	return sum / float64(n)
}

// mergeFronts sorts the points of several fronts and returns their joint front, in place.
func mergeFronts(points []Point) []Point {
	slices.SortFunc(points, byCost)
	return frontOf(points, points[:0])
}
