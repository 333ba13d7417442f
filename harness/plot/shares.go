package plot

import (
	"fmt"
	"image/color"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Shares shows to which models a policy routes as the preference changes: stacked bars, one for each preference.
type Shares struct {
	Title       string
	Subtitle    string
	XLabel      string
	Preferences []string    // labels of the bars
	Models      []string    // in the order in which they are stacked
	Share       [][]float64 // [preference][model]; a row sums to more than 1 where several models answer a prompt
	Looks       *Looks      // nil: colours in order of appearance
}

// sharesShown is the number of models that get a colour of their own; the others are one.
const sharesShown = 12

// Draw implements Figure.
func (s *Shares) Draw(c draw.Canvas, page Style) error {
	x := scale{factor: 1, min: -0.6, max: float64(len(s.Preferences)) - 0.4}
	y, label := scale{factor: 1, min: 0, max: 1}, "Share of prompts"
	for _, row := range s.Share {
		sum := 0.0
		for _, share := range row {
			sum += share
		}
		if sum > y.max+1e-6 {
			y.max, label = sum, "Models asked per prompt"
		}
	}
	p := newPlot(s.XLabel, label, &x, &y)
	c = page.heading(c, s.Title, s.Subtitle)
	// As many labels as can be read.
	most := 9
	if page.narrow() {
		most = 6
	}
	every := 1 + (len(s.Preferences)-1)/most
	var ticks []plot.Tick
	for i, label := range s.Preferences {
		if i%every != 0 {
			label = ""
		}
		ticks = append(ticks, plot.Tick{Value: float64(i), Label: label})
	}
	p.X.Tick.Marker = plot.ConstantTicks(ticks)
	shown, rest := s.shown()
	p.Add(&stack{s, shown, rest})
	var key []entry
	for i, m := range shown {
		key = append(key, entry{label: s.Models[m], mark: legendBox(s.fill(i, m))})
	}
	switch len(rest) {
	case 0:
	case 1:
		key = append(key, entry{label: s.Models[rest[0]], mark: legendBox(grey)})
	default:
		key = append(key, entry{label: fmt.Sprintf("%d others", len(rest)), mark: legendBox(grey)})
	}
	p.Draw(page.dataArea(c, key))
	page.legend(c, key)
	return nil
}

// fill is the colour of model m, the i-th that is shown.
func (s *Shares) fill(i, m int) color.Color {
	if s.Looks != nil {
		return s.Looks.Model(s.Models[m]).Color
	}
	return ramp(float64(i) / sharesShown)
}

// Telling tells whether there is something to see: some preference whose shares differ from another's by more than a few
// prompts in a hundred.
func (s *Shares) Telling() bool {
	const least = 0.05
	for _, row := range s.Share {
		for m, x := range row {
			if math.Abs(x-s.Share[0][m]) > least {
				return true
			}
		}
	}
	return false
}

// Height implements Figure.
func (s *Shares) Height(page Style) vg.Length { return page.Height }

func legendBox(fill color.Color) func(draw.Canvas, vg.Point) {
	return func(c draw.Canvas, at vg.Point) {
		c.FillPolygon(fill, []vg.Point{
			{X: at.X - pt(7), Y: at.Y - pt(3)}, {X: at.X + pt(3), Y: at.Y - pt(3)},
			{X: at.X + pt(3), Y: at.Y + pt(4)}, {X: at.X - pt(7), Y: at.Y + pt(4)},
		})
	}
}

// shown are the models that are routed to most, in stacking order, and the others that are routed to at all.
func (s *Shares) shown() (most, rest []int) {
	sum := make([]float64, len(s.Models))
	for _, row := range s.Share {
		for m, x := range row {
			sum[m] += x
		}
	}
	for m := range s.Models {
		if sum[m] > 0 {
			most = append(most, m)
		}
	}
	slices.SortStableFunc(most, func(a, b int) int {
		switch {
		case sum[a] > sum[b]:
			return -1
		case sum[a] < sum[b]:
			return 1
		}
		return a - b
	})
	if len(most) > sharesShown {
		most, rest = most[:sharesShown], most[sharesShown:]
	}
	slices.Sort(most)
	return most, rest
}

// stack draws the stacked bars.
type stack struct {
	*Shares
	shown, rest []int
}

// Plot implements plot.Plotter.
func (b *stack) Plot(c draw.Canvas, p *plot.Plot) {
	tx, ty := p.Transforms(&c)
	for i, row := range b.Share {
		bottom := 0.0
		box := func(height float64, fill color.Color) {
			if height <= 0 {
				return
			}
			x0, x1 := tx(float64(i)-0.42), tx(float64(i)+0.42)
			y0, y1 := ty(bottom), ty(bottom+height)
			c.FillPolygon(fill, []vg.Point{{X: x0, Y: y0}, {X: x1, Y: y0}, {X: x1, Y: y1}, {X: x0, Y: y1}})
			bottom += height
		}
		for k, m := range b.shown {
			box(row[m], b.fill(k, m))
		}
		var others float64
		for _, m := range b.rest {
			others += row[m]
		}
		box(others, grey)
	}
}

// Table implements Figure.
func (s *Shares) Table() [][]string {
	rows := [][]string{append([]string{"preference"}, s.Models...)}
	for i, row := range s.Share {
		line := []string{s.Preferences[i]}
		for _, x := range row {
			line = append(line, cell(x))
		}
		rows = append(rows, line)
	}
	return rows
}
