package plot

import (
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/recorder"
)

// Levels are fronts of two figures that are both better low, side by side for rising levels of a third: what it takes to reach a
// quality is told by where a point lies, panel by panel, on the same axes.
type Levels struct {
	Title, Subtitle string
	X, Y            Axis
	Panels          []Level
	Notes           []string
}

// Level is one panel.
type Level struct {
	Label  string // such as "quality ≥ 0.71"
	Series []Series
	Models []Model
}

// Height implements Figure: below one another where the page is narrow.
func (f *Levels) Height(s Style) vg.Length {
	if s.narrow() {
		return s.Height * vg.Length(max(1, len(f.Panels))) * 0.62
	}
	return s.Height
}

// all is what every panel holds, for a legend and scales that they share.
func (f *Levels) all() *Front {
	all := &Front{X: f.X, Y: f.Y, Notes: f.Notes}
	at := map[string]int{}
	for i := range f.Panels {
		for _, s := range f.Panels[i].Series {
			if _, ok := at[s.Label]; !ok {
				at[s.Label] = len(all.Series)
				all.Series = append(all.Series, Series{Label: s.Label, Family: s.Family, Look: s.Look})
			}
			into := &all.Series[at[s.Label]]
			into.Points = append(into.Points, s.Points...)
		}
		all.Models = append(all.Models, f.Panels[i].Models...)
	}
	return all
}

// Draw implements Figure.
func (f *Levels) Draw(c draw.Canvas, s Style) error {
	all := f.all()
	x, y := newScale(&f.X, all.values(true)), newScale(&f.Y, all.values(false))
	c = s.heading(c, f.Title, f.Subtitle)
	rows, columns := 1, max(1, len(f.Panels))
	if s.narrow() {
		rows, columns = columns, rows
	}
	plots := make([][]*plot.Plot, rows)
	for r := range plots {
		plots[r] = make([]*plot.Plot, columns)
	}
	var panels []*frontData
	for i := range f.Panels {
		r, k := i/columns, i%columns
		xLabel, yLabel := "", ""
		if k == columns/2 && r == rows-1 {
			xLabel = f.X.Label
		}
		if k == 0 {
			yLabel = f.Y.Label
		}
		if unit := strings.Index(yLabel, "("); s.narrow() && unit >= 0 { // a low panel has room for the unit
			yLabel = strings.Trim(yLabel[unit:], "()")
		}
		p := s.newPlot(xLabel, yLabel, &x, &y)
		p.Title.Text, p.Title.Padding = f.Panels[i].Label, pt(3)
		p.Title.TextStyle = axisStyle(p.Title.TextStyle, tickSize)
		front := &Front{X: f.X, Y: f.Y, Series: f.Panels[i].Series, Models: f.Panels[i].Models}
		panels = append(panels, &frontData{front: front, x: &x, y: &y, radius: pt(3.2), nameAll: true})
		p.Add(grid(), panels[i])
		plots[r][k] = p
	}
	tiles := draw.Tiles{Rows: rows, Cols: columns, PadX: pt(8), PadY: pt(8), PadTop: pt(2), PadBottom: pt(2), PadLeft: pt(2), PadRight: pt(6)}
	drawIn := func(area draw.Canvas) {
		for r, row := range plot.Align(plots, tiles, area) {
			for k, canvas := range row {
				if plots[r][k] != nil {
					plots[r][k].Draw(canvas)
				}
			}
		}
	}
	// A legend takes room only for what has none for its name beside its point.
	area := draw.Crop(c, pt(4), -pt(4), pt(4), -pt(4))
	drawIn(draw.Canvas{Canvas: &recorder.Canvas{}, Rectangle: area.Rectangle})
	missing := &frontData{named: map[string]bool{}}
	for _, s := range all.Series {
		missing.named[s.Label] = !slices.ContainsFunc(panels, func(d *frontData) bool {
			return !d.named[s.Label] && slices.ContainsFunc(d.front.Series, func(o Series) bool { return o.Label == s.Label && len(chosen(o.Points)) > 0 })
		})
	}
	all.Models = nil
	key := all.legend(missing)
	if len(key) == len(f.Notes) || s.narrow() {
		drawIn(draw.Crop(area, 0, 0, s.legendHeight(key), 0))
		s.below(c, key)
		return nil
	}
	drawIn(s.dataArea(c, key))
	s.legend(c, key)
	return nil
}

// Table implements Figure.
func (f *Levels) Table() [][]string {
	var rows [][]string
	for i := range f.Panels {
		for k, line := range (&Front{Series: f.Panels[i].Series, Models: f.Panels[i].Models}).Table() {
			switch {
			case k > 0:
				rows = append(rows, append([]string{f.Panels[i].Label}, line...))
			case len(rows) == 0:
				rows = append(rows, append([]string{"level"}, line...))
			}
		}
	}
	return rows
}
