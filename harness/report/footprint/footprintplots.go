package footprint

import (
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/trilemma-bench/trilemma/harness/report/leaderboard"

	"github.com/trilemma-bench/trilemma/harness/experiment"
	"github.com/trilemma-bench/trilemma/harness/plot"
	"github.com/trilemma-bench/trilemma/harness/store"
)

// FootprintFigures are the savings of each pool, what they depend on, and where policies route hour by hour.
func FootprintFigures(run *store.Run) ([]plot.Named, error) {
	f, err := NewFootprint(run)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil // a run of an older version
	}
	if err != nil {
		return nil, err
	}
	var out []plot.Named
	for _, b := range f.Baselines {
		base := map[string]string{"best single": "savings-", "deployed single": "savings-deployed-"}[b.Name]
		if bars := savingBars(f, &b); base != "" && len(bars.Bars) > 0 {
			out = append(out, plot.Named{Name: base + experiment.FileName(b.Pool), Figure: bars})
		}
	}
	for i := range f.Sensitivity {
		s := &f.Sensitivity[i]
		for _, t := range tornados(s) {
			out = append(out, plot.Named{Name: t.Name + experiment.FileName(s.Pool), Figure: t.Figure})
		}
	}
	for i := range f.Policies {
		if p := &f.Policies[i]; !p.Single && len(p.HourlyShares) > 0 && strings.HasPrefix(p.Setting, "least carbon at quality of best") && p.Seed <= 1 {
			out = append(out, plot.Named{Name: "hours-" + experiment.FileName(p.Policy) + "-" + experiment.FileName(p.Pool), Figure: hourly(p)})
		}
	}
	return out, nil
}

func savingBars(f *Footprint, b *store.Baseline) *plot.Ranges {
	bars := &plot.Ranges{
		Title:    fmt.Sprintf("Emissions saved against %s, pool %s", b.What, b.Pool),
		Subtitle: "in brackets: difference of quality; lines: 95 % intervals over test prompts, with the error of estimated energy",
		XLabel:   "gCO2e saved (%)",
	}
	for _, s := range f.Deployed(b) {
		if s.CarbonSaving == nil {
			continue
		}
		label := fmt.Sprintf("%s (%+.3f)", s.Policy, s.QualityDiff)
		r := plot.Range{Label: label, Value: 100 * *s.CarbonSaving, Low: math.NaN(), High: math.NaN()}
		if s.CarbonSavingBothLow != nil && s.CarbonSavingBothHigh != nil {
			r.Low, r.High = 100**s.CarbonSavingBothLow, 100**s.CarbonSavingBothHigh
		}
		bars.Bars = append(bars.Bars, r)
	}
	sort.SliceStable(bars.Bars, func(i, j int) bool { return bars.Bars[i].Value > bars.Bars[j].Value })
	return bars
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
	return []plot.Named{{Name: "sensitivity-", Figure: grams}, {Name: "sensitivity-saving-", Figure: saved}}
}

// hourly are the shares of the models hour by hour.
func hourly(p *PolicyFootprint) *plot.Shares {
	out := &plot.Shares{
		Title:  fmt.Sprintf("Where %s at %s routes hour by hour, pool %s", p.Policy, p.Preference, p.Pool),
		XLabel: "Hour (UTC)",
	}
	sum := map[string]float64{}
	for _, h := range p.HourlyShares {
		sum[h.Hour] += h.Answers
		if !slices.Contains(out.Models, h.Model) {
			out.Models = append(out.Models, h.Model)
		}
	}
	slices.Sort(out.Models)
	var hours []string
	for h := range sum {
		hours = append(hours, h)
	}
	slices.Sort(hours)
	if len(hours) > 0 && len(hours[0]) < len("2006-01-02T15") {
		stretch := map[bool]string{true: "Day", false: "Month"}[len(hours[0]) == len(time.DateOnly)]
		out.Title = fmt.Sprintf("Where %s at %s routes %s by %s, pool %s", p.Policy, p.Preference, strings.ToLower(stretch), strings.ToLower(stretch), p.Pool)
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
