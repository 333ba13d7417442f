package plot

import (
	"math"
	"strconv"
	"strings"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Marker is the shape of a point. The same corners are drawn by gonum and, as a path, by a browser.
type Marker struct {
	Name   string
	Hollow bool // only the outline is drawn
	// corners lie about the origin within a radius of about one, y upwards; none is a circle.
	corners []XY
}

// markers are those of policies, in the order in which they are given out.
var markers = []Marker{
	{Name: "circle"},
	{Name: "square", corners: regular(4, 1.15, 45)},
	{Name: "triangle", corners: regular(3, 1.25, 90)},
	{Name: "plus", corners: cross(0)},
	{Name: "triangle-down", corners: regular(3, 1.25, -90)},
	{Name: "cross", corners: cross(45)},
	{Name: "pentagon", corners: regular(5, 1.15, 90)},
	{Name: "star", corners: star()},
	{Name: "hexagon", corners: regular(6, 1.15, 0)},
}

// diamond is the marker of single models, which no policy has.
var diamond = Marker{Name: "diamond", corners: []XY{{0, 1.35}, {0.9, 0}, {0, -1.35}, {-0.9, 0}}}

// regular are the corners of a regular polygon, the first at an angle in degrees.
func regular(n int, radius, first float64) []XY {
	out := make([]XY, n)
	for i := range out {
		sin, cos := math.Sincos((first + 360*float64(i)/float64(n)) * math.Pi / 180)
		out[i] = XY{radius * cos, radius * sin}
	}
	return out
}

// cross are the corners of a plus, turned by an angle in degrees.
func cross(turn float64) []XY {
	const long, wide = 1.25, 0.38
	sin, cos := math.Sincos(turn * math.Pi / 180)
	var out []XY
	for _, p := range []XY{
		{wide, long}, {wide, wide}, {long, wide}, {long, -wide}, {wide, -wide}, {wide, -long},
		{-wide, -long}, {-wide, -wide}, {-long, -wide}, {-long, wide}, {-wide, wide}, {-wide, long},
	} {
		out = append(out, XY{p.X*cos - p.Y*sin, p.X*sin + p.Y*cos})
	}
	return out
}

// star are the corners of a star of five points.
func star() []XY {
	outer, inner := regular(5, 1.35, 90), regular(5, 0.6, 126)
	var out []XY
	for i := range outer {
		out = append(out, outer[i], inner[i])
	}
	return out
}

// SVG is the marker as the path of an SVG of radius one about the origin, y downwards as there.
func (m Marker) SVG() string {
	if m.corners == nil {
		return "M-1,0a1,1 0 1,0 2,0a1,1 0 1,0 -2,0z"
	}
	number := func(x float64) string { return strconv.FormatFloat(math.Round(x*100)/100+0, 'f', -1, 64) }
	var b strings.Builder
	for i, p := range m.corners {
		b.WriteString(map[bool]string{true: "M", false: "L"}[i == 0] + number(p.X) + "," + number(-p.Y))
	}
	return b.String() + "z"
}

// DrawGlyph implements draw.GlyphDrawer.
func (m Marker) DrawGlyph(c *draw.Canvas, style draw.GlyphStyle, at vg.Point) {
	var path vg.Path
	if m.corners == nil {
		path.Move(vg.Point{X: at.X + style.Radius, Y: at.Y})
		path.Arc(at, style.Radius, 0, 2*math.Pi)
	}
	for i, p := range m.corners {
		corner := vg.Point{X: at.X + style.Radius*vg.Length(p.X), Y: at.Y + style.Radius*vg.Length(p.Y)}
		if i == 0 {
			path.Move(corner)
		} else {
			path.Line(corner)
		}
	}
	path.Close()
	if m.Hollow {
		c.SetLineStyle(draw.LineStyle{Color: style.Color, Width: pt(0.9)})
		c.Stroke(path)
		return
	}
	c.Fill(path)
}
