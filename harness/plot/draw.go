package plot

import (
	"image/color"
	"math"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/recorder"
)

// Draw implements Figure.
func (f *Front) Draw(c draw.Canvas, s Style) error {
	x, y := newScale(&f.X, f.values(true)), newScale(&f.Y, f.values(false))
	p := newPlot(f.X.Label, f.Y.Label, &x, &y)
	c = s.heading(c, f.Title, f.Subtitle)
	style := seriesStyles(f.Series, f.Looks)
	data := &frontData{front: f, x: &x, y: &y, style: style}
	p.Add(grid(), data)
	key := f.legend(style, nil)
	if s.narrow() {
		// The less room a long legend leaves, the more models have no room for their names and lengthen it: a few
		// rounds without ink settle that.
		for range 4 {
			blank := draw.Canvas{Canvas: &recorder.Canvas{}, Rectangle: c.Rectangle}
			p.Draw(s.dataArea(blank, key))
			key = f.legend(style, data.keyed)
		}
	}
	area := s.dataArea(c, key)
	p.Draw(area)
	if !s.narrow() {
		s.beside(c, area.Max.X, f.legend(style, data.keyed), data.ends)
		return nil
	}
	s.legend(c, key)
	return nil
}

// Height implements Figure: below the data of a narrow page the key of many models needs room.
func (f *Front) Height(s Style) vg.Length {
	if !s.narrow() {
		return s.Height
	}
	rows := len(f.Models) / (2 * columnsOf(s.Width))
	return s.Height + pt(legendSmall*float64(rows))
}

// heading writes the title and the subtitle over the whole width and returns the canvas below them.
func (s Style) heading(c draw.Canvas, title, subtitle string) draw.Canvas {
	c.SetColor(color.White)
	c.Fill(c.Path())
	if !s.Heading {
		return draw.Crop(c, 0, 0, 0, -pt(3))
	}
	top := c.Max.Y - pt(6)
	for _, line := range []struct {
		text  string
		style draw.TextStyle
	}{{title, textStyle(titleSize, ink)}, {subtitle, textStyle(subtitleSize, greyText)}} {
		if line.text == "" {
			continue
		}
		top -= line.style.Font.Size
		c.FillText(line.style, vg.Point{X: c.Min.X + pt(6), Y: top}, clipped(line.style, line.text, c.Size().X-pt(12)))
		top -= pt(4)
	}
	return draw.Crop(c, 0, 0, 0, top-pt(6)-c.Max.Y)
}

// newPlot is an empty plot in the house style.
func newPlot(xLabel, yLabel string, x, y *scale) *plot.Plot {
	p := plot.New()
	p.BackgroundColor = color.White
	for _, a := range []struct {
		axis  *plot.Axis
		label string
		s     *scale
	}{{&p.X, xLabel, x}, {&p.Y, yLabel, y}} {
		a.axis.Label.Text = a.label
		a.axis.Label.TextStyle = axisStyle(a.axis.Label.TextStyle, textSize)
		a.axis.Tick.Label = axisStyle(a.axis.Tick.Label, tickSize)
		a.axis.Tick.Marker = a.s
		a.axis.Min, a.axis.Max = a.s.min, a.s.max
		a.axis.LineStyle.Color, a.axis.Tick.LineStyle.Color = grey, grey
		a.axis.Padding = 0
	}
	return p
}

// dataArea is what the legend and a margin leave of the canvas.
func (s Style) dataArea(c draw.Canvas, key []entry) draw.Canvas {
	if s.narrow() {
		return draw.Crop(c, pt(4), -pt(6), s.legendHeight(key)+pt(4), -pt(4))
	}
	return draw.Crop(c, pt(4), -legendWidth, pt(4), -pt(4))
}

// axisStyle sets a size and keeps the axis's own alignment and rotation.
func axisStyle(s draw.TextStyle, size float64) draw.TextStyle {
	t := textStyle(size, ink)
	t.XAlign, t.YAlign, t.Rotation = s.XAlign, s.YAlign, s.Rotation
	return t
}

func grid() *plotter.Grid {
	g := plotter.NewGrid()
	g.Horizontal.Color, g.Vertical.Color = gridGrey, gridGrey
	g.Horizontal.Width, g.Vertical.Width = pt(0.4), pt(0.4)
	return g
}

// values are all numbers of one axis.
func (f *Front) values(ofX bool) []float64 {
	var out []float64
	add := func(p Point) {
		at, low, high := p.X, p.XLow, p.XHigh
		if !ofX {
			at, low, high = p.Y, p.YLow, p.YHigh
		}
		out = append(out, at)
		// Bars must not leave the axes.
		if finite(low) && finite(high) {
			out = append(out, low, high)
		}
	}
	for _, s := range f.Series {
		for _, p := range s.Points {
			add(p)
		}
	}
	for _, m := range f.Models {
		add(m.Point)
	}
	for _, list := range [][]XY{f.Zero, f.Oracle} {
		for _, p := range list {
			add(At(p.X, p.Y))
		}
	}
	return out
}

