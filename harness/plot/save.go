package plot

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"codeberg.org/go-pdf/fpdf"
	"golang.org/x/image/font/opentype"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/recorder"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgpdf"
	"gonum.org/v1/plot/vg/vgsvg"

	"github.com/trilemma-bench/trilemma/harness/plot/ttf"

	"github.com/trilemma-bench/trilemma/harness/wholefile"
)

// pngDPI is twice what screens are taken to show.
const pngDPI = 192

var textHandler = plot.DefaultTextHandler

// A PDF has the same bytes each time: without the time of day, and with its fonts in a fixed order. gonum's canvas has no
// setting for either, only the library below it.
func init() {
	fpdf.SetDefaultCatalogSort(true)
	fpdf.SetDefaultCreationDate(time.Unix(0, 0).UTC())
	fpdf.SetDefaultModificationDate(time.Unix(0, 0).UTC())
}

// Figure is what can be saved.
type Figure interface {
	// Draw lays the figure out on a canvas.
	Draw(c draw.Canvas, s Style) error
	// Height is how tall it is drawn.
	Height(s Style) vg.Length
	// Table is the numbers behind it, headings first.
	Table() [][]string
}

// Named is a figure, the base of its file's name, and what is said of it wherever it is shown.
type Named struct {
	Kind   string // what is drawn, such as quality-cost or hours: the name begins with it
	Name   string
	Pool   string
	Policy string // that it is about; "" for one about all
	Figure Figure
	// Caption says what to see, what each mark means, and how many prompts it rests on.
	Caption string
}

// Formats are the formats that Save knows.
var Formats = []string{"png", "svg", "pdf"}

// Save writes dir/base in every format, and its numbers as dir/base.csv, each file whole or not at all. It returns the
// paths in the order written.
func Save(fig Figure, s Style, dir, base string, formats []string) ([]string, error) {
	var paths []string
	for _, format := range formats {
		path := filepath.Join(dir, base+"."+format)
		out, err := render(fig, s, format)
		if err != nil {
			return paths, fmt.Errorf("drawing %s: %w", path, err)
		}
		if err := write(path, func(w io.Writer) error { _, err := out.WriteTo(w); return err }); err != nil {
			return paths, err
		}
		paths = append(paths, path)
	}
	path := filepath.Join(dir, base+".csv")
	err := write(path, func(w io.Writer) error { return csv.NewWriter(w).WriteAll(fig.Table()) })
	return append(paths, path), err
}

func render(fig Figure, s Style, format string) (io.WriterTo, error) {
	height := fig.Height(s)
	switch format {
	case "png":
		c := vgimg.PngCanvas{Canvas: vgimg.NewWith(vgimg.UseWH(s.Width, height), vgimg.UseDPI(pngDPI))}
		return c, fig.Draw(draw.New(c), s)
	case "svg":
		c := vgsvg.New(s.Width, height)
		return c, fig.Draw(draw.New(c), s)
	case "pdf":
		return renderPDF(fig, s, height)
	}
	return nil, fmt.Errorf("unknown format %q: want one of %v", format, Formats)
}

func write(path string, fill func(io.Writer) error) error {
	f, err := wholefile.Create(path)
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	if err = fill(f); err == nil {
		err = f.Replace()
	}
	if err != nil {
		_ = f.Discard() // the first error is the one to tell
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}

// renderPDF draws a figure twice: the first time to know its characters, so that the second embeds no others.
func renderPDF(fig Figure, s Style, height vg.Length) (io.WriterTo, error) {
	var heard recorder.Canvas
	if err := fig.Draw(draw.NewCanvas(&heard, s.Width, height), s); err != nil {
		return nil, err
	}
	seen := map[rune]bool{}
	for _, a := range heard.Actions {
		if text, ok := a.(*recorder.FillString); ok {
			for _, b := range []byte(latin(text.String)) {
				seen[charmap.Windows1252.DecodeByte(b)] = true
			}
		}
	}
	c := &pdfCanvas{Canvas: vgpdf.New(s.Width, height), characters: slices.Sorted(maps.Keys(seen))}
	c.EmbedFonts(true)
	if err := fig.Draw(draw.New(c), s); err != nil {
		return nil, err
	}
	return c, c.err
}

// pdfCanvas writes text in a font that holds the figure's characters alone.
type pdfCanvas struct {
	*vgpdf.Canvas
	characters []rune
	subset     *opentype.Font // of the one typeface that figures have
	err        error
}

// FillString implements vg.Canvas.
func (c *pdfCanvas) FillString(face font.Face, at vg.Point, text string) {
	if c.subset == nil && c.err == nil {
		c.subset, c.err = subsetOf(face.Face, c.characters)
	}
	if c.err == nil {
		face.Face = c.subset
	}
	c.Canvas.FillString(face, at, latin(text))
}

// stand are what stands for characters that the code page of PDF text lacks.
var stand = strings.NewReplacer("≥", ">=", "≤", "<=", "−", "–", "λ", "lambda", "∞", "inf")

// latin is a text in the code page of gonum's PDF backend, which takes bytes for characters.
func latin(text string) string {
	encoded, err := encoding.ReplaceUnsupported(charmap.Windows1252.NewEncoder()).String(stand.Replace(text))
	if err != nil {
		return text // not UTF-8: nothing better is known
	}
	return strings.ReplaceAll(encoded, "\x1a", "?")
}

func subsetOf(whole *opentype.Font, characters []rune) (*opentype.Font, error) {
	var source bytes.Buffer
	if _, err := whole.WriteSourceTo(nil, &source); err != nil {
		return nil, fmt.Errorf("reading the font of figures: %w", err)
	}
	small, err := ttf.Subset(source.Bytes(), characters)
	if err != nil {
		return nil, fmt.Errorf("embedding the font of figures: %w", err)
	}
	return opentype.Parse(small)
}

// cell writes a number for a table, empty where there is none.
func cell(x float64) string {
	if math.IsNaN(x) {
		return ""
	}
	return strconv.FormatFloat(x, 'g', -1, 64)
}

// pt is a length in points, for readability at the call.
func pt(points float64) vg.Length { return vg.Points(points) }
