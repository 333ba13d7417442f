// Package compare holds one run against another, from their results alone: what differs in their settings, and how much
// each policy's metrics changed.
//
// The way of the data: [Runs] reads both manifests, and for every pool and policy that both have, the stored results of
// each prompt. The prompts that all of these cover are resampled together (package metrics), so that the interval of a
// change is paired: what is easy or hard about a prompt falls out of it. What single models did with a prompt, which some
// metrics need, is read from the cells of the policy "single".
package compare

import (
	"fmt"
	"math"
	"slices"

	"github.com/trilemma-bench/trilemma/harness/metrics"
	"github.com/trilemma-bench/trilemma/harness/store"
)

// Row is how a metric of a policy changed: After − Before with its paired 95 % interval. NaN is unknown.
type Row struct {
	Pool, Policy, Metric    string
	Before, After           float64
	Diff, DiffLow, DiffHigh float64
	Prompts                 int // that were compared
}

// Worse tells by how much the metric became worse, and by how much at least: the near end of the interval.
func (r *Row) Worse() (by, atLeast float64) {
	if metrics.LowerIsBetter[r.Metric] {
		return r.Diff, r.DiffLow
	}
	return -r.Diff, -r.DiffHigh
}

// Comparison is what [Runs] found.
type Comparison struct {
	Before, After string // folders
	Changes       []Change
	Rows          []Row
	// Vanished are the policies that only the run before has results of, New those that only the run after has.
	Vanished, New []Gone
	Notices       []string
}

// Options of a comparison.
type Options struct {
	Resamples int // 0 for metrics.DefaultResamples
	Seed      uint64
	Pool      string // "" for all that both have
}

// baseline and changed are what the two runs' versions of a policy are called in the statistics.
const (
	baseline = "before"
	changed  = "after"
)

// Runs compares two finished runs. The error is [ErrNothing] where they have nothing in common that could be compared.
func Runs(before, after *store.Run, opt Options) (*Comparison, error) {
	out := &Comparison{Before: before.Dir, After: after.Dir}
	var sides [2]side
	var manifests [2]store.Manifest
	for i, run := range []*store.Run{before, after} {
		var err error
		if manifests[i], err = run.Manifest(); err != nil {
			return nil, err
		}
		if manifests[i].Finished == nil {
			return nil, fmt.Errorf("%s has not finished: `trilemma resume` goes on with it", run.Dir)
		}
		if sides[i], err = read(run, &manifests[i]); err != nil {
			return nil, err
		}
		sides[i].called = [2]string{"the run before", "the run after"}[i]
	}
	var err error
	if out.Changes, err = changes(&manifests[0], &manifests[1]); err != nil {
		return nil, err
	}
	nameAlike(&sides[0], &sides[1])
	out.Vanished, out.New = sides[0].gone(&sides[1], opt.Pool), sides[1].gone(&sides[0], opt.Pool)
	for _, pool := range sides[0].pools() {
		if opt.Pool != "" && pool != opt.Pool {
			continue
		}
		if !slices.Contains(sides[1].pools(), pool) {
			continue
		}
		if err := out.pool(pool, &sides[0], &sides[1], opt); err != nil {
			return nil, fmt.Errorf("pool %s: %w", pool, err)
		}
	}
	if len(out.Rows) == 0 {
		return nil, out.nothing()
	}
	for i := range sides {
		if !sides[i].selects() {
			out.Notices = append(out.Notices, sides[i].run.Dir+" is of a version that kept no selection prompts: settings are chosen on the compared prompts, in hindsight")
		}
	}
	return out, nil
}

