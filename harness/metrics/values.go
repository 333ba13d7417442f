package metrics

import (
	"math"

	"github.com/trilemma-bench/trilemma/harness/stats"
)

// values are the metrics of all subjects on one (re)sample: [subject][metric][seed], the references last.
type values struct {
	metric  [][][]float64
	maxCost float64
	// Scratch, kept between samples.
	points  [][][]Point
	singles []Point
	all     []Point
}

func (e *evaluation) scratch() *values {
	v := &values{}
	for s := range len(e.subjects) + 2 {
		seeds := 1
		if s < len(e.subjects) {
			seeds = len(e.subjects[s].curves)
		}
		byMetric := make([][]float64, len(Names))
		for m := range byMetric {
			byMetric[m] = make([]float64, seeds)
		}
		v.metric = append(v.metric, byMetric)
		v.points = append(v.points, make([][]Point, seeds))
	}
	return v
}

// reference is what all subjects are measured against in one sample.
type reference struct {
	best    Point // the single model of highest quality, of equals the cheapest
	bestAt  int
	anchor  Point   // always the cheapest model
	dearest float64 // mean cost of each prompt's dearest model
	maxCost float64
	box     Box
	all     []Point
	scale   Scale
}

// compute fills v from the column means of one sample.
func (e *evaluation) compute(v *values, mean func(col int) float64) {
	at := func(t triple) Point { return Point{CostUSD: mean(t.cost), Quality: mean(t.quality)} }
	ref := e.reference(v, mean, at)
	for s := range e.subjects {
		for c := range e.subjects[s].curves {
			cc := &e.subjects[s].curves[c]
			points := v.points[s][c][:0]
			for _, t := range cc.points {
				points = append(points, at(t))
			}
			v.points[s][c] = points
			v.all = append(v.all, points...)
			if c := HullMaxCost(points); c > ref.maxCost {
				ref.maxCost = c
			}
		}
	}
	v.maxCost, ref.all = ref.maxCost, v.all
	ref.scale.Widen(ref.all)
	ref.all = Front(ref.all)
	for s := range e.subjects {
		for c := range e.subjects[s].curves {
			cc := &e.subjects[s].curves[c]
			row := e.common(&ref, v.points[s][c])
			row.hypervolume, _ = Hypervolume(e.points3(cc.points, mean), ref.box)
			if cc.sound != stats.None {
				row.rci = 1 - mean(cc.sound)
			}
			row.gainR, row.gainB, row.gapO = e.gains(ref, cc.dataset, mean)
			row.store(v.metric[s], c, !e.carbonKnown())
		}
	}
	zero, oracle := len(e.subjects), len(e.subjects)+1
	row := e.common(&ref, v.singles)
	row.hypervolume, _ = Hypervolume(e.points3(e.models, mean), ref.box)
	row.store(v.metric[zero], 0, !e.carbonKnown())
	best := []Point{at(e.oracle)}
	row = e.common(&ref, best)
	row.hypervolume, _ = Hypervolume(e.points3([]triple{e.oracle}, mean), ref.box)
	var inDataset []int
	for _, d := range e.datasets {
		inDataset = append(inDataset, d.oracle)
	}
	row.gainR, row.gainB, row.gapO = e.gains(ref, inDataset, mean)
	row.store(v.metric[oracle], 0, !e.carbonKnown())
}

func (e *evaluation) reference(v *values, mean func(int) float64, at func(triple) Point) reference {
	v.singles, v.all = v.singles[:0], v.all[:0]
	ref := reference{anchor: at(e.cheapest), dearest: mean(e.dearest)}
	worst := Point3{math.Inf(1), math.Inf(-1), math.Inf(-1)}
	for m, t := range e.models {
		p := at(t)
		v.singles = append(v.singles, p)
		if m == 0 || p.Quality > ref.best.Quality || p.Quality == ref.best.Quality && p.CostUSD < ref.best.CostUSD {
			ref.best, ref.bestAt = p, m
		}
		g := e.point3(t, mean)
		worst = Point3{math.Min(worst.Quality, g.Quality), math.Max(worst.Cost, g.Cost), math.Max(worst.Carbon, g.Carbon)}
	}
	ref.maxCost = HullMaxCost(v.singles)
	ref.box = Box{Worst: worst, Best: e.point3(e.oracle, mean)}
	v.all = append(v.all, v.singles...)
	return ref
}

