// Package report shows what a run found, from its results alone: figures, and a table for the terminal. It has no
// statistics of its own: every number was stored by the runner.
package report

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/trilemma-bench/trilemma/harness/experiment"
	"github.com/trilemma-bench/trilemma/harness/metrics"
	"github.com/trilemma-bench/trilemma/harness/plot"
	"github.com/trilemma-bench/trilemma/harness/report/footprint"
	"github.com/trilemma-bench/trilemma/harness/report/leaderboard"
	"github.com/trilemma-bench/trilemma/harness/store"
	"github.com/trilemma-bench/trilemma/harness/textfile"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

const plotsDir = "plots"

// kinds are those of figures, the most telling first.
var kinds = []string{"quality-cost", "quality-carbon", "cost-carbon", "effects", "savings", "shares", "hours", "curves", "sensitivity"}

// Figures draws what a run has to show into its folder and returns the paths written.
func Figures(run *store.Run, how experiment.Plots) ([]string, error) {
	if len(how.Formats) == 0 {
		return nil, nil
	}
	figures, err := Drawn(run, how)
	if err != nil {
		return nil, err
	}
	if err := dropStale(run, figures); err != nil {
		return nil, err
	}
	paths, err := SaveFigures(figures, run.Path(plotsDir), how)
	if err != nil {
		return paths, err
	}
	return paths, writeCaptions(run, figures)
}

// dropStale removes what was drawn before and is no longer: by another version, or before an experiment changed its policies.
func dropStale(run *store.Run, figures []plot.Named) error {
	entries, err := os.ReadDir(run.Path(plotsDir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("looking for plots drawn before: %w", err)
	}
	for _, e := range entries {
		ext := filepath.Ext(e.Name())
		base := strings.TrimSuffix(e.Name(), ext)
		ours := slices.Contains(append([]string{"csv"}, plot.Formats...), strings.TrimPrefix(ext, "."))
		if ours && !slices.ContainsFunc(figures, func(f plot.Named) bool { return f.Name == base }) {
			if err := os.Remove(run.Path(plotsDir, e.Name())); err != nil {
				return fmt.Errorf("removing a plot drawn before: %w", err)
			}
		}
	}
	return nil
}

// SaveFigures writes figures into a folder and returns the paths.
func SaveFigures(figures []plot.Named, dir string, how experiment.Plots) ([]string, error) {
	style, err := plot.StyleNamed(how.Style)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("making the folder of plots: %w", err)
	}
	var paths []string
	for _, f := range figures {
		written, err := plot.Save(f.Figure, style, dir, f.Name, how.Formats)
		paths = append(paths, written...)
		if err != nil {
			return paths, err
		}
	}
	return paths, nil
}

// Drawn are the figures of a run that have something to tell, the most telling first.
func Drawn(run *store.Run, how experiment.Plots) ([]plot.Named, error) {
	points, err := run.Points()
	if err != nil {
		return nil, err
	}
	selected, err := leaderboard.ReadSelections(run)
	if err != nil {
		return nil, err
	}
	tables, err := leaderboard.Read(run)
	if err != nil {
		return nil, err
	}
	looks, err := leaderboard.LooksOf(run)
	if err != nil {
		return nil, err
	}
	cells, err := trained(run)
	if err != nil {
		return nil, err
	}
	var out []plot.Named
	for _, pool := range leaderboard.Pools(points) {
		of := leaderboard.InPool(points, pool)
		for _, f := range fronts(run.Experiment, pool, of, selected, how, looks) {
			mark(f.Figure, tables, pool)
			out = append(out, f)
		}
		out = append(out, shares(pool, of, looks)...)
	}
	extra, err := footprint.Figures(run, looks)
	if err != nil {
		return nil, err
	}
	out = append(out, extra...)
	for _, e := range leaderboard.EffectsOf(tables) {
		out = append(out, e.Figures(run.Experiment, looks)...)
	}
	return inOrder(append(out, curveFigures(run.Experiment, cells, looks)...), leaderboard.Pools(points), tables), nil
}

