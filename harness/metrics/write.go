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
	"n", "max_cost_usd", "diff_se", "prompts_for_0.005", "role",
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
			strconv.Itoa(r.Prompts), number(r.MaxCostUSD), number(r.DiffSE), number(r.PromptsFor005), string(r.Role),
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
	Role       Role       `json:"role"`
	Prompts    int        `json:"n"`
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
	DiffSE     *float64   `json:"diff_se,omitempty"`
	For005     *float64   `json:"prompts_for_0.005,omitempty"`
	P          *float64   `json:"p,omitempty"`
	HolmP      *float64   `json:"p_holm,omitempty"`
	Reason     string     `json:"reason,omitempty"`
	Warnings   []string   `json:"warnings,omitempty"`
	MaxCostUSD *float64   `json:"max_cost_usd,omitempty"`
}

type pairJSON struct {
	Pool   string   `json:"pool"`
	Metric string   `json:"metric"`
	A      string   `json:"a"`
	B      string   `json:"b"`
	Diff   *float64 `json:"diff"`
	Low    *float64 `json:"low"`
	High   *float64 `json:"high"`
	SE     *float64 `json:"se"`
	P      *float64 `json:"p"`
	HolmP  *float64 `json:"p_holm"`
}

type headlineJSON struct {
	Pool     string   `json:"pool"`
	Metric   string   `json:"metric"`
	Best     string   `json:"best"`
	Value    *float64 `json:"value"`
	Low      *float64 `json:"low"`
	High     *float64 `json:"high"`
	Second   string   `json:"second,omitempty"`
	Diff     *float64 `json:"diff"`
	DiffLow  *float64 `json:"diff_low"`
	DiffHigh *float64 `json:"diff_high"`
	HolmP    *float64 `json:"p_holm"`
	Clear    bool     `json:"clear"`
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
			Pool: r.Pool, Policy: r.Policy, Metric: r.Metric, Role: r.Role, Prompts: r.Prompts, Value: p(r.Value), Low: p(r.Low), High: p(r.High),
			Seeds: r.Seeds, IQM: p(r.IQM), IQMLow: p(r.IQMLow), IQMHigh: p(r.IQMHigh), Baseline: r.Baseline, Diff: p(r.Diff), DiffLow: p(r.DiffLow), DiffHigh: p(r.DiffHigh),
			DiffSE: p(r.DiffSE), For005: p(r.PromptsFor005), P: p(r.P), HolmP: p(r.HolmP), Reason: r.Reason, Warnings: r.Warnings, MaxCostUSD: p(r.MaxCostUSD),
		}
		for _, x := range r.PerSeed {
			rows[i].PerSeed = append(rows[i].PerSeed, p(x))
		}
	}
	pairs := func(of []Pair) []pairJSON {
		out := make([]pairJSON, len(of))
		for i, x := range of {
			out[i] = pairJSON{x.Pool, x.Metric, x.A, x.B, p(x.Diff), p(x.Low), p(x.High), p(x.SE), p(x.P), p(x.HolmP)}
		}
		return out
	}
	headlines := make([]headlineJSON, len(t.Headlines))
	for i, x := range t.Headlines {
		headlines[i] = headlineJSON{x.Pool, x.Metric, x.Best, p(x.Value), p(x.Low), p(x.High), x.Second, p(x.Diff), p(x.DiffLow), p(x.DiffHigh), p(x.HolmP), x.Clear}
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(struct {
		Rows      []rowJSON      `json:"rows"`
		Pairs     []pairJSON     `json:"pairs"`
		Mixing    []pairJSON     `json:"mixing"` // of each policy to the Zero router
		Headlines []headlineJSON `json:"headlines"`
		Warnings  []string       `json:"warnings,omitempty"`
	}{rows, pairs(t.Pairs), pairs(t.Mixing), headlines, t.Warnings})
}
