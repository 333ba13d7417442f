package metrics

import (
	"fmt"
	"math"
	"slices"

	"github.com/trilemma-bench/trilemma/harness/pareto"
	"github.com/trilemma-bench/trilemma/harness/stats"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// evaluation holds the columns that are resampled, and what they are for.
type evaluation struct {
	Input
	columns *stats.Columns
	plain   []float64 // mean of each column over all prompts

	subjects []subjectColumns
	models   []triple
	anchor   triple // the cheapest model of each prompt; of equals, one at random
	dearest  int    // the cost of each prompt's dearest model
	oracle   triple // at no price of quality
	bound    *bound // nil where carbon is unknown
	datasets []datasetColumns

	// Models, by their place in the pool, chosen by Known: of highest quality, of lowest and of highest mean cost.
	bestModel, cheapestModel, dearestModel int

	warnings []string
}

type triple struct{ quality, cost, carbon int } // columns; stats.None where unknown

type subjectColumns struct {
	name   string
	role   Role
	curves []curveColumns
	seeds  []uint64
	apart  bool // not one of the compared: the oracle
	blind  bool // its settings are chosen in hindsight
	mixes  bool // at the largest budget some decision is not the choice of one model
}

type curveColumns struct {
	points  []triple
	sound   int   // of Outcomes.Sound at the largest budget; stats.None where a decision is not one model
	dataset []int // [dataset] quality at the largest budget within it

	// Settings chosen by selection, each with its columns on the compared prompts.
	vertices []triple // of the curve, the cheapest model among them where that is one
	frontier []triple // that no other setting dominates
	volume   []triple // likewise with carbon
	top      triple   // of highest quality
	reaches  *triple  // the cheapest of at least the best single model's quality; nil where none is
	chosen   float64  // aiq_pool on the selection prompts; NaN where there are none
}

// datasetColumns are zero outside of the dataset.
type datasetColumns struct {
	size   int // ones
	random int // expected quality of a uniform choice
	models []int
	oracle int
}

var unlike = triple{stats.None, stats.None, stats.None}

func newEvaluation(in Input) (*evaluation, error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	if in.Resamples == 0 {
		in.Resamples = DefaultResamples
	}
	n := in.Outcomes.Len()
	if in.Dataset == nil {
		in.Dataset = make([]int32, n)
	}
	e := &evaluation{Input: in, columns: stats.NewColumns(n)}
	if in.Costless {
		e.withoutCosts()
	}
	if err := e.addModels(); err != nil {
		return nil, fmt.Errorf("pool %s: %w", in.Pool, err)
	}
	e.chooseModels()
	subjects, apart := e.withReferences()
	for _, s := range subjects {
		if err := e.addSubject(s, s.Name == apart); err != nil {
			return nil, fmt.Errorf("pool %s: policy %s: %w", in.Pool, s.Name, err)
		}
	}
	return e, nil
}

// withReferences returns the subjects and those references that are not among them; apart names the oracle, if added.
func (e *evaluation) withReferences() (subjects []Subject, apart string) {
	o, n := &e.Outcomes, e.Outcomes.Len()
	subjects = slices.Clone(e.Subjects)
	has := func(name string) bool {
		return slices.ContainsFunc(subjects, func(s Subject) bool { return s.Name == name })
	}
	single := make([]PromptPoint, o.Models)
	choice := make([]int32, n*o.Models)
	for m := range single {
		own := choice[m*n : (m+1)*n]
		for p := range own {
			own[p] = int32(m)
		}
		single[m] = e.take(own)
		single[m].Selection = &e.Known[m]
	}
	for m, id := range e.Models {
		if !has(SinglePrefix + id) {
			subjects = append(subjects, Subject{SinglePrefix + id, RoleSingle, []Curve{{Points: single[m : m+1]}}})
		}
	}
	if !has(ZeroRouter) {
		// Paying any price it takes the best model alone.
		points := slices.Clone(single)
		points[e.bestModel].Free = true
		subjects = append(subjects, Subject{ZeroRouter, RoleReference, []Curve{{Points: points}}})
	}
	if !has(Oracle) {
		var points []PromptPoint
		for _, choice := range o.OracleFront() {
			points = append(points, e.take(choice))
		}
		points[len(points)-1].Free = true
		subjects = append(subjects, Subject{Oracle, RoleOracle, []Curve{{Points: points}}})
		apart = Oracle
	}
	return subjects, apart
}

// take is the point of one choice a prompt.
func (e *evaluation) take(choice []int32) PromptPoint {
	o := &e.Outcomes
	out := PromptPoint{Choice: choice}
	for q, from := range o.Figures {
		if from == nil {
			continue
		}
		out.Figures[q] = make([]float32, len(choice))
		for p, m := range choice {
			out.Figures[q][p] = from[p*o.Models+int(m)]
		}
	}
	return out
}

// add adds a column and keeps its mean. like is a column that it may resemble.
func (e *evaluation) add(values []float32, like int) (int, error) {
	id, err := e.columns.Add(values, like)
	if err == nil && id == len(e.plain) {
		var sum float64
		for _, v := range values {
			sum += float64(v)
		}
		e.plain = append(e.plain, sum/float64(len(values)))
	}
	return id, err
}

// addWithin adds a column that is zero outside of a dataset's prompts.
func (e *evaluation) addWithin(prompts []int32, value func(prompt int) float32) (int, error) {
	values := make([]float32, len(prompts))
	var sum float64
	for i, p := range prompts {
		values[i] = value(int(p))
		sum += float64(values[i])
	}
	id, err := e.columns.AddSparse(prompts, values)
	if err == nil {
		e.plain = append(e.plain, sum/float64(len(e.Dataset)))
	}
	return id, err
}

func (e *evaluation) addPoint(p PromptPoint, like triple) (triple, error) {
	t := unlike
	var err error
	if t.quality, err = e.add(p.Figures[policy.Quality], like.quality); err != nil {
		return t, err
	}
	if t.cost, err = e.add(p.Figures[policy.Cost], like.cost); err != nil {
		return t, err
	}
	if p.Figures[policy.Carbon] != nil {
		t.carbon, err = e.add(p.Figures[policy.Carbon], like.carbon)
	}
	return t, err
}

// addModels adds the single models and what else their outcomes give.
func (e *evaluation) addModels() error {
	o, n := &e.Outcomes, e.Outcomes.Len()
	choice := make([]int32, n)
	for m := range o.Models {
		for p := range choice {
			choice[p] = int32(m)
		}
		t, err := e.addPoint(e.take(choice), unlike)
		if err != nil {
			return err
		}
		e.models = append(e.models, t)
	}
	best := o.Oracle()
	var err error
	if e.oracle, err = e.addPoint(e.take(best), unlike); err != nil {
		return err
	}
	anchor := PromptPoint{Figures: policy.NewMatrix(n, policy.Quality, policy.Cost)}
	dearest := make([]float32, n)
	random := make([]float32, n)
	for p := range n {
		cost, score := o.Figures[policy.Cost][p*o.Models:(p+1)*o.Models], o.Figures[policy.Quality][p*o.Models:(p+1)*o.Models]
		least := slices.Min(cost)
		anchor.Figures[policy.Cost][p], dearest[p] = least, slices.Max(cost)
		var sum, cheapest float64
		tied := 0
		for m, s := range score {
			sum += float64(s)
			if cost[m] == least {
				cheapest += float64(s)
				tied++
			}
		}
		anchor.Figures[policy.Quality][p], random[p] = float32(cheapest/float64(tied)), float32(sum/float64(o.Models))
	}
	if e.anchor, err = e.addPoint(anchor, unlike); err != nil {
		return err
	}
	if e.dearest, err = e.add(dearest, stats.None); err != nil {
		return err
	}
	if err := e.addBound(); err != nil {
		return err
	}
	return e.addDatasets(best, random)
}

// withoutCosts lets every answer cost the same. What rests on costs is left out of the table.
func (e *evaluation) withoutCosts() {
	e.Outcomes.Figures[policy.Cost] = make([]float32, len(e.Outcomes.Figures[policy.Cost]))
	e.Outcomes.Figures[policy.Carbon] = nil
	free := func(means []policy.Figures) []policy.Figures {
		out := slices.Clone(means)
		for i := range out {
			out[i][policy.Cost] = 0
		}
		return out
	}
	e.Known, e.Selection = free(e.Known), free(e.Selection)
	e.Subjects = slices.Clone(e.Subjects)
	for i := range e.Subjects {
		curves := slices.Clone(e.Subjects[i].Curves)
		for c := range curves {
			points := slices.Clone(curves[c].Points)
			for k := range points {
				points[k].Figures[policy.Cost], points[k].Figures[policy.Carbon] = make([]float32, len(points[k].Figures[policy.Quality])), nil
				if s := points[k].Selection; s != nil {
					points[k].Selection = &policy.Figures{policy.Quality: s[policy.Quality], policy.Carbon: math.NaN()}
				}
			}
			curves[c].Points = points
		}
		e.Subjects[i].Curves = curves
	}
}

// chooseModels chooses the models that others are measured against, once: not anew in each resample.
func (e *evaluation) chooseModels() {
	if e.Known == nil {
		e.warnings = append(e.warnings, fmt.Sprintf("pool %s: the best single model and the Zero router are chosen on the test prompts, in hindsight: no other prompts are known", e.Pool))
		for _, t := range e.models {
			e.Known = append(e.Known, e.plainMeans(t))
		}
	}
	if e.Selection == nil {
		e.Selection = e.Known
	}
	e.bestModel = max(pareto.Best(e.Known), 0)
	for m, k := range e.Known {
		if k[policy.Cost] < e.Known[e.cheapestModel][policy.Cost] {
			e.cheapestModel = m
		}
		if k[policy.Cost] > e.Known[e.dearestModel][policy.Cost] {
			e.dearestModel = m
		}
	}
}

// plainMeans are a point's means over the compared prompts.
func (e *evaluation) plainMeans(t triple) policy.Figures {
	m := policy.Figures{policy.Quality: e.plain[t.quality], policy.Cost: e.plain[t.cost], policy.Carbon: math.NaN()}
	if t.carbon != stats.None {
		m[policy.Carbon] = e.plain[t.carbon]
	}
	return m
}

// chooseSettings chooses what a curve is judged by, on its selection means and the models' over the same prompts; where
// models is nil on the compared prompts themselves, in hindsight.
func (e *evaluation) chooseSettings(cc *curveColumns, points []PromptPoint, models []policy.Figures) {
	means := make([]policy.Figures, len(points))
	for i, p := range points {
		if models != nil {
			means[i] = *p.Selection
		} else {
			means[i] = e.plainMeans(cc.points[i])
		}
	}
	if models == nil {
		for _, t := range e.models {
			models = append(models, e.plainMeans(t))
		}
	}
	var drawn pareto.Line
	cheapest := models[e.cheapestModel]
	for _, v := range pareto.Vertices(means, cheapest) {
		if v == pareto.Anchor {
			cc.vertices, drawn = append(cc.vertices, e.models[e.cheapestModel]), append(drawn, pareto.PointOf(cheapest))
			continue
		}
		cc.vertices, drawn = append(cc.vertices, cc.points[v]), append(drawn, pareto.PointOf(means[v]))
	}
	drawn.Sort()
	cc.chosen = drawn.Aiq(models[e.dearestModel][policy.Cost])
	for _, i := range pareto.Frontier(means) {
		cc.frontier = append(cc.frontier, cc.points[i])
	}
	points3 := make([]pareto.Point3, len(means))
	for i, m := range means {
		points3[i] = pareto.Point3{Quality: m[policy.Quality], Cost: m[policy.Cost], Carbon: m[policy.Carbon]}
	}
	for i, stands := range pareto.NotDominated3(points3) {
		if stands {
			cc.volume = append(cc.volume, cc.points[i])
		}
	}
	if top := pareto.Best(means); top >= 0 {
		cc.top = cc.points[top]
	}
	if i := pareto.Reaching(means, models[e.bestModel][policy.Quality]); i >= 0 {
		cc.reaches = &cc.points[i]
	}
}

func (e *evaluation) addDatasets(oracle []int32, random []float32) error {
	o := &e.Outcomes
	for _, prompts := range e.byDataset() {
		var c datasetColumns
		var err error
		if c.size, err = e.addWithin(prompts, func(int) float32 { return 1 }); err != nil {
			return err
		}
		if c.random, err = e.addWithin(prompts, func(p int) float32 { return random[p] }); err != nil {
			return err
		}
		if c.oracle, err = e.addWithin(prompts, func(p int) float32 { return o.Figures[policy.Quality][p*o.Models+int(oracle[p])] }); err != nil {
			return err
		}
		for m := range o.Models {
			id, err := e.addWithin(prompts, func(p int) float32 { return o.Figures[policy.Quality][p*o.Models+m] })
			if err != nil {
				return err
			}
			c.models = append(c.models, id)
		}
		e.datasets = append(e.datasets, c)
	}
	return nil
}

// byDataset are the prompts of each dataset that has any.
func (e *evaluation) byDataset() [][]int32 {
	prompts := map[int32][]int32{}
	for p, d := range e.Dataset {
		prompts[d] = append(prompts[d], int32(p))
	}
	var out [][]int32
	for d := range slices.Max(e.Dataset) + 1 {
		if len(prompts[d]) > 0 {
			out = append(out, prompts[d])
		}
	}
	return out
}

func (e *evaluation) addSubject(s Subject, apart bool) error {
	sub := subjectColumns{name: s.Name, role: s.Role, apart: apart}
	if sub.role == "" {
		sub.role = RolePolicy
	}
	if e.Outcomes.Len() < MinRanked && (sub.role == RolePolicy || sub.role == RoleControl) {
		sub.role = RoleThin
	}
	datasets := e.byDataset()
	var first []triple
	leftOut, all := 0, 0
	blind := false
	for _, curve := range s.Curves {
		cc := curveColumns{sound: stats.None, chosen: math.NaN(), top: unlike}
		like := unlike
		largest := -1 // budget
		var kept []PromptPoint
		for _, p := range curve.Points {
			all++
			if unknown(p.Figures[policy.Quality]) || unknown(p.Figures[policy.Cost]) {
				leftOut++
				continue
			}
			// A point resembles its neighbour of the sweep, the first that of the seed before.
			if k := len(cc.points); k == 0 && len(first) > 0 {
				like = first[0]
			}
			t, err := e.addPoint(p, like)
			if err != nil {
				return err
			}
			like = t
			cc.points, kept = append(cc.points, t), append(kept, p)
			if k := len(kept) - 1; largest < 0 || !kept[largest].Free && (p.Free || e.plain[t.cost] > e.plain[cc.points[largest].cost]) {
				largest = k
			}
		}
		if len(kept) > 0 {
			if !slices.ContainsFunc(kept, unselected) {
				models := e.Selection
				if s.Role == RoleSingle || s.Role == RoleReference {
					models = e.Known
				}
				e.chooseSettings(&cc, kept, models)
			} else {
				blind = blind || !apart
				e.chooseSettings(&cc, kept, nil)
			}
		}
		if largest >= 0 {
			if err := e.addLargest(&sub, &cc, kept[largest], datasets); err != nil {
				return err
			}
		}
		if first == nil {
			first = cc.points
		}
		sub.curves, sub.seeds = append(sub.curves, cc), append(sub.seeds, curve.Seed)
	}
	if sub.blind = blind; blind {
		e.warnings = append(e.warnings, fmt.Sprintf("pool %s: policy %s: its settings are chosen on the test prompts, in hindsight: it has no selection figures", e.Pool, s.Name))
	}
	if leftOut > 0 {
		e.warnings = append(e.warnings, fmt.Sprintf("pool %s: policy %s: %d of %d points are left out: their quality or cost is unknown on some prompt",
			e.Pool, s.Name, leftOut, all))
	}
	e.subjects = append(e.subjects, sub)
	return nil
}

// addLargest adds what is judged at the largest budget: the point that pays any price, else the dearest.
func (e *evaluation) addLargest(sub *subjectColumns, cc *curveColumns, p PromptPoint, datasets [][]int32) error {
	if p.Choice == nil || slices.Contains(p.Choice, -1) {
		sub.mixes = true
	} else {
		var err error
		if cc.sound, err = e.add(e.Outcomes.Sound(p.Choice), stats.None); err != nil {
			return err
		}
	}
	for _, prompts := range datasets {
		id, err := e.addWithin(prompts, func(i int) float32 { return p.Figures[policy.Quality][i] })
		if err != nil {
			return err
		}
		cc.dataset = append(cc.dataset, id)
	}
	return nil
}

// unselected tells whether a setting has no selection figures to be chosen by.
func unselected(p PromptPoint) bool {
	return p.Selection == nil || !pareto.Finite(p.Selection[policy.Quality]) || !pareto.Finite(p.Selection[policy.Cost])
}

func unknown(values []float32) bool {
	return slices.ContainsFunc(values, func(v float32) bool { return v-v != 0 })
}
