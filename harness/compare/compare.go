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
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Row is how a metric of a policy changed: After − Before with its paired 95 % interval. NaN is unknown.
type Row struct {
	Pool, Policy, Metric    string
	Before, After           float64
	Diff, DiffLow, DiffHigh float64
	Prompts                 int // that were compared
}

// Worse tells by how much the metric became worse, and whether that is clear of chance.
func (r *Row) Worse() (by float64, clear bool) {
	if metrics.LowerIsBetter[r.Metric] {
		return r.Diff, r.DiffLow > 0
	}
	return -r.Diff, r.DiffHigh < 0
}

// Comparison is what [Runs] found.
type Comparison struct {
	Before, After string // folders
	Changes       []Change
	Rows          []Row
	Notices       []string
}

// Options of a comparison.
type Options struct {
	Resamples int // 0 for metrics.DefaultResamples
	Seed      uint64
}

// baseline and changed are what the two runs' versions of a policy are called in the statistics.
const (
	baseline = "before"
	changed  = "after"
)

// Runs compares two finished runs.
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
		if sides[i], err = read(run); err != nil {
			return nil, err
		}
	}
	var err error
	if out.Changes, err = changes(&manifests[0], &manifests[1]); err != nil {
		return nil, err
	}
	for _, pool := range sides[0].pools() {
		if !slices.Contains(sides[1].pools(), pool) {
			out.Notices = append(out.Notices, fmt.Sprintf("pool %s is only in %s", pool, before.Dir))
			continue
		}
		if err := out.pool(pool, &sides[0], &sides[1], opt); err != nil {
			return nil, fmt.Errorf("pool %s: %w", pool, err)
		}
	}
	for _, pool := range sides[1].pools() {
		if !slices.Contains(sides[0].pools(), pool) {
			out.Notices = append(out.Notices, fmt.Sprintf("pool %s is only in %s", pool, after.Dir))
		}
	}
	if len(out.Rows) == 0 {
		return nil, fmt.Errorf("%s and %s have no policy in common that could be compared", before.Dir, after.Dir)
	}
	return out, nil
}

// pool adds the rows of a pool.
func (c *Comparison) pool(pool string, a, b *side, opt Options) error {
	models := a.models(pool)
	if len(models) == 0 {
		c.Notices = append(c.Notices, fmt.Sprintf("pool %s: not compared: %s has no cells of the policy single, which say what each model did", pool, c.Before))
		return nil
	}
	for _, name := range a.policies(pool) {
		if !slices.Contains(b.policies(pool), name) {
			c.Notices = append(c.Notices, fmt.Sprintf("pool %s: %s is only in %s", pool, name, c.Before))
			continue
		}
		rows, err := contrast(pool, name, models, a, b, opt)
		if err != nil {
			return err
		}
		if rows == nil {
			c.Notices = append(c.Notices, fmt.Sprintf("pool %s: %s: the two runs have no test prompt in common that it covers in both", pool, name))
		}
		c.Rows = append(c.Rows, rows...)
	}
	for _, name := range b.policies(pool) {
		if !slices.Contains(a.policies(pool), name) {
			c.Notices = append(c.Notices, fmt.Sprintf("pool %s: %s is only in %s", pool, name, c.After))
		}
	}
	return nil
}

