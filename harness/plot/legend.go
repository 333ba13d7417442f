package plot

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// entry is one line of a legend. One without a mark is small print.
type entry struct {
	label string
	mark  func(c draw.Canvas, at vg.Point)
	gap   bool // a new group begins
}

// legend lists families, references and the key of numbered models.
func (f *Front) legend(style map[string]seriesStyle, keyed []string) []entry {
	var out []entry
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
		l, lined := style[s.Label], len(chosen(s.Points)) > 1
		out = append(out, entry{label: label, mark: func(c draw.Canvas, at vg.Point) {
			if lined {
				c.StrokeLine2(draw.LineStyle{Color: l.color, Width: pt(1.2), Dashes: l.dashes}, at.X-pt(8), at.Y, at.X+pt(8), at.Y)
			}
			c.DrawGlyph(draw.GlyphStyle{Color: l.color, Radius: pt(2.5), Shape: l.marker}, at)
		}})
	}
	group := len(out)
	if len(f.Models) > 0 {
		out = append(out, entry{label: "single model, dark: dear", mark: func(c draw.Canvas, at vg.Point) {
			c.DrawGlyph(draw.GlyphStyle{Color: grey, Radius: pt(2), Shape: draw.CircleGlyph{}}, at)
		}})
	}
	if len(f.Zero) > 0 {
		out = append(out, entry{label: mixLabel, mark: stroke(zeroLine)})
	}
	if len(f.Oracle) > 0 {
		out = append(out, entry{label: oracleLabel, mark: stroke(oracleLine)})
	}
	if group < len(out) {
		out[group].gap = true
	}
	group = len(out)
	for _, n := range f.Notes {
		out = append(out, entry{label: n})
	}
	for i, name := range keyed {
		out = append(out, entry{label: fmt.Sprintf("%d  %s", i+1, name)})
	}
	if group < len(out) {
		out[group].gap = true
	}
	return out
}

// What the reference lines are called.
const (
	mixLabel    = "mix of models"
	oracleLabel = "oracle (a bound)"
)

// beside writes the legend right of the data, each entry at the height where its line ends and tied to it by a thin line, as far
// as they do not cover one another: an eye need not match colours. What has no line stands below.
func (s Style) beside(c draw.Canvas, right vg.Length, entries []entry, ends map[string]vg.Point) {
	x, row := right+pt(18), pt(legendRow)
	var tied, rest []entry
	for _, e := range entries {
		if _, ok := ends[e.label]; ok {
			tied = append(tied, e)
		} else {
			rest = append(rest, e)
		}
	}
	slices.SortStableFunc(tied, func(a, b entry) int { return cmp.Compare(ends[b.label].Y, ends[a.label].Y) })
	low := c.Min.Y + pt(6)
	for _, e := range rest {
		low += map[bool]vg.Length{true: pt(legendSmall), false: row}[e.mark == nil]
	}
	at := make([]vg.Length, len(tied))
	for i, e := range tied {
		at[i] = min(ends[e.label].Y, c.Max.Y-row)
		if i > 0 {
			at[i] = min(at[i], at[i-1]-row)
		}
	}
	for i := len(at) - 1; i >= 0; i-- {
		least := low + row
		if i < len(at)-1 {
			least = at[i+1] + row
		}
		at[i] = max(at[i], least)
	}
	for i, e := range tied {
		end := ends[e.label]
		c.StrokeLine2(draw.LineStyle{Color: pale(grey, 0.6), Width: pt(0.5)}, end.X+pt(3), end.Y, x-pt(2), at[i])
		e.draw(c, vg.Point{X: x, Y: at[i]}, c.Max.X-x)
	}
	y := low - row/2
	if len(at) > 0 {
		y = min(at[len(at)-1]-row, low-row/2)
	}
	y = max(y, low-row/2)
	for _, e := range rest {
		e.draw(c, vg.Point{X: x, Y: y}, c.Max.X-x)
		y -= map[bool]vg.Length{true: pt(legendSmall), false: row}[e.mark == nil]
	}
}

