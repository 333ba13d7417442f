package plot

import (
	"fmt"
	"image/color"
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

var (
	ink      = color.RGBA{0x22, 0x22, 0x22, 0xFF}
	greyText = color.RGBA{0x66, 0x66, 0x66, 0xFF}
	grey     = color.RGBA{0x99, 0x99, 0x99, 0xFF}
	gridGrey = color.RGBA{0xE6, 0xE6, 0xE6, 0xFF}
)

func textStyle(size float64, c color.Color) draw.TextStyle {
	return draw.TextStyle{
		Color:   c,
		Font:    font.From(font.Font{Typeface: "Liberation", Variant: "Sans"}, vg.Points(size)),
		Handler: textHandler,
	}
}
