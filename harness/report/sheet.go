package report

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

// sheet is one table on its way to paper.
type sheet struct {
	table   *Table
	kind    string // metrics or hindsight
	columns []column
	marks   map[[2]string]emphasis // by policy and metric
}

// emphasis is what sets a figure apart.
type emphasis struct{ best, significant bool }

// marks finds by each metric which policies may be the best, as no other is clearly better, and which differ clearly from
// the baseline. A metric by which pairs were not compared has no best.
func (t *Table) marks() map[[2]string]emphasis {
	out := map[[2]string]emphasis{}
	for i := range t.lines {
		l := &t.lines[i]
		if !l.candidate() {
			continue
		}
		for metric, v := range l.values {
			if rounded(v.value) == "" {
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

func parse(s string) float64 {
	x, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return math.NaN()
	}
	return x
}

// rounded is a figure as printed; "" where it is unknown.
func rounded(s string) string {
	if x := parse(s); !math.IsNaN(x) {
		return strconv.FormatFloat(x, 'f', 3, 64)
	}
	return ""
}

// bounds is an interval as printed; "" where it is unknown.
func bounds(v measured) string {
	if rounded(v.low) == "" && rounded(v.high) == "" {
		return ""
	}
	return "[" + cmp.Or(rounded(v.low), "−∞") + ", " + cmp.Or(rounded(v.high), "∞") + "]"
}

func (p *sheet) seeds() (seeds, baseline string) {
	for i := range p.table.lines {
		for _, v := range p.table.lines[i].values {
			if v.baseline != "" {
				baseline = v.baseline
			}
			if parse(v.seeds) > parse(seeds) || seeds == "" {
				seeds = v.seeds
			}
		}
	}
	return seeds, baseline
}

func (p *sheet) caption() string {
	seeds, baseline := p.seeds()
	s := fmt.Sprintf("Pool %s, %s test prompts, %s seed", p.table.pool, textfile.Thousands(p.table.prompts()), seeds)
	if seeds != "1" {
		s += "s"
	}
	s += "; brackets are 95 % bootstrap intervals."
	if p.kind == "hindsight" {
		return s + " Hindsight: settings, the best single model and the mix of models are chosen on the test prompts themselves."
	}
	if len(p.table.pairs) > 0 {
		s += " Bold: no policy is clearly better (p < 0.05, Holm over all pairs), in the columns whose pairs were compared."
	}
	if baseline != "" && !p.table.older {
		s += fmt.Sprintf(" † differs from %s (%s).", baseline, p.table.corrected(baseline))
	}
	return s + " " + strings.Join(p.table.notes(), " ")
}

var texEscapes = strings.NewReplacer(`\`, `\textbackslash{}`, "&", `\&`, "%", `\%`, "$", `\$`, "#", `\#`, "_", `\_`,
	"{", `\{`, "}", `\}`, "~", `\textasciitilde{}`, "^", `\textasciicircum{}`, "†", `$^\dagger$`, "‡", `$^\ddagger$`, "§", `$^\S$`, "∞", `$\infty$`, "−", `$-$`, "λ", `$\lambda$`)

func (p *sheet) latex() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%% Written by trilemma; needs booktabs and graphicx.\n\\begin{table}\n\\centering\n\\caption{%s}\n\\label{tab:%s-%s}\n",
		texEscapes.Replace(p.caption()), p.kind, p.table.pool)
	fmt.Fprintf(&b, "\\resizebox{\\linewidth}{!}{%%\n\\begin{tabular}{l%s}\n\\toprule\nPolicy & n", strings.Repeat("r", len(p.columns)+1))
	for _, c := range p.columns {
		fmt.Fprintf(&b, " & %s", c.print)
	}
	b.WriteString(" \\\\\n\\midrule\n")
	for _, references := range []bool{false, true} {
		if references {
			b.WriteString("\\midrule\n")
		}
		for i := range p.table.lines {
			l := &p.table.lines[i]
			if l.candidate() == references {
				continue
			}
			fmt.Fprintf(&b, "%s & %s", texEscapes.Replace(l.name()), count(l.n))
			for _, c := range p.columns {
				v, k := l.values[c.metric], p.marks[[2]string{l.policy, c.metric}]
				text := strings.Replace(rounded(v.value), "-", "$-$", 1)
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
					text += ` {\scriptsize ` + strings.ReplaceAll(texEscapes.Replace(w), "-0", "$-$0") + `}`
				}
				b.WriteString(" & " + text)
			}
			b.WriteString(" \\\\\n")
		}
	}
	b.WriteString("\\bottomrule\n\\end{tabular}}\n\\end{table}\n")
	return b.Bytes()
}

func (p *sheet) markdown() []byte {
	var b bytes.Buffer
	b.WriteString("| policy | n |")
	for _, c := range p.columns {
		fmt.Fprintf(&b, " %s |", c.print)
	}
	b.WriteString("\n| --- | ---: |" + strings.Repeat(" ---: |", len(p.columns)) + "\n")
	for i := range p.table.lines {
		l := &p.table.lines[i]
		fmt.Fprintf(&b, "| %s | %s |", strings.ReplaceAll(l.name(), "|", `\|`), count(l.n))
		for _, c := range p.columns {
			v, k := l.values[c.metric], p.marks[[2]string{l.policy, c.metric}]
			text := rounded(v.value)
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

func (p *sheet) csv() ([]byte, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	head := []string{"policy", "role", "n"}
	for _, c := range p.columns {
		head = append(head, c.metric, c.metric+"_low", c.metric+"_high")
	}
	rows := [][]string{head}
	for i := range p.table.lines {
		l := &p.table.lines[i]
		row := []string{l.policy, string(l.role), count(l.n)}
		for _, c := range p.columns {
			v := l.values[c.metric]
			row = append(row, v.value, v.low, v.high)
		}
		rows = append(rows, row)
	}
	if err := w.WriteAll(rows); err != nil {
		return nil, fmt.Errorf("writing the table of pool %s: %w", p.table.pool, err)
	}
	return b.Bytes(), nil
}
