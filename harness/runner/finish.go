package runner

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/trilemma-bench/trilemma/harness/billing"
	"github.com/trilemma-bench/trilemma/harness/dataset"
	"github.com/trilemma-bench/trilemma/harness/event"
	"github.com/trilemma-bench/trilemma/harness/experiment"
	"github.com/trilemma-bench/trilemma/harness/metrics"
	"github.com/trilemma-bench/trilemma/harness/pareto"
	"github.com/trilemma-bench/trilemma/harness/replay"
	"github.com/trilemma-bench/trilemma/harness/savings"
	"github.com/trilemma-bench/trilemma/harness/selfmeter"
	"github.com/trilemma-bench/trilemma/harness/store"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Files that the runner adds to those of package store.
const (
	MetricsCSV  = "metrics.csv"
	MetricsJSON = "metrics.json"
)

// finish adds the references, computes metrics from the stored decisions, and writes the run's tables and manifest.
func (p *Plan) finish(run *store.Run, points []store.Point, manifest store.Manifest, out *Outcome, sink event.Sink, taken func() selfmeter.Usage) error {
	points, table, err := p.tables(run, points)
	if err != nil {
		return err
	}
	if err := run.WritePoints(points); err != nil {
		return err
	}
	if err := run.WriteSelection(run.Selected(p.refs())); err != nil {
		return err
	}
	var text, all bytes.Buffer
	if err := metrics.WriteCSV(&text, table.Rows); err != nil {
		return fmt.Errorf("writing %s: %w", MetricsCSV, err)
	}
	if err := run.WriteFile(MetricsCSV, text.Bytes()); err != nil {
		return err
	}
	if err := metrics.WriteJSON(&all, table); err != nil {
		return fmt.Errorf("writing %s: %w", MetricsJSON, err)
	}
	if err := run.WriteFile(MetricsJSON, all.Bytes()); err != nil {
		return err
	}
	saved, err := p.saved(run)
	if err != nil {
		return err
	}
	if err := run.WriteSavings(saved); err != nil {
		return err
	}
	if err := p.prompts(run); err != nil {
		return err
	}
	manifest.Own = taken()
	for _, w := range table.Warnings {
		sink.Send(event.Event{Kind: event.Notice, Text: w})
	}
	outputs, err := run.Outputs()
	if err != nil {
		return err
	}
	now := time.Now()
	manifest.Outputs, manifest.Finished = outputs, &now
	manifest.Notices = append(slices.Clone(manifest.Notices), table.Warnings...)
	manifest.Done, manifest.Cached, manifest.Failed = out.Done, out.Cached, out.Failed
	return run.WriteManifest(manifest)
}

// saved finds what policies save.
func (p *Plan) saved(run *store.Run) (store.Savings, error) {
	var pools []savings.Pool
	for _, pool := range p.Spec.Pools {
		n := pool.Name
		pools = append(pools, savings.Pool{
			Name: n, Models: p.pools[n], Test: p.test[n], Selection: p.selectionRows(n), Outside: p.outsideTest(n), Known: p.known(n), Best: p.bestSingle(n),
		})
	}
	return p.saver.Find(run, pools, p.Cells)
}

// tables adds the references to the points of the cells, and measures every pool.
func (p *Plan) tables(run *store.Run, points []store.Point) ([]store.Point, *metrics.Table, error) {
	var table metrics.Table
	for _, pool := range p.Spec.Pools {
		references, err := p.references(pool.Name)
		if err != nil {
			return nil, nil, err
		}
		points = append(points, references...)
		found, err := p.measure(run, pool.Name)
		if err != nil {
			return nil, nil, err
		}
		table.Rows = append(table.Rows, found.Rows...)
		table.Pairs, table.Mixing = append(table.Pairs, found.Pairs...), append(table.Mixing, found.Mixing...)
		table.Headlines = append(table.Headlines, found.Headlines...)
		table.Warnings = append(table.Warnings, found.Warnings...)
	}
	return points, &table, nil
}

