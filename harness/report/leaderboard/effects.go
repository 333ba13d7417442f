package leaderboard

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/trilemma-bench/trilemma/harness/experiment"
	"github.com/trilemma-bench/trilemma/harness/metrics"
	"github.com/trilemma-bench/trilemma/harness/plot"
	"github.com/trilemma-bench/trilemma/harness/textfile"
)

// effectColumns are the metrics whose differences are shown, the headline first.
func (t *Table) effectColumns() []Column {
	head := t.headline()
	if head.Metric == metrics.QualityMetric {
		return []Column{head} // the peak is the same, and areas need costs
	}
	return []Column{head, {"peak", "peak quality"}, {"nauc", "nAUC"}}
}

// Effects are how far the policies of a pool lie from the baseline of the experiment, with intervals paired over prompts
// and averaged over seeds: an ablation at a glance.
type Effects struct {
	Pool, Baseline string
	prompts, seeds int
	Columns        []Column
	Rows           []effect
	corrected      string // how p-values were corrected
}

type effect struct {
	Policy string
	Diff   []measured // by columns
	Clear  []bool     // of chance, corrected; likewise
}

// EffectsOf reads them off the tables. Pools with fewer than two policies beside the baseline have none; what has no
// rank is left out, a single model say.
func EffectsOf(tables []Table) []Effects {
	var out []Effects
	for i := range tables {
		t := &tables[i]
		e := Effects{Pool: t.Pool, seeds: 1, prompts: t.prompts(), Columns: t.effectColumns()}
		for k := range t.Lines {
			l := &t.Lines[k]
			row := effect{Policy: l.policy}
			known := false
			for _, c := range e.Columns {
				v := l.Values[c.Metric]
				row.Diff = append(row.Diff, v)
				if v.baseline != "" {
					e.Baseline = v.baseline
					known = known || v.Diff != ""
				}
				if n, err := strconv.Atoi(v.seeds); err == nil {
					e.seeds = max(e.seeds, n)
				}
				row.Clear = append(row.Clear, t.differs(c.Metric, l.policy, v.baseline))
			}
			if known && l.candidate() && l.policy != e.Baseline {
				e.Rows = append(e.Rows, row)
			}
		}
		e.corrected = t.corrected(e.Baseline)
		if len(e.Rows) > 1 {
			out = append(out, e)
		}
	}
	return out
}

// note says what the intervals are.
func (e *Effects) note() string {
	s := fmt.Sprintf("%s test prompts; 95 %% intervals of the difference, paired over prompts", textfile.Thousands(e.prompts))
	if e.seeds > 1 {
		s += fmt.Sprintf(", mean of %d seeds", e.seeds)
	}
	return s
}

// marked says what a dagger and the last column mean.
func (e *Effects) marked() string {
	return fmt.Sprintf("† clear of zero (%s). The last column: test prompts that a difference of 0.005 in %s would need at a power of 80 %%", e.corrected, e.Columns[0].Print)
}

// needs is how many prompts a difference of 0.005 in the first metric would need.
func (r *effect) needs(unknown string) string {
	x := Parse(r.Diff[0].promptsFor005)
	if !(x > 0) || x > math.MaxInt32 {
		return unknown
	}
	return textfile.Thousands(roundUp(x))
}

// Figures are a figure for each of the first two metrics, the policy that is furthest ahead on top.
func (e *Effects) Figures(run string, looks *plot.Looks) []plot.Named {
	var out []plot.Named
	for k, m := range e.Columns[:min(2, len(e.Columns))] {
		f := &plot.Ranges{
			Title:    fmt.Sprintf("%s: %s against %s, pool %s", run, m.Print, e.Baseline, e.Pool),
			Subtitle: e.note() + "; filled: p < 0.05 by Holm", XLabel: "Difference of " + m.Print, Dots: true,
		}
		for _, r := range e.Rows {
			if d := r.Diff[k]; d.Diff != "" {
				f.Bars = append(f.Bars, plot.Range{Label: r.Policy, Value: Parse(d.Diff), Low: Parse(d.DiffLow), High: Parse(d.DiffHigh), Clear: r.Clear[k], Look: looks.Policy(r.Policy)})
			}
		}
		slices.SortStableFunc(f.Bars, func(a, b plot.Range) int { return cmp.Compare(b.Value, a.Value) })
		if len(f.Bars) > 0 {
			out = append(out, plot.Named{
				Kind: "effects", Name: "effects-" + m.Metric + "-" + experiment.FileName(e.Pool), Pool: e.Pool, Figure: f,
				Caption: fmt.Sprintf("By how much each policy beats %s in %s (pool %s): right of the line is better. On %s; a filled mark is clear of zero (p < 0.05 by Holm), a hollow one is not.", e.Baseline, m.Print, e.Pool, e.note()),
			})
		}
	}
	return out
}

