package store

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"strconv"
)

// Files of the footprint beside points and metrics.
const (
	SavingsJSON = "savings.json"
	SavingsCSV  = "savings.csv"
)

// Savings are what `savings.json` holds: what each policy saves against each baseline, and what that depends on.
type Savings struct {
	Baselines   []Baseline    `json:"baselines"`
	Savings     []Saving      `json:"savings"`
	Sensitivity []Sensitivity `json:"sensitivity,omitempty"`
	Notices     []string      `json:"notices,omitempty"`
}

// Baseline is what savings are taken against. Figures are means per test prompt.
type Baseline struct {
	Pool        string   `json:"pool"`
	Name        string   `json:"name"` // "best single", "static", "logged"
	What        string   `json:"what"` // the model, or how it was logged
	Quality     *float64 `json:"quality"`
	CarbonG     *float64 `json:"carbon_g"`
	CarbonGLow  *float64 `json:"carbon_g_low"`
	CarbonGHigh *float64 `json:"carbon_g_high"`
	CostUSD     *float64 `json:"cost_usd"`
}

// Saving is what one policy saves against one baseline, at no less than the baseline's quality: on the prompts by which
// its setting was chosen.
type Saving struct {
	Pool       string `json:"pool"`
	Policy     string `json:"policy"`
	Seed       uint64 `json:"seed"`
	Cell       string `json:"cell"`
	Baseline   string `json:"baseline"`
	ChosenOn   string `json:"chosen_on"` // "validation", as one would deploy it, or "test", in hindsight
	Preference string `json:"preference"`
	// Quality and its difference to the baseline's, with 95 % intervals over the test prompts.
	Quality         float64  `json:"quality"`
	QualityDiff     float64  `json:"quality_diff"`
	QualityDiffLow  *float64 `json:"quality_diff_low"`
	QualityDiffHigh *float64 `json:"quality_diff_high"`
	CostUSD         float64  `json:"cost_usd"`
	CarbonG         *float64 `json:"carbon_g"`
	CarbonGLow      *float64 `json:"carbon_g_low"`
	CarbonGHigh     *float64 `json:"carbon_g_high"`
	// 1 − policy ÷ baseline of the central estimates, with its 95 % interval over the test prompts, and where all assumed
	// sizes are at their low, or at their high end.
	CarbonSaving     *float64 `json:"carbon_saving"`
	CarbonSavingLow  *float64 `json:"carbon_saving_low"`
	CarbonSavingHigh *float64 `json:"carbon_saving_high"`
	SavingAtLowSizes *float64 `json:"saving_at_low_sizes"`
	SavingAtHighSize *float64 `json:"saving_at_high_sizes"`
	CostSaving       *float64 `json:"cost_saving"`
	CostSavingLow    *float64 `json:"cost_saving_low"`
	CostSavingHigh   *float64 `json:"cost_saving_high"`
}

// Sensitivity is how the emissions of one policy and of its baseline move with what was assumed. Means per test prompt.
type Sensitivity struct {
	Pool       string   `json:"pool"`
	Policy     string   `json:"policy"`
	Preference string   `json:"preference"`
	CarbonG    float64  `json:"carbon_g"`
	BaselineG  float64  `json:"baseline_g"`
	Factors    []Factor `json:"factors"`
}

// Factor is one assumption at two ends.
type Factor struct {
	Name string `json:"name"`
	Low  Ending `json:"low"`
	High Ending `json:"high"`
}

// Ending is one end of an assumption.
type Ending struct {
	Setting   string  `json:"setting"`
	CarbonG   float64 `json:"carbon_g"`
	BaselineG float64 `json:"baseline_g"`
}

// Saving is what the policy saves at this end.
func (e Ending) Saving() float64 { return 1 - e.CarbonG/e.BaselineG }

// WriteSavings writes savings.json and savings.csv.
func (r *Run) WriteSavings(s Savings) error {
	if err := r.writeJSON(SavingsJSON, s); err != nil {
		return err
	}
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	opt := func(x *float64) string {
		if x == nil {
			return ""
		}
		return strconv.FormatFloat(*x, 'g', -1, 64)
	}
	rows := [][]string{{
		"pool", "policy", "seed", "baseline", "chosen_on", "preference", "quality", "quality_diff", "quality_diff_low", "quality_diff_high",
		"carbon_g", "carbon_g_low", "carbon_g_high", "cost_usd", "carbon_saving", "carbon_saving_low", "carbon_saving_high",
		"saving_at_low_sizes", "saving_at_high_sizes", "cost_saving", "cost_saving_low", "cost_saving_high",
	}}
	for i := range s.Savings {
		x := &s.Savings[i]
		rows = append(rows, []string{
			x.Pool, x.Policy, strconv.FormatUint(x.Seed, 10), x.Baseline, x.ChosenOn, x.Preference, opt(&x.Quality), opt(&x.QualityDiff),
			opt(x.QualityDiffLow), opt(x.QualityDiffHigh), opt(x.CarbonG), opt(x.CarbonGLow), opt(x.CarbonGHigh), opt(&x.CostUSD),
			opt(x.CarbonSaving), opt(x.CarbonSavingLow), opt(x.CarbonSavingHigh), opt(x.SavingAtLowSizes), opt(x.SavingAtHighSize),
			opt(x.CostSaving), opt(x.CostSavingLow), opt(x.CostSavingHigh),
		})
	}
	if err := w.WriteAll(rows); err != nil {
		return fmt.Errorf("writing %s: %w", SavingsCSV, err)
	}
	return r.WriteFile(SavingsCSV, b.Bytes())
}

// Savings reads savings.json.
func (r *Run) Savings() (Savings, error) {
	var s Savings
	err := r.readJSON(SavingsJSON, &s)
	return s, err
}
