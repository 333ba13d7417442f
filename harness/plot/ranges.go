package plot

import (
	"image/color"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Ranges are horizontal bars from one value to another: savings with their bounds, or a tornado of what a figure depends
// on. The first is drawn on top.
type Ranges struct {
	Title, Subtitle, XLabel string
	// From is where plain bars begin, and where a tornado is cut; NaN draws no line.
	From float64
	Bars []Range
	// Dots draws a dot at each value in place of a bar from From.
	Dots bool
	// Tornado draws each bar from Low to High in two colours that meet at From.
	Tornado bool
}

// Range is one bar. Low and High are its ends in a tornado, and the interval around Value else; NaN where unknown.
type Range struct {
	Label               string
	Value, Low, High    float64
	LowLabel, HighLabel string // what the ends of a tornado's bar stand for
	Clear               bool   // of chance: a dot is filled
	Look                Look   // of the policy that it is about
}

// labels is how wide the names of the bars are at most.
func (s Style) labels() vg.Length {
	if s.narrow() {
		return 0.42 * s.Width
	}
	return 0.27 * s.Width
}

// Height implements Figure.
func (f *Ranges) Height(s Style) vg.Length { return max(s.Height, pt(13*float64(len(f.Bars))+60)) }

// Draw implements Figure.
func (f *Ranges) Draw(c draw.Canvas, s Style) error {
	var values []float64
	for _, b := range f.Bars {
		values = append(values, b.Value, b.Low, b.High)
	}
	values = append(values, f.From)
	x := newScale(&Axis{Scaling: Linear}, values)
	if f.Tornado {
		// Room for what stands beside the ends.
		room := 0.18 * (x.max - x.min)
		x.min, x.max = x.min-room, x.max+room
	}
	n := float64(len(f.Bars))
	y := scale{factor: 1, min: -n + 0.4, max: 0.6}
	p := s.newPlot(f.XLabel, "", &x, &y)
	c = s.heading(c, f.Title, f.Subtitle)
	style := textStyle(tickSize, ink)
	var ticks []plot.Tick
	for i, b := range f.Bars {
		ticks = append(ticks, plot.Tick{Value: -float64(i), Label: clipped(style, b.Label, s.labels())})
	}
	p.Y.Tick.Marker = plot.ConstantTicks(ticks)
	p.Add(grid(), &ranges{f})
	p.Draw(draw.Crop(c, pt(4), -pt(10), pt(4), -pt(4)))
	return nil
}

// A tornado's bars are not of policies and have none of their colours.
var tornadoLow, tornadoHigh = rgb(0xAEB6BF), rgb(0x566573)

// ranges draws the bars.
type ranges struct{ *Ranges }

// Plot implements plot.Plotter.
func (f *ranges) Plot(c draw.Canvas, p *plot.Plot) {
	tx, ty := p.Transforms(&c)
	thick := min(0.34, 6/float64(len(f.Bars)+1))
	box := func(a, b, y float64, fill color.Color) {
		if !finite(a) || !finite(b) || a == b {
			return
		}
		x0, x1, y0, y1 := tx(min(a, b)), tx(max(a, b)), ty(y-thick), ty(y+thick)
		c.FillPolygon(fill, []vg.Point{{X: x0, Y: y0}, {X: x1, Y: y0}, {X: x1, Y: y1}, {X: x0, Y: y1}})
	}
	line := func(x, y0, y1 float64, shade color.Color, width vg.Length) {
		c.StrokeLine2(draw.LineStyle{Color: shade, Width: width}, tx(x), ty(y0), tx(x), ty(y1))
	}
	small := textStyle(modelSize, greyText)
	for i, b := range f.Bars {
		y := -float64(i)
		if f.Tornado {
			box(f.From, b.Low, y, tornadoLow)
			box(f.From, b.High, y, tornadoHigh)
			f.ends(c, tx, ty, b, y, small)
			continue
		}
		if !f.Dots {
			box(f.From, b.Value, y, pale(b.Look.Color, 0.7))
		}
		if finite(b.Low) && finite(b.High) {
			c.StrokeLine2(draw.LineStyle{Color: ink, Width: pt(0.9)}, tx(b.Low), ty(y), tx(b.High), ty(y))
			for _, e := range []float64{b.Low, b.High} {
				line(e, y-min(thick/2, 0.09), y+min(thick/2, 0.09), ink, pt(0.9))
			}
		}
		if f.Dots && finite(b.Value) {
			glyph, where := draw.GlyphStyle{Color: b.Look.Color, Radius: pt(3.4), Shape: b.Look.Marker}, vg.Point{X: tx(b.Value), Y: ty(y)}
			c.DrawGlyph(glyph, where)
			if !b.Clear {
				glyph.Color, glyph.Radius = color.White, pt(2.1)
				c.DrawGlyph(glyph, where)
			}
		}
	}
	if finite(f.From) {
		line(f.From, 0.6, -float64(len(f.Bars))+0.4, ink, pt(0.8))
	}
}

// ends writes what the two ends of a tornado's bar stand for, each on its own side.
func (f *ranges) ends(c draw.Canvas, tx, ty func(float64) vg.Length, b Range, y float64, style draw.TextStyle) {
	for _, e := range []struct {
		at   float64
		text string
		left bool
	}{{b.Low, b.LowLabel, b.Low <= b.High}, {b.High, b.HighLabel, b.High < b.Low}} {
		if !finite(e.at) || e.text == "" {
			continue
		}
		at := vg.Point{X: tx(e.at) + pt(3), Y: ty(y) - style.Height(e.text)/2}
		if e.left {
			at.X = tx(e.at) - pt(3) - style.Width(e.text)
		}
		c.FillText(style, at, e.text)
	}
}

// Table implements Figure.
func (f *Ranges) Table() [][]string {
	rows := [][]string{{"label", "value", "low", "high", "low_means", "high_means"}}
	for _, b := range f.Bars {
		rows = append(rows, []string{b.Label, cell(b.Value), cell(b.Low), cell(b.High), b.LowLabel, b.HighLabel})
	}
	return rows
}

// Spread is how far a tornado's bar reaches.
func (b Range) Spread() float64 { return math.Abs(b.High - b.Low) }
