package plot

import (
	"fmt"
	"image/color"
	"slices"
	"strings"

	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Style is the page that figures are drawn for.
type Style struct {
	Name          string
	Width, Height vg.Length
	// Heading writes title and subtitle above the data; in a paper the caption says it.
	Heading bool
}

// Styles are known by name: the first is for screens, the others have the width of a column or of the text block of
// journals and conferences ("single" and "double" as in Nature's and Elsevier's guides for authors, 89 and 183 mm; the
// others from the LaTeX classes neurips_2024, acmart sigconf and IEEEtran).
var Styles = []Style{
	{"screen", 7.2 * vg.Inch, 4.5 * vg.Inch, true},
	{"single", 89 * vg.Millimeter, 82 * vg.Millimeter, false},
	{"double", 183 * vg.Millimeter, 105 * vg.Millimeter, false},
	{"neurips", 5.5 * vg.Inch, 3.3 * vg.Inch, false},
	{"acm", 241.14 * vg.Inch / 72.27, 3.1 * vg.Inch, false},
	{"acm-double", 506.3 * vg.Inch / 72.27, 4 * vg.Inch, false},
	{"ieee", 252 * vg.Inch / 72.27, 3.2 * vg.Inch, false},
	{"ieee-double", 516 * vg.Inch / 72.27, 4 * vg.Inch, false},
}

// StyleNamed finds a style; "" is the first.
func StyleNamed(name string) (Style, error) {
	var names []string
	for _, s := range Styles {
		if s.Name == name || name == "" {
			return s, nil
		}
		names = append(names, s.Name)
	}
	return Style{}, fmt.Errorf("style %q: want one of %s", name, strings.Join(names, ", "))
}

// narrow tells whether a legend has no room beside the data.
func (s Style) narrow() bool { return s.Width < 5*vg.Inch }

// Sizes of what is in a figure, in points but for the width of a legend beside the data.
const (
	legendWidth = 1.75 * vg.Inch

	titleSize    = 10
	subtitleSize = 7.5
	textSize     = 8.5
	tickSize     = 8
	legendSize   = 8
	modelSize    = 6.5
)

// palette is Okabe and Ito's, without the yellow that is hard to see on white, and grey, which means a single model.
var palette = []color.RGBA{
	{0x00, 0x72, 0xB2, 0xFF}, // blue
	{0xD5, 0x5E, 0x00, 0xFF}, // vermilion
	{0x00, 0x9E, 0x73, 0xFF}, // bluish green
	{0xCC, 0x79, 0xA7, 0xFF}, // reddish purple
	{0xE6, 0x9F, 0x00, 0xFF}, // orange
	{0x56, 0xB4, 0xE9, 0xFF}, // sky blue
	{0x00, 0x00, 0x00, 0xFF}, // black
	{0x8C, 0x6D, 0x31, 0xFF}, // brown
}

var markers = []draw.GlyphDrawer{
	draw.CircleGlyph{}, draw.SquareGlyph{}, draw.TriangleGlyph{}, draw.PyramidGlyph{}, draw.PlusGlyph{},
	draw.CrossGlyph{}, draw.RingGlyph{}, draw.BoxGlyph{},
}

var (
	ink      = color.RGBA{0x22, 0x22, 0x22, 0xFF}
	greyText = color.RGBA{0x66, 0x66, 0x66, 0xFF}
	grey     = color.RGBA{0x99, 0x99, 0x99, 0xFF}
	gridGrey = color.RGBA{0xE6, 0xE6, 0xE6, 0xFF}
)

// pale mixes a colour with white.
func pale(c color.RGBA, share float64) color.RGBA {
	mix := func(x uint8) uint8 { return uint8(float64(x)*share + 255*(1-share) + 0.5) }
	return color.RGBA{mix(c.R), mix(c.G), mix(c.B), 0xFF}
}

// seriesStyle is how a series is drawn.
type seriesStyle struct {
	color  color.RGBA
	marker draw.GlyphDrawer
	dashes []vg.Length
}

// variants is the number of series of one family that are told apart, by marker and dashes.
const variants = 4

var dashes = [variants][]vg.Length{nil, {pt(5), pt(2)}, {pt(2), pt(2)}, {pt(7), pt(2), pt(2), pt(2)}}

// families counts the series of each family.
func families(series []Series) map[string]int {
	count := map[string]int{}
	for _, s := range series {
		count[s.Family]++
	}
	return count
}

// seriesStyles gives every series its own, by its label: the family's look, and within a family of few series a marker of its
// own; one of many, such as a grid of parameters, looks the same throughout. Without looks families take theirs in order of
// appearance.
func seriesStyles(series []Series, looks *Looks) map[string]seriesStyle {
	if looks == nil {
		var order []string
		for _, s := range series {
			if !slices.Contains(order, s.Family) {
				order = append(order, s.Family)
			}
		}
		looks = NewLooks(order, nil, nil)
	}
	count, nth := families(series), map[string]int{}
	out := map[string]seriesStyle{}
	for _, s := range series {
		v := nth[s.Family]
		nth[s.Family]++
		if count[s.Family] > variants {
			v = 0
		}
		l := looks.Policy(s.Family)
		out[s.Label] = seriesStyle{l.Color, shape(l.marker + 3*v), dashes[v]}
	}
	return out
}

func textStyle(size float64, c color.Color) draw.TextStyle {
	return draw.TextStyle{
		Color:   c,
		Font:    font.From(font.Font{Typeface: "Liberation", Variant: "Sans"}, vg.Points(size)),
		Handler: textHandler,
	}
}
