package runner

import (
	"fmt"
	"math"

	"github.com/trilemma-bench/trilemma/harness/experiment"
	"github.com/trilemma-bench/trilemma/harness/replay"
	"github.com/trilemma-bench/trilemma/harness/stats"
	"github.com/trilemma-bench/trilemma/harness/store"
)

// baseline is what savings are taken against, prompt by prompt. Columns are over p.test of the pool, NaN where there is no
// result.
type baseline struct {
	store.Baseline
	results    map[int]promptResult
	validation float64 // mean score on the validation prompts
}

type promptResult struct{ score, cost, carbon float32 }

// savings finds what each policy saves against each baseline, and writes it.
func (p *Plan) savings(run *store.Run) error {
	var out store.Savings
	for _, pool := range p.Spec.Pools {
		if err := p.poolSavings(run, pool.Name, &out); err != nil {
			return fmt.Errorf("savings of pool %s: %w", pool.Name, err)
		}
	}
	return run.WriteSavings(out)
}

func (p *Plan) poolSavings(run *store.Run, pool string, out *store.Savings) error {
	bases, err := p.baselines(run, pool)
	if err != nil {
		return err
	}
	for i := range bases {
		out.Baselines = append(out.Baselines, bases[i].Baseline)
	}
	if len(bases) == 0 {
		return nil
	}
	if bases[0].CarbonG == nil {
		out.Notices = append(out.Notices, fmt.Sprintf("pool %s: the carbon of its best single model is unknown, so savings of carbon are too", pool))
	}
	var best *store.Saving
	for i := range p.Cells {
		c := &p.Cells[i]
		st, ok := run.Cell(c.ID)
		if c.Pool != pool || !ok || st.State != store.Done || c.Family == "single" {
			continue
		}
		found, err := p.cellSavings(run, c, &st, bases)
		if err != nil {
			return err
		}
		for k := range found {
			s := &found[k]
			if s.ChosenOn == "validation" && s.Baseline == bases[0].Name && s.CarbonSaving != nil && (best == nil || *s.CarbonSaving > *best.CarbonSaving) {
				copied := *s
				best = &copied
			}
		}
		out.Savings = append(out.Savings, found...)
	}
	if best == nil {
		return nil
	}
	sensitive, err := p.sensitivity(run, best, &bases[0])
	if err == nil && sensitive != nil {
		out.Sensitivity = append(out.Sensitivity, *sensitive)
	}
	return err
}

// baselines are the best single model by its test score, the hardest one to hold against; the single model that one would
// have deployed by the training prompts, where it is another; the static policy's best setting; and what was logged, where the log is of one choice a prompt.
func (p *Plan) baselines(run *store.Run, pool string) ([]baseline, error) {
	view := p.data.table.View(p.pools[pool])
	test := p.test[pool]
	means, err := replay.SingleMeans(view, int32s(test))
	if err != nil {
		return nil, err
	}
	best := -1
	for m := range means {
		// Of copies of one model in several places the first is the model where it runs without a choice.
		if means[m].Covered > 0 && (best < 0 || means[m].Quality > means[best].Quality) {
			best = m
		}
	}
	if best < 0 {
		return nil, nil
	}
	valid := p.selectionRows(pool)
	on, err := replay.SingleMeans(view, int32s(valid))
	if err != nil {
		return nil, err
	}
	single := func(name string, m int) baseline {
		b := newBaseline(pool, name, p.data.trace.Models[view.Pool[m]].ID, means[m])
		b.validation = on[m].Quality
		for i, prompt := range test {
			if o := view.At(prompt, m); o.Present() {
				b.results[i] = promptResult{o.Score, o.CostUSD, o.CarbonG()}
			}
		}
		return b
	}
	out := []baseline{single("best single", best)}
	cleanest := best
	for m := range means {
		if means[m].Quality == means[best].Quality && means[m].CarbonG < means[cleanest].CarbonG {
			cleanest = m
		}
	}
	if cleanest != best {
		out = append(out, single("best single, cleanest place", cleanest))
	}
	for _, known := range []struct{ family, name string }{{"best-single", "deployed single"}, {"static", "static"}} {
		b, found, err := p.ofPolicy(run, pool, known.family, known.name)
		if err != nil {
			return nil, err
		}
		if found && (known.family != "best-single" || b.Quality == nil || *b.Quality != *out[0].Quality) {
			out = append(out, *b)
		}
	}
	if p.data.trace.Outcomes.Propensity != nil {
		out = append(out, p.logged(pool, view))
	}
	return out, nil
}

