package footprint

import (
	"fmt"
	"io"
	"slices"
	"sort"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/trilemma-bench/trilemma/harness/report/leaderboard"
	"github.com/trilemma-bench/trilemma/harness/store"
)

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
	fmt.Fprintln(w, "Footprint per 1,000 prompts; bounds by the assumed sizes of closed models, and 95 % bounds by the estimate of energy")
	t := newTable(table.Row{"pool", "policy", "setting: a point is worth", "quality", "USD", "Wh", "gCO2e", "by sizes", "by the estimate", "water l", "router s", "router Wh", "cost error"})
	for i := range f.Policies {
		p := &f.Policies[i]
		if p.Single && policy == "" || policy != "" && p.Policy != policy {
			continue
		}
		name := p.Policy
		if p.Seed > 1 {
			name = fmt.Sprintf("%s seed %d", name, p.Seed)
		}
		t.AppendRow(table.Row{p.Pool, name, f.Words(p.Pool, p.Preference) + ": " + p.Setting, digits4(p.Quality), digits4(p.CostUSD), digits4(p.EnergyWh),
			digits4(p.CarbonG), digits4(p.CarbonGLow) + " to " + digits4(p.CarbonGHigh), digits4(p.ModelLow) + " to " + digits4(p.ModelHigh), digits4(p.WaterL), digits4(p.RouterSec), digits4(p.RouterWh), percent(p.CostError)})
	}
	t.Render()
	f.savings(w, newTable)
	f.own(w)
	if by != "" {
		return f.breakdown(w, newTable, by, policy)
	}
	return nil
}

// saved are the columns of a saving, beside each other in every table: quality, carbon, dollars, seconds, and the blind mix.
func (f *Footprint) saved(s *store.Saving) []string {
	name := s.Policy
	if s.Seeds > 1 {
		name = fmt.Sprintf("%s, %d seeds", name, s.Seeds)
	} else if s.Seed > 1 {
		name = fmt.Sprintf("%s seed %d", name, s.Seed)
	}
	if s.Role == store.RoleLabelled {
		name += " (reads the data set's label)"
	}
	blind := "-"
	if s.OverBlind != nil && s.Role != store.RoleSingle && s.Role != store.RoleBlind {
		blind = fmt.Sprintf("%s [%s, %s]: %s", percent(s.OverBlind), percent(s.OverBlindBothLow), percent(s.OverBlindBothHigh), blindVerdicts[s.OverBlindVerdict])
	}
	return []string{
		name, f.Words(s.Pool, s.Preference), fmt.Sprint(s.N), fmt.Sprintf("%+.4f [%s, %s]: %s", s.QualityDiff, digits4(s.QualityDiffLow), digits4(s.QualityDiffHigh), s.QualityVerdict),
		fmt.Sprintf("%s [%s, %s]", percent(s.CarbonSaving), percent(s.CarbonSavingLow), percent(s.CarbonSavingHigh)),
		fmt.Sprintf("[%s, %s]", percent(s.CarbonSavingBothLow), percent(s.CarbonSavingBothHigh)),
		fmt.Sprintf("%s [%s, %s]", percent(s.CostSaving), percent(s.CostSavingLow), percent(s.CostSavingHigh)),
		fmt.Sprintf("%s [%s, %s]", percent(s.LatencySaving), percent(s.LatencySavingLow), percent(s.LatencySavingHigh)),
		blind,
	}
}

// savedHead names the columns of saved.
var savedHead = []string{"policy", "setting: a point is worth", "n", "quality difference", "gCO2e saved", "with the estimate's error", "USD saved", "seconds saved", "gCO2e saved over a blind mix of its quality"}

var blindVerdicts = map[string]string{"saves": "saves", "emits more": "emits more", "not shown": "nothing shown"}

// Deployed are the savings against a baseline as one would deploy them: references first, then policies, over their seeds
// where there are several.
func (f *Footprint) Deployed(b *store.Baseline) []*store.Saving {
	var out []*store.Saving
	for i := range f.Savings {
		s := &f.Savings[i]
		if s.Pool == b.Pool && s.Baseline == b.Name && s.ChosenOn != store.Hindsight && !(s.Seeds == 1 && f.summarised(s)) {
			out = append(out, s)
		}
	}
	return out
}

// summarised tells whether a row over all seeds takes the place of one seed's.
func (f *Footprint) summarised(s *store.Saving) bool {
	return slices.ContainsFunc(f.Savings, func(o store.Saving) bool {
		return o.Seeds > 1 && o.Pool == s.Pool && o.Policy == s.Policy && o.Baseline == s.Baseline && o.ChosenOn == s.ChosenOn
	})
}

