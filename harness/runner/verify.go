package runner

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"

	"github.com/trilemma-bench/trilemma/harness/experiment"
	"github.com/trilemma-bench/trilemma/harness/metrics"
	"github.com/trilemma-bench/trilemma/harness/provenance"
	"github.com/trilemma-bench/trilemma/harness/replay"
	"github.com/trilemma-bench/trilemma/harness/store"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Verified counts what was held against the data.
type Verified struct {
	Inputs    int `json:"inputs"`
	Outputs   int `json:"outputs"`
	Cells     int `json:"cells"`
	Decisions int `json:"decisions"`
	Points    int `json:"points"`
	Metrics   int `json:"metrics"`
	Savings   int `json:"savings"`
}

// Verify computes every number of a finished run again, from its stored decisions and the plan's data, and hashes every
// file that its manifest names. No policy is asked anything. The error names the first difference.
func (p *Plan) Verify(run *store.Run) (Verified, error) {
	var v Verified
	m, err := run.Manifest()
	if err != nil {
		return v, err
	}
	if m.Finished == nil {
		return v, errors.New("the run has not finished: `trilemma resume` goes on with it")
	}
	if v.Inputs, err = p.verifyInputs(m.Inputs); err != nil {
		return v, err
	}
	if p.ID != run.ID {
		return v, fmt.Errorf("the experiment and its data now make run %s: %s, its --set, or a plugin has changed since", p.ID, m.File)
	}
	if v.Outputs, err = verifyOutputs(run, m.Outputs); err != nil {
		return v, err
	}
	var points []store.Point
	for i := range p.Cells {
		c := &p.Cells[i]
		if !run.IsDone(c.ID) {
			continue // it failed, and has no numbers
		}
		again, n, err := p.verifyCell(run, c)
		if err != nil {
			return v, fmt.Errorf("%s: %w", refOf(c).Name(), err)
		}
		points = append(points, again...)
		v.Cells++
		v.Decisions += n
	}
	points, table, err := p.tables(run, points)
	if err != nil {
		return v, err
	}
	stored, err := run.Points()
	if err != nil {
		return v, err
	}
	store.SortPoints(points)
	if v.Points = len(points); len(stored) != len(points) {
		return v, fmt.Errorf("%s has %d points, the decisions give %d", store.PointsParquet, len(stored), len(points))
	}
	for i := range points {
		if what := pointDiffers(&stored[i], &points[i]); what != "" {
			s := &stored[i]
			return v, fmt.Errorf("%s: %s of pool %s, preference %s: %s", store.PointsParquet, s.Policy, s.Pool, s.Preference, what)
		}
	}
	v.Metrics = len(table.Rows)
	if err := verifyMetrics(run, table); err != nil {
		return v, err
	}
	v.Savings, err = p.verifySavings(run)
	return v, err
}

// verifySavings finds the savings again and compares them with what is stored, to the last bit.
func (p *Plan) verifySavings(run *store.Run) (int, error) {
	again, err := p.saved(run)
	if err != nil {
		return 0, err
	}
	stored, err := run.Savings()
	if err != nil {
		return 0, err
	}
	a, errA := json.MarshalIndent(stored, "", "  ")
	b, errB := json.MarshalIndent(again, "", "  ")
	if err := errors.Join(errA, errB); err != nil {
		return 0, err
	}
	x, y := bytes.Split(a, []byte("\n")), bytes.Split(b, []byte("\n"))
	for i := range min(len(x), len(y)) {
		if !bytes.Equal(x[i], y[i]) {
			return 0, fmt.Errorf("%s: stored is %s, the decisions give %s", store.SavingsJSON, bytes.TrimSpace(x[i]), bytes.TrimSpace(y[i]))
		}
	}
	if len(x) != len(y) {
		return 0, fmt.Errorf("%s has %d lines, the decisions give %d", store.SavingsJSON, len(x), len(y))
	}
	return len(again.Savings), nil
}

// verifyInputs compares the files that the plan has read with those that the run had read.
func (p *Plan) verifyInputs(before []provenance.File) (int, error) {
	now := map[string]string{}
	for _, f := range p.inputs {
		now[f.Path] = f.SHA256
	}
	for _, f := range before {
		switch sum, ok := now[f.Path]; {
		case !ok:
			return 0, fmt.Errorf("input %s is not read any more: the experiment has changed", f.Path)
		case sum != f.SHA256:
			return 0, fmt.Errorf("input %s has changed: SHA-256 %s, the run had read %s", f.Path, sum, f.SHA256)
		}
	}
	return len(before), nil
}

func verifyOutputs(run *store.Run, outputs []provenance.File) (int, error) {
	for _, f := range outputs {
		now, err := provenance.HashFile(run.Path(f.Path))
		if err != nil {
			return 0, fmt.Errorf("output: %w", err)
		}
		if now.SHA256 != f.SHA256 {
			return 0, fmt.Errorf("output %s has changed: SHA-256 %s, the manifest says %s", f.Path, now.SHA256, f.SHA256)
		}
	}
	return len(outputs), nil
}

