package report

import (
	"encoding/csv"
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/trilemma-bench/trilemma/harness/store"
)

// shown are the metrics of the terminal's table.
var shown = []string{"aiq", "nauc", "peak", "perfgain", "costsave", "hypervolume"}

// Terminal writes a table of the main metrics of each pool, with intervals.
func Terminal(w io.Writer, run *store.Run) error {
	path := run.Path("metrics.csv")
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("reading metrics: %w; the run has not finished: run its experiment again to go on", err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return fmt.Errorf("reading %s: %w", path, err)
	}
	var order []string                      // pool\x00policy
	cells := map[string]map[string]string{} // → metric → text
	for _, r := range rows[1:] {
		key := r[0] + "\x00" + r[1]
		if cells[key] == nil {
			cells[key] = map[string]string{}
			order = append(order, key)
		}
		cells[key][r[2]] = interval(r[3], r[4], r[5])
	}
	pool := ""
	var t table.Writer
	flush := func() {
		if t != nil {
			fmt.Fprintf(w, "\nPool %s\n", pool)
			t.Render()
		}
	}
	for _, key := range order {
		var of, policy string
		for i := range key {
			if key[i] == 0 {
				of, policy = key[:i], key[i+1:]
			}
		}
		if of != pool || t == nil {
			flush()
			pool = of
			t = table.NewWriter()
			t.SetOutputMirror(w)
			t.SetStyle(table.StyleLight)
			t.Style().Format.Header = text.FormatDefault
			head := table.Row{"policy"}
			var columns []table.ColumnConfig
			for i, m := range shown {
				head = append(head, m)
				columns = append(columns, table.ColumnConfig{Number: i + 2, Align: text.AlignRight})
			}
			t.SetColumnConfigs(columns)
			t.AppendHeader(head)
		}
		row := table.Row{policy}
		for _, m := range shown {
			row = append(row, cells[key][m])
		}
		t.AppendRow(row)
	}
	flush()
	return nil
}

// interval writes a value and its bounds with three digits.
func interval(value, low, high string) string {
	short := func(s string) string {
		x, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return ""
		}
		return strconv.FormatFloat(x, 'f', 3, 64)
	}
	switch v := short(value); {
	case v == "":
		return "-"
	case low == "" || high == "":
		return v
	default:
		return fmt.Sprintf("%s [%s, %s]", v, short(low), short(high))
	}
}
