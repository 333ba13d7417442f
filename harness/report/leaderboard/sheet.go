package leaderboard

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/trilemma-bench/trilemma/harness/textfile"
)

// Sheet is one table on its way to paper.
type Sheet struct {
	Table   *Table
	Kind    string // metrics or hindsight
	Columns []Column
	Marks   map[[2]string]emphasis // by policy and metric
}

// emphasis is what sets a figure apart.
type emphasis struct{ best, significant bool }

// Marks finds by each metric which policies may be the best, as no other is clearly better, and which differ clearly from
// the baseline. A metric by which pairs were not compared has no best.
func (t *Table) Marks() map[[2]string]emphasis {
	out := map[[2]string]emphasis{}
	for i := range t.Lines {
		l := &t.Lines[i]
		if !l.candidate() {
			continue
		}
		for metric, v := range l.Values {
			if rounded(v.Value) == "" {
				continue
			}
			out[[2]string{l.policy, metric}] = emphasis{
				best:        t.compared(metric) && t.unbeaten(metric, l.policy),
				significant: v.baseline != "" && v.baseline != l.policy && t.differs(metric, l.policy, v.baseline),
			}
		}
	}
	return out
}

// Parse reads a figure of metrics.csv; NaN where it is empty, as what is unknown is written.
func Parse(s string) float64 {
	x, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return math.NaN()
	}
	return x
}

// rounded is a figure as printed; "" where it is unknown.
func rounded(s string) string {
	if x := Parse(s); !math.IsNaN(x) {
		return strconv.FormatFloat(x, 'f', 3, 64)
	}
	return ""
}

// bounds is an interval as printed; "" where it is unknown.
func bounds(v measured) string {
	if rounded(v.Low) == "" && rounded(v.High) == "" {
		return ""
	}
	return "[" + cmp.Or(rounded(v.Low), "−∞") + ", " + cmp.Or(rounded(v.High), "∞") + "]"
}

func (p *Sheet) seeds() (seeds, baseline string) {
	for i := range p.Table.Lines {
		for _, v := range p.Table.Lines[i].Values {
			if v.baseline != "" {
				baseline = v.baseline
			}
			if Parse(v.seeds) > Parse(seeds) || seeds == "" {
				seeds = v.seeds
			}
		}
	}
	return seeds, baseline
}

func (p *Sheet) caption() string {
	seeds, baseline := p.seeds()
	s := fmt.Sprintf("Pool %s, %s test prompts, %s seed", p.Table.Pool, textfile.Thousands(p.Table.prompts()), seeds)
	if seeds != "1" {
		s += "s"
	}
	s += "; brackets are 95 % bootstrap intervals."
	if p.Kind == "hindsight" {
		return s + " Hindsight: settings, the best single model and the mix of models are chosen on the test prompts themselves."
	}
	if len(p.Table.pairs) > 0 {
		s += " Bold: no policy is clearly better (p < 0.05, Holm over all pairs), in the columns whose pairs were compared."
	}
	if baseline != "" && !p.Table.Older {
		s += fmt.Sprintf(" † differs from %s (%s).", baseline, p.Table.corrected(baseline))
	}
	return s + " " + strings.Join(p.Table.Notes(), " ")
}

// TexEscapes writes plain text as LaTeX.
var TexEscapes = strings.NewReplacer(`\`, `\textbackslash{}`, "&", `\&`, "%", `\%`, "$", `\$`, "#", `\#`, "_", `\_`,
	"{", `\{`, "}", `\}`, "~", `\textasciitilde{}`, "^", `\textasciicircum{}`, "†", `$^\dagger$`, "‡", `$^\ddagger$`, "§", `$^\S$`, "∞", `$\infty$`, "−", `$-$`, "λ", `$\lambda$`,
	"<", `$<$`, ">", `$>$`, "≥", `$\geq$`, "≤", `$\leq$`)

// LaTeX is the table of an article.
func (p *Sheet) LaTeX() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%% Written by trilemma; needs booktabs and graphicx.\n\\begin{table}\n\\centering\n\\caption{%s}\n\\label{tab:%s-%s}\n",
		TexEscapes.Replace(p.caption()), p.Kind, p.Table.Pool)
	fmt.Fprintf(&b, "\\resizebox{\\linewidth}{!}{%%\n\\begin{tabular}{l%s}\n\\toprule\nPolicy & n", strings.Repeat("r", len(p.Columns)+1))
	for _, c := range p.Columns {
		fmt.Fprintf(&b, " & %s", c.Print)
	}
	b.WriteString(" \\\\\n\\midrule\n")
	for _, references := range []bool{false, true} {
		if references {
			b.WriteString("\\midrule\n")
		}
		for i := range p.Table.Lines {
			l := &p.Table.Lines[i]
			if l.candidate() == references {
				continue
			}
			fmt.Fprintf(&b, "%s & %s", TexEscapes.Replace(l.Name()), count(l.N))
			for _, c := range p.Columns {
				v, k := l.Values[c.Metric], p.Marks[[2]string{l.policy, c.Metric}]
				text := strings.Replace(rounded(v.Value), "-", "$-$", 1)
				switch {
				case text == "":
					text = "--"
				case k.best:
					text = `\textbf{` + text + `}`
				}
				if k.significant {
					text += `$^\dagger$`
				}
				if w := bounds(v); w != "" {
					text += ` {\scriptsize ` + strings.ReplaceAll(TexEscapes.Replace(w), "-0", "$-$0") + `}`
				}
				b.WriteString(" & " + text)
			}
			b.WriteString(" \\\\\n")
		}
	}
	b.WriteString("\\bottomrule\n\\end{tabular}}\n\\end{table}\n")
	return b.Bytes()
}

// Markdown is the table of a report.
func (p *Sheet) Markdown() []byte {
	var b bytes.Buffer
	b.WriteString("| policy | n |")
	for _, c := range p.Columns {
		fmt.Fprintf(&b, " %s |", c.Print)
	}
	b.WriteString("\n| --- | ---: |" + strings.Repeat(" ---: |", len(p.Columns)) + "\n")
	for i := range p.Table.Lines {
		l := &p.Table.Lines[i]
		fmt.Fprintf(&b, "| %s | %s |", strings.ReplaceAll(l.Name(), "|", `\|`), count(l.N))
		for _, c := range p.Columns {
			v, k := l.Values[c.Metric], p.Marks[[2]string{l.policy, c.Metric}]
			text := rounded(v.Value)
			switch {
			case text == "":
				text = "–"
			case k.best:
				text = "**" + text + "**"
			}
			if k.significant {
				text += "†"
			}
			if w := bounds(v); w != "" {
				text += " " + w
			}
			fmt.Fprintf(&b, " %s |", text)
		}
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, "\n%s\n", p.caption())
	return b.Bytes()
}

// CSV has the figures as they were stored.
func (p *Sheet) CSV() ([]byte, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	head := []string{"policy", "role", "n"}
	for _, c := range p.Columns {
		head = append(head, c.Metric, c.Metric+"_low", c.Metric+"_high")
	}
	rows := [][]string{head}
	for i := range p.Table.Lines {
		l := &p.Table.Lines[i]
		row := []string{l.policy, string(l.Role), count(l.N)}
		for _, c := range p.Columns {
			v := l.Values[c.Metric]
			row = append(row, v.Value, v.Low, v.High)
		}
		rows = append(rows, row)
	}
	if err := w.WriteAll(rows); err != nil {
		return nil, fmt.Errorf("writing the table of pool %s: %w", p.Table.Pool, err)
	}
	return b.Bytes(), nil
}