// ofPolicy is the baseline that the first policy of a family makes at its setting of highest test quality.
func (p *Plan) ofPolicy(run *store.Run, pool, family, name string) (*baseline, bool, error) {
	for i := range p.Cells {
		c := &p.Cells[i]
		st, ok := run.Cell(c.ID)
		if c.Pool != pool || c.Family != family || !ok || st.State != store.Done || len(st.Points) == 0 {
			continue
		}
		at := 0
		for k, pt := range st.Points {
			if pt.Quality > st.Points[at].Quality {
				at = k
			}
		}
		pt := st.Points[at]
		what := c.Label + " at preference " + pt.Preference
		if len(pt.Shares) == 1 {
			what = pt.Shares[0].Model + ", chosen by the training prompts"
		}
		b := &baseline{Baseline: store.Baseline{
			Pool: pool, Name: name, What: what, Quality: finite(pt.Quality), CostUSD: finite(pt.CostUSD),
			CarbonG: finite(pt.CarbonG), CarbonGLow: finite(pt.CarbonGLow), CarbonGHigh: finite(pt.CarbonGHigh),
		}, validation: math.NaN()}
		for _, v := range st.Selection {
			if v.Preference == pt.Preference {
				b.validation = v.Quality
			}
		}
		all, err := p.perPrompt(run, c)
		if err != nil {
			return nil, false, err
		}
		b.results = all[pt.Preference]
		return b, true, nil
	}
	return nil, false, nil
}

// logged is what the log's own choices led to: under bandit feedback every present outcome is one.
func (p *Plan) logged(pool string, view *replay.View) baseline {
	var rows, models []int32
	at := make([]int, 0, len(p.test[pool]))
	for i, prompt := range p.test[pool] {
		for m := range view.Pool {
			if view.At(prompt, m).Present() {
				rows, models, at = append(rows, int32(prompt)), append(models, int32(m)), append(at, i)
				break
			}
		}
	}
	mean, err := replay.Selected(view, rows, models, nil)
	if err != nil {
		mean = replay.Mean{}
	}
	b := newBaseline(pool, "logged", "the choices of the log", mean)
	b.validation = mean.Quality
	for k, i := range at {
		o := view.At(int(rows[k]), int(models[k]))
		b.results[i] = promptResult{o.Score, o.CostUSD, o.CarbonG()}
	}
	return b
}

func newBaseline(pool, name, what string, m replay.Mean) baseline {
	return baseline{results: map[int]promptResult{}, validation: math.NaN(), Baseline: store.Baseline{
		Pool: pool, Name: name, What: what, Quality: finite(m.Quality), CostUSD: finite(m.CostUSD),
		CarbonG: finite(m.CarbonG), CarbonGLow: finite(m.CarbonGLow), CarbonGHigh: finite(m.CarbonGHigh),
	}}
}

func finite(x float64) *float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return nil
	}
	return &x
}

// perPrompt reads the stored results of a cell: by preference, then by index into p.test.
func (p *Plan) perPrompt(run *store.Run, c *experiment.Cell) (map[string]map[int]promptResult, error) {
	row := map[string]int{}
	for i, prompt := range p.test[c.Pool] {
		row[p.data.trace.Prompts.ID[prompt]] = i
	}
	out := map[string]map[int]promptResult{}
	for r, err := range run.Results(c.ID) {
		if err != nil {
			return nil, err
		}
		i, ok := row[r.PromptID]
		if !ok || math.IsNaN(float64(r.Score)) {
			continue
		}
		if out[r.Preference] == nil {
			out[r.Preference] = map[int]promptResult{}
		}
		out[r.Preference][i] = promptResult{r.Score, r.CostUSD, r.CarbonG}
	}
	return out, nil
}

// leastCarbon is the setting that emits least, then costs least, among those of at least a quality; -1 where there is
// none. Where no carbon is known it is the cheapest.
func leastCarbon(points []store.Point, quality float64) int {
	best := -1
	for i, pt := range points {
		if !(pt.Quality >= quality) || pt.Coverage == 0 {
			continue
		}
		if best < 0 || pt.CarbonG < points[best].CarbonG || !(points[best].CarbonG <= pt.CarbonG) && pt.CostUSD < points[best].CostUSD ||
			pt.CarbonG == points[best].CarbonG && pt.CostUSD < points[best].CostUSD {
			best = i
		}
	}
	return best
}

