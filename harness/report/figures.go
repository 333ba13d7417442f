// Package report shows what a run found, from its results alone: figures, and a table for the terminal. It has no
// statistics of its own: every number was stored by the runner.
package report

import (
	"cmp"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/trilemma-bench/trilemma/harness/report/footprint"
	"github.com/trilemma-bench/trilemma/harness/report/leaderboard"

	"github.com/trilemma-bench/trilemma/harness/experiment"
	"github.com/trilemma-bench/trilemma/harness/metrics"
	"github.com/trilemma-bench/trilemma/harness/plot"
	"github.com/trilemma-bench/trilemma/harness/store"
	"github.com/trilemma-bench/trilemma/harness/textfile"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

const plotsDir = "plots"

// Figures draws the fronts and route shares of every pool into the run's folder and returns the paths written.
func Figures(run *store.Run, how experiment.Plots) ([]string, error) {
	if len(how.Formats) == 0 {
		return nil, nil
	}
	return FiguresIn(run, run.Path(plotsDir), how)
}

// FiguresIn draws them into a folder.
func FiguresIn(run *store.Run, dir string, how experiment.Plots) ([]string, error) {
	style, err := plot.StyleNamed(how.Style)
	if err != nil {
		return nil, err
	}
	points, err := run.Points()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("making the folder of plots: %w", err)
	}
	selected, err := leaderboard.ReadSelections(run)
	if err != nil {
		return nil, err
	}
	tables, err := leaderboard.Read(run)
	if err != nil {
		return nil, err
	}
	var paths []string
	for _, pool := range leaderboard.Pools(points) {
		of := leaderboard.InPool(points, pool)
		for _, f := range fronts(run.Experiment, pool, of, selected, how) {
			markLabelled(f.front, tables, pool)
			written, err := plot.Save(f.front, style, dir, f.name, how.Formats)
			paths = append(paths, written...)
			if err != nil {
				return paths, err
			}
		}
		for _, s := range shares(pool, of) {
			written, err := plot.Save(s.shares, style, dir, s.name, how.Formats)
			paths = append(paths, written...)
			if err != nil {
				return paths, err
			}
		}
	}
	extra, err := footprint.FootprintFigures(run)
	if err != nil {
		return paths, err
	}
	for _, e := range leaderboard.EffectsOf(tables) {
		extra = append(extra, e.Figures(run.Experiment)...)
	}
	cells, err := trained(run)
	if err != nil {
		return paths, err
	}
	extra = append(extra, curveFigures(run.Experiment, cells)...)
	for _, f := range extra {
		written, err := plot.Save(f.Figure, style, dir, f.Name, how.Formats)
		paths = append(paths, written...)
		if err != nil {
			return paths, err
		}
	}
	return paths, nil
}

// markLabelled marks the policies that use the data set's label.
func markLabelled(f *plot.Front, tables []leaderboard.Table, pool string) {
	for i := range tables {
		if tables[i].Pool != pool {
			continue
		}
		marked := false
		for k := range f.Series {
			if l := tables[i].Line(f.Series[k].Label); l != nil && l.Role == metrics.RoleLabelled {
				f.Series[k].Label, marked = l.Name(), true
			}
		}
		if marked {
			f.Notes = append(f.Notes, "‡ uses the data set's label")
		}
	}
}

type namedFront struct {
	name  string
	front *plot.Front
}

// quantity is one of the three axes.
type quantity struct {
	policy.Quantity
	axis plot.Axis
}

func quantities(how experiment.Plots) (quality, cost, carbon quantity) {
	scaling := plot.Auto
	switch how.LogCost {
	case "true":
		scaling = plot.Log
	case "false":
		scaling = plot.Linear
	}
	quality = quantity{policy.Quality, plot.Axis{Label: "Quality (mean score)", HighIsBetter: true, Scaling: plot.Linear}}
	cost = quantity{policy.Cost, plot.Axis{Label: "Cost (USD per 1,000 prompts)", Factor: leaderboard.PerThousand, Scaling: scaling}}
	carbon = quantity{policy.Carbon, plot.Axis{Label: "Emissions (gCO2e per 1,000 prompts)", Factor: leaderboard.PerThousand, Scaling: scaling}}
	return quality, cost, carbon
}

