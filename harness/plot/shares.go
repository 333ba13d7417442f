package plot

import (
	"fmt"
	"image/color"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/recorder"
)

// Shares shows to which models a policy routes as the preference changes: stacked bars, one for each preference.
type Shares struct {
	Title       string
	Subtitle    string
	XLabel      string
	Preferences []string    // labels of the bars
	Models      []string    // in the order in which they are stacked
	Share       [][]float64 // [preference][model]; a row sums to more than 1 where several models answer a prompt
	Looks       *Looks      // of the models
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
	p := page.newPlot(s.XLabel, label, &x, &y)
	c = page.heading(c, s.Title, s.Subtitle)
	// As many labels as can be read.
	most := 9
	if page.narrow() {
		most = 4
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
	data := &stack{Shares: s, shown: shown, rest: rest}
	p.Add(data)
	// Models are named within their bars where there is room; a legend, in the order of the stack, has the others.
	key := func() []entry {
		var out []entry
		switch len(rest) {
		case 0:
		case 1:
			out = append(out, entry{label: s.Models[rest[0]], mark: legendBox(grey)})
		default:
			out = append(out, entry{label: fmt.Sprintf("%d others", len(rest)), mark: legendBox(grey)})
		}
		for _, m := range slices.Backward(shown) {
			if !data.named[m] {
				out = append(out, entry{label: s.Models[m], mark: legendBox(s.fill(m))})
			}
		}
		return out
	}
	area := func(on draw.Canvas) draw.Canvas {
		if len(key()) == 0 {
			return draw.Crop(on, pt(4), -pt(8), pt(4), -pt(4))
		}
		return page.dataArea(on, key())
	}
	blank := draw.Canvas{Canvas: &recorder.Canvas{}, Rectangle: c.Rectangle}
	for range 3 {
		p.Draw(area(blank))
	}
	p.Draw(area(c))
	page.legend(c, key())
	return nil
}

// fill is the colour of a model.
func (s *Shares) fill(m int) color.Color { return s.Looks.Model(s.Models[m]).Color }

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
	named       map[int]bool // models that are named within their bars
}

// Plot implements plot.Plotter.
func (b *stack) Plot(c draw.Canvas, p *plot.Plot) {
	tx, ty := p.Transforms(&c)
	edges := make(map[int][][2]vg.Length, len(b.shown)) // of each model's part of each bar
	for i, row := range b.Share {
		bottom := 0.0
		box := func(height float64, fill color.Color) [2]vg.Length {
			y0, y1 := ty(bottom), ty(bottom+max(height, 0))
			if height > 0 {
				x0, x1 := tx(float64(i)-0.49), tx(float64(i)+0.49)
				c.FillPolygon(fill, []vg.Point{{X: x0, Y: y0}, {X: x1, Y: y0}, {X: x1, Y: y1}, {X: x0, Y: y1}})
				c.StrokeLine2(draw.LineStyle{Color: color.White, Width: pt(0.4)}, x0, y1, x1, y1)
				bottom += height
			}
			return [2]vg.Length{y0, y1}
		}
		for _, m := range b.shown {
			edges[m] = append(edges[m], box(row[m], b.fill(m)))
		}
		var others float64
		for _, m := range b.rest {
			others += row[m]
		}
		box(others, grey)
	}
	b.named = map[int]bool{}
	for _, m := range b.shown {
		fill := b.Looks.Model(b.Models[m]).Color
		style := textStyle(tickSize-0.5, ink)
		if contrastOnWhite(fill) > 4.5 {
			style.Color = color.White
		}
		if at, ok := roomFor(edges[m], style.Width(b.Models[m])+pt(4), style.Height(b.Models[m])+pt(1), tx(1)-tx(0)); ok {
			b.named[m] = true
			where := vg.Point{X: tx(at.bar) - style.Width(b.Models[m])/2, Y: at.y - style.Height(b.Models[m])/2}
			c.FillText(style, where, b.Models[m])
		}
	}
}

// spot is the middle of a text: along the bars, and the height on the canvas.
type spot struct {
	bar float64
	y   vg.Length
}

// roomFor finds the place of most room for a text within a band of neighbouring bars, each from one height to another.
func roomFor(band [][2]vg.Length, width, height, bar vg.Length) (best spot, ok bool) {
	n := max(1, int(math.Ceil(float64(width/bar))))
	most := height
	for i := 0; i+n <= len(band); i++ {
		low, high := band[i][0], band[i][1]
		for _, b := range band[i+1 : i+n] {
			low, high = max(low, b[0]), min(high, b[1])
		}
		if high-low > most {
			most, best, ok = high-low, spot{float64(i) + float64(n-1)/2, (low + high) / 2}, true
		}
	}
	return best, ok
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