func (p *Plan) cellSavings(run *store.Run, c *experiment.Cell, st *store.Status, bases []baseline) ([]store.Saving, error) {
	var results map[string]map[int]promptResult
	var out []store.Saving
	for b := range bases {
		base := &bases[b]
		if base.Quality == nil {
			continue
		}
		for _, by := range []struct {
			on      string
			points  []store.Point
			quality float64
		}{{"validation", st.Selection, base.validation}, {"test", st.Points, *base.Quality}} {
			k := leastCarbon(by.points, by.quality)
			if k < 0 {
				continue
			}
			if results == nil {
				var err error
				if results, err = p.perPrompt(run, c); err != nil {
					return nil, err
				}
			}
			for _, pt := range st.Points {
				if pt.Preference == by.points[k].Preference {
					s := store.Saving{Pool: c.Pool, Policy: c.Label, Seed: c.Seed, Cell: c.ID, Baseline: base.Name, ChosenOn: by.on, Preference: pt.Preference}
					if p.compare(&s, &pt, results[pt.Preference], base) {
						out = append(out, s)
					}
				}
			}
		}
	}
	return out, nil
}

// compare fills a saving in: means from the points, intervals by the paired bootstrap over the prompts that both cover. It
// is false where there is no such prompt.
func (p *Plan) compare(s *store.Saving, pt *store.Point, own map[int]promptResult, base *baseline) bool {
	s.Quality, s.CostUSD = pt.Quality, pt.CostUSD
	s.CarbonG, s.CarbonGLow, s.CarbonGHigh = finite(pt.CarbonG), finite(pt.CarbonGLow), finite(pt.CarbonGHigh)
	s.SavingAtLowSizes, s.SavingAtHighSize = share(s.CarbonGLow, base.CarbonGLow), share(s.CarbonGHigh, base.CarbonGHigh)
	var columns [6][]float32
	var rows []int
	for i := range p.test[s.Pool] {
		a, ok := own[i]
		b, also := base.results[i]
		if !ok || !also {
			continue
		}
		rows = append(rows, p.test[s.Pool][i])
		for k, x := range []float32{a.score, a.cost, a.carbon, b.score, b.cost, b.carbon} {
			columns[k] = append(columns[k], x)
		}
	}
	if len(rows) == 0 || math.IsNaN(pt.Quality) || math.IsNaN(pt.CostUSD) {
		return false
	}
	mean := func(k int) float64 {
		var sum float64
		for _, x := range columns[k] {
			sum += float64(x)
		}
		return sum / float64(len(columns[k]))
	}
	s.QualityDiff = mean(0) - mean(3)
	s.CostSaving, s.CarbonSaving = finite(1-mean(1)/mean(4)), finite(1-mean(2)/mean(5))
	c := stats.NewColumns(len(rows))
	var at [6]int
	for k := range columns {
		var err error
		if at[k], err = c.Add(columns[k], stats.None); err != nil {
			return true // the means stand alone
		}
	}
	boot := stats.Bootstrap{Resamples: p.Spec.Metrics.Resamples, Seed: p.Spec.Metrics.Seed}
	switch p.Spec.Metrics.Strata {
	case "category":
		boot.Stratum = codes(p.data.trace.Prompts.Category, rows)
	case "benchmark":
		boot.Stratum = codes(p.data.trace.Prompts.Benchmark, rows)
	}
	var diff, cost, carbon = make([]float64, boot.Resamples), make([]float64, boot.Resamples), make([]float64, boot.Resamples)
	err := boot.Run(c, func(b *stats.Block) {
		for i := range b.N {
			r := b.First + i
			diff[r] = b.Means(at[0])[i] - b.Means(at[3])[i]
			cost[r] = 1 - b.Means(at[1])[i]/b.Means(at[4])[i]
			carbon[r] = 1 - b.Means(at[2])[i]/b.Means(at[5])[i]
		}
	})
	if err != nil {
		return true // too few prompts for intervals: the means stand alone
	}
	interval := func(x []float64) (*float64, *float64) {
		low, high := stats.Percentile(x, 0.95)
		return finite(low), finite(high)
	}
	s.QualityDiffLow, s.QualityDiffHigh = interval(diff)
	s.CostSavingLow, s.CostSavingHigh = interval(cost)
	s.CarbonSavingLow, s.CarbonSavingHigh = interval(carbon)
	return true
}

// share is what is saved: 1 − a/b.
func share(a, b *float64) *float64 {
	if a == nil || b == nil {
		return nil
	}
	return finite(1 - *a / *b)
}
