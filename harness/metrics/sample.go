package metrics

import (
	"math"
	"slices"

	"github.com/trilemma-bench/trilemma/harness/pareto"
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
	value [][][][]float64
	// The costs that aiq and aiq_hindsight are carried to, [sample].
	maxCost, maxCostHindsight []float64

	refs  []reference
	joint [][]pareto.Point // the fronts of all compared curves, then their joint front
	scale []pareto.Scale
	rest  [][][][2]tail // [subject][seed][sample] of the chosen line and of the hull in hindsight
	order [][][]int32

	points, front, vertex []pareto.Point
	line                  pareto.Line
	points3               []pareto.Point3
	own                   []float64
	volume                pareto.Sweep
}

// reference is what all subjects are measured against in one sample.
type reference struct {
	best     pareto.Point // the best single model by the known prompts
	bestTest pareto.Point // by these prompts: hindsight
	anchor   pareto.Point // each prompt's cheapest model
	dearest  float64      // mean cost of each prompt's dearest model
	pool     float64      // mean cost of the dearest single model
	box      pareto.Box
	bound    float64   // the volume that no policy which asks one model a prompt exceeds
	random   []float64 // [dataset] quality
	bestIn   []float64 // [dataset] quality of the best single model
	oracleIn []float64 // [dataset]
}

// tail is what the second pass needs of a curve: the area under it up to its dearest point, and that point.
type tail struct{ area, cost, quality float64 }

// carried is the area carried flat to a cost and divided by it; false where that cuts the curve, or is zero.
func (t tail) carried(to float64) (float64, bool) {
	if t.cost > to || to <= 0 {
		return 0, false
	}
	return (t.area + t.quality*(to-t.cost)) / to, true
}

func (e *evaluation) newSample() *sample {
	s := &sample{
		e: e, maxCost: make([]float64, stats.BlockSize), maxCostHindsight: make([]float64, stats.BlockSize), refs: make([]reference, stats.BlockSize),
		joint: make([][]pareto.Point, stats.BlockSize), scale: make([]pareto.Scale, stats.BlockSize),
	}
	for _, sub := range e.subjects {
		values := make([][][]float64, len(sub.curves))
		rest := make([][][2]tail, len(sub.curves))
		order := make([][]int32, len(sub.curves))
		for c, curve := range sub.curves {
			values[c] = make([][]float64, len(Metrics))
			for m := range values[c] {
				values[c][m] = make([]float64, stats.BlockSize)
			}
			rest[c] = make([][2]tail, stats.BlockSize)
			order[c] = make([]int32, len(curve.points))
			for i := range order[c] {
				order[c][i] = int32(i)
			}
		}
		s.value, s.rest, s.order = append(s.value, values), append(s.rest, rest), append(s.order, order)
	}
	return s
}

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
		worst := pareto.Point3{Quality: math.Inf(1), Cost: math.Inf(-1), Carbon: math.Inf(-1)}
		for m, t := range e.models {
			p := s.point3(t, r)
			if m == 0 || p.Quality > ref.bestTest.Quality || p.Quality == ref.bestTest.Quality && p.Cost < ref.bestTest.CostUSD {
				ref.bestTest = pareto.Point{CostUSD: p.Cost, Quality: p.Quality}
			}
			// max keeps a NaN: the carbon of one model being unknown, so is the worst.
			worst = pareto.Point3{Quality: min(worst.Quality, p.Quality), Cost: max(worst.Cost, p.Cost), Carbon: max(worst.Carbon, p.Carbon)}
		}
		ref.best, ref.pool = s.point(e.models[e.bestModel], r), s.means(e.models[e.dearestModel].cost)[r]
		ref.bound = math.NaN()
		if e.bound != nil {
			ref.box = e.bound.box(s.means, r, worst)
			ref.bound = e.bound.volume(s.means, r, ref.box)
		}
		ref.anchor = pareto.Point{CostUSD: s.means(e.anchor.cost)[r], Quality: s.means(e.anchor.quality)[r]}
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
			ref.bestIn = append(ref.bestIn, s.means(in.models[e.bestModel])[r])
			ref.oracleIn = append(ref.oracleIn, s.means(in.oracle)[r])
		}
		s.joint[r], s.scale[r], s.maxCost[r], s.maxCostHindsight[r] = s.joint[r][:0], pareto.Scale{}, 0, 0
	}
}

