package report

import (
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"math"
	"slices"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/trilemma-bench/trilemma/harness/compare"
	"github.com/trilemma-bench/trilemma/harness/report/leaderboard"
	"github.com/trilemma-bench/trilemma/harness/store"
)

// Comparison writes what differs between two runs: settings, and the changes of the main metrics with paired intervals. A
// change that is clear of chance is marked with an asterisk.
func Comparison(w io.Writer, c *compare.Comparison) error {
	if _, err := fmt.Fprintf(w, "before: %s\nafter:  %s\n", c.Before, c.After); err != nil {
		return err
	}
	for _, t := range []struct {
		title string
		table table.Writer
	}{{"What differs", changesTable(c)}, {"Changes of the metrics (after − before, 95 % paired intervals; * clear of chance)", rowsTable(c)}} {
		if t.table == nil {
			continue
		}
		if _, err := fmt.Fprintf(w, "\n%s\n%s\n", t.title, t.table.Render()); err != nil {
			return err
		}
	}
	for _, n := range notes(c) {
		if _, err := fmt.Fprintf(w, "note: %s\n", n); err != nil {
			return err
		}
	}
	return nil
}

// ComparisonJSON writes the same with every metric. What is unknown is null.
func ComparisonJSON(w io.Writer, c *compare.Comparison) error {
	type row struct {
		Pool     string   `json:"pool"`
		Policy   string   `json:"policy"`
		Metric   string   `json:"metric"`
		Before   *float64 `json:"before"`
		After    *float64 `json:"after"`
		Diff     *float64 `json:"diff"`
		DiffLow  *float64 `json:"diff_low"`
		DiffHigh *float64 `json:"diff_high"`
		Prompts  int      `json:"prompts"`
	}
	out := struct {
		Before  string           `json:"before"`
		After   string           `json:"after"`
		Changes []compare.Change `json:"changes"`
		Rows    []row            `json:"rows"`
		// Vanished are the policies that only the run before has results of, New those that only the run after has.
		Vanished []compare.Gone `json:"vanished,omitempty"`
		New      []compare.Gone `json:"new,omitempty"`
		Notices  []string       `json:"notices,omitempty"`
	}{Before: c.Before, After: c.After, Changes: c.Changes, Vanished: c.Vanished, New: c.New, Notices: c.Notices}
	for _, r := range c.Rows {
		out.Rows = append(out.Rows, row{
			r.Pool, r.Policy, r.Metric, store.Known(r.Before), store.Known(r.After), store.Known(r.Diff), store.Known(r.DiffLow), store.Known(r.DiffHigh), r.Prompts,
		})
	}
	return json.NewEncoder(w).Encode(out)
}

var comparisonPage = template.Must(template.New("comparison").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{{.Before}} and {{.After}}</title>
<style>
:root{color-scheme:light dark}
body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:.9rem}
td,th{border-bottom:1px solid color-mix(in srgb,currentColor 25%,transparent);padding:.25rem .7rem;text-align:left;vertical-align:top}
.scroll{overflow-x:auto}
</style></head><body>
<h1>Two runs compared</h1>
<p>Before: <code>{{.Before}}</code><br>After: <code>{{.After}}</code></p>
{{range .Tables}}<h2>{{.Title}}</h2><div class="scroll" tabindex="0">{{.HTML}}</div>
{{end}}{{range .Notices}}<p>Note: {{.}}</p>
{{end}}</body></html>
`))

// ComparisonHTML writes the same as a page of its own.
func ComparisonHTML(w io.Writer, c *compare.Comparison) error {
	type part struct {
		Title string
		HTML  template.HTML
	}
	page := struct {
		Before, After string
		Tables        []part
		Notices       []string
	}{Before: c.Before, After: c.After, Notices: notes(c)}
	if t := changesTable(c); t != nil {
		page.Tables = append(page.Tables, part{"What differs", template.HTML(t.RenderHTML())}) //nolint:gosec // go-pretty escapes every cell
	}
	if t := rowsTable(c); t != nil {
		page.Tables = append(page.Tables, part{"Changes of the metrics", template.HTML(t.RenderHTML())}) //nolint:gosec // go-pretty escapes every cell
	}
	return comparisonPage.Execute(w, page)
}

// longest is how much of a setting is shown.
const longest = 60

func changesTable(c *compare.Comparison) table.Writer {
	if len(c.Changes) == 0 {
		return nil
	}
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.Style().Format.Header = text.FormatDefault
	t.AppendHeader(table.Row{"what", "before", "after"})
	for _, x := range c.Changes {
		t.AppendRow(table.Row{x.What, text.Trim(x.Before, longest), text.Trim(x.After, longest)})
	}
	return t
}

// notes are who vanished, who is new, the comparison's own, and how much did not change.
func notes(c *compare.Comparison) []string {
	same := 0
	for i := range c.Rows {
		if isMain(c.Rows[i].Metric) && !differs(&c.Rows[i]) {
			same++
		}
	}
	var out []string
	for _, x := range compare.Told(c.Vanished) {
		out = append(out, "vanished: "+x)
	}
	for _, x := range compare.Told(c.New) {
		out = append(out, "new: "+x)
	}
	out = append(out, c.Notices...)
	if same > 0 {
		out = append(out, fmt.Sprintf("%d of the main metrics are the same in both runs", same))
	}
	return out
}

// isMain tells whether a metric is one of the summary tables.
func isMain(metric string) bool {
	return slices.ContainsFunc(leaderboard.MainColumns, func(c leaderboard.Column) bool { return c.Metric == metric })
}

// differs tells whether a metric is not the same in both runs; unknown in both is the same.
func differs(r *compare.Row) bool {
	return r.Before != r.After && !(math.IsNaN(r.Before) && math.IsNaN(r.After))
}

// rowsTable has the metrics that changed; nil where none did.
func rowsTable(c *compare.Comparison) table.Writer {
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.Style().Format.Header = text.FormatDefault
	t.AppendHeader(table.Row{"pool", "policy", "metric", "before", "after", "change", "prompts"})
	t.SetColumnConfigs([]table.ColumnConfig{{Number: 4, Align: text.AlignRight}, {Number: 5, Align: text.AlignRight}, {Number: 7, Align: text.AlignRight}})
	for i := range c.Rows {
		r := &c.Rows[i]
		if !isMain(r.Metric) || !differs(r) {
			continue
		}
		t.AppendRow(table.Row{r.Pool, r.Policy, r.Metric, leaderboard.ThreeDigits(r.Before), leaderboard.ThreeDigits(r.After), change(r), r.Prompts})
	}
	if t.Length() == 0 {
		return nil
	}
	return t
}

func change(r *compare.Row) string {
	if math.IsNaN(r.Diff) {
		return "-"
	}
	s := fmt.Sprintf("%+.3f [%s, %s]", r.Diff, leaderboard.ThreeDigits(r.DiffLow), leaderboard.ThreeDigits(r.DiffHigh))
	if r.DiffLow > 0 || r.DiffHigh < 0 {
		s += " *"
	}
	return s
}