// signed writes a difference and its interval with three digits.
func signed(v measured, minus string) string {
	d := Parse(v.Diff)
	if math.IsNaN(d) {
		return ""
	}
	s := fmt.Sprintf("%+.3f", d)
	if low, high := Parse(v.DiffLow), Parse(v.DiffHigh); !math.IsNaN(low) && !math.IsNaN(high) {
		s += fmt.Sprintf(" [%+.3f, %+.3f]", low, high)
	}
	return strings.ReplaceAll(s, "-", minus)
}

// Markdown is the table of a report.
func (e *Effects) Markdown() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "| against %s |", e.Baseline)
	for _, m := range e.Columns {
		fmt.Fprintf(&b, " %s |", m.Print)
	}
	b.WriteString(" prompts for 0.005 |\n| --- |" + strings.Repeat(" ---: |", len(e.Columns)+1) + "\n")
	for _, r := range e.Rows {
		fmt.Fprintf(&b, "| %s |", strings.ReplaceAll(r.Policy, "|", `\|`))
		for k, d := range r.Diff {
			text := signed(d, "−")
			switch {
			case text == "":
				text = "–"
			case r.Clear[k]:
				text += "†"
			}
			fmt.Fprintf(&b, " %s |", text)
		}
		fmt.Fprintf(&b, " %s |\n", r.needs("–"))
	}
	fmt.Fprintf(&b, "\nPool %s, %s. %s.\n", e.Pool, e.note(), e.marked())
	return b.Bytes()
}

// LaTeX is the table of an article.
func (e *Effects) LaTeX() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%% Written by trilemma; needs booktabs and graphicx.\n\\begin{table}\n\\centering\n\\caption{%s}\n\\label{tab:effects-%s}\n",
		TexEscapes.Replace(fmt.Sprintf("Differences from %s in pool %s; %s. %s.", e.Baseline, e.Pool, e.note(), e.marked())), e.Pool)
	fmt.Fprintf(&b, "\\resizebox{\\linewidth}{!}{%%\n\\begin{tabular}{l%s}\n\\toprule\nPolicy", strings.Repeat("r", len(e.Columns)+1))
	for _, m := range e.Columns {
		fmt.Fprintf(&b, " & %s", m.Print)
	}
	b.WriteString(" & Prompts for 0.005 \\\\\n\\midrule\n")
	for _, r := range e.Rows {
		b.WriteString(TexEscapes.Replace(r.Policy))
		for k, d := range r.Diff {
			text := signed(d, "$-$")
			switch {
			case text == "":
				text = "--"
			case r.Clear[k]:
				text += `$^\dagger$`
			}
			b.WriteString(" & " + text)
		}
		fmt.Fprintf(&b, " & %s \\\\\n", r.needs("--"))
	}
	b.WriteString("\\bottomrule\n\\end{tabular}}\n\\end{table}\n")
	return b.Bytes()
}

// CSV has the unrounded figures.
func (e *Effects) CSV() ([]byte, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	rows := [][]string{{"policy", "baseline", "metric", "diff", "diff_low", "diff_high", "clear", "prompts_for_0.005", "seeds", "prompts"}}
	for _, r := range e.Rows {
		for k, m := range e.Columns {
			d := r.Diff[k]
			rows = append(rows, []string{r.Policy, e.Baseline, m.Metric, d.Diff, d.DiffLow, d.DiffHigh, strconv.FormatBool(r.Clear[k]), d.promptsFor005, strconv.Itoa(e.seeds), strconv.Itoa(e.prompts)})
		}
	}
	if err := w.WriteAll(rows); err != nil {
		return nil, fmt.Errorf("writing the differences of pool %s: %w", e.Pool, err)
	}
	return b.Bytes(), nil
}
