package footprint

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"slices"
	"sort"
	"strings"
	"time"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/trilemma-bench/trilemma/harness/experiment"
	"github.com/trilemma-bench/trilemma/harness/metrics"
	"github.com/trilemma-bench/trilemma/harness/plot"
	"github.com/trilemma-bench/trilemma/harness/report/leaderboard"
	"github.com/trilemma-bench/trilemma/harness/savings"
	"github.com/trilemma-bench/trilemma/harness/store"
	"github.com/trilemma-bench/trilemma/harness/textfile"
)

// Figures are the savings of each pool, what they depend on, and where policies route hour by hour.
func Figures(run *store.Run, looks *plot.Looks) ([]plot.Named, error) {
	f, err := Of(run)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil // a run of an older version
	}
	if err != nil {
		return nil, err
	}
	points, err := run.Points()
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
		if bars, caption := savingBars(f, &b, looks); base != "" && len(bars.Bars) > 0 {
			out = append(out, plot.Named{Kind: "savings", Name: base + experiment.FileName(b.Pool), Pool: b.Pool, Figure: bars, Caption: caption})
		}
	}
	for i := range f.Sensitivity {
		s := &f.Sensitivity[i]
		for _, t := range tornados(s, settingOf(points, s)) {
			t.Kind, t.Name, t.Pool = "sensitivity", t.Name+experiment.FileName(s.Pool), s.Pool
			out = append(out, t)
		}
	}
	for i := range f.Policies {
		p := &f.Policies[i]
		if p.Single || len(p.HourlyShares) == 0 || !byHour || !strings.HasPrefix(p.Setting, "least carbon at quality of best") || p.Seed > 1 {
			continue
		}
		if s, prompts, telling := hourly(p, looks); telling {
			out = append(out, plot.Named{
				Kind: "hours", Name: "hours-" + experiment.FileName(p.Policy) + "-" + experiment.FileName(p.Pool), Pool: p.Pool, Policy: p.Policy, Figure: s,
				Caption: fmt.Sprintf("Where %s routes as grids change (pool %s), at the setting of least carbon that keeps the best single model's quality on the selection prompts: the models that answered, stacked "+looks.Stacked()+". "+
					"%s test prompts, about %.0f a bar; policies whose choice does not depend on the hour (chi-squared, p ≥ 0.001) are not drawn.", p.Policy, p.Pool, textfile.Thousands(int(math.Round(prompts))), prompts/float64(len(s.Preferences))),
			})
		}
	}
	return out, nil
}

// settingOf says what the setting of a sensitivity means.
func settingOf(points []store.Point, s *store.Sensitivity) string {
	for i := range points {
		if p := &points[i]; p.Pool == s.Pool && p.Policy == s.Policy && p.Preference == s.Preference {
			return p.Setting()
		}
	}
	return s.Preference
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
func savingBars(f *Footprint, b *store.Baseline, looks *plot.Looks) (*plot.Ranges, string) {
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
		look := looks.Policy(s.Policy)
		id, single := strings.CutPrefix(s.Policy, metrics.SinglePrefix)
		if single {
			look = looks.Model(id)
		}
		r := plot.Range{Label: fmt.Sprintf("%s (%+.3f)", id, s.QualityDiff), Look: look, Value: 100 * *s.CarbonSaving, Low: math.NaN(), High: math.NaN()}
		if s.CarbonSavingBothLow != nil && s.CarbonSavingBothHigh != nil {
			r.Low, r.High = 100**s.CarbonSavingBothLow, 100**s.CarbonSavingBothHigh
		}
		if r.Value != 0 { // the baseline itself
			bars.Bars = append(bars.Bars, r)
		}
	}
	sort.SliceStable(bars.Bars, func(i, j int) bool { return bars.Bars[i].Value > bars.Bars[j].Value })
	caption := fmt.Sprintf("What each policy saves of the emissions of %s (pool %s) at a setting chosen on the selection prompts to keep its score; only policies whose score is shown to be no more than %.2f lower on %s test prompts. Bars are central estimates, thin lines 95 %% intervals with the error of estimated energy; in brackets stands the difference of score.",
		b.What, b.Pool, f.Margin, textfile.Thousands(n))
	if len(not) > 0 {
		caption += " Not shown to keep it: " + strings.Join(not, ", ") + "."
	}
	return bars, caption
}

