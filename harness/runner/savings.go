package runner

import (
	"fmt"
	"math"
	"slices"

	"github.com/trilemma-bench/trilemma/harness/experiment"
	"github.com/trilemma-bench/trilemma/harness/savings"
	"github.com/trilemma-bench/trilemma/harness/store"
)

// carbonZeroRouter is what savings call the blind mix of single models.
const carbonZeroRouter = "carbon-zero-router"

// objective is by what settings are chosen, in words.
const objective = "least carbon (of equals, and where none is known, least cost) among the settings whose mean score on the selection prompts is no lower than the baseline's"

// savings finds what each policy saves against each baseline.
func (p *Plan) savings(run *store.Run) (store.Savings, error) {
	out := store.Savings{Objective: objective, Margin: p.Spec.Metrics.Margin, Estimate: p.doubt.Estimate}
	for _, pool := range p.Spec.Pools {
		out.Labels = append(out.Labels, p.labels(pool.Name))
		if err := p.poolSavings(run, pool.Name, &out); err != nil {
			return out, fmt.Errorf("savings of pool %s: %w", pool.Name, err)
		}
	}
	return out, nil
}

// poolWork is what the savings of one pool are found with.
type poolWork struct {
	*Plan
	run   *store.Run
	pool  string
	bases []baseline
	front []*answers // the models of blind mixes, cleanest first
	out   *store.Savings
}

func (p *Plan) poolSavings(run *store.Run, pool string, out *store.Savings) error {
	bases, err := p.baselines(run, pool)
	if err != nil || len(bases) == 0 {
		return err
	}
	w := &poolWork{Plan: p, run: run, pool: pool, bases: bases, out: out}
	known := bases[0].singles
	for _, m := range savings.Front(known) {
		w.front = append(w.front, p.single(pool, p.pools[pool][m]))
	}
	for i := range bases {
		out.Baselines = append(out.Baselines, bases[i].Baseline)
		if err := w.references(&bases[i]); err != nil {
			return err
		}
	}
	if bases[0].CarbonG == nil {
		w.note("the carbon of its best single model is unknown, so savings of carbon are too")
	}
	if unknown := unknownCarbon(known); unknown > 0 && unknown < len(known) {
		w.note("the carbon of %d of %d models is unknown: they are in no blind mix", unknown, len(known))
	}
	if len(p.selectionRows(pool)) == 0 {
		w.note("no prompt is set apart to choose settings by: savings are in hindsight only")
	}
	var best *choice
	for _, curves := range p.curves(run, pool) {
		found, err := w.policy(curves)
		if err != nil {
			return err
		}
		if found != nil && (best == nil || found.saving > best.saving) {
			best = found
		}
	}
	if best == nil {
		return nil
	}
	sensitive, err := w.sensitivity(best, &bases[0])
	if err == nil && sensitive != nil {
		out.Sensitivity = append(out.Sensitivity, *sensitive)
	}
	return err
}

func (w *poolWork) note(format string, args ...any) {
	w.out.Notices = append(w.out.Notices, "pool "+w.pool+": "+fmt.Sprintf(format, args...))
}

func unknownCarbon(models []savings.Known) (n int) {
	for _, m := range models {
		if math.IsNaN(m.CarbonG) {
			n++
		}
	}
	return n
}

// curve is one policy trained with one seed: its points over all preferences, in one cell or in several.
type curve struct {
	label           string
	seed            uint64
	role            string
	cells           map[string]*experiment.Cell
	test, selection []store.Point
}

// curves are the finished ones of a pool, seeds of one policy together, in the order of the plan.
func (p *Plan) curves(run *store.Run, pool string) [][]curve {
	var out [][]curve
	for i := range p.Cells {
		c := &p.Cells[i]
		st, ok := run.Cell(c.ID)
		if c.Pool != pool || !ok || st.State != store.Done || c.Family == "single" {
			continue
		}
		name := func(x curve) bool { return x.label == c.Label }
		at := slices.IndexFunc(out, func(l []curve) bool { return name(l[0]) })
		if at < 0 {
			at, out = len(out), append(out, nil)
		}
		k := slices.IndexFunc(out[at], func(x curve) bool { return x.seed == c.Seed })
		if k < 0 {
			k, out[at] = len(out[at]), append(out[at], curve{label: c.Label, seed: c.Seed, role: string(roleOf(c)), cells: map[string]*experiment.Cell{}})
		}
		x := &out[at][k]
		x.cells[c.ID] = c
		x.test, x.selection = append(x.test, st.Points...), append(x.selection, st.Selection...)
	}
	return out
}

