// Package footprint reads what policies emit, cost and save from a run's results, and what the run itself took, and shows
// it as tables, figures and rows of codecarbon.
package footprint

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/trilemma-bench/trilemma/harness/report/leaderboard"
	"github.com/trilemma-bench/trilemma/harness/selfmeter"
	"github.com/trilemma-bench/trilemma/harness/store"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Equivalent is what so many grams of CO2e are as much as.
type Equivalent struct {
	Name      string  `json:"name"`
	GramsEach float64 `json:"grams_each"`
	Source    string  `json:"source"`
}

// Equivalents of emissions that people know. The charge of a phone is that of its source, on the US grid.
var Equivalents = []Equivalent{
	{"km in a petrol car", 249, "US EPA, greenhouse gas equivalencies: 4.00e-4 t CO2 a mile (2022)"},
	{"phone charges", 12.4, "US EPA, greenhouse gas equivalencies: 1.24e-5 t CO2 a charge (2024)"},
}

// Footprint is what `trilemma carbon` shows.
type Footprint struct {
	Run         string               `json:"run"`
	Policies    []Policy             `json:"policies"`
	Objective   string               `json:"objective"` // by which settings are chosen
	Margin      float64              `json:"margin"`    // loss of quality that still counts as none
	Estimate    store.Estimate       `json:"estimate"`
	Labels      []store.Labels       `json:"labels"`
	Baselines   []store.Baseline     `json:"baselines"`
	Savings     []store.Saving       `json:"savings"`
	Sensitivity []store.Sensitivity  `json:"sensitivity,omitempty"`
	Own         selfmeter.Usage      `json:"own"`
	PayBack     []PayBack            `json:"pay_back,omitempty"`
	Equivalents []Equivalent         `json:"equivalents"`
	Notices     []string             `json:"notices,omitempty"`
	words       map[[2]string]string // what a preference of a pool means
}

// Words are what a preference of a pool means, for a table; what is no preference's label is words already.
func (f *Footprint) Words(pool, preference string) string {
	if text, known := f.words[[2]string{pool, preference}]; known {
		return text
	}
	return preference
}

// Policy is one policy at one setting, per 1,000 prompts.
type Policy struct {
	Pool         string            `json:"pool"`
	Policy       string            `json:"policy"`
	Seed         uint64            `json:"seed"`
	Preference   string            `json:"preference"`
	Setting      string            `json:"setting"` // why this one is shown
	Prompts      int               `json:"prompts"`
	Quality      *float64          `json:"quality"`
	CostUSD      *float64          `json:"usd_per_1k"`
	EnergyWh     *float64          `json:"wh_per_1k"`
	CarbonG      *float64          `json:"g_per_1k"`
	CarbonGLow   *float64          `json:"g_per_1k_low"` // bounds by the assumed sizes of closed models
	CarbonGHigh  *float64          `json:"g_per_1k_high"`
	ModelLow     *float64          `json:"g_per_1k_model_low"` // 95 % bounds by the estimate of energy
	ModelHigh    *float64          `json:"g_per_1k_model_high"`
	WaterL       *float64          `json:"water_l_per_1k,omitempty"`
	LatencySec   *float64          `json:"latency_s"`
	RouterSec    *float64          `json:"router_s_per_1k"` // the policy's own
	RouterWh     *float64          `json:"router_wh_per_1k"`
	RouterG      *float64          `json:"router_g_per_1k"`
	TrainSec     *float64          `json:"train_s"`
	CostError    *float64          `json:"cost_error,omitempty"` // of its predictions, held out: mean |error| ÷ mean
	CarbonError  *float64          `json:"carbon_error,omitempty"`
	Slices       []store.Slice     `json:"slices,omitempty"`
	HourlyShares []store.HourShare `json:"hourly_shares,omitempty"`
	Single       bool              `json:"-"`
}

