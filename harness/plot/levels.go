package plot

import (
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Levels are fronts of two figures that are both better low, side by side for rising levels of a third: what it takes to reach a
// quality is told by where a point lies, panel by panel, on the same axes.
type Levels struct {
	Title, Subtitle string
	X, Y            Axis
	Panels          []Level
	Notes           []string
	Looks           *Looks
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
		return s.Height * vg.Length(max(1, len(f.Panels))) * 0.8
	}
	return s.Height
}

// all is what every panel holds, for a legend and scales that they share.
func (f *Levels) all() *Front {
	all := &Front{X: f.X, Y: f.Y, Notes: f.Notes, Looks: f.Looks}
	at := map[string]int{}
	for i := range f.Panels {
		for _, s := range f.Panels[i].Series {
			if _, ok := at[s.Label]; !ok {
				at[s.Label] = len(all.Series)
				all.Series = append(all.Series, Series{Label: s.Label, Family: s.Family})
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
	style := seriesStyles(all.Series, f.Looks)
	c = s.heading(c, f.Title, f.Subtitle)
	key := all.legend(style, nil)
	rows, columns := 1, max(1, len(f.Panels))
	if s.narrow() {
		rows, columns = columns, rows
	}
	plots := make([][]*plot.Plot, rows)
	for r := range plots {
		plots[r] = make([]*plot.Plot, columns)
	}
	for i := range f.Panels {
		r, k := i/columns, i%columns
		xLabel, yLabel := "", ""
		if k == columns/2 && r == rows-1 {
			xLabel = f.X.Label
		}
		if k == 0 {
			yLabel = f.Y.Label
		}
		p := newPlot(xLabel, yLabel, &x, &y)
		p.Title.Text, p.Title.Padding = f.Panels[i].Label, pt(3)
		p.Title.TextStyle = axisStyle(p.Title.TextStyle, textSize)
		front := &Front{X: f.X, Y: f.Y, Series: f.Panels[i].Series, Models: f.Panels[i].Models, Looks: f.Looks}
		p.Add(grid(), &frontData{front: front, x: &x, y: &y, style: style, radius: pt(3.2)})
		plots[r][k] = p
	}
	area := s.dataArea(c, key)
	tiles := draw.Tiles{Rows: rows, Cols: columns, PadX: pt(8), PadY: pt(8), PadTop: pt(2), PadBottom: pt(2), PadLeft: pt(2), PadRight: pt(4)}
	for r, row := range plot.Align(plots, tiles, area) {
		for k, canvas := range row {
			if plots[r][k] != nil {
				plots[r][k].Draw(canvas)
			}
		}
	}
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
