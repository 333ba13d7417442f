package report

import (
	"cmp"
	"encoding/csv"
	"fmt"
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

// column is a metric of the tables and how it is called in print.
type column struct{ metric, print string }

// mainColumns are the metrics of the summary tables, the headline first. Settings are chosen on the selection prompts.
var mainColumns = []column{
	{metrics.HeadlineMetric, "AIQ (pool)"}, {"aiq", "AIQ"}, {"nauc", "nAUC"}, {"peak", "Peak"}, {"perfgain", "PerfGain"},
	{"costsave", "CostSave"}, {"costsave_quality", "at quality"}, {"hypervolume", "Hypervolume"},
}

// terminalColumns leave out what others say too, or what is rarely asked: a line is as long as a terminal is wide.
var terminalColumns = []column{mainColumns[0], mainColumns[1], mainColumns[2], mainColumns[3], mainColumns[5], mainColumns[6]}

// hindsightColumns are the same with settings chosen on the test prompts themselves, as the published tools do.
var hindsightColumns = []column{
	{"aiq_hindsight", "AIQ"}, {"nauc_hindsight", "nAUC"}, {"peak_hindsight", "Peak"}, {"perfgain_hindsight", "PerfGain"},
	{"costsave_hindsight", "CostSave"},
}

// Table is the metrics of a pool: a line for each policy, those that are ranked first.
type Table struct {
	pool  string
	lines []line
	// older: from before settings were chosen on selection prompts; all figures are of settings chosen on test.
	older bool
	verdicts
}

type line struct {
	policy string
	role   metrics.Role
	n      int // prompts that it was measured on; 0 unknown
	values map[string]measured
}

// measured is a metric as written: value and bounds, "" where unknown; baseline and the difference from it likewise.
type measured struct {
	value, low, high        string
	seeds, baseline         string
	diff, diffLow, diffHigh string
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
		if len(tables) == 0 || tables[len(tables)-1].pool != get("pool") {
			tables = append(tables, Table{pool: get("pool"), older: !roles})
		}
		t := &tables[len(tables)-1]
		if len(t.lines) == 0 || t.lines[len(t.lines)-1].policy != get("policy") {
			l := line{policy: get("policy"), role: metrics.Role(get("role")), values: map[string]measured{}}
			if l.role == "" {
				l.role = roleOf(l.policy)
			}
			if l.n, err = strconv.Atoi(get("n")); err != nil {
				l.n = covered[[2]string{get("pool"), l.policy}]
			}
			t.lines = append(t.lines, l)
		}
		t.lines[len(t.lines)-1].values[get("metric")] = measured{
			value: get("value"), low: get("low"), high: get("high"), seeds: get("seeds"),
			baseline: get("baseline"), diff: get("diff"), diffLow: get("diff_low"), diffHigh: get("diff_high"),
			maxCostUSD: get("max_cost_usd"), promptsFor005: get("prompts_for_0.005"),
		}
	}
	// A pool that has points and no metrics is shown all the same.
	for _, pool := range pools(points) {
		if !slices.ContainsFunc(tables, func(t Table) bool { return t.pool == pool }) {
			tables = append(tables, Table{pool: pool})
		}
	}
	found, err := readVerdicts(run)
	if err != nil {
		return nil, err
	}
	for i := range tables {
		tables[i].verdicts = found[tables[i].pool]
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
	group := func(l *line) int {
		if strings.HasPrefix(l.policy, metrics.SinglePrefix) {
			return 2
		}
		switch l.role {
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
	slices.SortStableFunc(t.lines, func(a, b line) int { return group(&a) - group(&b) })
	for _, l := range slices.Clone(t.lines) {
		agent, isStart := strings.CutSuffix(l.policy, untrained)
		named := func(name string) func(line) bool { return func(l line) bool { return l.policy == name } }
		if !isStart || !slices.ContainsFunc(t.lines, named(agent)) {
			continue
		}
		t.lines = slices.DeleteFunc(t.lines, named(l.policy))
		t.lines = slices.Insert(t.lines, slices.IndexFunc(t.lines, named(agent))+1, l)
	}
}

// headline is the metric that policies are ranked by: runs of older versions have only AIQ.
func (t *Table) headline() column {
	for _, c := range mainColumns[:2] {
		if t.has(c) {
			return c
		}
	}
	return mainColumns[0]
}

func (t *Table) has(c column) bool {
	return slices.ContainsFunc(t.lines, func(l line) bool { return l.values[c.metric].value != "" })
}

// columns are those that have any value.
func (t *Table) columns(of []column) []column {
	return slices.DeleteFunc(slices.Clone(of), func(c column) bool { return !t.has(c) })
}

// prompts is the largest n of the lines.
func (t *Table) prompts() int {
	n := 0
	for i := range t.lines {
		n = max(n, t.lines[i].n)
	}
	return n
}

func (t *Table) line(policy string) *line {
	for i := range t.lines {
		if t.lines[i].policy == policy {
			return &t.lines[i]
		}
	}
	return nil
}

// candidate tells whether a line is a policy that could be best.
func (l *line) candidate() bool { return l.role == metrics.RolePolicy }

// labelled are the policies that use the data set's label.
func (t *Table) labelled() map[string]bool {
	out := map[string]bool{}
	for i := range t.lines {
		if t.lines[i].role == metrics.RoleLabelled {
			out[t.lines[i].policy] = true
		}
	}
	return out
}

// name is a line's policy, marked where it has no rank for a reason that the notes give.
func (l *line) name() string {
	switch l.role {
	case metrics.RoleLabelled:
		return l.policy + "‡"
	case metrics.RoleThin:
		return l.policy + "§"
	}
	return l.policy
}

// notes say what must be known to read a table.
func (t *Table) notes() []string {
	var out []string
	if t.older {
		return append(out, "Made by an older version: settings were chosen on the test prompts themselves, in hindsight.")
	}
	out = append(out, "Settings are chosen on the selection prompts, the best single model and the Zero router on all prompts outside of test; all are measured on test.")
	if text := t.divided(); text != "" {
		out = append(out, text)
	}
	has := func(role metrics.Role) bool {
		return slices.ContainsFunc(t.lines, func(l line) bool { return l.role == role })
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
		for i := range t.lines {
			if x := parse(t.lines[i].values[metric].maxCostUSD); x == x {
				return fmt.Sprintf("%.4g", perThousand*x)
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
	s := fmt.Sprintf("AIQ (pool) is the area up to %s USD per 1,000 prompts, the dearest single model's", pool)
	if set != "" {
		s += fmt.Sprintf("; AIQ up to %s, the largest of the policies compared: it moves with the set", set)
	}
	return s + "."
}

// interval writes a value and its bounds with three digits.
func interval(value, low, high string) string {
	v := rounded(value)
	switch {
	case v == "":
		return "-"
	case rounded(low) == "" && rounded(high) == "":
		return v
	}
	// An end that is not reached, a saving without bound, is open.
	return fmt.Sprintf("%s [%s, %s]", v, cmp.Or(rounded(low), "−∞"), cmp.Or(rounded(high), "∞"))
}

// perThousand turns means per prompt into figures per 1,000 prompts, which people can read.
const perThousand = 1000

// poolOf is the pool that a plot, by its name, is of: pools may be called weights and open-weights.
func poolOf(plot string, tables []Table) string {
	pool := ""
	for i := range tables {
		if p := tables[i].pool; strings.HasSuffix(plot, "-"+p) && len(p) > len(pool) {
			pool = p
		}
	}
	return pool
}

// splitCounts are the prompts of a run by what they are for, as its manifest has them.
type splitCounts struct{ Prompts, Train, Validation, Selection, Test int }

func (s splitCounts) String() string {
	out := fmt.Sprintf("%s prompts: %s to train, %s to validate", textfile.Thousands(s.Prompts), textfile.Thousands(s.Train), textfile.Thousands(s.Validation))
	if s.Selection > 0 {
		out += fmt.Sprintf(", %s to choose settings by", textfile.Thousands(s.Selection))
	}
	return out + fmt.Sprintf(", %s to test.", textfile.Thousands(s.Test))
}