// pool adds the rows of a pool that both runs have.
func (c *Comparison) pool(pool string, a, b *side, opt Options) error {
	names := a.policies(pool)
	names = slices.DeleteFunc(names, func(name string) bool { return !slices.Contains(b.policies(pool), name) })
	models := a.models(pool)
	if len(models) == 0 {
		c.Notices = append(c.Notices, fmt.Sprintf("pool %s: not compared: %s has no finished cells of the policy single, which say what each model did", pool, c.Before))
		return nil
	}
	c.Notices = append(c.Notices, slices.Concat(c.unlike(pool, a, b), a.failures(pool, names), b.failures(pool, names))...)
	if len(shared(a.prompts(pool), b.prompts(pool))) == 0 {
		return nil // and that has been said
	}
	var not []Gone
	for _, name := range names {
		rows, err := comparePolicy(pool, name, models, a, b, opt)
		if err != nil {
			return err
		}
		if rows == nil {
			g := Gone{pool, name, a.uncompared(pool, name, models, b)}
			if len(a.covered(pool, name)) > 0 && len(b.covered(pool, name)) == 0 {
				c.Vanished = append(c.Vanished, g)
			} else {
				not = append(not, g)
			}
		}
		c.Rows = append(c.Rows, rows...)
	}
	c.Notices = append(c.Notices, Told(not)...)
	return nil
}

// comparePolicy compares one policy on the prompts that it covers in both runs and that every model answered; nil where there
// are none.
func comparePolicy(pool, name string, models []string, a, b *side, opt Options) ([]Row, error) {
	prompts := a.covered(pool, name)
	for _, other := range [][]string{b.covered(pool, name), a.answered(pool, models)} {
		known := map[string]bool{}
		for _, id := range other {
			known[id] = true
		}
		prompts = slices.DeleteFunc(prompts, func(id string) bool { return !known[id] })
	}
	if len(prompts) == 0 {
		return nil, nil
	}
	in := metrics.Input{
		// The single models count among the compared, as in a run: AIQ is normalised by the dearest.
		Pool: pool, Outcomes: a.outcomes(pool, models, prompts), Models: models, Baseline: baseline, Resamples: opt.Resamples, Seed: opt.Seed,
		Known: a.known(pool, models), Selection: a.selection(pool, models),
		Subjects: []metrics.Subject{
			{Name: baseline, Curves: a.curves(pool, name, models, prompts)}, {Name: changed, Curves: b.curves(pool, name, models, prompts)},
		},
	}
	if in.Known == nil {
		in.Known = in.Selection
	}
	if !selects(&in.Subjects[0]) || !selects(&in.Subjects[1]) {
		// One run is of a version that kept no selection prompts: neither may choose by what the other lacks.
		chooseInHindsight(&in)
	}
	table, err := metrics.Evaluate(in)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	was := map[string]float64{}
	var rows []Row
	for _, r := range table.Rows {
		switch r.Policy {
		case baseline:
			was[r.Metric] = r.Value
		case changed:
			rows = append(rows, Row{
				Pool: pool, Policy: name, Metric: r.Metric, Before: was[r.Metric], After: r.Value,
				Diff: r.Diff, DiffLow: r.DiffLow, DiffHigh: r.DiffHigh, Prompts: len(prompts),
			})
		}
	}
	return rows, nil
}

// selects tells whether every setting of a policy has figures to choose it by.
func selects(s *metrics.Subject) bool {
	for _, c := range s.Curves {
		for i := range c.Points {
			if c.Points[i].Selection == nil {
				return false
			}
		}
	}
	return true
}

// chooseInHindsight leaves the settings to be chosen on the compared prompts, in hindsight.
func chooseInHindsight(in *metrics.Input) {
	in.Known, in.Selection = nil, nil
	for _, s := range in.Subjects {
		for _, c := range s.Curves {
			for i := range c.Points {
				c.Points[i].Selection = nil
			}
		}
	}
}

// Lost are the rows of a metric that is known before and not after.
func (c *Comparison) Lost(metric string) (out []Row) {
	for _, r := range c.Rows {
		if r.Metric == metric && !math.IsNaN(r.Before) && math.IsNaN(r.After) {
			out = append(out, r)
		}
	}
	return out
}

// Worst is the row of a metric that became worst, of those whose whole interval is worse than the threshold allows; nil
// where there is none.
func (c *Comparison) Worst(metric string, threshold float64) *Row {
	var worst *Row
	var most float64
	for i := range c.Rows {
		r := &c.Rows[i]
		if by, atLeast := r.Worse(); r.Metric == metric && atLeast > threshold && (worst == nil || by > most) {
			worst, most = r, by
		}
	}
	return worst
}