func (f *Footprint) savings(w io.Writer, newTable func(table.Row) table.Writer) {
	for i := range f.Baselines {
		b := &f.Baselines[i]
		fmt.Fprintf(w, "\nPool %s: savings against %s (%s; chosen on: %s): quality %s, %s gCO2e (%s to %s by assumed sizes, %s to %s by the estimate), %s USD and %s s per 1,000 prompts\n", b.Pool, b.Name, b.What, b.ChosenOn,
			digits4(b.Quality), thousand(b.CarbonG), thousand(b.CarbonGLow), thousand(b.CarbonGHigh), thousand(b.CarbonGModelLow), thousand(b.CarbonGModelHigh), thousand(b.CostUSD), thousand(b.LatencySec))
		rows := f.Deployed(b)
		for k := range f.Savings {
			if s := &f.Savings[k]; s.Pool == b.Pool && s.Baseline == b.Name && s.ChosenOn == store.Hindsight {
				rows = append(rows, s)
			}
		}
		head := table.Row{"chosen on"}
		for _, h := range savedHead {
			head = append(head, h)
		}
		t := newTable(head)
		for _, s := range rows {
			row := table.Row{s.ChosenOn}
			for _, x := range f.saved(s) {
				row = append(row, x)
			}
			t.AppendRow(row)
		}
		t.Render()
		if b.CarbonG != nil {
			fmt.Fprintf(w, "1,000 prompts to %s are as much as", b.Name)
			for i, e := range f.Equivalents {
				if i > 0 {
					fmt.Fprint(w, ",")
				}
				fmt.Fprintf(w, " %.3g %s (%s)", *b.CarbonG*leaderboard.PerThousand/e.GramsEach, e.Name, e.Source)
			}
			fmt.Fprintln(w)
		}
	}
	for _, line := range f.Statements() {
		fmt.Fprintln(w, line)
	}
	for _, n := range f.Notices {
		fmt.Fprintf(w, "note: %s\n", n)
	}
}

// Statements say what the figures of savings are.
func (f *Footprint) Statements() []string {
	out := []string{
		"Settings are those of " + f.Objective + ". Those in hindsight are chosen by the test prompts themselves, and are what nobody could have deployed.",
		fmt.Sprintf("Brackets are 95 %% intervals over the test prompts (and seeds, where there are several). Quality is non-inferior where its whole interval lies above −%.4g, worse where it lies below.", f.Margin),
		"A blind mix gives each of two single models a part of the prompts without looking at them; what a policy saves over the mix of its own quality is what looking is worth.",
	}
	if e := f.Estimate; e.SDLn > 0 {
		prefill := "the reading of prompts is left out"
		if e.Prefill {
			prefill = "the reading of prompts counts"
		}
		out = append(out, fmt.Sprintf("Energy was logged for %.0f %% of outcomes; else it is estimated (%s; %s). The estimate of one model may be off: intervals with the estimate's error, and those over a blind mix, give every model a lognormal factor of its own with a standard deviation of %.2f in ln (%s).", 100*e.Logged, e.Method, prefill, e.SDLn, e.Source))
	} else {
		out = append(out, "Energy is as it was logged, so no error of an estimate is in the intervals.")
	}
	return out
}

func (f *Footprint) own(w io.Writer) {
	fmt.Fprintf(w, "\nThe run itself took %.4g Wh and %.4g gCO2e in %.0f s (processors: %s; graphics: %s)\n", f.Own.EnergyWh, f.Own.CarbonG, f.Own.Seconds, f.Own.CPUHow, f.Own.GPUHow)
	for _, l := range f.Labels {
		fmt.Fprintf(w, "Labels of pool %s: %d answers to %d prompts took %s USD and %s gCO2e", l.Pool, l.Outcomes, l.Prompts, digits4(l.CostUSD), digits4(l.CarbonG))
		if l.Unknown > 0 {
			fmt.Fprintf(w, " (%d of unknown carbon left out)", l.Unknown)
		}
		fmt.Fprintln(w)
	}
	for i := range f.PayBack {
		fmt.Fprintf(w, "  %s\n", f.PayBack[i].Sentence())
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
		if p.Single && policy == "" || policy != "" && p.Policy != policy {
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
		fmt.Fprintf(w, "\n%s, %s where a point is worth %s (%s), by %s\n", p.Pool, p.Policy, f.Words(p.Pool, p.Preference), p.Setting, by)
		t := newTable(table.Row{by, "answers", "USD", "Wh", "gCO2e", "low to high", "g an answer", "water l"})
		for _, s := range list {
			t.AppendRow(table.Row{s.Key, fmt.Sprintf("%.0f", s.Answers), fmt.Sprintf("%.4g", store.OrNaN(s.CostUSD)), fmt.Sprintf("%.4g", s.EnergyWh()),
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
	y := *x * leaderboard.PerThousand
	return digits4(&y)
}

func percent(x *float64) string {
	if x == nil {
		return "-"
	}
	return fmt.Sprintf("%.1f %%", 100**x)
}
