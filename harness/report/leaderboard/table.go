// Package leaderboard reads what a run's metrics say of each pool: a [Table] of lines, one a policy, with the verdicts on
// who is best, the differences to the baseline, and the settings that were chosen outside the test prompts. Sheets write
// them as LaTeX, Markdown and CSV.
package leaderboard

import (
	"cmp"
	"encoding/csv"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/trilemma-bench/trilemma/harness/metrics"
	"github.com/trilemma-bench/trilemma/harness/store"
	"github.com/trilemma-bench/trilemma/harness/textfile"
)

// metricsFile is where the runner writes the metrics of a run.
const metricsFile = "metrics.csv"

// Column is a metric of the tables and how it is called in print.
type Column struct{ Metric, Print string }

// MainColumns are the metrics of the summary tables, the headline first. Settings are chosen on the selection prompts.
var MainColumns = []Column{
	{metrics.HeadlineMetric, "AIQ"}, {"aiq", "AIQ (set)"}, {"nauc", "nAUC"}, {"peak", "Peak"}, {"perfgain", "PerfGain"},
	{"costsave", "CostSave"}, {"costsave_quality", "quality there"}, {"hypervolume", "Hypervolume"},
}

// HindsightColumns are the same with settings chosen on the test prompts themselves, as the published tools do.
var HindsightColumns = []Column{
	{"aiq_hindsight", "AIQ"}, {"nauc_hindsight", "nAUC"}, {"peak_hindsight", "Peak"}, {"perfgain_hindsight", "PerfGain"},
	{"costsave_hindsight", "CostSave"},
}

// Table is the metrics of a pool: a line for each policy, those that are ranked first.
type Table struct {
	Pool  string
	Lines []Line
	// older: from before settings were chosen on selection prompts; all figures are of settings chosen on test.
	Older bool
	verdicts
}

// Line is what the metrics of a pool say of one policy.
type Line struct {
	policy string
	Role   metrics.Role
	N      int // prompts that it was measured on; 0 unknown
	Values map[string]measured
}

// measured is a metric as written: value and bounds, "" where unknown; baseline and the difference from it likewise.
type measured struct {
	Value, Low, High        string
	seeds, baseline         string
	Diff, DiffLow, DiffHigh string
	maxCostUSD              string // that an area was divided by
	promptsFor005           string // that a difference of 0.005 would need
}

// Read reads the metrics of a finished run. Columns are found by their headings: files of older versions have
// fewer.
func Read(run *store.Run) ([]Table, error) {
	path := run.Path(metricsFile)
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading metrics: %w; the run has not finished: run its experiment again to go on", err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	if len(rows) == 0 {
		return nil, fmt.Errorf("reading %s: it is empty; run the experiment again", path)
	}
	at := map[string]int{}
	for i, name := range rows[0] {
		at[name] = i
	}
	for _, name := range metrics.Columns[:6] {
		if _, ok := at[name]; !ok {
			return nil, fmt.Errorf("reading %s: there is no column %q; run the experiment again", path, name)
		}
	}
	points, err := run.Points()
	if err != nil {
		return nil, err
	}
	covered := coveredBy(points)
	_, roles := at["role"]
	var tables []Table
	for _, r := range rows[1:] {
		get := func(name string) string {
			if i, ok := at[name]; ok {
				return r[i]
			}
			return ""
		}
		if len(tables) == 0 || tables[len(tables)-1].Pool != get("pool") {
			tables = append(tables, Table{Pool: get("pool"), Older: !roles})
		}
		t := &tables[len(tables)-1]
		if len(t.Lines) == 0 || t.Lines[len(t.Lines)-1].policy != get("policy") {
			l := Line{policy: get("policy"), Role: metrics.Role(get("role")), Values: map[string]measured{}}
			if l.Role == "" {
				l.Role = roleOf(l.policy)
			}
			if l.N, err = strconv.Atoi(get("n")); err != nil {
				l.N = covered[[2]string{get("pool"), l.policy}]
			}
			t.Lines = append(t.Lines, l)
		}
		t.Lines[len(t.Lines)-1].Values[get("metric")] = measured{
			Value: get("value"), Low: get("low"), High: get("high"), seeds: get("seeds"),
			baseline: get("baseline"), Diff: get("diff"), DiffLow: get("diff_low"), DiffHigh: get("diff_high"),
			maxCostUSD: get("max_cost_usd"), promptsFor005: get("prompts_for_0.005"),
		}
	}
	// A pool that has points and no metrics is shown all the same.
	for _, pool := range Pools(points) {
		if !slices.ContainsFunc(tables, func(t Table) bool { return t.Pool == pool }) {
			tables = append(tables, Table{Pool: pool})
		}
	}
	found, err := readVerdicts(run)
	if err != nil {
		return nil, err
	}
	for i := range tables {
		tables[i].verdicts = found[tables[i].Pool]
		tables[i].sort()
	}
	return tables, nil
}

