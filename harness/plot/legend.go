package plot

import (
	"fmt"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// legend lists families, references and the key of numbered models right of the data.
func (f *Front) legend(c draw.Canvas, look map[string]look, keyed []string) {
	style := textStyle(legendSize, ink)
	row := shift(legendSize * 1.45)
	x := c.Max.X - legendWidth + shift(8)
	y := c.Max.Y - shift(8)
	entry := func(label string, draw func(vg.Point)) {
		if label == "" || y < c.Min.Y+row {
			return
		}
		draw(vg.Point{X: x + shift(7), Y: y})
		c.FillText(style, vg.Point{X: x + shift(18), Y: y - style.Height(label)/2}, clipped(style, label, c.Max.X-x-shift(20)))
		y -= row
	}
	// A family of many series, such as one for each parameter of a grid, is one entry.
	count := families(f.Series)
	for _, s := range f.Series {
		label := s.Label
		if n := count[s.Family]; n > variants {
			label = fmt.Sprintf("%s (%d)", s.Family, n)
			count[s.Family] = -1
		} else if n < 0 {
			continue
		}
		l := look[s.Label]
		entry(label, func(at vg.Point) {
			if f.SizeNote == "" {
				c.StrokeLine2(draw.LineStyle{Color: l.color, Width: shift(1.2), Dashes: l.dashes}, at.X-shift(8), at.Y, at.X+shift(8), at.Y)
			}
			c.DrawGlyph(draw.GlyphStyle{Color: l.color, Radius: shift(2.5), Shape: l.marker}, at)
		})
	}
	y -= row / 3
	if len(f.Models) > 0 {
		entry("single model", func(at vg.Point) {
			c.DrawGlyph(draw.GlyphStyle{Color: grey, Radius: shift(2), Shape: draw.CircleGlyph{}}, at)
		})
	}
	if len(f.Zero) > 0 {
		entry("Zero router", func(at vg.Point) {
			c.StrokeLine2(draw.LineStyle{Color: grey, Width: shift(1), Dashes: []vg.Length{shift(4), shift(3)}},
				at.X-shift(8), at.Y, at.X+shift(8), at.Y)
		})
	}
	if len(f.Oracle) > 0 {
		entry("oracle", func(at vg.Point) { star(c, at) })
	}
	small := textStyle(modelSize, greyText)
	y -= row / 2
	line := func(text string) {
		if y < c.Min.Y+shift(modelSize) {
			return
		}
		c.FillText(small, vg.Point{X: x, Y: y}, clipped(small, text, c.Max.X-x-shift(2)))
		y -= shift(modelSize * 1.3)
	}
	if f.SizeNote != "" {
		line(f.SizeNote)
	}
	for i, name := range keyed {
		line(fmt.Sprintf("%d  %s", i+1, name))
	}
}

// clipped shortens a text that is wider than its room.
func clipped(style draw.TextStyle, text string, room vg.Length) string {
	if style.Width(text) <= room {
		return text
	}
	r := []rune(text)
	for len(r) > 1 && style.Width(string(r)+"…") > room {
		r = r[:len(r)-1]
	}
	return string(r) + "…"
}
