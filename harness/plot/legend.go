package plot

import (
	"cmp"
	"fmt"
	"image/color"
	"slices"
	"strings"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// entry is one line of a legend. One without a mark is small print.
type entry struct {
	label string
	color color.RGBA // of its mark
	mark  func(c draw.Canvas, at vg.Point)
	gap   bool // a new group begins
}

// legend lists the policies that are not named within the data, references and the key of numbered models.
func (f *Front) legend(data *frontData) []entry {
	var out []entry
	for i := range f.Series {
		s := &f.Series[i]
		if data.named[s.Label] {
			continue
		}
		label, l, lined := s.Label, s.Look, len(chosen(s.Points)) > 1
		out = append(out, entry{label: label, color: l.Color, mark: func(c draw.Canvas, at vg.Point) {
			if lined {
				c.StrokeLine2(draw.LineStyle{Color: l.Color, Width: pt(1.2), Dashes: l.Dashes}, at.X-pt(8), at.Y, at.X+pt(8), at.Y)
			}
			c.DrawGlyph(draw.GlyphStyle{Color: l.Color, Radius: pt(2.5), Shape: l.Marker}, at)
		}})
	}
	group := len(out)
	if len(f.Models) > 0 {
		out = append(out, entry{label: "single model", mark: func(c draw.Canvas, at vg.Point) {
			c.DrawGlyph(draw.GlyphStyle{Color: along(modelShades, 0.5), Radius: pt(2.2), Shape: diamond}, at)
		}})
	}
	if len(f.Zero) > 0 {
		out = append(out, entry{label: mixLabel, color: grey, mark: stroke(zeroLine)})
	}
	if len(f.Oracle) > 0 {
		out = append(out, entry{label: oracleLabel, color: grey, mark: stroke(oracleLine)})
	}
	if group < len(out) {
		out[group].gap = true
	}
	group = len(out)
	for _, n := range f.Notes {
		out = append(out, entry{label: n})
	}
	for i, name := range data.keyed {
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

// besideEntry is an entry right of the data, and where the line ends that it is tied to.
type besideEntry struct {
	entry
	at, end vg.Point
	tied    bool
}

// beside places the legend right of the data, each entry as near to the height where its line ends as the others leave room: an
// eye need not match colours. What has no line stands below.
func (s Style) beside(c draw.Canvas, right vg.Length, entries []entry, ends map[string]vg.Point) []besideEntry {
	x, row := right+pt(18), pt(legendRow)
	var tied, rest []besideEntry
	for _, e := range entries {
		if end, ok := ends[e.label]; ok {
			tied = append(tied, besideEntry{entry: e, end: vg.Point{X: end.X + pt(3), Y: end.Y}, tied: true})
		} else {
			rest = append(rest, besideEntry{entry: e})
		}
	}
	slices.SortStableFunc(tied, func(a, b besideEntry) int { return cmp.Compare(b.end.Y, a.end.Y) })
	low := c.Min.Y + pt(6)
	for i := range rest {
		low += rest[i].height()
	}
	wanted := make([]vg.Length, len(tied))
	for i := range tied {
		wanted[i] = tied[i].end.Y
	}
	for i, y := range spread(wanted, row, low+row, c.Max.Y-row) {
		tied[i].at = vg.Point{X: x, Y: y}
	}
	y := low - row/2
	for i := range rest {
		rest[i].at = vg.Point{X: x, Y: y}
		y -= rest[i].height()
	}
	return append(tied, rest...)
}

func (e *entry) height() vg.Length {
	if e.mark == nil {
		return pt(legendSmall)
	}
	return pt(legendRow)
}

// spread moves heights, which fall, so far apart that none is nearer to the next than a gap, each as little as can be (the least
// squares), and keeps them between low and high as far as there is room.
func spread(wanted []vg.Length, gap, low, high vg.Length) []vg.Length {
	// With the gaps taken out the answer is the nearest sequence that does not rise: neighbours that would are pooled.
	type block struct {
		sum vg.Length
		n   int
	}
	var blocks []block
	for i, y := range wanted {
		blocks = append(blocks, block{y + vg.Length(i)*gap, 1})
		for k := len(blocks) - 1; k > 0 && blocks[k].sum/vg.Length(blocks[k].n) > blocks[k-1].sum/vg.Length(blocks[k-1].n); k-- {
			blocks[k-1] = block{blocks[k-1].sum + blocks[k].sum, blocks[k-1].n + blocks[k].n}
			blocks = blocks[:k]
		}
	}
	var out []vg.Length
	for _, b := range blocks {
		for range b.n {
			i := len(out)
			y := b.sum/vg.Length(b.n) - vg.Length(i)*gap
			y = max(y, low+vg.Length(len(wanted)-1-i)*gap)
			out = append(out, min(y, high-vg.Length(i)*gap))
		}
	}
	return out
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
		s.below(c, entries)
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

// below draws a legend in columns under the data.
func (s Style) below(c draw.Canvas, entries []entry) {
	marked, small := split(entries)
	y := c.Min.Y + s.legendHeight(entries) - pt(legendRow/2)
	y = flow(c, marked, y, pt(legendRow))
	flow(c, small, y, pt(legendSmall))
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