// inOrder puts figures in the order in which a report shows them: by kind, of each kind one of a pool before all others, and
// three of the first pool, its fronts, before another pool has its first.
func inOrder(figures []plot.Named, pools []string, tables []leaderboard.Table) []plot.Named {
	leads := foremost(figures, tables)
	place := make([]int, len(figures))
	order := make([]int, len(figures))
	for i := range figures {
		order[i], place[i] = i, slices.Index(kinds, figures[i].Kind)
		if !slices.Contains(leads, i) {
			place[i] += 100 // behind every kind of every pool
		}
		if figures[i].Pool != pools[0] {
			place[i] += 3
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(place[a], place[b]) })
	out := make([]plot.Named, len(figures))
	for k, i := range order {
		out[k] = figures[i]
	}
	return out
}

// foremost are of each kind of figure the most telling one of a pool: where it is about one policy that of the policy of the
// highest headline metric among those that have one, and of the hours that of carbon, which looks at them.
func foremost(figures []plot.Named, tables []leaderboard.Table) []int {
	standing := func(f *plot.Named) float64 {
		for i := range tables {
			if tables[i].Pool != f.Pool {
				continue
			}
			if f.Kind == "hours" && f.Policy == "carbon" {
				return math.Inf(1)
			}
			return tables[i].Standing(f.Policy)
		}
		return math.Inf(-1)
	}
	first := map[[2]string]int{} // pool and kind → figure
	for i := range figures {
		f := &figures[i]
		k := [2]string{f.Pool, f.Kind}
		if at, seen := first[k]; !seen || f.Policy != "" && standing(f) > standing(&figures[at]) {
			first[k] = i
		}
	}
	return slices.Collect(maps.Values(first))
}

