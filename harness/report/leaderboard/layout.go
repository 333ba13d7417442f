package leaderboard

import (
	"math"
	"strconv"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// Writer lays columns of a table out for the terminal and for Markdown.
func (t *Table) Writer(of []Column) table.Writer {
	w := table.NewWriter()
	w.SetStyle(table.StyleLight)
	w.Style().Format.Header = text.FormatDefault
	head := table.Row{"policy", "n"}
	aligned := []table.ColumnConfig{{Number: 2, Align: text.AlignRight}}
	for i, c := range of {
		head = append(head, c.Print)
		aligned = append(aligned, table.ColumnConfig{Number: i + 3, Align: text.AlignRight})
	}
	w.SetColumnConfigs(aligned)
	w.AppendHeader(head)
	for i := range t.Lines {
		l := &t.Lines[i]
		row := table.Row{l.Name(), count(l.N)}
		for _, c := range of {
			v := l.Values[c.Metric]
			row = append(row, Interval(v.Value, v.Low, v.High))
		}
		w.AppendRow(row)
	}
	return w
}

// count is a number of prompts; "-" where it is unknown.
func count(n int) string {
	if n == 0 {
		return "-"
	}
	return strconv.Itoa(n)
}

// ThreeDigits prints a figure with three decimals, "-" where it is unknown.
func ThreeDigits(x float64) string {
	if math.IsNaN(x) {
		return "-"
	}
	return strconv.FormatFloat(x, 'f', 3, 64)
}
