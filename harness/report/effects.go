package report

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/trilemma-bench/trilemma/harness/plot"
	"github.com/trilemma-bench/trilemma/harness/store"
)

// effectMetrics are the metrics whose differences are shown, and what they are called.
var effectMetrics = []struct{ metric, label string }{{"aiq", "AIQ"}, {"peak", "peak quality"}, {"nauc", "nAUC"}}

// effects are how far the policies of a pool lie from the baseline of the experiment, with intervals paired over prompts
// and averaged over seeds: an ablation at a glance.
type effects struct {
	pool, baseline string
	prompts, seeds int
	rows           []effect
}

type effect struct {
	policy string
	diff   []measured // by effectMetrics
}

// effectsOf reads them off the tables. Pools with fewer than two policies beside the baseline have none; references
// that know no prompt, a single model say, are left out.
func effectsOf(tables []poolTable, points []store.Point) []effects {
	var out []effects
	for i := range tables {
		t := &tables[i]
		e := effects{pool: t.pool, seeds: 1}
		sweeps := map[string]map[string]bool{}
		for k := range points {
			if p := &points[k]; p.Pool == t.pool {
				e.prompts = max(e.prompts, p.N)
				if sweeps[p.Policy] == nil {
					sweeps[p.Policy] = map[string]bool{}
				}
				sweeps[p.Policy][p.Preference] = true
			}
		}
		for k := range t.lines {
			l := &t.lines[k]
			row := effect{policy: l.policy}
			known := false
			for _, m := range effectMetrics {
				v := l.values[m.metric]
				row.diff = append(row.diff, v)
				if v.baseline != "" {
					e.baseline = v.baseline
					known = known || v.diff != ""
				}
				if n, err := strconv.Atoi(v.seeds); err == nil {
					e.seeds = max(e.seeds, n)
				}
			}
			if known && l.candidate() && l.policy != e.baseline && len(sweeps[l.policy]) > 1 {
				e.rows = append(e.rows, row)
			}
		}
		if len(e.rows) > 1 {
			out = append(out, e)
		}
	}
	return out
}

// note says what the intervals are.
func (e *effects) note() string {
	s := fmt.Sprintf("%s test prompts; 95 %% intervals of the difference, paired over prompts", thousands(e.prompts))
	if e.seeds > 1 {
		s += fmt.Sprintf(", mean of %d seeds", e.seeds)
	}
	return s
}

// figures are a figure for each of the first two metrics.
func (e *effects) figures(run string) []namedFigure {
	var out []namedFigure
	for k, m := range effectMetrics[:2] {
		f := &plot.Ranges{
			Title:    fmt.Sprintf("%s: %s against %s, pool %s", run, m.label, e.baseline, e.pool),
			Subtitle: e.note(), XLabel: "Difference of " + m.label, Dots: true,
		}
		for _, r := range e.rows {
			if d := r.diff[k]; d.diff != "" {
				f.Bars = append(f.Bars, plot.Range{Label: r.policy, Value: parse(d.diff), Low: parse(d.diffLow), High: parse(d.diffHigh)})
			}
		}
		if len(f.Bars) > 0 {
			out = append(out, namedFigure{"effects-" + m.metric + "-" + file(e.pool), f})
		}
	}
	return out
}

// signed writes a difference and its interval with three digits.
func signed(v measured, minus string) string {
	d := parse(v.diff)
	if math.IsNaN(d) {
		return ""
	}
	s := fmt.Sprintf("%+.3f", d)
	if low, high := parse(v.diffLow), parse(v.diffHigh); !math.IsNaN(low) && !math.IsNaN(high) {
		s += fmt.Sprintf(" [%+.3f, %+.3f]", low, high)
	}
	return strings.ReplaceAll(s, "-", minus)
}

func (e *effects) markdown() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "| against %s |", e.baseline)
	for _, m := range effectMetrics {
		fmt.Fprintf(&b, " %s |", m.label)
	}
	b.WriteString("\n| --- |" + strings.Repeat(" ---: |", len(effectMetrics)) + "\n")
	for _, r := range e.rows {
		fmt.Fprintf(&b, "| %s |", strings.ReplaceAll(r.policy, "|", `\|`))
		for _, d := range r.diff {
			text := signed(d, "−")
			if text == "" {
				text = "–"
			}
			fmt.Fprintf(&b, " %s |", text)
		}
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, "\nPool %s, %s.\n", e.pool, e.note())
	return b.Bytes()
}

func (e *effects) latex() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%% Written by trilemma; needs booktabs and graphicx.\n\\begin{table}\n\\centering\n\\caption{%s}\n\\label{tab:effects-%s}\n",
		texEscapes.Replace(fmt.Sprintf("Differences from %s in pool %s; %s.", e.baseline, e.pool, e.note())), e.pool)
	fmt.Fprintf(&b, "\\resizebox{\\linewidth}{!}{%%\n\\begin{tabular}{l%s}\n\\toprule\nPolicy", strings.Repeat("r", len(effectMetrics)))
	for _, m := range effectMetrics {
		fmt.Fprintf(&b, " & %s", m.label)
	}
	b.WriteString(" \\\\\n\\midrule\n")
	for _, r := range e.rows {
		b.WriteString(texEscapes.Replace(r.policy))
		for _, d := range r.diff {
			text := signed(d, "$-$")
			if text == "" {
				text = "--"
			}
			b.WriteString(" & " + text)
		}
		b.WriteString(" \\\\\n")
	}
	b.WriteString("\\bottomrule\n\\end{tabular}}\n\\end{table}\n")
	return b.Bytes()
}

func (e *effects) csv() ([]byte, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	rows := [][]string{{"policy", "baseline", "metric", "diff", "diff_low", "diff_high", "seeds", "prompts"}}
	for _, r := range e.rows {
		for k, m := range effectMetrics {
			d := r.diff[k]
			rows = append(rows, []string{r.policy, e.baseline, m.metric, d.diff, d.diffLow, d.diffHigh, strconv.Itoa(e.seeds), strconv.Itoa(e.prompts)})
		}
	}
	if err := w.WriteAll(rows); err != nil {
		return nil, fmt.Errorf("writing the differences of pool %s: %w", e.pool, err)
	}
	return b.Bytes(), nil
}