// frontData draws everything within the axes.
type frontData struct {
	front  *Front
	x, y   *scale
	style  map[string]seriesStyle
	radius vg.Length // of chosen points; 0 for the usual one
	// keyed are the models that had no room for their names, in the order of their numbers.
	keyed []string
	// ends are where the lines end on the canvas, by the label of their legend.
	ends map[string]vg.Point
}

// Plot implements plot.Plotter.
func (d *frontData) Plot(c draw.Canvas, p *plot.Plot) {
	d.keyed, d.ends = nil, map[string]vg.Point{}
	end := func(label string, line []vg.Point) {
		if len(line) > 1 {
			d.ends[label] = line[len(line)-1]
		}
	}
	tx, ty := p.Transforms(&c)
	at := func(x, y float64) vg.Point { return vg.Point{X: tx(d.x.at(x)), Y: ty(d.y.at(y))} }
	var obstacles []rect
	mark := func(pt vg.Point, radius vg.Length) {
		obstacles = append(obstacles, rect{pt.X - radius, pt.Y - radius, pt.X + radius, pt.Y + radius})
	}
	line := func(pts []vg.Point) {
		for i := 1; i < len(pts); i++ {
			a, b := pts[i-1], pts[i]
			obstacles = append(obstacles, rect{min(a.X, b.X), min(a.Y, b.Y), max(a.X, b.X), max(a.Y, b.Y)})
		}
	}
	zero, oracle := d.reference(c, d.front.Zero, zeroLine, at), d.reference(c, d.front.Oracle, oracleLine, at)
	line(zero)
	line(oracle)
	end(mixLabel, zero)
	end(oracleLabel, oracle)
	for _, s := range d.front.Series {
		through := d.points(c, s, at, mark)
		line(through)
		end(s.Label, through)
	}
	d.models(c, at, obstacles, mark)
}

// Lines of the references: mixes of single models, and what no router exceeds.
var (
	zeroLine   = draw.LineStyle{Color: grey, Width: pt(1), Dashes: []vg.Length{pt(4), pt(3)}}
	oracleLine = draw.LineStyle{Color: ink, Width: pt(0.9), Dashes: []vg.Length{pt(1.2), pt(2)}}
)

// reference draws one of them.
func (d *frontData) reference(c draw.Canvas, points []XY, style draw.LineStyle, at func(x, y float64) vg.Point) []vg.Point {
	line := d.through(points, at)
	c.StrokeLines(style, c.ClipLinesXY(line)...)
	return line
}

// through is the line through points: between two of them whoever can afford it mixes both.
func (d *frontData) through(points []XY, at func(x, y float64) vg.Point) []vg.Point {
	var line []vg.Point
	for i, p := range points {
		if i > 0 {
			line = append(line, d.between(points[i-1], p, at)...)
		}
		line = append(line, at(p.X, p.Y))
	}
	return line
}

// between are points of the straight line from a to b, which is no straight line on a logarithmic axis.
func (d *frontData) between(a, b XY, at func(x, y float64) vg.Point) []vg.Point {
	const steps = 24
	out := make([]vg.Point, 0, steps)
	for i := 1; i < steps; i++ {
		w := float64(i) / steps
		out = append(out, at(a.X+(b.X-a.X)*w, a.Y+(b.Y-a.Y)*w))
	}
	return out
}

// points draws a series: intervals, the line through the chosen settings, these full and the others pale.
func (d *frontData) points(c draw.Canvas, s Series, at func(x, y float64) vg.Point, mark func(vg.Point, vg.Length)) []vg.Point {
	style := d.style[s.Label]
	on := chosen(s.Points)
	for _, p := range apart(on, at) {
		bars(c, p, pale(style.color, 0.45), at)
	}
	var line []vg.Point
	var corners []XY
	for _, p := range on {
		corners = append(corners, XY{p.X, p.Y})
	}
	line = d.through(corners, at)
	if len(line) > 1 {
		c.StrokeLines(draw.LineStyle{Color: style.color, Width: pt(1.2), Dashes: style.dashes}, c.ClipLinesXY(line)...)
	}
	for _, p := range s.Points {
		if !finite(p.X) || !finite(p.Y) {
			continue
		}
		radius, shade := pt(1.4), pale(style.color, 0.35)
		if p.Chosen {
			radius, shade = max(d.radius, pt(2.3)), style.color
		}
		pt := at(p.X, p.Y)
		c.DrawGlyph(draw.GlyphStyle{Color: shade, Radius: radius, Shape: style.marker}, pt)
		if p.Chosen {
			mark(pt, radius)
		}
	}
	return line
}