// choice is a policy's setting that is to be looked at more closely: that which saves most on the selection prompts.
type choice struct {
	label, preference string
	saving            float64 // on the selection prompts
	answers           *answers
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

// chosen is a setting of one seed for one baseline.
type chosen struct {
	cell, preference string
	selectionG       float64
}

// choose finds the setting of a curve that is held against a baseline.
func (x *curve) choose(b *baseline, on string) (chosen, bool) {
	points, quality := x.selection, b.selection
	if on == store.Hindsight {
		if b.Quality == nil {
			return chosen{}, false
		}
		points, quality = x.test, *b.Quality
	}
	k := leastCarbon(points, quality)
	if k < 0 {
		return chosen{}, false
	}
	return chosen{points[k].Cell, points[k].Preference, points[k].CarbonG}, true
}

// policy finds the savings of one policy, seed by seed and over its seeds, against every baseline. It returns the setting
// chosen on the selection prompts against the first one.
func (w *poolWork) policy(seeds []curve) (*choice, error) {
	read := map[chosen]*answers{}
	if err := w.read(seeds, read); err != nil {
		return nil, err
	}
	var best *choice
	for b := range w.bases {
		base := &w.bases[b]
		for _, on := range []string{store.OnSelection, store.Hindsight} {
			if base.ChosenOn == store.Hindsight && on == store.OnSelection || base.Quality == nil {
				continue
			}
			var all []*answers
			for i := range seeds {
				x := &seeds[i]
				found, ok := x.choose(base, on)
				if !ok {
					continue
				}
				a := read[chosen{found.cell, found.preference, 0}]
				if a == nil {
					continue
				}
				all = append(all, a)
				s := store.Saving{Pool: w.pool, Policy: x.label, Role: x.role, Seed: x.seed, Seeds: 1, Cell: found.cell, ChosenOn: on, Preference: found.preference}
				if err := w.compare(s, base, a); err != nil {
					return nil, err
				}
				if b == 0 && on == store.OnSelection && best == nil && x.role == store.RolePolicy && base.selectionG > 0 && !math.IsNaN(found.selectionG) {
					best = &choice{x.label, found.preference, 1 - found.selectionG/base.selectionG, a}
				}
			}
			if b == 0 && on == store.OnSelection && len(all) < len(seeds) && len(w.selectionRows(w.pool)) > 0 {
				w.note("%s: with %d of %d seeds no setting has at least the score of %s on the selection prompts, so nothing is said to be saved at its quality", seeds[0].label, len(seeds)-len(all), len(seeds), base.Name)
			}
			if len(all) > 1 {
				s := store.Saving{Pool: w.pool, Policy: seeds[0].label, Role: seeds[0].role, Seeds: len(all), ChosenOn: on, Preference: "by seed"}
				if err := w.compare(s, base, all...); err != nil {
					return nil, err
				}
			}
		}
	}
	return best, nil
}

// read brings what the chosen settings of a policy led to, a cell's decisions once.
func (w *poolWork) read(seeds []curve, into map[chosen]*answers) error {
	for i := range seeds {
		x := &seeds[i]
		wanted := map[string][]string{}
		for b := range w.bases {
			for _, on := range []string{store.OnSelection, store.Hindsight} {
				if found, ok := x.choose(&w.bases[b], on); ok && !slices.Contains(wanted[found.cell], found.preference) {
					wanted[found.cell] = append(wanted[found.cell], found.preference)
				}
			}
		}
		for cell, preferences := range wanted {
			all, err := w.answersOf(w.run, x.cells[cell], preferences)
			if err != nil {
				return err
			}
			for preference, a := range all {
				into[chosen{cell, preference, 0}] = a
			}
		}
	}
	return nil
}

// references hold a baseline against what does not look at prompts, both chosen by the prompts that the baseline was chosen
// by and at no less than its quality there, less the margin: the single model that emits least, and the cleanest blind mix.
func (w *poolWork) references(base *baseline) error {
	if base.ChosenOn == store.Hindsight || math.IsNaN(base.quality) {
		return nil
	}
	models, bar := w.pools[w.pool], base.quality-w.Spec.Metrics.Margin
	least := -1
	for m, k := range base.singles {
		if k.Quality >= bar && (least < 0 && !math.IsNaN(k.CarbonG) || least >= 0 && k.CarbonG < base.singles[least].CarbonG) {
			least = m
		}
	}
	id := func(m int) string { return w.data.Trace.Models[models[m]].ID }
	if least >= 0 {
		s := store.Saving{Pool: w.pool, Policy: "single:" + id(least), Role: store.RoleSingle, ChosenOn: base.ChosenOn, Preference: "least carbon at the baseline's quality less the margin"}
		if models[least] == base.model {
			s.Preference = "the baseline itself: no other model at its quality less the margin emits less"
		}
		if err := w.compare(s, base, w.single(w.pool, models[least])); err != nil {
			return err
		}
	}
	front := savings.Front(base.singles)
	var known []savings.Known
	for _, m := range front {
		known = append(known, base.singles[m])
	}
	mix, ok := savings.MixAt(known, bar)
	if !ok {
		return nil
	}
	first := models[front[mix.First]]
	what, second := id(front[mix.First]), -1
	if mix.Second >= 0 {
		second = models[front[mix.Second]]
		what = fmt.Sprintf("%.0f %% %s, %.0f %% %s", 100*(1-mix.SecondShare), what, 100*mix.SecondShare, id(front[mix.Second]))
	}
	a := w.asking(w.pool, func(row int) []use {
		list := []use{{row, int32(first), 1 - mix.SecondShare}}
		if second >= 0 {
			list = append(list, use{row, int32(second), mix.SecondShare})
		}
		return list
	})
	return w.compare(store.Saving{Pool: w.pool, Policy: carbonZeroRouter, Role: store.RoleBlind, ChosenOn: base.ChosenOn, Preference: what}, base, a)
}

// compare fills a saving in, on the test prompts that all cover, and keeps it. Where there is no such prompt there is none.
func (w *poolWork) compare(s store.Saving, base *baseline, own ...*answers) error {
	keep := w.covered(w.pool, append([]*answers{base.answers}, own...)...)
	if len(keep) == 0 {
		return nil
	}
	in := savings.Input{
		Base: w.spent(w.pool, base.answers, keep), Factors: w.doubt.factors, Resamples: w.Spec.Metrics.Resamples, Seed: w.Spec.Metrics.Seed,
		Stratum: w.strata(w.pool, keep),
	}
	var low, high float64
	for _, a := range own {
		in.Policy = append(in.Policy, w.spent(w.pool, a, keep))
		l, h := w.sizes(w.pool, a, keep)
		low, high = low+l/float64(len(own)), high+h/float64(len(own))
	}
	if len(w.covered(w.pool, append(slices.Clone(w.front), append([]*answers{base.answers}, own...)...)...)) == len(keep) {
		for _, f := range w.front {
			in.Front = append(in.Front, w.spent(w.pool, f, keep))
		}
	}
	r, err := savings.Compare(in)
	if err != nil {
		return err
	}
	baseLow, baseHigh := w.sizes(w.pool, base.answers, keep)
	s.Baseline, s.CarbonGLow, s.CarbonGHigh = base.Name, finite(low), finite(high)
	s.SavingAtLowSizes, s.SavingAtHighSize = finite(1-low/baseLow), finite(1-high/baseHigh)
	fill(&s, &r, w.Spec.Metrics.Margin)
	w.out.Savings = append(w.out.Savings, s)
	return nil
}

// strata are those that resamples keep the sizes of.
func (p *Plan) strata(pool string, keep []int) []int32 {
	rows := make([]int, len(keep))
	for i, k := range keep {
		rows[i] = p.test[pool][k]
	}
	switch p.Spec.Metrics.Strata {
	case "category":
		return codes(p.data.Trace.Prompts.Category, rows)
	case "benchmark":
		return codes(p.data.Trace.Prompts.Benchmark, rows)
	}
	return nil
}

// fill writes a result into a saving.
func fill(s *store.Saving, r *savings.Result, margin float64) {
	s.N, s.Quality, s.CostUSD, s.LatencySec, s.CarbonG = r.N, r.Quality, finite(r.CostUSD), finite(r.LatencySec), finite(r.CarbonG)
	s.QualityDiff = r.QualityDiff.Value
	s.QualityVerdict = string(savings.Judge(r.QualityDiff.Interval, margin))
	set := func(i savings.Interval, low, high **float64) { *low, *high = finite(i.Low), finite(i.High) }
	set(r.QualityDiff.Interval, &s.QualityDiffLow, &s.QualityDiffHigh)
	set(r.CarbonModel, &s.CarbonGModelLow, &s.CarbonGModelHigh)
	s.CarbonSaving, s.CostSaving, s.LatencySaving = finite(r.Carbon.Value), finite(r.Cost.Value), finite(r.Latency.Value)
	set(r.Carbon.Interval, &s.CarbonSavingLow, &s.CarbonSavingHigh)
	set(r.Carbon.Model, &s.CarbonSavingModelLow, &s.CarbonSavingModelHigh)
	set(r.Carbon.Both, &s.CarbonSavingBothLow, &s.CarbonSavingBothHigh)
	set(r.Cost.Interval, &s.CostSavingLow, &s.CostSavingHigh)
	set(r.Latency.Interval, &s.LatencySavingLow, &s.LatencySavingHigh)
	s.BlindSaving, s.OverBlind = finite(r.Blind), finite(r.OverBlind.Value)
	if s.OverBlind == nil {
		return
	}
	set(r.OverBlind.Interval, &s.OverBlindLow, &s.OverBlindHigh)
	set(r.OverBlind.Both, &s.OverBlindBothLow, &s.OverBlindBothHigh)
	s.OverBlindVerdict = string(r.OverBlind.Both.Verdict())
}
