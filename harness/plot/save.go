package plot

import (
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strconv"
	"time"

	"codeberg.org/go-pdf/fpdf"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgpdf"
	"gonum.org/v1/plot/vg/vgsvg"

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
	Name   string
	Pool   string
	Policy string // that it is about; "" for one about all
	Figure Figure
	// Caption says what to see, what each mark means, and how many prompts it rests on.
	Caption string
	// Rank orders figures by how much they tell: a report shows the first few.
	Rank int
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
		c := vgpdf.New(s.Width, height)
		c.EmbedFonts(true)
		return c, fig.Draw(draw.New(c), s)
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

// cell writes a number for a table, empty where there is none.
func cell(x float64) string {
	if math.IsNaN(x) {
		return ""
	}
	return strconv.FormatFloat(x, 'g', -1, 64)
}

// pt is a length in points, for readability at the call.
func pt(points float64) vg.Length { return vg.Points(points) }
