package savings

import (
	"fmt"
	"math"
	"slices"

	"github.com/trilemma-bench/trilemma/harness/billing"
	"github.com/trilemma-bench/trilemma/harness/dataset"
	"github.com/trilemma-bench/trilemma/harness/experiment"
	"github.com/trilemma-bench/trilemma/harness/store"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// carbonZeroRouter is what savings call the blind mix of single models.
const carbonZeroRouter = "carbon-zero-router"

// objective is by what settings are chosen, in words.
const objective = "least carbon (of equals, and where none is known, least cost) among the settings whose mean score on the selection prompts is no lower than the baseline's"

// Finder finds what the policies of a run save, in the run's data.
type Finder struct {
	Data       *dataset.Dataset
	Accounting billing.Accounting
	Metrics    experiment.Metrics
	doubt      doubt
}

// Pool is a pool of models with its prompts, as rows of the data.
type Pool struct {
	Name      string
	Models    []int
	Test      []int
	Selection []int // by which settings are chosen
	Outside   []int // of test, that some model answered
	Known     []int // of them, that models are compared on
	Best      int   // the best model on Known, as its place in Models; −1 for none
}

// NewFinder draws how wrong the estimate of energy may be.
func NewFinder(data *dataset.Dataset, acc billing.Accounting, m experiment.Metrics) (*Finder, error) {
	f := &Finder{Data: data, Accounting: acc, Metrics: m}
	var err error
	f.doubt, err = f.newDoubt()
	return f, err
}

// Find finds what each policy saves against each baseline, from what the finished cells of a run decided.
func (f *Finder) Find(run *store.Run, pools []Pool, cells []experiment.Cell) (store.Savings, error) {
	out := store.Savings{Objective: objective, Margin: f.Metrics.Margin, Estimate: f.doubt.Estimate}
	for _, pool := range pools {
		p := &poolSavings{Finder: f, Pool: pool, run: run, cells: cells, out: &out}
		out.Labels = append(out.Labels, p.labels())
		if err := p.find(); err != nil {
			return out, fmt.Errorf("savings of pool %s: %w", pool.Name, err)
		}
	}
	return out, nil
}

// poolSavings is what the savings of one pool are found with.
type poolSavings struct {
	*Finder
	Pool
	run   *store.Run
	cells []experiment.Cell
	bases []baseline
	front []*answers // the models of blind mixes, cleanest first
	out   *store.Savings
}

func (p *poolSavings) find() error {
	bases, err := p.baselines()
	if err != nil || len(bases) == 0 {
		return err
	}
	p.bases = bases
	known := bases[0].singles
	for _, m := range Front(known) {
		p.front = append(p.front, p.single(p.Models[m]))
	}
	for i := range bases {
		p.out.Baselines = append(p.out.Baselines, bases[i].Baseline)
		if err := p.references(&bases[i]); err != nil {
			return err
		}
	}
	if bases[0].CarbonG == nil {
		p.note("the carbon of its best single model is unknown, so savings of carbon are too")
	}
	if unknown := unknownCarbon(known); unknown > 0 && unknown < len(known) {
		p.note("the carbon of %d of %d models is unknown: they are in no blind mix", unknown, len(known))
	}
	if len(p.Selection) == 0 {
		p.note("no prompt is set apart to choose settings by: savings are in hindsight only")
	}
	var best *choice
	for _, curves := range p.curves() {
		found, err := p.policy(curves)
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
	sensitive, err := p.sensitivity(best, &bases[0])
	if err == nil && sensitive != nil {
		p.out.Sensitivity = append(p.out.Sensitivity, *sensitive)
	}
	return err
}

func (p *poolSavings) note(format string, args ...any) {
	p.out.Notices = append(p.out.Notices, "pool "+p.Name+": "+fmt.Sprintf(format, args...))
}

func unknownCarbon(models []Known) (n int) {
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
func (p *poolSavings) curves() [][]curve {
	var out [][]curve
	for i := range p.cells {
		c := &p.cells[i]
		st, ok := p.run.Cell(c.ID)
		if c.Pool != p.Name || !ok || st.State != store.Done || c.Family == "single" {
			continue
		}
		name := func(x curve) bool { return x.label == c.Label }
		at := slices.IndexFunc(out, func(l []curve) bool { return name(l[0]) })
		if at < 0 {
			at, out = len(out), append(out, nil)
		}
		k := slices.IndexFunc(out[at], func(x curve) bool { return x.seed == c.Seed })
		if k < 0 {
			k, out[at] = len(out[at]), append(out[at], curve{label: c.Label, seed: c.Seed, role: string(c.Role()), cells: map[string]*experiment.Cell{}})
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
		if !(pt.Figures[policy.Quality] >= quality) || pt.Coverage == 0 {
			continue
		}
		if best < 0 {
			best = i
			continue
		}
		g, least := pt.Figures[policy.Carbon], points[best].Figures[policy.Carbon]
		if cheaper := pt.Figures[policy.Cost] < points[best].Figures[policy.Cost]; g < least || (!(least <= g) || g == least) && cheaper {
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
	return chosen{points[k].Cell, points[k].Preference, points[k].Figures[policy.Carbon]}, true
}

// policy finds the savings of one policy, seed by seed and over its seeds, against every baseline. It returns the setting
// chosen on the selection prompts against the first one.
func (p *poolSavings) policy(seeds []curve) (*choice, error) {
	read := map[chosen]*answers{}
	if err := p.read(seeds, read); err != nil {
		return nil, err
	}
	var best *choice
	for b := range p.bases {
		base := &p.bases[b]
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
				s := store.Saving{Pool: p.Name, Policy: x.label, Role: x.role, Seed: x.seed, Seeds: 1, Cell: found.cell, ChosenOn: on, Preference: found.preference}
				if err := p.compare(s, base, a); err != nil {
					return nil, err
				}
				if b == 0 && on == store.OnSelection && best == nil && x.role == store.RolePolicy && base.selectionG > 0 && !math.IsNaN(found.selectionG) {
					best = &choice{x.label, found.preference, 1 - found.selectionG/base.selectionG, a}
				}
			}
			if b == 0 && on == store.OnSelection && len(all) < len(seeds) && len(p.Selection) > 0 {
				p.note("%s: with %d of %d seeds no setting has at least the score of %s on the selection prompts, so nothing is said to be saved at its quality", seeds[0].label, len(seeds)-len(all), len(seeds), base.Name)
			}
			if len(all) > 1 {
				s := store.Saving{Pool: p.Name, Policy: seeds[0].label, Role: seeds[0].role, Seeds: len(all), ChosenOn: on, Preference: "by seed"}
				if err := p.compare(s, base, all...); err != nil {
					return nil, err
				}
			}
		}
	}
	return best, nil
}

// read brings what the chosen settings of a policy led to, a cell's decisions once.
func (p *poolSavings) read(seeds []curve, into map[chosen]*answers) error {
	for i := range seeds {
		x := &seeds[i]
		wanted := map[string][]string{}
		for b := range p.bases {
			for _, on := range []string{store.OnSelection, store.Hindsight} {
				if found, ok := x.choose(&p.bases[b], on); ok && !slices.Contains(wanted[found.cell], found.preference) {
					wanted[found.cell] = append(wanted[found.cell], found.preference)
				}
			}
		}
		for cell, preferences := range wanted {
			all, err := p.answersOf(x.cells[cell], preferences)
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
func (p *poolSavings) references(base *baseline) error {
	if base.ChosenOn == store.Hindsight || math.IsNaN(base.quality) {
		return nil
	}
	models, bar := p.Models, base.quality-p.Metrics.Margin
	least := -1
	for m, k := range base.singles {
		if k.Quality >= bar && (least < 0 && !math.IsNaN(k.CarbonG) || least >= 0 && k.CarbonG < base.singles[least].CarbonG) {
			least = m
		}
	}
	id := func(m int) string { return p.Data.Trace.Models[models[m]].ID }
	if least >= 0 {
		s := store.Saving{Pool: p.Name, Policy: "single:" + id(least), Role: store.RoleSingle, ChosenOn: base.ChosenOn, Preference: "least carbon at the baseline's quality less the margin"}
		if models[least] == base.model {
			s.Preference = "the baseline itself: no other model at its quality less the margin emits less"
		}
		if err := p.compare(s, base, p.single(models[least])); err != nil {
			return err
		}
	}
	front := Front(base.singles)
	var known []Known
	for _, m := range front {
		known = append(known, base.singles[m])
	}
	mix, ok := MixAt(known, bar)
	if !ok {
		return nil
	}
	first := models[front[mix.First]]
	what, second := id(front[mix.First]), -1
	if mix.Second >= 0 {
		second = models[front[mix.Second]]
		what = fmt.Sprintf("%.0f %% %s, %.0f %% %s", 100*(1-mix.SecondShare), what, 100*mix.SecondShare, id(front[mix.Second]))
	}
	a := p.asking(func(row int) []use {
		list := []use{{row, int32(first), 1 - mix.SecondShare}}
		if second >= 0 {
			list = append(list, use{row, int32(second), mix.SecondShare})
		}
		return list
	})
	return p.compare(store.Saving{Pool: p.Name, Policy: carbonZeroRouter, Role: store.RoleBlind, ChosenOn: base.ChosenOn, Preference: what}, base, a)
}

// compare fills a saving in, on the test prompts that all cover, and keeps it. Where there is no such prompt there is none.
func (p *poolSavings) compare(s store.Saving, base *baseline, own ...*answers) error {
	keep := p.covered(append([]*answers{base.answers}, own...)...)
	if len(keep) == 0 {
		return nil
	}
	in := Input{
		Base: p.spent(base.answers, keep), Factors: p.doubt.factors, Resamples: p.Metrics.Resamples, Seed: p.Metrics.Seed,
		Stratum: p.Data.Strata(p.Metrics.Strata, dataset.Pick(p.Test, keep)),
	}
	var low, high float64
	for _, a := range own {
		in.Policy = append(in.Policy, p.spent(a, keep))
		l, h := p.sizes(a, keep)
		low, high = low+l/float64(len(own)), high+h/float64(len(own))
	}
	if len(p.covered(append(slices.Clone(p.front), append([]*answers{base.answers}, own...)...)...)) == len(keep) {
		for _, f := range p.front {
			in.Front = append(in.Front, p.spent(f, keep))
		}
	}
	r, err := Compare(in)
	if err != nil {
		return err
	}
	baseLow, baseHigh := p.sizes(base.answers, keep)
	s.Baseline, s.CarbonGLow, s.CarbonGHigh = base.Name, store.Known(low), store.Known(high)
	s.SavingAtLowSizes, s.SavingAtHighSize = store.Known(1-low/baseLow), store.Known(1-high/baseHigh)
	fill(&s, &r, p.Metrics.Margin)
	p.out.Savings = append(p.out.Savings, s)
	return nil
}

// fill writes a result into a saving.
func fill(s *store.Saving, r *Result, margin float64) {
	s.N, s.Quality, s.CostUSD, s.LatencySec, s.CarbonG = r.N, r.Quality, store.Known(r.CostUSD), store.Known(r.LatencySec), store.Known(r.CarbonG)
	s.QualityDiff = r.QualityDiff.Value
	s.QualityVerdict = string(Judge(r.QualityDiff.Interval, margin))
	set := func(i Interval, low, high **float64) { *low, *high = store.Known(i.Low), store.Known(i.High) }
	set(r.QualityDiff.Interval, &s.QualityDiffLow, &s.QualityDiffHigh)
	set(r.CarbonModel, &s.CarbonGModelLow, &s.CarbonGModelHigh)
	s.CarbonSaving, s.CostSaving, s.LatencySaving = store.Known(r.Carbon.Value), store.Known(r.Cost.Value), store.Known(r.Latency.Value)
	set(r.Carbon.Interval, &s.CarbonSavingLow, &s.CarbonSavingHigh)
	set(r.Carbon.Model, &s.CarbonSavingModelLow, &s.CarbonSavingModelHigh)
	set(r.Carbon.Both, &s.CarbonSavingBothLow, &s.CarbonSavingBothHigh)
	set(r.Cost.Interval, &s.CostSavingLow, &s.CostSavingHigh)
	set(r.Latency.Interval, &s.LatencySavingLow, &s.LatencySavingHigh)
	s.BlindSaving, s.OverBlind = store.Known(r.Blind), store.Known(r.OverBlind.Value)
	if s.OverBlind == nil {
		return
	}
	set(r.OverBlind.Interval, &s.OverBlindLow, &s.OverBlindHigh)
	set(r.OverBlind.Both, &s.OverBlindBothLow, &s.OverBlindBothHigh)
	s.OverBlindVerdict = string(r.OverBlind.Both.Verdict())
}