// coveredBy are the prompts that each policy of a pool covers: older versions did not write them with the metrics.
func coveredBy(points []store.Point) map[[2]string]int {
	out := map[[2]string]int{}
	for i := range points {
		k := [2]string{points[i].Pool, points[i].Policy}
		out[k] = max(out[k], points[i].N)
	}
	return out
}

// roleOf tells a line's part by its name, where an older version did not write it.
func roleOf(policy string) metrics.Role {
	switch {
	case policy == metrics.Oracle:
		return metrics.RoleOracle
	case policy == metrics.ZeroRouter:
		return metrics.RoleReference
	case strings.HasPrefix(policy, metrics.SinglePrefix):
		return metrics.RoleSingle
	}
	return metrics.RolePolicy
}

// untrained is what the name of an agent's start ends in: the agent as it was before reward changed it.
const untrained = "-untrained"

// sort puts ranked policies before those that have no rank, those before what knows no prompt, and the references last;
// else the order is that of the experiment. An agent's untrained start stands right below it.
func (t *Table) sort() {
	group := func(l *Line) int {
		if strings.HasPrefix(l.policy, metrics.SinglePrefix) {
			return 2
		}
		switch l.Role {
		case metrics.RolePolicy:
			return 0
		case metrics.RoleLabelled, metrics.RoleThin:
			return 1
		case metrics.RoleReference:
			return 3
		case metrics.RoleOracle:
			return 4
		}
		return 2
	}
	slices.SortStableFunc(t.Lines, func(a, b Line) int { return group(&a) - group(&b) })
	for _, l := range slices.Clone(t.Lines) {
		agent, isStart := strings.CutSuffix(l.policy, untrained)
		named := func(name string) func(Line) bool { return func(l Line) bool { return l.policy == name } }
		if !isStart || !slices.ContainsFunc(t.Lines, named(agent)) {
			continue
		}
		t.Lines = slices.DeleteFunc(t.Lines, named(l.policy))
		t.Lines = slices.Insert(t.Lines, slices.IndexFunc(t.Lines, named(agent))+1, l)
	}
}

// headline is the metric that policies are ranked by: runs of older versions have AIQ over the set alone, runs without costs
// only quality.
func (t *Table) headline() Column {
	for _, c := range MainColumns[:2] {
		if t.has(c) {
			return c
		}
	}
	if quality := (Column{metrics.QualityMetric, "peak quality"}); t.has(quality) {
		return quality
	}
	return MainColumns[0]
}

func (t *Table) has(c Column) bool {
	return slices.ContainsFunc(t.Lines, func(l Line) bool { return l.Values[c.Metric].Value != "" })
}

// Columns are those that have any value.
func (t *Table) Columns(of []Column) []Column {
	return slices.DeleteFunc(slices.Clone(of), func(c Column) bool { return !t.has(c) })
}

// prompts is the largest n of the lines.
func (t *Table) prompts() int {
	n := 0
	for i := range t.Lines {
		n = max(n, t.Lines[i].N)
	}
	return n
}

// Line is that of a policy; nil where the table has none.
func (t *Table) Line(policy string) *Line {
	for i := range t.Lines {
		if t.Lines[i].policy == policy {
			return &t.Lines[i]
		}
	}
	return nil
}

// Policy is the label of the policy in the experiment.
func (l *Line) Policy() string { return l.policy }