// tornados show how the emissions of a policy, and its saving, move with each assumption.
func tornados(s *store.Sensitivity, setting string) []plot.Named {
	grams := &plot.Ranges{
		Title: fmt.Sprintf("What the emissions of %s depend on, pool %s", s.Policy, s.Pool), Tornado: true,
		Subtitle: "each assumption, and each model's estimate, moved alone; everything else as the experiment says", XLabel: "gCO2e per 1,000 prompts", From: leaderboard.PerThousand * s.CarbonG,
	}
	saved := &plot.Ranges{
		Title: fmt.Sprintf("What the saving of %s depends on, pool %s", s.Policy, s.Pool), Tornado: true,
		Subtitle: "saving against the best single model; each assumption, and each model's estimate, moved alone", XLabel: "gCO2e saved (%)", From: 100 * (1 - s.CarbonG/s.BaselineG),
	}
	for _, x := range s.Factors {
		if x.Low.CarbonG == x.High.CarbonG && x.Low.BaselineG == x.High.BaselineG {
			continue // no closed models, say
		}
		grams.Bars = append(grams.Bars, plot.Range{Label: x.Name, Value: grams.From, Low: leaderboard.PerThousand * x.Low.CarbonG, High: leaderboard.PerThousand * x.High.CarbonG, LowLabel: x.Low.Setting, HighLabel: x.High.Setting})
		saved.Bars = append(saved.Bars, plot.Range{Label: x.Name, Value: saved.From, Low: 100 * x.Low.Saving(), High: 100 * x.High.Saving(), LowLabel: x.Low.Setting, HighLabel: x.High.Setting})
	}
	var short [2]string
	for i, r := range []*plot.Ranges{grams, saved} {
		sort.SliceStable(r.Bars, func(i, j int) bool { return r.Bars[i].Spread() > r.Bars[j].Spread() })
		// What moves a hundredth of what the first moves cannot be seen.
		all := len(r.Bars)
		r.Bars = slices.DeleteFunc(r.Bars, func(b plot.Range) bool { return b.Spread() < 0.01*r.Bars[0].Spread() })
		if left := all - len(r.Bars); left > 0 {
			short[i] = fmt.Sprintf(" %d that move it by less than a hundredth of the first are left out.", left)
		}
	}
	what := fmt.Sprintf("at the setting \"%s\". Each bar moves one assumption, or one model's estimate, to the two ends written beside it, light and dark, everything else staying as the experiment says; the longest matters most, and the line is the estimate.", setting)
	return []plot.Named{
		{Name: "sensitivity-", Figure: grams, Caption: fmt.Sprintf("What the emissions of %s depend on (pool %s), %s%s", s.Policy, s.Pool, what, short[0])},
		{Name: "sensitivity-saving-", Figure: saved, Caption: fmt.Sprintf("What the saving of %s depends on (pool %s), %s%s", s.Policy, s.Pool, what, short[1])},
	}
}

// answersABar is how many answers a bar of the hours holds at least, on average: shares of fewer are noise.
const answersABar = 30