// Of reads the footprint of a finished run from its results.
func Of(run *store.Run) (*Footprint, error) {
	m, err := run.Manifest()
	if err != nil {
		return nil, err
	}
	s, err := run.Savings()
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%w; the run has not finished, or was made by an older version: run its experiment again with --fresh", err)
	}
	if err != nil {
		return nil, err
	}
	f := &Footprint{
		Run: run.Dir, Objective: s.Objective, Margin: s.Margin, Estimate: s.Estimate, Labels: s.Labels, Baselines: s.Baselines, Savings: s.Savings, Sensitivity: s.Sensitivity, Own: m.Own,
		Equivalents: Equivalents, Notices: s.Notices,
	}
	points, err := run.Points()
	if err != nil {
		return nil, err
	}
	f.words = map[[2]string]string{}
	for i := range points {
		f.words[[2]string{points[i].Pool, points[i].Preference}] = points[i].PointWorth()
	}
	plan, err := run.Plan()
	if err != nil {
		return nil, err
	}
	// What the run took is shared out by the time that each cell was at work.
	var cells []store.Status
	var whole float64
	for _, ref := range plan {
		st, ok := run.Cell(ref.ID)
		if !ok || st.State != store.Done {
			continue
		}
		st.Ref = ref
		cells = append(cells, st)
		whole += st.WallSec
	}
	if whole == 0 {
		whole = 1
	}
	for i := range cells {
		st := &cells[i]
		for _, setting := range settings(st, s.Savings) {
			f.Policies = append(f.Policies, policyFootprint(st, setting, m.Own, whole))
		}
	}
	for i := range s.Savings {
		if x := &s.Savings[i]; x.ChosenOn == store.OnSelection && x.Baseline == "best single" && x.Seeds == 1 {
			f.payBack(x, cells, m.Own, whole)
		}
	}
	return f, nil
}

type setting struct{ preference, why string }

// settings are those of a cell that are worth a line: what was chosen on the selection prompts to save carbon at the quality of each
// baseline, and the one that pays any price.
func settings(st *store.Status, savings []store.Saving) []setting {
	var out []setting
	for _, s := range savings {
		if s.Cell == st.ID && s.Policy != "" && s.ChosenOn == store.OnSelection &&
			!slices.ContainsFunc(out, func(o setting) bool { return o.preference == s.Preference }) {
			out = append(out, setting{s.Preference, "least carbon at quality of " + s.Baseline})
		}
	}
	for _, p := range st.Points {
		if p.Lambda == (policy.Preference{}) &&
			!slices.ContainsFunc(out, func(o setting) bool { return o.preference == p.Preference }) {
			out = append(out, setting{p.Preference, "quality at any price"})
		}
	}
	return out
}

func policyFootprint(st *store.Status, s setting, own selfmeter.Usage, whole float64) Policy {
	out := Policy{Pool: st.Pool, Policy: st.Policy, Seed: st.Seed, Preference: s.preference, Setting: s.why, Single: st.Family == "single"}
	per := func(x float64) *float64 { return store.Known(x * leaderboard.PerThousand) }
	for _, p := range st.Points {
		if p.Preference != s.preference {
			continue
		}
		out.Prompts = p.N
		out.Quality, out.LatencySec = store.Known(p.Figures[policy.Quality]), store.Known(p.Figures[policy.Latency])
		out.CostUSD, out.EnergyWh = per(p.Figures[policy.Cost]), per(p.Figures[policy.Energy])
		out.CarbonG, out.CarbonGLow, out.CarbonGHigh = per(p.Figures[policy.Carbon]), per(p.Low[policy.Carbon]), per(p.High[policy.Carbon])
	}
	if sec := routerSec(st); sec > 0 {
		out.RouterSec = per(sec)
		out.RouterWh, out.RouterG = per(own.EnergyWh*sec/whole), per(own.CarbonG*sec/whole)
	}
	if sec, ok := st.Cost["fit_s"]; ok {
		out.TrainSec = store.Known(sec)
	}
	if x, ok := st.Fit["cost_error"]; ok {
		out.CostError = store.Known(x)
	}
	if x, ok := st.Fit["carbon_error"]; ok {
		out.CarbonError = store.Known(x)
	}
	for _, u := range st.Usage {
		if u.Preference != s.preference {
			continue
		}
		out.Slices, out.HourlyShares = u.Slices, u.Hours
		if u.CarbonModelLowG != nil && u.CarbonModelHighG != nil && out.Prompts > 0 && out.CarbonG != nil {
			out.ModelLow, out.ModelHigh = per(*u.CarbonModelLowG/float64(out.Prompts)), per(*u.CarbonModelHighG/float64(out.Prompts))
		}
		var water float64
		for _, x := range u.Slices {
			if x.By == store.ByModel {
				water += x.WaterL
			}
		}
		if water > 0 && out.Prompts > 0 {
			out.WaterL = per(water / float64(out.Prompts))
		}
	}
	return out
}
