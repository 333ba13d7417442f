package report

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"sort"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/trilemma-bench/trilemma/harness/footprint"
	"github.com/trilemma-bench/trilemma/harness/store"
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
	Run         string              `json:"run"`
	Policies    []PolicyFootprint   `json:"policies"`
	Baselines   []store.Baseline    `json:"baselines"`
	Savings     []store.Saving      `json:"savings"`
	Sensitivity []store.Sensitivity `json:"sensitivity,omitempty"`
	Own         footprint.Own       `json:"own"`
	PayBack     []PayBack           `json:"pay_back,omitempty"`
	Equivalents []Equivalent        `json:"equivalents"`
	Notices     []string            `json:"notices,omitempty"`
}

// PolicyFootprint is one policy at one setting, per 1,000 prompts.
type PolicyFootprint struct {
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
	CarbonGLow   *float64          `json:"g_per_1k_low"`
	CarbonGHigh  *float64          `json:"g_per_1k_high"`
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
	single       bool
}

// PayBack tells after how many prompts a policy has saved what its training took.
type PayBack struct {
	Pool      string  `json:"pool"`
	Policy    string  `json:"policy"`
	TrainG    float64 `json:"train_g"`
	SavedEach float64 `json:"saved_g_a_prompt"` // against the best single model, the router's own taken off
	Prompts   float64 `json:"prompts"`          // 0 where it never does
}

// NewFootprint reads the footprint of a finished run from its results.
func NewFootprint(run *store.Run) (*Footprint, error) {
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
		Run: run.Dir, Baselines: s.Baselines, Savings: s.Savings, Sensitivity: s.Sensitivity, Own: m.Own,
		Equivalents: Equivalents, Notices: s.Notices,
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
		if x := &s.Savings[i]; x.ChosenOn == "validation" && x.Baseline == "best single" {
			f.payBack(x, cells, m.Own, whole)
		}
	}
	return f, nil
}

type setting struct{ preference, why string }

// settings are those of a cell that are worth a line: what was chosen on validation to save carbon at the quality of each
// baseline, and the one that pays any price.
func settings(st *store.Status, savings []store.Saving) []setting {
	var out []setting
	for _, s := range savings {
		if s.Cell == st.ID && s.Policy != "" && s.ChosenOn == "validation" &&
			!slices.ContainsFunc(out, func(o setting) bool { return o.preference == s.Preference }) {
			out = append(out, setting{s.Preference, "least carbon at quality of " + s.Baseline})
		}
	}
	for _, p := range st.Points {
		if p.Lambda.LambdaCarbon == 0 && p.Lambda.LambdaCost == 0 && p.Lambda.LambdaLatency == 0 &&
			!slices.ContainsFunc(out, func(o setting) bool { return o.preference == p.Preference }) {
			out = append(out, setting{p.Preference, "quality at any price"})
		}
	}
	return out
}