// contrast compares one policy on the prompts that it covers in both runs and that every model answered; nil where there
// are none.
func contrast(pool, name string, models []string, a, b *side, opt Options) ([]Row, error) {
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
		Subjects: []metrics.Subject{
			{Name: baseline, Curves: a.curves(pool, name, models, prompts)}, {Name: changed, Curves: b.curves(pool, name, models, prompts)},
		},
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

// Worst is the row of a metric that became worst, of those that are clear of chance and beyond the threshold; nil where
// there is none.
func (c *Comparison) Worst(metric string, threshold float64) *Row {
	var worst *Row
	most := threshold
	for i := range c.Rows {
		r := &c.Rows[i]
		if by, clear := r.Worse(); r.Metric == metric && clear && by > most {
			worst, most = r, by
		}
	}
	return worst
}

// side is one run's results.
type side struct {
	run    *store.Run
	refs   []store.Ref // done cells
	lambda map[[2]string]policy.Preference
	cells  map[string]map[string]map[string]store.Result // cell → preference → prompt
}

func read(run *store.Run) (side, error) {
	s := side{run: run, lambda: map[[2]string]policy.Preference{}, cells: map[string]map[string]map[string]store.Result{}}
	refs, err := run.Plan()
	if err != nil {
		return s, err
	}
	points, err := run.Points()
	if err != nil {
		return s, err
	}
	for i := range points {
		s.lambda[[2]string{points[i].Pool, points[i].Preference}] = points[i].Lambda
	}
	for _, ref := range refs {
		if !run.IsDone(ref.ID) {
			continue
		}
		s.refs = append(s.refs, ref)
		if s.cells[ref.ID] != nil {
			continue // the same cell in another pool
		}
		byPreference := map[string]map[string]store.Result{}
		for r, err := range run.Results(ref.ID) {
			if err != nil {
				return s, fmt.Errorf("%s: %w", ref.Name(), err)
			}
			if byPreference[r.Preference] == nil {
				byPreference[r.Preference] = map[string]store.Result{}
			}
			byPreference[r.Preference][r.PromptID] = r
		}
		s.cells[ref.ID] = byPreference
	}
	return s, nil
}

func (s *side) pools() (out []string) {
	for _, r := range s.refs {
		if !slices.Contains(out, r.Pool) {
			out = append(out, r.Pool)
		}
	}
	return out
}

// name is what a cell's policy is compared under: with its encoder where it ran on several.
func (s *side) name(ref *store.Ref) string {
	for _, other := range s.refs {
		if other.Policy == ref.Policy && other.Encoder != ref.Encoder {
			return ref.Policy + "@" + ref.Encoder
		}
	}
	return ref.Policy
}

// policies are those of a pool, in the order of the plan; single models are what the others are measured by.
func (s *side) policies(pool string) (out []string) {
	for i := range s.refs {
		r := &s.refs[i]
		if name := s.name(r); r.Pool == pool && !isSingle(r) && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

func isSingle(r *store.Ref) bool { return r.Family == "single" }

// models are the pool's, by id.
func (s *side) models(pool string) (out []string) {
	for i := range s.refs {
		if r := &s.refs[i]; r.Pool == pool && isSingle(r) {
			out = append(out, r.Policy[min(len(r.Policy), len(metrics.SinglePrefix)):])
		}
	}
	return out
}

// covered are the prompts that a policy has a result for under every seed and preference, sorted.
func (s *side) covered(pool, name string) []string {
	count, of := map[string]int{}, 0
	for i := range s.refs {
		r := &s.refs[i]
		if r.Pool != pool || s.name(r) != name {
			continue
		}
		for _, results := range s.cells[r.ID] {
			of++
			for id, result := range results {
				if !math.IsNaN(float64(result.Score)) && !math.IsNaN(float64(result.CostUSD)) {
					count[id]++
				}
			}
		}
	}
	return whole(count, of)
}

// answered are the prompts that every model answered, sorted.
func (s *side) answered(pool string, models []string) []string {
	count := map[string]int{}
	for _, m := range models {
		for _, id := range s.covered(pool, metrics.SinglePrefix+m) {
			count[id]++
		}
	}
	return whole(count, len(models))
}

func whole(count map[string]int, of int) (out []string) {
	for id, n := range count {
		if n == of {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return out
}

func (s *side) outcomes(pool string, models, prompts []string) metrics.Outcomes {
	o := metrics.Outcomes{Models: len(models)}
	n := len(models) * len(prompts)
	o.Score, o.CostUSD, o.CarbonG = make([]float32, n), make([]float32, n), make([]float32, n)
	for i := range s.refs {
		r := &s.refs[i]
		m := slices.Index(models, r.Policy[min(len(r.Policy), len(metrics.SinglePrefix)):])
		if r.Pool != pool || !isSingle(r) || m < 0 {
			continue
		}
		for _, results := range s.cells[r.ID] {
			for k, id := range prompts {
				at := k*len(models) + m
				o.Score[at], o.CostUSD[at], o.CarbonG[at] = results[id].Score, results[id].CostUSD, results[id].CarbonG
			}
		}
	}
	return o
}

// curves are a policy's results by seed. The cells of a policy that takes no preference make one curve together.
func (s *side) curves(pool, name string, models, prompts []string) []metrics.Curve {
	var curves []metrics.Curve
	for i := range s.refs {
		r := &s.refs[i]
		if r.Pool != pool || s.name(r) != name {
			continue
		}
		at := slices.IndexFunc(curves, func(c metrics.Curve) bool { return c.Seed == r.Seed })
		if at < 0 {
			at = len(curves)
			curves = append(curves, metrics.Curve{Seed: r.Seed})
		}
		labels := make([]string, 0, len(s.cells[r.ID]))
		for label := range s.cells[r.ID] {
			labels = append(labels, label)
		}
		slices.Sort(labels)
		for _, label := range labels {
			results := s.cells[r.ID][label]
			p := metrics.PromptPoint{
				Quality: make([]float32, len(prompts)), CostUSD: make([]float32, len(prompts)), CarbonG: make([]float32, len(prompts)),
				Choice: make([]int32, len(prompts)), Free: s.lambda[[2]string{pool, label}] == policy.Preference{},
			}
			for k, id := range prompts {
				p.Quality[k], p.CostUSD[k], p.CarbonG[k] = results[id].Score, results[id].CostUSD, results[id].CarbonG
				p.Choice[k] = int32(slices.Index(models, results[id].Model))
			}
			curves[at].Points = append(curves[at].Points, p)
		}
	}
	return curves
}