// Standing is a policy's headline metric; −∞ for one that has no rank.
func (t *Table) Standing(policy string) float64 {
	l := t.Line(policy)
	if l == nil || !l.candidate() {
		return math.Inf(-1)
	}
	if x := Parse(l.Values[t.headline().Metric].Value); !math.IsNaN(x) {
		return x
	}
	return math.Inf(-1)
}

// candidate tells whether a line is a policy that could be best.
func (l *Line) candidate() bool { return l.Role == metrics.RolePolicy }

// Labelled are the policies that use the data set's label.
func (t *Table) Labelled() map[string]bool {
	out := map[string]bool{}
	for i := range t.Lines {
		if t.Lines[i].Role == metrics.RoleLabelled {
			out[t.Lines[i].policy] = true
		}
	}
	return out
}

// Name is a line's policy, marked where it has no rank for a reason that the notes give.
func (l *Line) Name() string {
	switch l.Role {
	case metrics.RoleLabelled:
		return l.policy + "‡"
	case metrics.RoleThin:
		return l.policy + "§"
	}
	return l.policy
}

// Notes say what must be known to read a table.
func (t *Table) Notes() []string {
	var out []string
	if t.Older {
		return append(out, "Made by an older version: settings were chosen on the test prompts themselves, in hindsight.")
	}
	out = append(out, "Settings are chosen on the selection prompts, the best single model and the Zero router on all prompts outside of test; all are measured on test.")
	if text := t.divided(); text != "" {
		out = append(out, text)
	}
	has := func(role metrics.Role) bool {
		return slices.ContainsFunc(t.Lines, func(l Line) bool { return l.Role == role })
	}
	if has(metrics.RoleOracle) {
		out = append(out, "The oracle is a bound: it chooses with the test scores before its eyes.")
	}
	if has(metrics.RoleLabelled) {
		out = append(out, "‡ uses the data set's label of each test prompt, which no live router has: no rank.")
	}
	if has(metrics.RoleThin) {
		out = append(out, fmt.Sprintf("§ measured on fewer than %d prompts: no rank.", metrics.MinRanked))
	}
	return out
}

// divided says what the areas are divided by.
func (t *Table) divided() string {
	by := func(metric string) string {
		for i := range t.Lines {
			if x := Parse(t.Lines[i].Values[metric].maxCostUSD); x == x {
				return fmt.Sprintf("%.4g", PerThousand*x)
			}
		}
		return ""
	}
	pool, set := by(metrics.HeadlineMetric), by("aiq")
	switch pool {
	case "":
		return ""
	case "0":
		return "No model costs anything: AIQ is the quality to be had for nothing."
	}
	s := fmt.Sprintf("AIQ is the area up to %s USD per 1,000 prompts, the dearest single model's", pool)
	if set != "" && set != pool {
		s += fmt.Sprintf("; AIQ (set) up to %s, the largest of the policies compared: it moves with the set", set)
	}
	return s + "."
}

// Interval writes a value and its bounds with three digits.
func Interval(value, low, high string) string {
	v := rounded(value)
	switch {
	case v == "":
		return "-"
	case rounded(low) == "" && rounded(high) == "":
		return v
	}
	// An end that is not reached, a saving without bound, is open.
	return strings.ReplaceAll(fmt.Sprintf("%s [%s, %s]", v, cmp.Or(rounded(low), "−∞"), cmp.Or(rounded(high), "∞")), "-", "−")
}

// PerThousand turns means per prompt into figures per 1,000 prompts, which people can read.
const PerThousand = 1000

// SplitCounts are the prompts of a run by what they are for, as its manifest has them.
type SplitCounts struct{ Prompts, Train, Validation, Selection, Test int }

func (s SplitCounts) String() string {
	out := fmt.Sprintf("%s prompts: %s to train, %s to validate", textfile.Thousands(s.Prompts), textfile.Thousands(s.Train), textfile.Thousands(s.Validation))
	if s.Selection > 0 {
		out += fmt.Sprintf(", %s to choose settings by", textfile.Thousands(s.Selection))
	}
	return out + fmt.Sprintf(", %s to test.", textfile.Thousands(s.Test))
}