// references are the points that no policy needs to be asked for: the oracle at every preference, and the Zero router: the
// models that stand at the corners of the single models' hull over the prompts outside of test, on the test prompts.
func (p *Plan) references(pool string) ([]store.Point, error) {
	view := replay.Of(p.data.Table, p.pools[pool])
	prompts := p.test[pool]
	var points []store.Point
	for _, pref := range p.prefs[pool] {
		choice := replay.Oracle(view, prompts, pref.Preference)
		asked := make([]int, 0, len(prompts))
		chosen := make([]int32, 0, len(prompts))
		for i, c := range choice {
			if c >= 0 {
				asked, chosen = append(asked, prompts[i]), append(chosen, c)
			}
		}
		mean, err := replay.Selected(view, asked, chosen, nil)
		if err != nil {
			return nil, err
		}
		mean.N = len(prompts)
		point := store.Point{Pool: pool, Policy: metrics.Oracle, Family: metrics.Oracle, Preference: pref.Label, Lambda: pref.Preference}
		point = pointOf(point, mean)
		counts := make([]float64, len(view.Pool))
		for _, c := range chosen {
			counts[c]++
		}
		for m, n := range counts {
			if n > 0 {
				point.Shares = append(point.Shares, store.Share{Model: p.data.Trace.Models[view.Pool[m]].ID, Share: n / float64(len(prompts))})
			}
		}
		points = append(points, point)
	}
	means, err := replay.SingleMeans(view, prompts)
	if err != nil {
		return nil, err
	}
	outside, err := p.modelMeans(p.pools[pool], p.known(pool))
	if err != nil {
		return nil, err
	}
	for corner, m := range pareto.Vertices(outside, policy.Unknown()) {
		point := store.Point{Pool: pool, Policy: metrics.ZeroRouter, Family: metrics.ZeroRouter, Preference: fmt.Sprintf("mix%02d", corner)}
		point.Shares = []store.Share{{Model: p.data.Trace.Models[view.Pool[m]].ID, Share: 1}}
		points = append(points, pointOf(point, means[m]))
	}
	return points, nil
}

// modelMeans are what each of some models does alone on some prompts.
func (p *Plan) modelMeans(models, rows []int) ([]policy.Figures, error) {
	means, err := replay.SingleMeans(replay.Of(p.data.Table, models), rows)
	if err != nil {
		return nil, err
	}
	out := make([]policy.Figures, len(means))
	for m := range means {
		out[m] = means[m].Figures
	}
	return out, nil
}

// measure computes the metrics of a pool on the prompts that all of its finished policies cover.
func (p *Plan) measure(run *store.Run, pool string) (*metrics.Table, error) {
	models, warnings := p.answering(pool)
	subjects, err := p.subjects(run, pool, models)
	if err != nil {
		return nil, err
	}
	view := replay.Of(p.data.Table, models)
	keep := p.comparable(view, pool, subjects)
	in := metrics.Input{
		Pool: pool, Baseline: p.Spec.Metrics.Baseline, Resamples: p.Spec.Metrics.Resamples, Seed: p.Spec.Metrics.Seed,
		Outcomes: metrics.Outcomes{Models: len(view.Pool)}, Costless: p.acc.UnknownCost == billing.QualityOnly,
	}
	for _, m := range view.Pool {
		in.Models = append(in.Models, p.data.Trace.Models[m].ID)
	}
	if in.Known, err = p.modelMeans(models, p.known(pool)); err != nil {
		return nil, err
	}
	if rows := p.selectionRows(pool); len(rows) > 0 {
		if in.Selection, err = p.modelMeans(models, rows); err != nil {
			return nil, err
		}
	}
	if len(keep) == 0 {
		return &metrics.Table{Warnings: append(warnings, fmt.Sprintf("pool %s: no metrics: no test prompt is covered by every policy and model", pool))}, nil
	}
	for _, i := range keep {
		for m := range view.Pool {
			o := view.At(p.test[pool][i], m)
			for _, q := range measured {
				in.Outcomes.Figures[q] = append(in.Outcomes.Figures[q], o.At(q))
			}
		}
	}
	rows := dataset.Pick(p.test[pool], keep)
	in.Stratum, in.Dataset = p.data.Strata(p.Spec.Metrics.Strata, rows), p.data.Strata("benchmark", rows)
	for s := range subjects {
		for c := range subjects[s].Curves {
			for k := range subjects[s].Curves[c].Points {
				narrow(&subjects[s].Curves[c].Points[k], keep)
			}
		}
	}
	in.Subjects = subjects
	if in.Baseline == "best-single" && !slices.ContainsFunc(subjects, func(s metrics.Subject) bool { return s.Name == in.Baseline }) {
		// The policy of that name does not run: the model that it would have chosen takes its place.
		if m := p.bestSingle(pool); m >= 0 {
			in.Baseline = metrics.SinglePrefix + p.data.Trace.Models[p.pools[pool][m]].ID
		}
	}
	table, err := metrics.Evaluate(in)
	if err != nil {
		return nil, err
	}
	table.Warnings = append(warnings, table.Warnings...)
	if len(keep) < len(p.test[pool]) {
		table.Warnings = append(table.Warnings, fmt.Sprintf("pool %s: metrics are on the %d of %d test prompts that every policy and model covers",
			pool, len(keep), len(p.test[pool])))
	}
	return table, nil
}

