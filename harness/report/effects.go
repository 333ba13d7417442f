package report

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/trilemma-bench/trilemma/harness/experiment"
	"github.com/trilemma-bench/trilemma/harness/plot"
	"github.com/trilemma-bench/trilemma/harness/textfile"
)

// effectColumns are the metrics whose differences are shown, the headline first.
func (t *Table) effectColumns() []column {
	return []column{t.headline(), {"peak", "peak quality"}, {"nauc", "nAUC"}}
}

// effects are how far the policies of a pool lie from the baseline of the experiment, with intervals paired over prompts
// and averaged over seeds: an ablation at a glance.
type effects struct {
	pool, baseline string
	prompts, seeds int
	columns        []column
	rows           []effect
	corrected      string // how p-values were corrected
}

type effect struct {
	policy string
	diff   []measured // by columns
	clear  []bool     // of chance, corrected; likewise
}

// effectsOf reads them off the tables. Pools with fewer than two policies beside the baseline have none; what has no
// rank is left out, a single model say.
func effectsOf(tables []Table) []effects {
	var out []effects
	for i := range tables {
		t := &tables[i]
		e := effects{pool: t.pool, seeds: 1, prompts: t.prompts(), columns: t.effectColumns()}
		for k := range t.lines {
			l := &t.lines[k]
			row := effect{policy: l.policy}
			known := false
			for _, c := range e.columns {
				v := l.values[c.metric]
				row.diff = append(row.diff, v)
				if v.baseline != "" {
					e.baseline = v.baseline
					known = known || v.diff != ""
				}
				if n, err := strconv.Atoi(v.seeds); err == nil {
					e.seeds = max(e.seeds, n)
				}
				row.clear = append(row.clear, t.differs(c.metric, l.policy, v.baseline))
			}
			if known && l.candidate() && l.policy != e.baseline {
				e.rows = append(e.rows, row)
			}
		}
		e.corrected = t.corrected(e.baseline)
		if len(e.rows) > 1 {
			out = append(out, e)
		}
	}
	return out
}

// note says what the intervals are.
func (e *effects) note() string {
	s := fmt.Sprintf("%s test prompts; 95 %% intervals of the difference, paired over prompts", textfile.Thousands(e.prompts))
	if e.seeds > 1 {
		s += fmt.Sprintf(", mean of %d seeds", e.seeds)
	}
	return s
}

// marked says what a dagger and the last column mean.
func (e *effects) marked() string {
	return fmt.Sprintf("† clear of zero (%s). The last column: test prompts that a difference of 0.005 in %s would need at a power of 80 %%", e.corrected, e.columns[0].print)
}

// needs is how many prompts a difference of 0.005 in the first metric would need.
func (r *effect) needs(unknown string) string {
	x := parse(r.diff[0].promptsFor005)
	if !(x > 0) || x > math.MaxInt32 {
		return unknown
	}
	return textfile.Thousands(roundUp(x))
}

// figures are a figure for each of the first two metrics.
func (e *effects) figures(run string) []plot.Named {
	var out []plot.Named
	for k, m := range e.columns[:2] {
		f := &plot.Ranges{
			Title:    fmt.Sprintf("%s: %s against %s, pool %s", run, m.print, e.baseline, e.pool),
			Subtitle: e.note() + "; filled: p < 0.05 by Holm", XLabel: "Difference of " + m.print, Dots: true,
		}
		for _, r := range e.rows {
			if d := r.diff[k]; d.diff != "" {
				f.Bars = append(f.Bars, plot.Range{Label: r.policy, Value: parse(d.diff), Low: parse(d.diffLow), High: parse(d.diffHigh), Clear: r.clear[k]})
			}
		}
		if len(f.Bars) > 0 {
			out = append(out, plot.Named{Name: "effects-" + m.metric + "-" + experiment.FileName(e.pool), Figure: f})
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
	for _, m := range e.columns {
		fmt.Fprintf(&b, " %s |", m.print)
	}
	b.WriteString(" prompts for 0.005 |\n| --- |" + strings.Repeat(" ---: |", len(e.columns)+1) + "\n")
	for _, r := range e.rows {
		fmt.Fprintf(&b, "| %s |", strings.ReplaceAll(r.policy, "|", `\|`))
		for k, d := range r.diff {
			text := signed(d, "−")
			switch {
			case text == "":
				text = "–"
			case r.clear[k]:
				text += "†"
			}
			fmt.Fprintf(&b, " %s |", text)
		}
		fmt.Fprintf(&b, " %s |\n", r.needs("–"))
	}
	fmt.Fprintf(&b, "\nPool %s, %s. %s.\n", e.pool, e.note(), e.marked())
	return b.Bytes()
}

func (e *effects) latex() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%% Written by trilemma; needs booktabs and graphicx.\n\\begin{table}\n\\centering\n\\caption{%s}\n\\label{tab:effects-%s}\n",
		texEscapes.Replace(fmt.Sprintf("Differences from %s in pool %s; %s. %s.", e.baseline, e.pool, e.note(), e.marked())), e.pool)
	fmt.Fprintf(&b, "\\resizebox{\\linewidth}{!}{%%\n\\begin{tabular}{l%s}\n\\toprule\nPolicy", strings.Repeat("r", len(e.columns)+1))
	for _, m := range e.columns {
		fmt.Fprintf(&b, " & %s", m.print)
	}
	b.WriteString(" & Prompts for 0.005 \\\\\n\\midrule\n")
	for _, r := range e.rows {
		b.WriteString(texEscapes.Replace(r.policy))
		for k, d := range r.diff {
			text := signed(d, "$-$")
			switch {
			case text == "":
				text = "--"
			case r.clear[k]:
				text += `$^\dagger$`
			}
			b.WriteString(" & " + text)
		}
		fmt.Fprintf(&b, " & %s \\\\\n", r.needs("--"))
	}
	b.WriteString("\\bottomrule\n\\end{tabular}}\n\\end{table}\n")
	return b.Bytes()
}

func (e *effects) csv() ([]byte, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	rows := [][]string{{"policy", "baseline", "metric", "diff", "diff_low", "diff_high", "clear", "prompts_for_0.005", "seeds", "prompts"}}
	for _, r := range e.rows {
		for k, m := range e.columns {
			d := r.diff[k]
			rows = append(rows, []string{r.policy, e.baseline, m.metric, d.diff, d.diffLow, d.diffHigh, strconv.FormatBool(r.clear[k]), d.promptsFor005, strconv.Itoa(e.seeds), strconv.Itoa(e.prompts)})
		}
	}
	if err := w.WriteAll(rows); err != nil {
		return nil, fmt.Errorf("writing the differences of pool %s: %w", e.pool, err)
	}
	return b.Bytes(), nil
}