func policyFootprint(st *store.Status, s setting, own footprint.Own, whole float64) PolicyFootprint {
	out := PolicyFootprint{Pool: st.Pool, Policy: st.Policy, Seed: st.Seed, Preference: s.preference, Setting: s.why, single: st.Family == "single"}
	per := func(x float64) *float64 { return known(x * perThousand) }
	for _, p := range st.Points {
		if p.Preference != s.preference {
			continue
		}
		out.Prompts = p.N
		out.Quality, out.LatencySec, out.CostUSD, out.EnergyWh = known(p.Quality), known(p.LatencySec), per(p.CostUSD), per(p.EnergyWh)
		out.CarbonG, out.CarbonGLow, out.CarbonGHigh = per(p.CarbonG), per(p.CarbonGLow), per(p.CarbonGHigh)
	}
	if n := st.Cost["decisions"]; n > 0 {
		sec := st.Cost["route_s"] / n
		out.RouterSec = per(sec)
		out.RouterWh, out.RouterG = per(own.EnergyWh*sec/whole), per(own.CarbonG*sec/whole)
	}
	if sec, ok := st.Cost["fit_s"]; ok {
		out.TrainSec = known(sec)
	}
	if x, ok := st.Fit["cost_error"]; ok {
		out.CostError = known(x)
	}
	if x, ok := st.Fit["carbon_error"]; ok {
		out.CarbonError = known(x)
	}
	for _, u := range st.Usage {
		if u.Preference != s.preference {
			continue
		}
		out.Slices, out.HourlyShares = u.Slices, u.Hours
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

func (f *Footprint) payBack(s *store.Saving, cells []store.Status, own footprint.Own, whole float64) {
	for i := range cells {
		st := &cells[i]
		fit, learns := st.Cost["fit_s"]
		n := st.Cost["decisions"]
		if st.ID != s.Cell || !learns || n == 0 || s.CarbonG == nil {
			continue
		}
		for _, b := range f.Baselines {
			if b.Pool != s.Pool || b.Name != s.Baseline || b.CarbonG == nil {
				continue
			}
			p := PayBack{Pool: s.Pool, Policy: s.Policy, TrainG: own.CarbonG * fit / whole}
			p.SavedEach = *b.CarbonG - *s.CarbonG - own.CarbonG*st.Cost["route_s"]/whole/n
			if p.SavedEach > 0 {
				p.Prompts = math.Ceil(p.TrainG / p.SavedEach)
			}
			f.PayBack = append(f.PayBack, p)
		}
	}
}

// Terminal writes the footprint as tables. by names a breakdown to show (model, category, hour or region), "" for none;
// policy narrows it.
func (f *Footprint) Terminal(w io.Writer, by, policy string) error {
	newTable := func(head table.Row) table.Writer {
		t := table.NewWriter()
		t.SetOutputMirror(w)
		t.SetStyle(table.StyleLight)
		t.Style().Format.Header = text.FormatDefault
		t.AppendHeader(head)
		return t
	}
	fmt.Fprintln(w, "Footprint per 1,000 prompts; bounds are those of the assumed sizes of closed models")
	t := newTable(table.Row{"pool", "policy", "setting", "quality", "USD", "Wh", "gCO2e", "low to high", "water l", "router s", "router Wh", "cost error"})
	for i := range f.Policies {
		p := &f.Policies[i]
		if p.single && policy == "" || policy != "" && p.Policy != policy {
			continue
		}
		name := p.Policy
		if p.Seed > 1 {
			name = fmt.Sprintf("%s seed %d", name, p.Seed)
		}
		t.AppendRow(table.Row{p.Pool, name, p.Preference + ": " + p.Setting, digits4(p.Quality), digits4(p.CostUSD), digits4(p.EnergyWh),
			digits4(p.CarbonG), digits4(p.CarbonGLow) + " to " + digits4(p.CarbonGHigh), digits4(p.WaterL), digits4(p.RouterSec), digits4(p.RouterWh), percent(p.CostError)})
	}
	t.Render()
	f.savings(w, newTable)
	f.own(w)
	if by != "" {
		return f.breakdown(w, newTable, by, policy)
	}
	return nil
}

func (f *Footprint) savings(w io.Writer, newTable func(table.Row) table.Writer) {
	for _, b := range f.Baselines {
		fmt.Fprintf(w, "\nPool %s: savings against %s (%s): quality %s, %s gCO2e (%s to %s) and %s USD per 1,000 prompts\n", b.Pool, b.Name, b.What,
			digits4(b.Quality), thousand(b.CarbonG), thousand(b.CarbonGLow), thousand(b.CarbonGHigh), thousand(b.CostUSD))
		t := newTable(table.Row{"policy", "chosen on", "setting", "quality difference", "gCO2e saved", "at low and high sizes", "USD saved"})
		for i := range f.Savings {
			s := &f.Savings[i]
			if s.Pool != b.Pool || s.Baseline != b.Name {
				continue
			}
			t.AppendRow(table.Row{s.Policy, s.ChosenOn, s.Preference, fmt.Sprintf("%+.4f [%s, %s]", s.QualityDiff, digits4(s.QualityDiffLow), digits4(s.QualityDiffHigh)),
				fmt.Sprintf("%s [%s, %s]", percent(s.CarbonSaving), percent(s.CarbonSavingLow), percent(s.CarbonSavingHigh)),
				percent(s.SavingAtLowSizes) + ", " + percent(s.SavingAtHighSize),
				fmt.Sprintf("%s [%s, %s]", percent(s.CostSaving), percent(s.CostSavingLow), percent(s.CostSavingHigh))})
		}
		t.Render()
		if b.CarbonG != nil {
			fmt.Fprintf(w, "1,000 prompts to %s are as much as", b.Name)
			for i, e := range f.Equivalents {
				if i > 0 {
					fmt.Fprint(w, ",")
				}
				fmt.Fprintf(w, " %.3g %s (%s)", *b.CarbonG*perThousand/e.GramsEach, e.Name, e.Source)
			}
			fmt.Fprintln(w)
		}
	}
	fmt.Fprintln(w, "Settings chosen on validation are what one would deploy; those chosen on test are hindsight. Brackets are 95 % intervals over the test prompts.")
	fmt.Fprintln(w, "Energy that was not logged is estimated; see the accounting in manifest.json. Estimates carry more doubt than the intervals show: see the sensitivity plots.")
	for _, n := range f.Notices {
		fmt.Fprintf(w, "note: %s\n", n)
	}
}

func (f *Footprint) own(w io.Writer) {
	fmt.Fprintf(w, "\nThe run itself took %.4g Wh and %.4g gCO2e in %.0f s (processors: %s; graphics: %s)\n", f.Own.EnergyWh, f.Own.CarbonG, f.Own.Seconds, f.Own.CPUHow, f.Own.GPUHow)
	for _, p := range f.PayBack {
		if p.Prompts > 0 {
			fmt.Fprintf(w, "  %s, %s: training (%.3g g) paid back after %.0f prompts, at %.3g g saved a prompt\n", p.Pool, p.Policy, p.TrainG, p.Prompts, p.SavedEach)
		} else {
			fmt.Fprintf(w, "  %s, %s: training (%.3g g) is never paid back: it saves nothing\n", p.Pool, p.Policy, p.TrainG)
		}
	}
}

// Breakdowns are what a footprint can be broken down by.
var Breakdowns = []string{store.ByModel, store.ByCategory, store.ByHour, store.ByRegion}

func (f *Footprint) breakdown(w io.Writer, newTable func(table.Row) table.Writer, by, policy string) error {
	if !slices.Contains(Breakdowns, by) {
		return fmt.Errorf("a footprint is not kept by %q: want one of %v", by, Breakdowns)
	}
	shown := 0
	for i := range f.Policies {
		p := &f.Policies[i]
		if p.single && policy == "" || policy != "" && p.Policy != policy {
			continue
		}
		list := slices.DeleteFunc(slices.Clone(p.Slices), func(s store.Slice) bool { return s.By != by })
		if len(list) == 0 {
			continue
		}
		shown++
		if by != store.ByHour {
			sort.SliceStable(list, func(a, b int) bool { return list[a].CarbonG() > list[b].CarbonG() })
		}
		fmt.Fprintf(w, "\n%s, %s at %s (%s), by %s\n", p.Pool, p.Policy, p.Preference, p.Setting, by)
		t := newTable(table.Row{by, "answers", "USD", "Wh", "gCO2e", "low to high", "g an answer", "water l"})
		for _, s := range list {
			t.AppendRow(table.Row{s.Key, fmt.Sprintf("%.0f", s.Answers), fmt.Sprintf("%.4g", s.CostUSD), fmt.Sprintf("%.4g", s.EnergyWh()),
				fmt.Sprintf("%.4g", s.CarbonG()), fmt.Sprintf("%.4g to %.4g", s.CarbonLowG, s.CarbonUpG), fmt.Sprintf("%.4g", s.CarbonG()/s.Answers), litres(s.WaterL)})
		}
		t.Render()
	}
	if shown == 0 {
		return fmt.Errorf("nothing to show by %s: %s", by, map[bool]string{true: "the prompts of the trace have no time of arrival: give arrived_at, or data.arrivals in the experiment", false: "no policy of that name has finished"}[by == store.ByHour && policy == ""])
	}
	return nil
}

// litres writes water, of which nothing is known where no factor is.
func litres(x float64) string {
	if x == 0 {
		return "-"
	}
	return fmt.Sprintf("%.3g", x)
}

func digits4(x *float64) string {
	if x == nil {
		return "-"
	}
	return fmt.Sprintf("%.4g", *x)
}

func thousand(x *float64) string {
	if x == nil {
		return "-"
	}
	y := *x * perThousand
	return digits4(&y)
}

func percent(x *float64) string {
	if x == nil {
		return "-"
	}
	return fmt.Sprintf("%.1f %%", 100**x)
}