// stroke is the mark of a line.
func stroke(style draw.LineStyle) func(c draw.Canvas, at vg.Point) {
	return func(c draw.Canvas, at vg.Point) {
		c.StrokeLine2(style, at.X-pt(8), at.Y, at.X+pt(8), at.Y)
	}
}

const (
	legendRow   = legendSize * 1.45
	legendSmall = modelSize * 1.3
	// legendColumn is how wide a column of a legend below the data is at least.
	legendColumn = 1.6 * vg.Inch
)

// legend draws one right of the data, or in columns below it where the page is narrow.
func (s Style) legend(c draw.Canvas, entries []entry) {
	if s.narrow() {
		marked, small := split(entries)
		y := c.Min.Y + s.legendHeight(entries) - pt(legendRow/2)
		y = flow(c, marked, y, pt(legendRow))
		flow(c, small, y, pt(legendSmall))
		return
	}
	x, y := c.Max.X-legendWidth+pt(8), c.Max.Y-pt(8)
	for _, e := range entries {
		row := pt(legendRow)
		if e.mark == nil {
			row = pt(legendSmall)
		}
		if e.gap {
			y -= pt(legendRow / 3)
		}
		if y < c.Min.Y+row {
			return
		}
		e.draw(c, vg.Point{X: x, Y: y}, c.Max.X-x)
		y -= row
	}
}

// draw writes an entry whose line is centred at the point.
func (e *entry) draw(c draw.Canvas, at vg.Point, room vg.Length) {
	style, indent := textStyle(modelSize, greyText), vg.Length(0)
	if e.mark != nil {
		style, indent = textStyle(legendSize, ink), pt(18)
		e.mark(c, vg.Point{X: at.X + pt(7), Y: at.Y})
	}
	text := clipped(style, e.label, room-indent-pt(2))
	c.FillText(style, vg.Point{X: at.X + indent, Y: at.Y - style.Height(text)/2}, text)
}

// flow writes entries row by row in columns and returns the height of the next row.
func flow(c draw.Canvas, entries []entry, y, row vg.Length) vg.Length {
	columns := columnsOf(c.Size().X)
	width := (c.Size().X - pt(12)) / vg.Length(columns)
	for i := range entries {
		entries[i].draw(c, vg.Point{X: c.Min.X + pt(8) + vg.Length(i%columns)*width, Y: y}, width)
		if i%columns == columns-1 || i == len(entries)-1 {
			y -= row
		}
	}
	return y
}

func columnsOf(width vg.Length) int { return max(1, int(width/legendColumn)) }

// split parts small print from the rest.
func split(entries []entry) (marked, small []entry) {
	for _, e := range entries {
		if e.mark == nil {
			small = append(small, e)
		} else {
			marked = append(marked, e)
		}
	}
	return marked, small
}

// legendHeight is what a legend below the data takes.
func (s Style) legendHeight(entries []entry) vg.Length {
	marked, small := split(entries)
	columns := columnsOf(s.Width)
	rows := func(n int) float64 { return float64((n + columns - 1) / columns) }
	return pt(rows(len(marked))*legendRow + rows(len(small))*legendSmall + 8)
}

// clipped shortens a text that is wider than its room. Of a model in one of several places, "model@ESP", the place stays.
func clipped(style draw.TextStyle, text string, room vg.Length) string {
	if style.Width(text) <= room {
		return text
	}
	tail := "…"
	r := []rune(text)
	if at := strings.LastIndexByte(text, '@'); at > 0 && len(text)-at < 8 {
		r, tail = []rune(text[:at]), "…"+text[at:]
	}
	for len(r) > 1 && style.Width(string(r)+tail) > room {
		r = r[:len(r)-1]
	}
	return string(r) + tail
}
