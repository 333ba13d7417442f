package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/trilemma-bench/trilemma/harness/metrics"
	"github.com/trilemma-bench/trilemma/harness/pareto"
	"github.com/trilemma-bench/trilemma/harness/plot"
	"github.com/trilemma-bench/trilemma/harness/report/glossary"
	"github.com/trilemma-bench/trilemma/harness/report/leaderboard"
	"github.com/trilemma-bench/trilemma/harness/store"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Terminal writes for each pool what it came to in sentences, a table of whom to deploy at which setting, and the front of
// quality and cost; then what the words mean.
func Terminal(w io.Writer, run *store.Run) error {
	tables, err := leaderboard.Read(run)
	if err != nil {
		return err
	}
	points, err := run.Points()
	if err != nil {
		return err
	}
	selected, err := leaderboard.ReadSelections(run)
	if err != nil {
		return err
	}
	choices, err := leaderboard.ReadChoices(run, tables)
	if err != nil {
		return err
	}
	twins, err := leaderboard.Twins(run, tables)
	if err != nil {
		return err
	}
	var b strings.Builder
	for i := range tables {
		t, c := &tables[i], &choices[i]
		lead, more := t.Sentences(twins[t.Pool])
		fmt.Fprintf(&b, "\nPool %s\n", t.Pool)
		for _, line := range slices.Concat(lead, []string{c.Writer(c.Rows).Render(), c.Rule(c.Rows)}, more, t.Notes()) {
			if line != "" {
				fmt.Fprintln(&b, strings.ReplaceAll(line, "`", ""))
			}
		}
		drawFront(&b, leaderboard.InPool(points, t.Pool), selected, t.Labelled())
	}
	text := b.String()
	fmt.Fprint(&b, "\n")
	for _, term := range glossary.Used(text) {
		if slices.Contains(terminalTerms, term.Name) {
			fmt.Fprintf(&b, "%s: %s\n", term.Name, term.Text)
		}
	}
	fmt.Fprintln(&b, "All metrics are in metrics.csv, and what the other words mean in report.md and report.html.")
	_, err = io.WriteString(w, b.String())
	return err
}

// terminalTerms are explained below the tables of a terminal, which has no hover: those that one cannot do without.
var terminalTerms = []string{"AIQ", "point", "pool", "front"}

// drawFront draws the settings that no other policy's setting beats on both axes by the selection prompts, by the letter of
// their policy, where they are on test; single models are dots, the oracle, at any price and by the test scores, is a star.
// Settings of older runs are found on test; what uses the data set's label is left out.
func drawFront(w io.Writer, points []store.Point, selected leaderboard.Selections, labelled map[string]bool) {
	var own []pareto.Point
	var at []int
	var marks []plot.Mark
	for i := range points {
		p := &points[i]
		m := plot.Mark{X: 1000 * p.Figures[policy.Cost], Y: p.Figures[policy.Quality], As: '·'}
		switch {
		case p.Policy == metrics.Oracle:
			if p.Preference == "0" {
				m.As = '*'
				marks = append(marks, m)
			}
		case p.Policy == metrics.ZeroRouter || labelled[p.Policy]:
		case strings.HasPrefix(p.Policy, metrics.SinglePrefix):
			marks = append(marks, m)
		default:
			by := p
			if s, ok := selected[leaderboard.KeyOf(p)]; ok {
				by = &s
			}
			own, at = append(own, pareto.Point{CostUSD: by.Figures[policy.Cost], Quality: by.Figures[policy.Quality]}), append(at, i)
		}
	}
	if len(own) == 0 || !slices.ContainsFunc(own, func(p pareto.Point) bool { return pareto.Finite(p.CostUSD) && pareto.Finite(p.Quality) }) {
		return
	}
	var names []string
	for k, stands := range pareto.NotDominated(own) {
		p := &points[at[k]]
		if !stands {
			continue
		}
		if !slices.Contains(names, p.Policy) {
			names = append(names, p.Policy)
		}
		marks = append(marks, plot.Mark{X: 1000 * p.Figures[policy.Cost], Y: p.Figures[policy.Quality], As: 'A' + rune(slices.Index(names, p.Policy)%26)})
	}
	legend := []string{"· single model", "* oracle (a bound)"}
	for i, n := range names {
		legend = append(legend, fmt.Sprintf("%c %s", 'A'+rune(i%26), n))
	}
	by := "The front by the selection prompts, as it is on test"
	if len(selected) == 0 {
		by = "The front on test, in hindsight"
	}
	fmt.Fprintf(w, "\n%s: %s\n", by, strings.Join(legend, ", "))
	plot.Scatter(w, plot.TerminalWidth, plot.TerminalHeight, "USD/1k prompts", "mean score", marks)
}