// hourly are the shares of the models hour by hour, or over several hours where each has few answers; how many answers there
// are; and whether the shares differ between bars by more than chance.
func hourly(p *Policy, looks *plot.Looks) (out *plot.Shares, answers float64, telling bool) {
	out = &plot.Shares{
		Looks:    looks,
		Title:    fmt.Sprintf("Where %s routes hour by hour, pool %s", p.Policy, p.Pool),
		Subtitle: "at the setting of least carbon that keeps the best single model's quality on the selection prompts",
		XLabel:   "Hour (UTC)",
	}
	hours := map[string]bool{}
	for _, h := range p.HourlyShares {
		hours[h.Hour] = true
		answers += h.Answers
		if !slices.Contains(out.Models, h.Model) {
			out.Models = append(out.Models, h.Model)
		}
	}
	looks.ByPrice(out.Models)
	whole := 1 // hours of a bar
	for _, divisor := range []int{1, 2, 3, 4, 6, 12} {
		if whole = divisor; answers*float64(divisor) >= answersABar*float64(len(hours)) {
			break
		}
	}
	count := map[string][]float64{}
	for _, h := range p.HourlyShares {
		bar := barOf(h.Hour, whole)
		if count[bar] == nil {
			count[bar] = make([]float64, len(out.Models))
		}
		count[bar][slices.Index(out.Models, h.Model)] += h.Answers
	}
	bars := slices.Sorted(maps.Keys(count))
	if len(bars) > 0 && len(bars[0]) < len(hourFormat) {
		stretch := map[bool]string{true: "Day", false: "Month"}[len(bars[0]) == len(time.DateOnly)]
		out.Title = fmt.Sprintf("Where %s routes %s by %s, pool %s", p.Policy, strings.ToLower(stretch), strings.ToLower(stretch), p.Pool)
		out.XLabel = stretch + " (UTC)"
	} else if whole > 1 {
		out.XLabel = fmt.Sprintf("From hour (UTC), %d hours a bar", whole)
	}
	var counts [][]float64
	for _, bar := range bars {
		row, sum := count[bar], 0.0
		for _, x := range row {
			sum += x
		}
		share := make([]float64, len(row))
		for m, x := range row {
			share[m] = x / sum
		}
		label := bar
		switch len(bar) {
		case len(hourFormat):
			label = bar[8:10] + " " + bar[11:] + "h" // day of the month and hour
		case len(time.DateOnly):
			label = bar[5:]
		}
		counts = append(counts, row)
		out.Preferences, out.Share = append(out.Preferences, label), append(out.Share, share)
	}
	return out, answers, dependent(counts)
}

// hourFormat is how the hours of a run are written.
const hourFormat = "2006-01-02T15"

// barOf is the first hour of the bar that an hour is in; days and months are bars of their own.
func barOf(hour string, whole int) string {
	at, err := time.Parse(hourFormat, hour)
	if err != nil {
		return hour
	}
	return at.Add(-time.Duration(at.Hour()%whole) * time.Hour).Format(hourFormat)
}

// dependent tells whether the columns of a table of counts depend on its rows by the chi-squared test at 0.001. Columns that hold
// too few for it, fewer than five a row on average, count as one.
func dependent(counts [][]float64) bool {
	if len(counts) < 2 {
		return false
	}
	var rows []float64
	columns := make([]float64, len(counts[0]))
	total := 0.0
	for _, row := range counts {
		sum := 0.0
		for m, x := range row {
			sum += x
			columns[m] += x
		}
		rows, total = append(rows, sum), total+sum
	}
	var chi, rare float64
	kept := 0
	rareOf := make([]float64, len(counts))
	add := func(observed []float64, column float64) {
		for i, x := range observed {
			if expected := rows[i] * column / total; expected > 0 {
				chi += (x - expected) * (x - expected) / expected
			}
		}
		kept++
	}
	for m, sum := range columns {
		observed := make([]float64, len(counts))
		for i, row := range counts {
			observed[i] = row[m]
		}
		if sum >= 5*float64(len(counts)) {
			add(observed, sum)
			continue
		}
		rare += sum
		for i, x := range observed {
			rareOf[i] += x
		}
	}
	if rare > 0 {
		add(rareOf, rare)
	}
	if kept < 2 {
		return false
	}
	return distuv.ChiSquared{K: float64((kept - 1) * (len(counts) - 1))}.Survival(chi) < 0.001
}