// fronts are the three figures of a pool; those of carbon are left out where it is unknown.
func fronts(name, pool string, points []store.Point, selected leaderboard.Selections, how experiment.Plots) []namedFront {
	quality, cost, carbon := quantities(how)
	known := slices.ContainsFunc(points, func(p store.Point) bool { return !math.IsNaN(p.Figures[policy.Carbon]) })
	n := 0
	for _, p := range points {
		n = max(n, p.N)
	}
	subtitle := fmt.Sprintf("%s test prompts", textfile.Thousands(n))
	title := func(what string) string { return fmt.Sprintf("%s: %s, pool %s", name, what, pool) }
	intervals := subtitle + "; bars: 95 % interval of quality"
	out := []namedFront{{"quality-cost-" + experiment.FileName(pool), front(title("quality and cost"), intervals, points, selected, cost, quality)}}
	if known {
		bounded := subtitle
		if slices.ContainsFunc(points, func(p store.Point) bool { return p.Low[policy.Carbon] < p.High[policy.Carbon] }) {
			intervals += ", and of emissions over the sizes assumed for closed models"
			bounded += "; bars: emissions over the sizes assumed for closed models"
		}
		out = append(out, namedFront{"quality-carbon-" + experiment.FileName(pool), front(title("quality and emissions"), intervals, points, selected, carbon, quality)})
		both := front(title("cost and emissions"), bounded, points, nil, cost, carbon)
		sizes(both, points)
		both.Zero, both.Oracle, both.Notes = nil, nil, nil
		out = append(out, namedFront{"cost-carbon-" + experiment.FileName(pool), both})
	}
	return out
}

// front gathers one figure. Seeds of a policy at one preference are one point, their mean. The line of a policy runs through
// the settings that the selection prompts speak for; where there are none, through its front on the test prompts.
func front(title, subtitle string, points []store.Point, selected leaderboard.Selections, x, y quantity) *plot.Front {
	f := &plot.Front{Title: title, Subtitle: subtitle, X: x.axis, Y: y.axis}
	at := map[string]int{}
	points = leaderboard.OverSeeds(points)
	chosen := selected.ChosenBy(points, x.Quantity)
	// The Zero router's mixes are chosen by their cost; on another axis those of the single models' selection figures stand.
	prices := x.Quantity == policy.Cost
	for _, p := range points {
		pt := plot.At(p.Figures[x.Quantity], p.Figures[y.Quantity])
		if low, high := p.Low[x.Quantity], p.High[x.Quantity]; low < high {
			pt.XLow, pt.XHigh = low, high
		}
		if low, high := p.Low[y.Quantity], p.High[y.Quantity]; low < high {
			pt.YLow, pt.YHigh = low, high
		}
		pt.Label, pt.Chosen = p.Preference, chosen[leaderboard.KeyOf(&p)]
		switch p.Family {
		case metrics.Oracle:
			f.Oracle = append(f.Oracle, plot.XY{X: pt.X, Y: pt.Y})
		case metrics.ZeroRouter:
			if prices {
				f.Zero = append(f.Zero, plot.XY{X: pt.X, Y: pt.Y})
			}
		case leaderboard.FamilySingle:
			if pt.Chosen && !prices {
				f.Zero = append(f.Zero, plot.XY{X: pt.X, Y: pt.Y})
			}
			f.Models = append(f.Models, plot.Model{Label: strings.TrimPrefix(p.Policy, "single:"), Point: pt})
		default:
			name := p.Policy
			i, ok := at[name]
			if !ok {
				i = len(f.Series)
				at[name] = i
				f.Series = append(f.Series, plot.Series{Label: name, Family: p.Family})
			}
			f.Series[i].Points = append(f.Series[i].Points, pt)
		}
	}
	for i := range f.Series {
		if !slices.ContainsFunc(f.Series[i].Points, func(p plot.Point) bool { return p.Chosen }) {
			f.ChooseFront(&f.Series[i])
		}
	}
	if !prices {
		slices.SortStableFunc(f.Zero, func(a, b plot.XY) int { return cmp.Compare(a.X, b.X) })
	}
	f.Oracle = rising(f.Oracle)
	if len(chosen) > 0 {
		f.Notes = append(f.Notes, "full: chosen by selection prompts")
	}
	if len(f.Zero) > 0 {
		f.Notes = append(f.Notes, "Zero router: chosen outside test")
	}
	if len(f.Oracle) > 0 {
		f.Notes = append(f.Notes, "oracle: bound, in hindsight")
	}
	return f
}

