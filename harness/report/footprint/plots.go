package footprint

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/trilemma-bench/trilemma/harness/experiment"
	"github.com/trilemma-bench/trilemma/harness/plot"
	"github.com/trilemma-bench/trilemma/harness/report/leaderboard"
	"github.com/trilemma-bench/trilemma/harness/savings"
	"github.com/trilemma-bench/trilemma/harness/store"
	"github.com/trilemma-bench/trilemma/harness/textfile"
)

// Ranks of these figures, from the savings on: between them stand shares and training.
const (
	rankSaving  = 0
	rankHour    = 2
	rankTornado = 4
)

// Figures are the savings of each pool, what they depend on, and where policies route hour by hour.
func Figures(run *store.Run, looks *plot.Looks, models []string) ([]plot.Named, error) {
	f, err := Of(run)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil // a run of an older version
	}
	if err != nil {
		return nil, err
	}
	byHour, err := hourlyGrids(run)
	if err != nil {
		return nil, err
	}
	var out []plot.Named
	for _, b := range f.Baselines {
		base := map[string]string{"best single": "savings-", "deployed single": "savings-deployed-"}[b.Name]
		if bars, caption := savingBars(f, &b); base != "" && len(bars.Bars) > 0 {
			out = append(out, plot.Named{Name: base + experiment.FileName(b.Pool), Pool: b.Pool, Figure: bars, Caption: caption, Rank: rankSaving})
		}
	}
	for i := range f.Sensitivity {
		s := &f.Sensitivity[i]
		for _, t := range tornados(s) {
			t.Name, t.Pool, t.Rank = t.Name+experiment.FileName(s.Pool), s.Pool, rankTornado
			out = append(out, t)
		}
	}
	for i := range f.Policies {
		p := &f.Policies[i]
		if p.Single || len(p.HourlyShares) == 0 || !byHour || !strings.HasPrefix(p.Setting, "least carbon at quality of best") || p.Seed > 1 {
			continue
		}
		if s := hourly(p, looks, models); s.Telling() {
			out = append(out, plot.Named{
				Name: "hours-" + experiment.FileName(p.Policy) + "-" + experiment.FileName(p.Pool), Pool: p.Pool, Policy: p.Policy, Figure: s, Rank: rankHour,
				Caption: fmt.Sprintf("Where %s routes as grids change (pool %s), at the setting of least carbon that keeps the best single model's quality on the selection prompts: the models that answered, stacked cheap to dear, light to dark.", p.Policy, p.Pool),
			})
		}
	}
	return out, nil
}

// hourlyGrids tells whether the run knew the intensity of grids hour by hour: without that no hour is like another by anything but
// its prompts.
func hourlyGrids(run *store.Run) (bool, error) {
	m, err := run.Manifest()
	if err != nil {
		return false, err
	}
	var config struct{ Accounting struct{ Hourly string } }
	if err := json.Unmarshal(m.Config, &config); err != nil {
		return false, fmt.Errorf("reading %s: config: %w", run.Path(store.ManifestFile), err)
	}
	return config.Accounting.Hourly != "", nil
}

// savingBars are the savings of the policies that keep the baseline's quality; the caption names those that are not shown to.
func savingBars(f *Footprint, b *store.Baseline) (*plot.Ranges, string) {
	bars := &plot.Ranges{
		Title:    fmt.Sprintf("Emissions saved at the quality of %s, pool %s", b.What, b.Pool),
		Subtitle: "in brackets: difference of quality; lines: 95 % intervals over test prompts, with the error of estimated energy",
		XLabel:   "gCO2e saved (%)", From: 0,
	}
	var not []string
	n := 0
	for _, s := range f.Deployed(b) {
		if s.CarbonSaving == nil {
			continue
		}
		n = max(n, s.N)
		if savings.Verdict(s.QualityVerdict) != savings.NonInferior {
			not = append(not, s.Policy)
			continue
		}
		r := plot.Range{Label: fmt.Sprintf("%s (%+.3f)", s.Policy, s.QualityDiff), Value: 100 * *s.CarbonSaving, Low: math.NaN(), High: math.NaN()}
		if s.CarbonSavingBothLow != nil && s.CarbonSavingBothHigh != nil {
			r.Low, r.High = 100**s.CarbonSavingBothLow, 100**s.CarbonSavingBothHigh
		}
		if r.Value != 0 { // the baseline itself
			bars.Bars = append(bars.Bars, r)
		}
	}
	sort.SliceStable(bars.Bars, func(i, j int) bool { return bars.Bars[i].Value > bars.Bars[j].Value })
	caption := fmt.Sprintf("What each policy saves of the emissions of %s (pool %s) at a setting chosen on the selection prompts to keep its score; only policies whose score is shown to be no more than %.2f lower on %s test prompts. Lines are 95 %% intervals, with the error of estimated energy.",
		b.What, b.Pool, f.Margin, textfile.Thousands(n))
	if len(not) > 0 {
		caption += " Not shown to keep it: " + strings.Join(not, ", ") + "."
	}
	return bars, caption
}

