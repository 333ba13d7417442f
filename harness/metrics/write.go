package metrics

import (
	"encoding/csv"
	"encoding/json"
	"io"
	"math"
	"strconv"
)

// Columns are the columns of metrics.csv, the stable interface for other tools.
var Columns = []string{
	"pool", "policy", "metric", "value", "low", "high", "seeds", "baseline", "diff", "diff_low", "diff_high",
}

// WriteCSV writes rows as metrics.csv has them. What has no value is empty.
func WriteCSV(w io.Writer, rows []Row) error {
	c := csv.NewWriter(w)
	if err := c.Write(Columns); err != nil {
		return err
	}
	for _, r := range rows {
		if err := c.Write([]string{
			r.Pool, r.Policy, r.Metric, number(r.Value), number(r.Low), number(r.High), strconv.Itoa(r.Seeds),
			r.Baseline, number(r.Diff), number(r.DiffLow), number(r.DiffHigh),
		}); err != nil {
			return err
		}
	}
	c.Flush()
	return c.Error()
}

func number(x float64) string {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return ""
	}
	return strconv.FormatFloat(x, 'g', -1, 64)
}

// rowJSON is a row of metrics.json; what has no value is null.
type rowJSON struct {
	Pool       string     `json:"pool"`
	Policy     string     `json:"policy"`
	Metric     string     `json:"metric"`
	Value      *float64   `json:"value"`
	Low        *float64   `json:"low"`
	High       *float64   `json:"high"`
	Seeds      int        `json:"seeds"`
	IQM        *float64   `json:"iqm"`
	IQMLow     *float64   `json:"iqm_low,omitempty"` // over prompts and seeds
	IQMHigh    *float64   `json:"iqm_high,omitempty"`
	PerSeed    []*float64 `json:"per_seed"`
	Baseline   string     `json:"baseline,omitempty"`
	Diff       *float64   `json:"diff,omitempty"`
	DiffLow    *float64   `json:"diff_low,omitempty"`
	DiffHigh   *float64   `json:"diff_high,omitempty"`
	P          *float64   `json:"p,omitempty"`
	HolmP      *float64   `json:"p_holm,omitempty"`
	Reason     string     `json:"reason,omitempty"`
	Warnings   []string   `json:"warnings,omitempty"`
	AIQMaxCost *float64   `json:"aiq_max_cost_usd,omitempty"`
}

// WriteJSON writes rows with all that metrics.csv has no column for.
func WriteJSON(w io.Writer, t *Table) error {
	p := func(x float64) *float64 {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return nil
		}
		return &x
	}
	rows := make([]rowJSON, len(t.Rows))
	for i, r := range t.Rows {
		rows[i] = rowJSON{
			Pool: r.Pool, Policy: r.Policy, Metric: r.Metric, Value: p(r.Value), Low: p(r.Low), High: p(r.High),
			Seeds: r.Seeds, IQM: p(r.IQM), IQMLow: p(r.IQMLow), IQMHigh: p(r.IQMHigh), Baseline: r.Baseline, Diff: p(r.Diff), DiffLow: p(r.DiffLow), DiffHigh: p(r.DiffHigh),
			P: p(r.P), HolmP: p(r.HolmP), Reason: r.Reason, Warnings: r.Warnings, AIQMaxCost: p(r.AIQMaxCost),
		}
		for _, x := range r.PerSeed {
			rows[i].PerSeed = append(rows[i].PerSeed, p(x))
		}
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(struct {
		Rows     []rowJSON `json:"rows"`
		Warnings []string  `json:"warnings,omitempty"`
	}{rows, t.Warnings})
}
