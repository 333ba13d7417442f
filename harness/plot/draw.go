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
	p := s.newPlot(f.X.Label, f.Y.Label, &x, &y)
	c = s.heading(c, f.Title, f.Subtitle)
	data := &frontData{front: f, x: &x, y: &y}
	p.Add(grid(), data)
	// What stands beside or below the data decides how much room names have within, and those without room lengthen it: a few
	// rounds without ink settle that.
	key, blank := f.legend(data), draw.Canvas{Canvas: &recorder.Canvas{}, Rectangle: c.Rectangle}
	for range 4 {
		area := s.dataArea(blank, key)
		p.Draw(area)
		key = f.legend(data)
		if !s.narrow() {
			data.beside = s.beside(c, area.Max.X, key, data.ends)
		}
	}
	p.Draw(s.dataArea(c, key))
	if s.narrow() {
		s.legend(c, key)
		return nil
	}
	for _, e := range data.beside {
		e.draw(c, e.at, c.Max.X-e.at.X)
	}
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

// newPlot is an empty plot in the house style. What an axis is called is written smaller where it is longer than the page is wide.
func (s Style) newPlot(xLabel, yLabel string, x, y *scale) *plot.Plot {
	p := plot.New()
	p.BackgroundColor = color.White
	for _, a := range []struct {
		axis  *plot.Axis
		label string
		of    *scale
	}{{&p.X, xLabel, x}, {&p.Y, yLabel, y}} {
		a.axis.Label.Text = a.label
		size := float64(textSize)
		for size > modelSize && textStyle(size, ink).Width(a.label) > s.Width-pt(48) {
			size -= 0.5
		}
		a.axis.Label.TextStyle = axisStyle(a.axis.Label.TextStyle, size)
		a.axis.Tick.Label = axisStyle(a.axis.Tick.Label, tickSize)
		a.axis.Tick.Marker = a.of
		a.axis.Min, a.axis.Max = a.of.min, a.of.max
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
	front   *Front
	x, y    *scale
	radius  vg.Length // of chosen points; 0 for the usual one
	nameAll bool      // name every policy beside a point of its own, not only those without a line; nothing is keyed
	// beside are the entries right of the data, which lines lead to.
	beside []besideEntry
	// keyed are the models that had no room for their names, in the order of their numbers.
	keyed []string
	// named are the policies that are named beside a point.
	named map[string]bool
	// ends are where the lines end on the canvas, by the label of their legend.
	ends map[string]vg.Point
}

// Plot implements plot.Plotter.
func (d *frontData) Plot(c draw.Canvas, p *plot.Plot) {
	d.keyed, d.named, d.ends = nil, map[string]bool{}, map[string]vg.Point{}
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
	for _, e := range d.beside {
		if e.tied {
			c.StrokeLine2(draw.LineStyle{Color: pale(e.color, 0.5), Width: pt(0.5)}, e.end.X, e.end.Y, e.at.X-pt(2), e.at.Y)
			line(steps(e.end, vg.Point{X: min(e.at.X, c.Max.X), Y: e.end.Y + (e.at.Y-e.end.Y)*(min(e.at.X, c.Max.X)-e.end.X)/(e.at.X-e.end.X)}))
		}
	}
	zero, oracle := d.reference(c, d.front.Zero, zeroLine, at), d.reference(c, d.front.Oracle, oracleLine, at)
	line(zero)
	line(oracle)
	end(mixLabel, zero)
	end(oracleLabel, oracle)
	// What was not chosen lies below all that was.
	for i := range d.front.Series {
		d.faint(c, &d.front.Series[i], at)
	}
	for i := range d.front.Series {
		s := &d.front.Series[i]
		through := d.points(c, s, at, mark)
		line(through)
		end(s.Label, through)
	}
	d.names(c, at, obstacles)
}

// steps are points of the way from a to b, near enough to one another for boxes about them to be narrow.
func steps(a, b vg.Point) []vg.Point {
	const n = 24
	out := make([]vg.Point, 0, n+1)
	for i := range n + 1 {
		w := vg.Length(i) / n
		out = append(out, vg.Point{X: a.X + (b.X-a.X)*w, Y: a.Y + (b.Y-a.Y)*w})
	}
	return out
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

// barsShown is the number of policies from which on bars of every chosen setting would be a thicket: only the last one, where a
// line ends, has bars.
const barsShown = 5

// BarsAtEnds tells whether there are so many policies that only the ends of their lines have bars.
func (f *Front) BarsAtEnds() bool { return len(f.Series) > barsShown }

// faint draws the settings of a series that were not chosen.
func (d *frontData) faint(c draw.Canvas, s *Series, at func(x, y float64) vg.Point) {
	for _, p := range s.Points {
		if finite(p.X) && finite(p.Y) && !p.Chosen {
			c.DrawGlyph(draw.GlyphStyle{Color: pale(s.Look.Color, 0.35), Radius: pt(1.3), Shape: s.Look.Marker}, at(p.X, p.Y))
		}
	}
}

// points draws the chosen settings of a series: intervals, and the line through them.
func (d *frontData) points(c draw.Canvas, s *Series, at func(x, y float64) vg.Point, mark func(vg.Point, vg.Length)) []vg.Point {
	style, on := s.Look, chosen(s.Points)
	barred := apart(on, at)
	if d.front.BarsAtEnds() && len(on) > 0 {
		barred = on[len(on)-1:]
	}
	for _, p := range barred {
		bars(c, p, pale(style.Color, 0.45), at)
	}
	var corners []XY
	for _, p := range on {
		corners = append(corners, XY{p.X, p.Y})
	}
	line := d.through(corners, at)
	if len(line) > 1 {
		c.StrokeLines(draw.LineStyle{Color: style.Color, Width: pt(1.2), Dashes: style.Dashes}, c.ClipLinesXY(line)...)
	}
	radius := max(d.radius, pt(2.3))
	for _, p := range on {
		where := at(p.X, p.Y)
		c.DrawGlyph(draw.GlyphStyle{Color: style.Color, Radius: radius, Shape: style.Marker}, where)
		mark(where, radius)
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

// names draws single models, and writes names: of policies beside their points where they have no line, and of models.
func (d *frontData) names(c draw.Canvas, at func(x, y float64) vg.Point, obstacles []rect) {
	dot := pt(2.2)
	area := rect{c.Min.X, c.Min.Y, c.Max.X, c.Max.Y}
	var models []tag
	for _, m := range d.front.Models {
		if !finite(m.X) || !finite(m.Y) {
			continue
		}
		where := at(m.X, m.Y)
		bars(c, m.Point, pale(m.Look.Color, 0.5), at)
		c.DrawGlyph(draw.GlyphStyle{Color: m.Look.Color, Radius: dot, Shape: m.Look.Marker}, where)
		obstacles = append(obstacles, rect{where.X - dot, where.Y - dot, where.X + dot, where.Y + dot})
		models = append(models, newTag(where, m.Label, textStyle(modelSize, greyText)))
	}
	var policies []tag
	for i := range d.front.Series {
		s := &d.front.Series[i]
		if on := chosen(s.Points); len(on) == 1 || len(on) > 1 && d.nameAll {
			policies = append(policies, newTag(at(on[0].X, on[0].Y), s.Label, textStyle(tickSize-0.5, s.Look.Ink())))
		}
	}
	place(policies, obstacles, area)
	for i := range policies {
		if t := &policies[i]; t.placed {
			d.named[t.text] = true
			obstacles = append(obstacles, t.box())
			t.draw(c)
		}
	}
	place(models, obstacles, area)
	// Names without room become numbers, which need little of it.
	var rest []tag
	for i := range models {
		t := &models[i]
		switch {
		case t.placed:
			obstacles = append(obstacles, t.box())
			t.draw(c)
		case !d.nameAll:
			d.keyed = append(d.keyed, t.text)
			rest = append(rest, newTag(vg.Point{X: t.x, Y: t.y}, strconv.Itoa(len(d.keyed)), t.style))
		}
	}
	place(rest, obstacles, area)
	for i := range rest {
		t := &rest[i]
		if !t.placed {
			t.left, t.bottom = t.x+2, t.y+2 // no room even for a number: it stands where it must
		}
		t.draw(c)
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