// mark marks the policies that use the data set's label.
func mark(f plot.Figure, tables []leaderboard.Table, pool string) {
	labelled := func(series []plot.Series) (any bool) {
		for i := range tables {
			if tables[i].Pool != pool {
				continue
			}
			for k := range series {
				if l := tables[i].Line(series[k].Label); l != nil && l.Role == metrics.RoleLabelled {
					series[k].Label, any = l.Name(), true
				}
			}
		}
		return any
	}
	const note = "‡ uses the data set's label"
	switch f := f.(type) {
	case *plot.Front:
		if labelled(f.Series) {
			f.Notes = append(f.Notes, note)
		}
	case *plot.Levels:
		any := false
		for i := range f.Panels {
			any = labelled(f.Panels[i].Series) || any
		}
		if any {
			f.Notes = append(f.Notes, note)
		}
	}
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

// fronts are the three figures of a pool; those of carbon are left out where it is unknown, those of cost likewise.
func fronts(name, pool string, points []store.Point, selected leaderboard.Selections, how experiment.Plots, looks *plot.Looks) []plot.Named {
	quality, cost, carbon := quantities(how)
	known := func(q policy.Quantity) bool {
		return slices.ContainsFunc(points, func(p store.Point) bool { return !math.IsNaN(p.Figures[q]) })
	}
	n := 0
	for _, p := range points {
		n = max(n, p.N)
	}
	prompts := fmt.Sprintf("%s test prompts", textfile.Thousands(n))
	title := func(what string) string { return fmt.Sprintf("%s: %s, pool %s", name, what, pool) }
	reading := "Full marks and lines are the settings chosen on the selection prompts, which no policy was given; faint marks are all others. " +
		"Between two settings a line mixes them, which bends on a logarithmic axis. Bars%s are 95 %% intervals of quality over %s%s. " +
		"Diamonds are single models" + map[bool]string{true: ", the darker the dearer"}[looks.Priced()] + "; the dashed line deals prompts to them at random; the dotted one, the oracle, chooses in hindsight and bounds all."
	if len(selected) == 0 {
		reading = strings.Replace(reading, "settings chosen on the selection prompts, which no policy was given", "settings that no other of the policy beats on these very prompts", 1)
	}
	sized := ""
	if slices.ContainsFunc(points, func(p store.Point) bool { return p.Low[policy.Carbon] < p.High[policy.Carbon] }) {
		sized = ", and of emissions over the sizes assumed for closed models"
	}
	var out []plot.Named
	add := func(kind, caption string, f plot.Figure) {
		out = append(out, plot.Named{Kind: kind, Name: kind + "-" + experiment.FileName(pool), Pool: pool, Figure: f, Caption: caption})
	}
	for _, x := range []struct {
		quantity
		kind, title, what, bars string
	}{
		{cost, "quality-cost", "quality and cost", "a dollar", ""},
		{carbon, "quality-carbon", "quality and emissions", "a gram of CO2e", sized},
	} {
		if !known(x.Quantity) {
			continue
		}
		f := front(title(x.title), prompts, points, selected, x.quantity, quality, looks)
		where := ""
		if f.BarsAtEnds() {
			where = ", where lines end,"
		}
		add(x.kind, fmt.Sprintf("Who gives most quality for %s (pool %s): higher and further left is better. ", x.what, pool)+fmt.Sprintf(reading, where, prompts, x.bars), f)
	}
	if known(policy.Cost) && known(policy.Carbon) {
		if f := levels(title("what a quality takes in money and carbon"), prompts+"; in brackets: of the best single model's quality on the selection prompts", points, selected, cost, carbon, looks); f != nil {
			add("cost-carbon", "What it takes to reach 90, 100 and 105 % of the best single model's quality (pool "+pool+"), panel by panel: lower and further left is better. Each mark is a setting of a policy that reaches the panel's quality on the "+
				"selection prompts and that no other of the policy beats there in both money and carbon; a line joins a policy's. Measured on "+prompts+". Diamonds are single models, those that no other beats in both. Who is missing in a panel does not reach it.", f)
		}
	}
	return out
}

// levels shows what reaching a quality takes: nine tenths of the best single model's, its own, and five hundredths more. Who
// reaches it, and by which setting, is read on the selection prompts where there are any.
func levels(title, subtitle string, points []store.Point, selected leaderboard.Selections, x, y quantity, looks *plot.Looks) *plot.Levels {
	points = leaderboard.OverSeeds(points)
	choose := func(p *store.Point) policy.Figures {
		if s, ok := selected[leaderboard.KeyOf(p)]; ok {
			return s.Figures
		}
		return p.Figures
	}
	best := math.Inf(-1)
	for i := range points {
		if points[i].Family == leaderboard.FamilySingle {
			best = max(best, choose(&points[i])[policy.Quality])
		}
	}
	if math.IsInf(best, -1) {
		return nil
	}
	// What reaches a quality by a cheap model lies close to zero beside what asks the dearest.
	for _, axis := range []*plot.Axis{&x.axis, &y.axis} {
		if axis.Scaling == plot.Auto {
			axis.Scaling = plot.Log
		}
	}
	f := &plot.Levels{Title: title, Subtitle: subtitle, X: x.axis, Y: y.axis}
	for _, level := range []struct {
		of   float64
		what string
	}{{0.9, "90 %"}, {1, "100 %"}, {1.05, "105 %"}} {
		panel := plot.Level{Label: fmt.Sprintf("quality ≥ %.2f (%s)", level.of*best, level.what)}
		var order []string
		reach := map[string][]*store.Point{}
		for i := range points {
			p := &points[i]
			if p.Family == metrics.Oracle || p.Family == metrics.ZeroRouter || choose(p)[policy.Quality] < level.of*best {
				continue
			}
			if p.Family == leaderboard.FamilySingle {
				if slices.ContainsFunc(points, func(o store.Point) bool {
					return o.Family == leaderboard.FamilySingle && choose(&o)[policy.Quality] >= level.of*best && beats(choose(&o), choose(p), x.Quantity, y.Quantity)
				}) {
					continue
				}
				id := strings.TrimPrefix(p.Policy, metrics.SinglePrefix)
				panel.Models = append(panel.Models, plot.Model{Label: id, Look: looks.Model(id), Point: plot.At(p.Figures[x.Quantity], p.Figures[y.Quantity])})
				continue
			}
			line := lineOf(p, looks)
			if reach[line] == nil {
				order = append(order, line)
			}
			reach[line] = append(reach[line], p)
		}
		for _, name := range order {
			s := plot.Series{Label: name, Family: reach[name][0].Family, Look: looks.Policy(reach[name][0].Policy)}
			for _, p := range reach[name] {
				if slices.ContainsFunc(reach[name], func(o *store.Point) bool { return beats(choose(o), choose(p), x.Quantity, y.Quantity) }) {
					continue
				}
				at := plot.At(p.Figures[x.Quantity], p.Figures[y.Quantity])
				at.Label, at.Chosen = p.Preference, true
				s.Points = append(s.Points, at)
			}
			panel.Series = append(panel.Series, s)
		}
		if len(panel.Series) > 0 {
			f.Panels = append(f.Panels, panel)
		}
	}
	if len(f.Panels) == 0 {
		return nil
	}
	return f
}

// beats tells whether a takes no more than b of either quantity, and less of one.
func beats(a, b policy.Figures, x, y policy.Quantity) bool {
	return a[x] <= b[x] && a[y] <= b[y] && (a[x] < b[x] || a[y] < b[y])
}

// front gathers one figure. Seeds of a policy at one preference are one point, their mean. The line of a policy runs through
// the settings that the selection prompts speak for; where there are none, through its front on the test prompts.
func front(title, subtitle string, points []store.Point, selected leaderboard.Selections, x, y quantity, looks *plot.Looks) *plot.Front {
	f := &plot.Front{Title: title, Subtitle: subtitle, X: x.axis, Y: y.axis}
	at := map[string]int{}
	points = leaderboard.OverSeeds(points)
	chosen := selected.ChosenByLine(points, x.Quantity, func(p *store.Point) string { return lineOf(p, looks) })
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
			id := strings.TrimPrefix(p.Policy, metrics.SinglePrefix)
			f.Models = append(f.Models, plot.Model{Label: id, Look: looks.Model(id), Point: pt})
		default:
			name := lineOf(&p, looks)
			i, ok := at[name]
			if !ok {
				i = len(f.Series)
				at[name] = i
				f.Series = append(f.Series, plot.Series{Label: name, Family: p.Family, Look: looks.Policy(p.Policy)})
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
		f.Notes = append(f.Notes, "full: chosen on selection prompts")
	}
	f.Notes = append(f.Notes, "bars: 95 % intervals of quality")
	return f
}

// lineOf names the line that a point is on: its policy's, or that of a grid of many settings of a policy.
func lineOf(p *store.Point, looks *plot.Looks) string {
	if family, n, ok := looks.Grid(p.Policy); ok {
		return fmt.Sprintf("%s (%d variants)", family, n)
	}
	return p.Policy
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

// shares are the route shares of each policy that has a sweep, over the preferences for cost: of those whose shares move.
func shares(pool string, points []store.Point, looks *plot.Looks) []plot.Named {
	type drawn struct {
		*plot.Shares
		name string
	}
	var list []drawn
	var models []string
	for i := range points {
		for _, s := range points[i].Shares {
			if !slices.Contains(models, s.Model) {
				models = append(models, s.Model)
			}
		}
	}
	looks.ByPrice(models)
	at := map[string]int{}
	first := map[string]uint64{}
	n := 0
	for _, p := range points {
		n = max(n, p.N)
		if p.Family == leaderboard.FamilySingle || p.Family == metrics.Oracle || p.Family == metrics.ZeroRouter ||
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
			i = len(list)
			at[name] = i
			list = append(list, drawn{&plot.Shares{
				Title: fmt.Sprintf("Which models %s asks as money gets dearer, pool %s", name, pool), XLabel: "1 point of quality is worth (USD per 1,000 prompts)", Models: models, Looks: looks,
			}, name})
		}
		row := make([]float64, len(models))
		for _, s := range p.Shares {
			row[slices.Index(models, s.Model)] = s.Share
		}
		list[i].Preferences = append(list[i].Preferences, worth(p.Lambda))
		list[i].Share = append(list[i].Share, row)
	}
	var out []plot.Named
	for _, d := range list {
		if d.Telling() {
			out = append(out, plot.Named{
				Kind: "shares", Name: "shares-" + experiment.FileName(d.name) + "-" + experiment.FileName(pool), Pool: pool, Policy: d.name, Figure: d.Shares,
				Caption: fmt.Sprintf("Which models %s asks in pool %s: from left, where only quality counts, to right, where a dollar is worth most. Models are stacked "+looks.Stacked()+"; "+
					"a bar above 1 asks several models a prompt. %s test prompts.", d.name, pool, textfile.Thousands(n)),
			})
		}
	}
	return out
}

// worth labels a bar with what a point of quality is worth in USD per 1,000 prompts: two digits.
func worth(p policy.Preference) string {
	x := p.Worth(policy.Cost)
	switch {
	case math.IsInf(x, 1):
		return "any"
	case x < 0.0001:
		return strconv.FormatFloat(x, 'e', 0, 64)
	}
	rounded, err := strconv.ParseFloat(strconv.FormatFloat(x, 'g', 2, 64), 64)
	if err != nil {
		return strconv.FormatFloat(x, 'g', 2, 64)
	}
	return strconv.FormatFloat(rounded, 'f', -1, 64)
}