// tornados show how the emissions of a policy, and its saving, move with each assumption.
func tornados(s *store.Sensitivity) []plot.Named {
	grams := &plot.Ranges{
		Title: fmt.Sprintf("What the emissions of %s at %s depend on, pool %s", s.Policy, s.Preference, s.Pool), Tornado: true,
		Subtitle: "each assumption, and each model's estimate, moved alone; everything else as the experiment says", XLabel: "gCO2e per 1,000 prompts", From: leaderboard.PerThousand * s.CarbonG,
	}
	saved := &plot.Ranges{
		Title: fmt.Sprintf("What the saving of %s at %s depends on, pool %s", s.Policy, s.Preference, s.Pool), Tornado: true,
		Subtitle: "saving against the best single model; each assumption, and each model's estimate, moved alone", XLabel: "gCO2e saved (%)", From: 100 * (1 - s.CarbonG/s.BaselineG),
	}
	for _, x := range s.Factors {
		if x.Low.CarbonG == x.High.CarbonG && x.Low.BaselineG == x.High.BaselineG {
			continue // no closed models, say
		}
		grams.Bars = append(grams.Bars, plot.Range{Label: x.Name, Value: grams.From, Low: leaderboard.PerThousand * x.Low.CarbonG, High: leaderboard.PerThousand * x.High.CarbonG, LowLabel: x.Low.Setting, HighLabel: x.High.Setting})
		saved.Bars = append(saved.Bars, plot.Range{Label: x.Name, Value: saved.From, Low: 100 * x.Low.Saving(), High: 100 * x.High.Saving(), LowLabel: x.Low.Setting, HighLabel: x.High.Setting})
	}
	for _, r := range []*plot.Ranges{grams, saved} {
		sort.SliceStable(r.Bars, func(i, j int) bool { return r.Bars[i].Spread() > r.Bars[j].Spread() })
	}
	what := "Each bar moves one assumption, or one model's estimate, to its two ends, everything else staying as the experiment says; the longest bar matters most."
	return []plot.Named{
		{Name: "sensitivity-", Figure: grams, Caption: fmt.Sprintf("What the emissions of %s depend on (pool %s): %s", s.Policy, s.Pool, what)},
		{Name: "sensitivity-saving-", Figure: saved, Caption: fmt.Sprintf("What the saving of %s depends on (pool %s): %s", s.Policy, s.Pool, what)},
	}
}

// hourly are the shares of the models hour by hour.
func hourly(p *Policy, looks *plot.Looks, models []string) *plot.Shares {
	out := &plot.Shares{
		Looks:    looks,
		Title:    fmt.Sprintf("Where %s routes hour by hour, pool %s", p.Policy, p.Pool),
		Subtitle: "at the setting of least carbon that keeps the best single model's quality on the selection prompts",
		XLabel:   "Hour (UTC)",
	}
	sum := map[string]float64{}
	for _, h := range p.HourlyShares {
		sum[h.Hour] += h.Answers
		if !slices.Contains(out.Models, h.Model) {
			out.Models = append(out.Models, h.Model)
		}
	}
	slices.SortFunc(out.Models, func(a, b string) int { return slices.Index(models, a) - slices.Index(models, b) })
	var hours []string
	for h := range sum {
		hours = append(hours, h)
	}
	slices.Sort(hours)
	if len(hours) > 0 && len(hours[0]) < len("2006-01-02T15") {
		stretch := map[bool]string{true: "Day", false: "Month"}[len(hours[0]) == len(time.DateOnly)]
		out.Title = fmt.Sprintf("Where %s routes %s by %s, pool %s", p.Policy, strings.ToLower(stretch), strings.ToLower(stretch), p.Pool)
		out.XLabel = stretch + " (UTC)"
	}
	for _, h := range hours {
		row := make([]float64, len(out.Models))
		for _, x := range p.HourlyShares {
			if x.Hour == h && sum[h] > 0 {
				row[slices.Index(out.Models, x.Model)] += x.Answers / sum[h]
			}
		}
		label := h
		switch len(h) {
		case len("2006-01-02T15"):
			label = h[8:10] + " " + h[11:] + "h" // day of the month and hour
		case len(time.DateOnly):
			label = h[5:]
		}
		out.Preferences, out.Share = append(out.Preferences, label), append(out.Share, row)
	}
	return out
}