// rising is the oracle's line from left to right, without the points that another is above and left of: at a price of
// emissions the oracle gives up quality for what this figure does not show.
func rising(points []plot.XY) []plot.XY {
	slices.SortStableFunc(points, func(a, b plot.XY) int { return cmp.Or(cmp.Compare(a.X, b.X), cmp.Compare(b.Y, a.Y)) })
	var out []plot.XY
	for _, p := range points {
		if p.X == p.X && p.Y == p.Y && (len(out) == 0 || p.Y > out[len(out)-1].Y) {
			out = append(out, p)
		}
	}
	return out
}

// sizes lets the markers of a figure that has no quality axis tell quality: the area grows with the score.
func sizes(f *plot.Front, points []store.Point) {
	low, high := math.Inf(1), math.Inf(-1)
	quality := map[string]float64{}
	for _, p := range leaderboard.OverSeeds(points) {
		if p.Family == metrics.Oracle || math.IsNaN(p.Figures[policy.Quality]) {
			continue
		}
		low, high = min(low, p.Figures[policy.Quality]), max(high, p.Figures[policy.Quality])
		quality[p.Policy+"\x00"+p.Preference] = p.Figures[policy.Quality]
	}
	f.SizeNote = fmt.Sprintf("area: mean score, %.2f to %.2f", low, high)
	for i := range f.Series {
		s := &f.Series[i]
		for k := range s.Points {
			if q, ok := quality[s.Label+"\x00"+s.Points[k].Label]; ok && high > low {
				s.Points[k].Size = (q - low) / (high - low)
			}
		}
	}
}

type namedShares struct {
	name   string
	shares *plot.Shares
}

// shares are the route shares of each policy that has a sweep, over the preferences for cost.
func shares(pool string, points []store.Point) []namedShares {
	var out []namedShares
	at := map[string]int{}
	var models []string
	for _, p := range points {
		if p.Family == "single" && !slices.Contains(models, strings.TrimPrefix(p.Policy, "single:")) {
			models = append(models, strings.TrimPrefix(p.Policy, "single:"))
		}
	}
	for _, p := range points {
		for _, s := range p.Shares {
			if !slices.Contains(models, s.Model) {
				models = append(models, s.Model)
			}
		}
	}
	first := map[string]uint64{}
	for _, p := range points {
		if p.Family == "single" || p.Family == metrics.Oracle || p.Family == metrics.ZeroRouter ||
			p.Lambda[policy.Carbon] != 0 || p.Lambda[policy.Latency] != 0 || p.Preference == "any" {
			continue
		}
		name := p.Policy
		if seed, ok := first[name]; ok && seed != p.Seed {
			continue
		}
		first[name] = p.Seed
		i, ok := at[name]
		if !ok {
			i = len(out)
			at[name] = i
			out = append(out, namedShares{"shares-" + experiment.FileName(name) + "-" + experiment.FileName(pool), &plot.Shares{
				Title: fmt.Sprintf("Route shares of %s, pool %s", name, pool), XLabel: "λ cost (score that one USD is worth)", Models: models,
			}})
		}
		row := make([]float64, len(models))
		for _, s := range p.Shares {
			row[slices.Index(models, s.Model)] = s.Share
		}
		out[i].shares.Preferences = append(out[i].shares.Preferences, short(p.Lambda[policy.Cost]))
		out[i].shares.Share = append(out[i].shares.Share, row)
	}
	return out
}

// short writes a λ with two digits: 48, 4.8k, 110k.
func short(x float64) string {
	unit := ""
	switch {
	case x >= 9.95e5:
		x, unit = x/1e6, "M"
	case x >= 995:
		x, unit = x/1e3, "k"
	}
	digits := strconv.FormatFloat(x, 'g', 2, 64)
	rounded, err := strconv.ParseFloat(digits, 64)
	if err != nil {
		return digits + unit
	}
	return strconv.FormatFloat(rounded, 'f', -1, 64) + unit
}
