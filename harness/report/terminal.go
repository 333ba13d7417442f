package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/trilemma-bench/trilemma/harness/metrics"
	"github.com/trilemma-bench/trilemma/harness/store"
)

// Terminal writes for each pool a table of the main metrics, with intervals, and the front of quality and cost.
func Terminal(w io.Writer, run *store.Run) error {
	tables, err := metricTables(run)
	if err != nil {
		return err
	}
	points, err := run.Points()
	if err != nil {
		return err
	}
	for i := range tables {
		t := &tables[i]
		if _, err := fmt.Fprintf(w, "\nPool %s\n%s\n", t.pool, t.writer(t.columns(terminalColumns)).Render()); err != nil {
			return err
		}
		for _, n := range append([]string{strings.ReplaceAll(t.answer(), "`", "")}, t.notes()...) {
			if n != "" {
				fmt.Fprintln(w, n)
			}
		}
		of := slices.DeleteFunc(slices.Clone(points), func(p store.Point) bool { return p.Pool != t.pool })
		drawFront(w, of)
	}
	return nil
}

// drawFront draws the points that no other policy's point beats on both axes, by the letter of their policy; single models are
// dots, the oracle is a star.
func drawFront(w io.Writer, points []store.Point) {
	var own []metrics.Point
	var at []int
	var marks []mark
	for i := range points {
		p := &points[i]
		m := mark{x: 1000 * p.CostUSD, y: p.Quality, as: '·'}
		switch {
		case p.Policy == metrics.Oracle:
			if p.Preference == "0" {
				m.as = '*'
				marks = append(marks, m)
			}
		case p.Policy == metrics.ZeroRouter:
		case strings.HasPrefix(p.Policy, metrics.SinglePrefix):
			marks = append(marks, m)
		default:
			own, at = append(own, metrics.Point{CostUSD: p.CostUSD, Quality: p.Quality}), append(at, i)
		}
	}
	if len(own) == 0 {
		return
	}
	var names []string
	for k, stands := range metrics.NotDominated(own) {
		p := &points[at[k]]
		if !stands {
			continue
		}
		if !slices.Contains(names, p.Policy) {
			names = append(names, p.Policy)
		}
		marks = append(marks, mark{x: 1000 * p.CostUSD, y: p.Quality, as: 'A' + rune(slices.Index(names, p.Policy)%26)})
	}
	legend := []string{"· single model", "* oracle"}
	for i, n := range names {
		legend = append(legend, fmt.Sprintf("%c %s", 'A'+rune(i%26), n))
	}
	fmt.Fprintf(w, "\nThe front: %s\n", strings.Join(legend, ", "))
	scatter(w, "USD/1k prompts", "mean score", marks)
}