func (s *sample) point(t triple, r int) pareto.Point {
	return pareto.Point{CostUSD: s.means(t.cost)[r], Quality: s.means(t.quality)[r]}
}

func (s *sample) point3(t triple, r int) pareto.Point3 {
	p := pareto.Point3{Quality: s.means(t.quality)[r], Cost: s.means(t.cost)[r], Carbon: math.NaN()}
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
		if len(curve.points) == 0 {
			for m := range out {
				out[m][r] = math.NaN()
			}
			s.rest[i][c][r] = [2]tail{{area: math.NaN()}}
			continue
		}
		s.inHindsight(curve, s.order[i][c], out, r)
		if compared {
			s.joint[r] = append(s.joint[r], s.front...)
			s.scale[r].Widen(s.points)
		}
		hull := tail{pareto.HullArea(s.vertex), s.front[len(s.front)-1].CostUSD, s.front[len(s.front)-1].Quality}
		s.asChosen(curve, out, r)
		own := tail{s.line.Area(s.line[len(s.line)-1].CostUSD), s.line[len(s.line)-1].CostUSD, s.line[len(s.line)-1].Quality}
		s.rest[i][c][r] = [2]tail{own, hull}
		if compared {
			s.maxCost[r] = max(s.maxCost[r], own.cost)
			s.maxCostHindsight[r] = max(s.maxCostHindsight[r], pareto.HullMaxCost(s.points))
		}
		s.atLargestBudget(curve, out, r)
		s.volumes(curve, out, r)
	}
}

// inHindsight computes what the published tools do: the best of the points at hand. It leaves the curve's points, front and
// hull behind.
func (s *sample) inHindsight(curve *curveColumns, order []int32, out [][]float64, r int) {
	ref := &s.refs[r]
	s.gather(curve, order, r)
	s.front = pareto.FrontOf(s.points, s.front[:0])
	s.vertex = pareto.HullOf(s.front, s.vertex[:0])
	top := s.front[len(s.front)-1]
	out[mQualityMaxHindsight][r], out[mPeakHindsight][r] = top.Quality, top.Quality
	out[mNAUCHindsight][r] = pareto.NaucOf(s.front, ref.anchor.Quality, ref.anchor.CostUSD, ref.dearest)
	qnc, why := pareto.QNC(s.front, ref.bestTest)
	if why == pareto.NotReached {
		qnc = math.Inf(1)
	}
	out[mQNCHindsight][r], out[mCostSaveHindsight][r] = qnc, 1-qnc
	out[mPerfGainHindsight][r], _ = pareto.Relative(top.Quality, ref.bestTest.Quality)
}

// asChosen computes what the settings that were chosen by selection are worth here. It leaves their line behind.
func (s *sample) asChosen(curve *curveColumns, out [][]float64, r int) {
	ref := &s.refs[r]
	top := s.point(curve.top, r)
	out[mQualityMax][r], out[mPeak][r] = top.Quality, top.Quality
	out[mPerfGain][r], _ = pareto.Relative(top.Quality, ref.best.Quality)
	out[mQNC][r], out[mCostSave][r], out[mCostSaveQuality][r] = math.Inf(1), math.Inf(-1), math.NaN()
	if curve.reaches != nil {
		p := s.point(*curve.reaches, r)
		qnc, _ := pareto.QNC([]pareto.Point{{CostUSD: p.CostUSD, Quality: ref.best.Quality}}, ref.best)
		out[mQNC][r], out[mCostSave][r], out[mCostSaveQuality][r] = qnc, 1-qnc, p.Quality-ref.best.Quality
	}
	s.draw(curve.frontier, r)
	out[mNAUC][r] = s.line.Nauc(ref.anchor.Quality, ref.anchor.CostUSD, ref.dearest)
	s.draw(curve.vertices, r)
	out[mAIQPool][r] = s.line.Aiq(ref.pool)
}

// draw sets the line to some settings' means.
func (s *sample) draw(settings []triple, r int) {
	s.line = s.line[:0]
	for _, t := range settings {
		s.line = append(s.line, s.point(t, r))
	}
	s.line.Sort()
}

// atLargestBudget computes what is judged at one setting alone.
func (s *sample) atLargestBudget(curve *curveColumns, out [][]float64, r int) {
	ref := &s.refs[r]
	out[mRCI][r] = math.NaN()
	if curve.sound != stats.None {
		out[mRCI][r] = 1 - s.means(curve.sound)[r]
	}
	s.own = s.own[:0]
	for _, id := range curve.dataset {
		s.own = append(s.own, s.means(id)[r])
	}
	out[mGainR][r], _, _ = pareto.Gain(s.own, ref.random)
	out[mGainB][r], _, _ = pareto.Gain(s.own, ref.bestIn)
	out[mGapO][r], _, _ = pareto.GapO(s.own, ref.oracleIn)
}

