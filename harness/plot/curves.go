package plot

import (
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Curves are small multiples: how each metric moved in training, a thin line for every seed.
type Curves struct {
	Title, Subtitle, XLabel string
	Look                    Look // of the policy that trained
	Panels                  []Panel
}

// Panel is one metric.
type Panel struct {
	Label string
	Lines []Line
}

// Line is one seed's curve.
type Line struct {
	Label  string
	Points []XY
}

// panelColumns is how many panels stand side by side at most.
const panelColumns = 4

// columns is how many panels of a figure stand side by side.
func (f *Curves) columns(s Style) int {
	most := panelColumns
	if s.narrow() {
		most = panelColumns / 2
	}
	return min(most, max(len(f.Panels), 1))
}

// Height implements Figure: narrow pages take more rows.
func (f *Curves) Height(s Style) vg.Length {
	rows := (len(f.Panels) + f.columns(s) - 1) / f.columns(s)
	if s.narrow() {
		return s.Height/2*vg.Length(max(rows, 1)) - s.Height/8*vg.Length(max(rows-2, 0))
	}
	return s.Height
}

// Draw implements Figure.
func (f *Curves) Draw(c draw.Canvas, s Style) error {
	c = s.heading(c, f.Title, f.Subtitle)
	columns := f.columns(s)
	rows := max((len(f.Panels)+columns-1)/columns, 1)
	plots := make([][]*plot.Plot, rows)
	for r := range plots {
		plots[r] = make([]*plot.Plot, columns)
	}
	for i := range f.Panels {
		p, err := f.panel(s, &f.Panels[i], i+columns >= len(f.Panels))
		if err != nil {
			return err
		}
		plots[i/columns][i%columns] = p
	}
	tiles := draw.Tiles{Rows: rows, Cols: columns, PadX: pt(8), PadY: pt(6), PadTop: pt(2), PadBottom: pt(4), PadLeft: pt(4), PadRight: pt(8)}
	for r, row := range plot.Align(plots, tiles, c) {
		for k, canvas := range row {
			if plots[r][k] != nil {
				plots[r][k].Draw(canvas)
			}
		}
	}
	return nil
}

// panel is one plot; only the lowest of a column names the axis that all share.
func (f *Curves) panel(s Style, of *Panel, lowest bool) (*plot.Plot, error) {
	var xs, ys []float64
	for _, l := range of.Lines {
		for _, at := range l.Points {
			xs, ys = append(xs, at.X), append(ys, at.Y)
		}
	}
	x, y := newScale(&Axis{Scaling: Linear}, xs), newScale(&Axis{Scaling: Linear}, ys)
	label := ""
	if lowest {
		label = f.XLabel
	}
	p := s.newPlot(label, "", &x, &y)
	p.Title.Text = of.Label
	p.Title.TextStyle = axisStyle(p.Title.TextStyle, textSize)
	p.Title.Padding = pt(3)
	for _, a := range []*plot.Axis{&p.X, &p.Y} {
		a.Tick.Label.Font.Size = vg.Points(modelSize)
		a.Label.TextStyle.Font.Size = vg.Points(tickSize)
		a.Tick.Marker = fewTicks{a.Tick.Marker}
	}
	p.Add(grid())
	for _, l := range of.Lines {
		data := make(plotter.XYs, len(l.Points))
		for k, at := range l.Points {
			data[k] = plotter.XY{X: at.X, Y: at.Y}
		}
		line, err := plotter.NewLine(data)
		if err != nil {
			return nil, err
		}
		line.LineStyle = draw.LineStyle{Color: f.Look.Color, Width: pt(0.9)}
		p.Add(line)
	}
	return p, nil
}

// fewTicks labels every second tick where there would be too many for a small panel.
type fewTicks struct{ plot.Ticker }

// Ticks implements plot.Ticker.
func (t fewTicks) Ticks(low, high float64) []plot.Tick {
	const room = 3
	ticks := t.Ticker.Ticks(low, high)
	labelled := 0
	for _, k := range ticks {
		if !k.IsMinor() {
			labelled++
		}
	}
	every, at := 1+(labelled-1)/room, 0
	for i := range ticks {
		if ticks[i].IsMinor() {
			continue
		}
		if at%every != 0 {
			ticks[i].Label = ""
		}
		at++
	}
	return ticks
}

// Table implements Figure.
func (f *Curves) Table() [][]string {
	rows := [][]string{{"metric", "line", "step", "value"}}
	for _, p := range f.Panels {
		for _, l := range p.Lines {
			for _, at := range l.Points {
				rows = append(rows, []string{p.Label, l.Label, cell(at.X), cell(at.Y)})
			}
		}
	}
	return rows
}