// verifyCell replays the stored decisions of a cell and compares what they lead to with what is stored beside them. It
// returns the points that they make.
func (p *Plan) verifyCell(run *store.Run, c *experiment.Cell) ([]store.Point, int, error) {
	w := &work{Plan: p, cell: c, feed: p.feedOf(c), test: p.test[c.Pool]}
	model := map[string]int32{}
	for i, m := range c.Models {
		model[p.data.Trace.Models[m].ID] = int32(i)
	}
	ids := p.data.Trace.Prompts.ID
	var points []store.Point
	var stored []store.Decision
	count := 0
	flush := func() error {
		pref := c.Preferences[len(points)]
		d, err := decisionsOf(stored, model)
		if err != nil {
			return err
		}
		results := make([]replay.Result, len(stored))
		mean, err := replay.Replay(w.feed.View(), w.test, d, results)
		if err != nil {
			return err
		}
		for r := range stored {
			if what := resultDiffers(&stored[r], &results[r]); what != "" {
				return fmt.Errorf("prompt %s, preference %s: %s", stored[r].PromptID, pref.Label, what)
			}
		}
		point := w.point(pref, mean)
		point.Shares = shares(w.feed.Models(), d)
		points = append(points, point)
		stored = stored[:0]
		return nil
	}
	for d, err := range run.Decisions(c.ID) {
		if err != nil {
			return nil, 0, err
		}
		if len(points) == len(c.Preferences) {
			return nil, 0, fmt.Errorf("more decisions are stored than %d prompts × %d preferences", len(w.test), len(c.Preferences))
		}
		if want, pref := ids[w.test[len(stored)]], c.Preferences[len(points)].Label; d.PromptID != want || d.Preference != pref {
			return nil, 0, fmt.Errorf("decision %d is stored for prompt %s and preference %s, want %s and %s", count, d.PromptID, d.Preference, want, pref)
		}
		stored = append(stored, d)
		if count++; len(stored) == len(w.test) {
			if err := flush(); err != nil {
				return nil, 0, err
			}
		}
	}
	if len(points) < len(c.Preferences) {
		return nil, 0, fmt.Errorf("%d decisions are stored, want %d prompts × %d preferences", count, len(w.test), len(c.Preferences))
	}
	return points, count, nil
}

// decisionsOf turns stored decisions back into what replay takes. model numbers the pool.
func decisionsOf(stored []store.Decision, model map[string]int32) (*replay.Decisions, error) {
	d := &replay.Decisions{Final: policy.NewDecisions(len(stored))}
	number := func(names []string) ([]int32, error) {
		out := make([]int32, len(names))
		for i, n := range names {
			m, ok := model[n]
			if !ok {
				return nil, fmt.Errorf("a stored decision names model %q, which the pool has not", n)
			}
			out[i] = m
		}
		return out, nil
	}
	asked := slices.ContainsFunc(stored, func(s store.Decision) bool { return len(s.Asked) > 0 })
	if asked {
		d.AskedOffset = []int32{0}
	}
	for i := range stored {
		s := &stored[i]
		use := policy.Select
		if s.Use == policy.Combine.String() {
			use = policy.Combine
		}
		models, err := number(s.Models)
		if err != nil {
			return nil, err
		}
		d.Final.Append(use, models, s.Weights)
		if !asked {
			continue
		}
		if models, err = number(s.Asked); err != nil {
			return nil, err
		}
		d.AskedModel = append(d.AskedModel, models...)
		d.AskedRound = append(d.AskedRound, s.AskedRound...)
		d.AskedOffset = append(d.AskedOffset, int32(len(d.AskedModel)))
	}
	return d, nil
}

func resultDiffers(s *store.Decision, r *replay.Result) string {
	stored, again := s.Figures(), r.Central()
	for q := range stored {
		if !same(stored[q], again[q]) {
			return fmt.Sprintf("%s is stored as %v, the data give %v", policy.Quantity(q).Column(), stored[q], again[q])
		}
	}
	return ""
}

func pointDiffers(s, a *store.Point) string {
	if s.Pool != a.Pool || s.Policy != a.Policy || s.Seed != a.Seed || s.Preference != a.Preference || s.Cell != a.Cell {
		return fmt.Sprintf("the decisions give a point of %s, pool %s, preference %s in its place", a.Policy, a.Pool, a.Preference)
	}
	differs := func(name string, stored, again float64) string {
		if same(stored, again) {
			return ""
		}
		return fmt.Sprintf("%s is stored as %v, the decisions give %v", name, stored, again)
	}
	what := cmp.Or(differs("n", float64(s.N), float64(a.N)), differs("coverage", s.Coverage, a.Coverage))
	for q := range policy.NumQuantities {
		what = cmp.Or(what, differs(q.Column(), s.Figures[q], a.Figures[q]), differs(q.Column()+"_low", s.Low[q], a.Low[q]),
			differs(q.Column()+"_high", s.High[q], a.High[q]), differs("lambda_"+q.String(), s.Lambda[q], a.Lambda[q]))
	}
	if what != "" {
		return what
	}
	if !slices.Equal(s.Shares, a.Shares) {
		return fmt.Sprintf("route shares are stored as %v, the decisions give %v", s.Shares, a.Shares)
	}
	return ""
}

// same tells whether two figures are equal to the last bit, or both unknown.
func same(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) }

func verifyMetrics(run *store.Run, table *metrics.Table) error {
	var again bytes.Buffer
	if err := metrics.WriteCSV(&again, table.Rows); err != nil {
		return err
	}
	stored, err := os.ReadFile(run.Path(MetricsCSV))
	if err != nil {
		return fmt.Errorf("reading metrics: %w", err)
	}
	if bytes.Equal(stored, again.Bytes()) {
		return nil
	}
	a, b := bytes.Split(stored, []byte("\n")), bytes.Split(again.Bytes(), []byte("\n"))
	for i := range min(len(a), len(b)) {
		if !bytes.Equal(a[i], b[i]) {
			return fmt.Errorf("%s, line %d: stored is %q, the decisions give %q", MetricsCSV, i+1, a[i], b[i])
		}
	}
	return fmt.Errorf("%s has %d lines, the decisions give %d", MetricsCSV, len(a), len(b))
}