func (e *evaluation) carbonKnown() bool {
	for _, t := range e.models {
		if t.carbon == stats.None || math.IsNaN(e.plain[t.carbon]) {
			return false
		}
	}
	return true
}

func (e *evaluation) point3(t triple, mean func(int) float64) Point3 {
	p := Point3{Quality: mean(t.quality), Cost: mean(t.cost), Carbon: math.NaN()}
	if t.carbon != stats.None {
		p.Carbon = mean(t.carbon)
	}
	return p
}

func (e *evaluation) points3(list []triple, mean func(int) float64) []Point3 {
	out := make([]Point3, 0, len(list))
	for _, t := range list {
		out = append(out, e.point3(t, mean))
	}
	return out
}

// measured are the metrics of one subject and seed in one sample.
type measured struct {
	qualityMax, aiq, nauc, peak, qnc, rci, perfGain, costSave float64
	gainR, gainB, gapO, paretoDist, hypervolume               float64
}

// common are the metrics that need nothing but points.
func (e *evaluation) common(ref *reference, points []Point) measured {
	nan := math.NaN()
	m := measured{qualityMax: nan, rci: nan, gainR: nan, gainB: nan, gapO: nan}
	m.aiq, _ = AIQ(points, ref.maxCost)
	m.nauc, _ = NAUC(append(points[:len(points):len(points)], ref.anchor), ref.anchor.CostUSD, ref.dearest)
	m.peak, _ = Peak(points)
	m.qnc, _ = QNC(points, ref.best)
	m.perfGain, _ = PerfGain(points, ref.best)
	m.costSave, _ = CostSave(points, ref.best)
	m.paretoDist, _ = paretoDistOf(points, ref.all, &ref.scale)
	for _, p := range points {
		if !(p.Quality <= m.qualityMax) {
			m.qualityMax = p.Quality
		}
	}
	return m
}

// gains are Gain@R, Gain@B and Gap@O of LLMRouterBench (from its text and figures): relative to random choice, to the
// best single model of the pool and to the oracle, by dataset, then averaged. inDataset are the columns of the subject's
// quality within each dataset.
func (e *evaluation) gains(ref reference, inDataset []int, mean func(int) float64) (gainR, gainB, gapO float64) {
	// All are sums over the dataset divided by the prompts of the sample: the sizes cancel in the ratios.
	var own, random, best, oracle []float64
	for d, col := range inDataset {
		c := &e.datasets[d]
		if mean(c.size) == 0 {
			continue
		}
		var sum float64
		for _, m := range c.models {
			sum += mean(m)
		}
		own, oracle = append(own, mean(col)), append(oracle, mean(c.oracle))
		random, best = append(random, sum/float64(len(c.models))), append(best, mean(c.models[ref.bestAt]))
	}
	if len(own) == 0 {
		nan := math.NaN()
		return nan, nan, nan
	}
	gainR, _, _ = Gain(own, random)
	gainB, _, _ = Gain(own, best)
	gapO, _, _ = GapO(own, oracle)
	return gainR, gainB, gapO
}

func (m *measured) store(metric [][]float64, seed int, noCarbon bool) {
	if noCarbon {
		m.hypervolume = math.NaN()
	}
	for i, x := range []float64{
		m.qualityMax, m.aiq, m.nauc, m.peak, m.qnc, m.rci, m.perfGain, m.costSave,
		m.gainR, m.gainB, m.gapO, m.paretoDist, m.hypervolume,
	} {
		metric[i][seed] = x
	}
}