// answering are the models of a pool that answered a test prompt. The others cannot be compared with anything.
func (p *Plan) answering(pool string) (models []int, warnings []string) {
	for _, m := range p.pools[pool] {
		if slices.ContainsFunc(p.test[pool], func(prompt int) bool { return p.data.Table.At(prompt, m).Present() }) {
			models = append(models, m)
		} else {
			warnings = append(warnings, fmt.Sprintf("pool %s: %s answered no test prompt and is left out of the metrics", pool, p.data.Trace.Models[m].ID))
		}
	}
	return models, warnings
}

// comparable are the test prompts (indexes into p.test) that all models and all subjects have a result for.
func (p *Plan) comparable(view *replay.View, pool string, subjects []metrics.Subject) []int {
	var keep []int
	for i, prompt := range p.test[pool] {
		whole := true
		for m := 0; m < len(view.Pool) && whole; m++ {
			whole = view.At(prompt, m).Present()
		}
		for s := 0; s < len(subjects) && whole; s++ {
			for _, c := range subjects[s].Curves {
				for k := range c.Points {
					if math.IsNaN(float64(c.Points[k].Figures[policy.Quality][i])) {
						whole = false
					}
				}
			}
		}
		if whole {
			keep = append(keep, i)
		}
	}
	return keep
}

// measured are the quantities that metrics are of.
var measured = []policy.Quantity{policy.Quality, policy.Cost, policy.Carbon}

func narrow(p *metrics.PromptPoint, keep []int) {
	if len(keep) == len(p.Choice) {
		return
	}
	for _, q := range measured {
		p.Figures[q] = dataset.Pick(p.Figures[q], keep)
	}
	p.Choice = dataset.Pick(p.Choice, keep)
}

// subjects reads the results of a pool's finished cells back, policy by policy in the order of the plan. Points that cover
// nothing at all are left out.
func (p *Plan) subjects(run *store.Run, pool string, models []int) ([]metrics.Subject, error) {
	model := map[string]int32{}
	for i, m := range models {
		model[p.data.Trace.Models[m].ID] = int32(i)
	}
	var subjects []metrics.Subject
	at := map[string]int{}
	curveAt := map[string]int{}
	for i := range p.Cells {
		c := &p.Cells[i]
		if c.Pool != pool || !run.IsDone(c.ID) {
			continue
		}
		points, err := p.results(run, c, model)
		if err != nil {
			return nil, err
		}
		if len(points) == 0 {
			continue
		}
		name := c.Label
		s, ok := at[name]
		if !ok {
			s = len(subjects)
			at[name] = s
			subjects = append(subjects, metrics.Subject{Name: name, Role: c.Role()})
		}
		// The cells of a policy that takes no preference are one curve together.
		key := fmt.Sprintf("%s\x00%d", name, c.Seed)
		k, ok := curveAt[key]
		if !ok {
			k = len(subjects[s].Curves)
			curveAt[key] = k
			subjects[s].Curves = append(subjects[s].Curves, metrics.Curve{Seed: c.Seed})
		}
		subjects[s].Curves[k].Points = append(subjects[s].Curves[k].Points, points...)
	}
	return subjects, nil
}

// results reads one cell's results: a point for each of its preferences at which it covers anything.
func (p *Plan) results(run *store.Run, c *experiment.Cell, model map[string]int32) ([]metrics.PromptPoint, error) {
	stored, err := run.Results(c.ID)
	if err != nil {
		return nil, err
	}
	st, _ := run.Cell(c.ID)
	ids, test := p.data.Trace.Prompts.ID, p.test[c.Pool]
	if !slices.EqualFunc(stored.Prompts, test, func(id string, prompt int) bool { return id == ids[prompt] }) {
		return nil, fmt.Errorf("the stored decisions of %s are of other prompts than the plan's: run with --fresh", refOf(c).Name())
	}
	var points []metrics.PromptPoint
	for _, line := range stored.Lines {
		k := slices.IndexFunc(c.Preferences, func(l experiment.Labelled) bool { return l.Label == line.Preference })
		if k < 0 {
			return nil, fmt.Errorf("the stored decisions of %s are of preference %q, which the plan has not: run with --fresh", refOf(c).Name(), line.Preference)
		}
		if !slices.ContainsFunc(line.Figures[policy.Quality], func(x float32) bool { return x == x }) {
			continue
		}
		pt := metrics.PromptPoint{Choice: make([]int32, len(test)), Free: c.Preferences[k].Preference == policy.Preference{}}
		for _, q := range measured {
			pt.Figures[q] = line.Figures[q]
		}
		for i, m := range line.Model {
			pt.Choice[i] = model[m]
		}
		for _, s := range st.Selection {
			if s.Preference == line.Preference && s.Coverage > 0 {
				pt.Selection = &s.Figures
			}
		}
		points = append(points, pt)
	}
	return points, nil
}
