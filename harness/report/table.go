package report

import (
	"encoding/csv"
	"fmt"
	"os"
	"strconv"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/trilemma-bench/trilemma/harness/store"
)

// metricsFile is where the runner writes the metrics of a run.
const metricsFile = "metrics.csv"

// shown are the metrics of the summary tables.
var shown = []string{"aiq", "nauc", "peak", "perfgain", "costsave", "hypervolume"}

// poolTable is the metrics of a pool: a line for each policy, in the order of metrics.csv.
type poolTable struct {
	pool  string
	lines []line
}

type line struct {
	policy string
	values map[string]measured // by metric
}

// measured is a metric as written: value and bounds, "" where unknown; baseline and the difference from it likewise.
type measured struct {
	value, low, high        string
	seeds, baseline         string
	diff, diffLow, diffHigh string
}

// metricTables reads the metrics of a finished run.
func metricTables(run *store.Run) ([]poolTable, error) {
	path := run.Path(metricsFile)
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading metrics: %w; the run has not finished: run its experiment again to go on", err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	const columns = 11 // pool,policy,metric,value,low,high,seeds,baseline,diff,diff_low,diff_high
	if len(rows) == 0 || len(rows[0]) < columns {
		return nil, fmt.Errorf("reading %s: want a header of %d columns; run the experiment again", path, columns)
	}
	var tables []poolTable
	for _, r := range rows[1:] {
		if len(tables) == 0 || tables[len(tables)-1].pool != r[0] {
			tables = append(tables, poolTable{pool: r[0]})
		}
		t := &tables[len(tables)-1]
		if len(t.lines) == 0 || t.lines[len(t.lines)-1].policy != r[1] {
			t.lines = append(t.lines, line{policy: r[1], values: map[string]measured{}})
		}
		t.lines[len(t.lines)-1].values[r[2]] = measured{
			value: r[3], low: r[4], high: r[5], seeds: r[6], baseline: r[7], diff: r[8], diffLow: r[9], diffHigh: r[10],
		}
	}
	return tables, nil
}

// writer lays the table out.
func (t *poolTable) writer() table.Writer {
	w := table.NewWriter()
	w.SetStyle(table.StyleLight)
	w.Style().Format.Header = text.FormatDefault
	head := table.Row{"policy"}
	var columns []table.ColumnConfig
	for i, m := range shown {
		head = append(head, m)
		columns = append(columns, table.ColumnConfig{Number: i + 2, Align: text.AlignRight})
	}
	w.SetColumnConfigs(columns)
	w.AppendHeader(head)
	for _, l := range t.lines {
		row := table.Row{l.policy}
		for _, m := range shown {
			v := l.values[m]
			row = append(row, interval(v.value, v.low, v.high))
		}
		w.AppendRow(row)
	}
	return w
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
