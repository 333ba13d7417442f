package report

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/trilemma-bench/trilemma/harness/metrics"
	"github.com/trilemma-bench/trilemma/harness/store"
)

// tablesDir is the folder of tables within a run.
const tablesDir = "tables"

// heading is how a metric is called in print.
var heading = map[string]string{
	"aiq": "AIQ", "nauc": "nAUC", "peak": "Peak", "perfgain": "PerfGain", "costsave": "CostSave", "hypervolume": "Hypervolume",
}

// Tables writes tables/metrics-POOL.tex, .md and .csv: the main metrics of each pool, ± half the width of the 95 %
// interval, the best policy in bold, the second underlined, and a dagger where the paired difference to the baseline has
// an interval clear of zero. References and single models are set apart and never best. It returns the paths.
func Tables(run *store.Run) ([]string, error) {
	tables, err := metricTables(run)
	if err != nil {
		return nil, err
	}
	points, err := run.Points()
	if err != nil {
		return nil, err
	}
	var paths []string
	for i := range tables {
		t := &tables[i]
		prompts := 0
		for k := range points {
			if points[k].Pool == t.pool {
				prompts = max(prompts, points[k].N)
			}
		}
		p := sheet{table: t, prompts: prompts, marks: t.marks()}
		plain, err := p.csv()
		if err != nil {
			return paths, err
		}
		for _, f := range []struct {
			ext  string
			text []byte
		}{{".tex", p.latex()}, {".md", p.markdown()}, {".csv", plain}} {
			name := tablesDir + "/metrics-" + t.pool + f.ext
			if err := run.WriteFile(name, f.text); err != nil {
				return paths, err
			}
			paths = append(paths, run.Path(name))
		}
	}
	return paths, nil
}

// sheet is one table on its way to paper.
type sheet struct {
	table   *poolTable
	prompts int
	marks   map[[2]string]place // by policy and metric
}

// place is what sets a figure apart.
type place struct{ best, second, significant bool }

// candidate tells whether a line is a policy that could be best.
func (l *line) candidate() bool {
	return l.policy != metrics.Oracle && l.policy != metrics.ZeroRouter && !strings.HasPrefix(l.policy, metrics.SinglePrefix)
}

// marks finds the best and the second best policy by each metric, as printed: equal figures share a place.
func (t *poolTable) marks() map[[2]string]place {
	out := map[[2]string]place{}
	for _, m := range shown {
		first, second := "", ""
		for i := range t.lines {
			if l := &t.lines[i]; l.candidate() {
				v := rounded(l.values[m].value)
				switch {
				case v == "":
				case first == "" || less(first, v):
					first, second = v, first
				case v != first && (second == "" || less(second, v)):
					second = v
				}
			}
		}
		for i := range t.lines {
			l := &t.lines[i]
			v := l.values[m]
			low, high := parse(v.diffLow), parse(v.diffHigh)
			k := place{significant: l.candidate() && v.baseline != l.policy && (low > 0 || high < 0)}
			if at := rounded(v.value); l.candidate() && at != "" {
				k.best, k.second = at == first, at == second
			}
			out[[2]string{l.policy, m}] = k
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

func less(a, b string) bool { return parse(a) < parse(b) }

// rounded is a figure as printed; "" where it is unknown.
func rounded(s string) string {
	if x := parse(s); !math.IsNaN(x) {
		return strconv.FormatFloat(x, 'f', 3, 64)
	}
	return ""
}

// spread is half the width of an interval as printed.
func spread(v measured) string {
	if w := parse(v.high) - parse(v.low); !math.IsNaN(w) {
		return strconv.FormatFloat(w/2, 'f', 3, 64)
	}
	return ""
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
	s := fmt.Sprintf("Pool %s, %d test prompts, %s seed", p.table.pool, p.prompts, seeds)
	if seeds != "1" {
		s += "s"
	}
	s += "; ± half the width of the 95 % bootstrap interval. Best policy in bold, second underlined"
	if baseline != "" {
		s += fmt.Sprintf("; † differs from %s (paired 95 %% interval clear of zero)", baseline)
	}
	return s + "."
}

var texEscapes = strings.NewReplacer(`\`, `\textbackslash{}`, "&", `\&`, "%", `\%`, "$", `\$`, "#", `\#`, "_", `\_`,
	"{", `\{`, "}", `\}`, "~", `\textasciitilde{}`, "^", `\textasciicircum{}`, "±", `$\pm$`, "†", `$^\dagger$`, "λ", `$\lambda$`)

func (p *sheet) latex() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%% Written by trilemma; needs booktabs and graphicx.\n\\begin{table}\n\\centering\n\\caption{%s}\n\\label{tab:metrics-%s}\n",
		texEscapes.Replace(p.caption()), p.table.pool)
	fmt.Fprintf(&b, "\\resizebox{\\linewidth}{!}{%%\n\\begin{tabular}{l%s}\n\\toprule\nPolicy", strings.Repeat("r", len(shown)))
	for _, m := range shown {
		fmt.Fprintf(&b, " & %s", heading[m])
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
			b.WriteString(texEscapes.Replace(l.policy))
			for _, m := range shown {
				v, k := l.values[m], p.marks[[2]string{l.policy, m}]
				text := strings.Replace(rounded(v.value), "-", "$-$", 1)
				switch {
				case text == "":
					text = "--"
				case k.best:
					text = `\textbf{` + text + `}`
				case k.second:
					text = `\underline{` + text + `}`
				}
				if k.significant {
					text += `$^\dagger$`
				}
				if w := spread(v); w != "" {
					text += ` {\scriptsize$\pm$` + w + `}`
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
	b.WriteString("| policy |")
	for _, m := range shown {
		fmt.Fprintf(&b, " %s |", heading[m])
	}
	b.WriteString("\n| --- |" + strings.Repeat(" ---: |", len(shown)) + "\n")
	for i := range p.table.lines {
		l := &p.table.lines[i]
		fmt.Fprintf(&b, "| %s |", strings.ReplaceAll(l.policy, "|", `\|`))
		for _, m := range shown {
			v, k := l.values[m], p.marks[[2]string{l.policy, m}]
			text := rounded(v.value)
			switch {
			case text == "":
				text = "–"
			case k.best:
				text = "**" + text + "**"
			case k.second:
				text = "<u>" + text + "</u>"
			}
			if k.significant {
				text += "†"
			}
			if w := spread(v); w != "" {
				text += " ± " + w
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
	head := []string{"policy"}
	for _, m := range shown {
		head = append(head, m, m+"_low", m+"_high")
	}
	rows := [][]string{head}
	for i := range p.table.lines {
		l := &p.table.lines[i]
		row := []string{l.policy}
		for _, m := range shown {
			v := l.values[m]
			row = append(row, v.value, v.low, v.high)
		}
		rows = append(rows, row)
	}
	if err := w.WriteAll(rows); err != nil {
		return nil, fmt.Errorf("writing the table of pool %s: %w", p.table.pool, err)
	}
	return b.Bytes(), nil
}