// apart leaves out points that lie so near the one before that their bars would be one smear.
func apart(points []Point, at func(x, y float64) vg.Point) []Point {
	least := pt(16)
	var out []Point
	var last vg.Point
	for _, p := range points {
		pt := at(p.X, p.Y)
		if len(out) == 0 || math.Hypot(float64(pt.X-last.X), float64(pt.Y-last.Y)) >= float64(least) {
			out, last = append(out, p), pt
		}
	}
	return out
}

// bars draws the bounds of a point where it has them.
func bars(c draw.Canvas, p Point, shade color.Color, at func(x, y float64) vg.Point) {
	style := draw.LineStyle{Color: shade, Width: pt(0.6)}
	if finite(p.YLow) && finite(p.YHigh) {
		low, high := at(p.X, p.YLow), at(p.X, p.YHigh)
		c.StrokeLine2(style, low.X, low.Y, high.X, high.Y)
	}
	if finite(p.XLow) && finite(p.XHigh) {
		low, high := at(p.XLow, p.Y), at(p.XHigh, p.Y)
		c.StrokeLine2(style, low.X, low.Y, high.X, high.Y)
	}
}

// models draws single models and their names: beside the point, at the end of a line, or as a number with a key.
func (d *frontData) models(c draw.Canvas, at func(x, y float64) vg.Point, obstacles []rect, mark func(vg.Point, vg.Length)) {
	style := textStyle(modelSize, greyText)
	var tags []tag
	var names []string
	dot := pt(2.2)
	own := append([]rect(nil), obstacles...)
	for _, m := range d.front.Models {
		if !finite(m.X) || !finite(m.Y) {
			continue
		}
		pt := at(m.X, m.Y)
		bars(c, m.Point, pale(grey, 0.5), at)
		fill := grey
		if d.front.Looks != nil {
			fill = d.front.Looks.Model(m.Label).Color
		}
		c.DrawGlyph(draw.GlyphStyle{Color: grey, Radius: dot, Shape: draw.CircleGlyph{}}, pt)
		c.DrawGlyph(draw.GlyphStyle{Color: fill, Radius: dot * 0.75, Shape: draw.CircleGlyph{}}, pt)
		mark(pt, dot)
		own = append(own, rect{pt.X - dot, pt.Y - dot, pt.X + dot, pt.Y + dot})
		names = append(names, m.Label)
		tags = append(tags, tag{x: pt.X, y: pt.Y, width: style.Width(m.Label), height: style.Height(m.Label)})
	}
	area := rect{c.Min.X, c.Min.Y, c.Max.X, c.Max.Y}
	place(tags, own, area)
	// Names without room become numbers, which need little of it.
	var rest []tag
	var which []int
	taken := own
	for i := range tags {
		if tags[i].placed {
			taken = append(taken, tags[i].box())
			continue
		}
		d.keyed = append(d.keyed, names[i])
		names[i] = strconv.Itoa(len(d.keyed))
		tags[i].width, tags[i].height = style.Width(names[i]), style.Height(names[i])
		rest, which = append(rest, tags[i]), append(which, i)
	}
	place(rest, taken, area)
	for k, i := range which {
		tags[i] = rest[k]
	}
	for i, t := range tags {
		if !t.placed {
			t.left, t.bottom = t.x+2, t.y+2 // no room even for a number: it stands where it must
		}
		if t.leader {
			end := nearest(t.box(), t.x, t.y)
			c.StrokeLine2(draw.LineStyle{Color: pale(grey, 0.7), Width: pt(0.4)}, t.x, t.y, end.X, end.Y)
		}
		c.FillText(style, vg.Point{X: t.left, Y: t.bottom}, names[i])
	}
}

// nearest is the point of a box nearest to (x, y).
func nearest(r rect, x, y vg.Length) vg.Point {
	return vg.Point{X: max(r.x0, min(x, r.x1)), Y: max(r.y0, min(y, r.y1))}
}

// Table implements Figure: every point in the units of the table that it came from.
func (f *Front) Table() [][]string {
	rows := [][]string{{"series", "family", "label", "x", "x_low", "x_high", "y", "y_low", "y_high", "chosen"}}
	for i := range f.Series {
		s := &f.Series[i]
		for _, p := range s.Points {
			rows = append(rows, []string{s.Label, s.Family, p.Label, cell(p.X), cell(p.XLow), cell(p.XHigh),
				cell(p.Y), cell(p.YLow), cell(p.YHigh), strconv.FormatBool(p.Chosen)})
		}
	}
	for _, m := range f.Models {
		rows = append(rows, []string{m.Label, "model", "", cell(m.X), cell(m.XLow), cell(m.XHigh), cell(m.Y), cell(m.YLow), cell(m.YHigh), ""})
	}
	for _, ref := range []struct {
		name   string
		points []XY
	}{{"zero-router", f.Zero}, {"oracle", f.Oracle}} {
		for _, p := range ref.points {
			rows = append(rows, []string{ref.name, "reference", "", cell(p.X), "", "", cell(p.Y), "", "", ""})
		}
	}
	return rows
}