// volumes computes the share of the bound's volume that the chosen settings dominate.
func (s *sample) volumes(curve *curveColumns, out [][]float64, r int) {
	ref := &s.refs[r]
	s.points3 = s.points3[:0]
	for _, t := range curve.volume {
		s.points3 = append(s.points3, s.point3(t, r))
	}
	v := math.NaN()
	if s.e.bound != nil && len(s.points3) > 0 {
		v, _ = s.volume.Volume(s.points3, ref.box)
	}
	out[mHypervolume][r] = share(v, ref.bound)
}

// gather sets points to the curve's in sample r by ascending cost and quality. order is their order in the sample before,
// from which it differs little.
func (s *sample) gather(curve *curveColumns, order []int32, r int) {
	s.points = s.points[:0]
	at := func(k int32) pareto.Point { return s.point(curve.points[k], r) }
	for k := range order {
		p := at(order[k])
		s.points = append(s.points, p)
		for j := k; j > 0 && pareto.ByCost(s.points[j-1], p) > 0; j-- {
			s.points[j], s.points[j-1] = s.points[j-1], p
			order[j], order[j-1] = order[j-1], order[j]
		}
	}
}

func (s *sample) second(i, c int) {
	sub := &s.e.subjects[i]
	curve := &sub.curves[c]
	out := s.value[i][c]
	for r := range s.n {
		rest := s.rest[i][c][r]
		if math.IsNaN(rest[0].area) {
			continue
		}
		var ok bool
		if out[mAIQ][r], ok = rest[0].carried(s.maxCost[r]); !ok {
			s.draw(curve.vertices, r)
			out[mAIQ][r] = s.line.Aiq(s.maxCost[r])
		}
		if out[mAIQHindsight][r], ok = rest[1].carried(s.maxCostHindsight[r]); !ok {
			s.gather(curve, s.order[i][c], r)
			out[mAIQHindsight][r], _ = pareto.AIQ(s.points, s.maxCostHindsight[r])
		}
		if len(curve.points) == 1 {
			out[mAIQHindsight][r] = math.NaN()
		}
		out[mParetoDist][r] = math.NaN()
		if sub.apart {
			s.draw(curve.vertices, r)
			s.bestPossible(out, r)
			continue
		}
		var sum float64
		for _, p := range curve.points {
			sum += s.scale[r].Nearest(s.point(p, r), s.joint[r])
		}
		out[mParetoDist][r] = sum / float64(len(curve.points))
	}
}

// bestPossible makes the oracle's row a bound: it may mix its settings, so what it costs to reach a quality lies between
// two of them, and the volume is the bound's own.
func (s *sample) bestPossible(out [][]float64, r int) {
	ref := &s.refs[r]
	for _, m := range []struct {
		qnc, save int
		best      pareto.Point
	}{{mQNC, mCostSave, ref.best}, {mQNCHindsight, mCostSaveHindsight, ref.bestTest}} {
		if c, reached := s.line.Cheapest(m.best.Quality); reached {
			out[m.qnc][r], _ = pareto.QNC([]pareto.Point{{CostUSD: c, Quality: m.best.Quality}}, m.best)
			out[m.save][r] = 1 - out[m.qnc][r]
			out[mCostSaveQuality][r] = 0
		}
	}
	out[mHypervolume][r] = share(ref.bound, ref.bound)
}

// share is part ÷ whole; 0 where both are, NaN where the whole is unknown.
func share(part, whole float64) float64 {
	if whole == 0 {
		return 0
	}
	return part / whole
}

// overSeeds is the mean of a metric over some seeds of a subject in one sample: of those that have a value; infinite where
// none has but some are not reached; NaN else.
func overSeeds(curves [][][]float64, seeds []int, metric, r int) float64 {
	var sum float64
	n, limit := 0, math.NaN()
	for _, c := range seeds {
		switch x := curves[c][metric][r]; {
		case pareto.Finite(x):
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
func mergeFronts(points []pareto.Point) []pareto.Point {
	slices.SortFunc(points, pareto.ByCost)
	return pareto.FrontOf(points, points[:0])
}
