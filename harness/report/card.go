package report

import (
	"fmt"
	"io"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/trilemma-bench/trilemma/harness/energy"
)

// Card writes a calibration of the estimate of energy as tables.
func Card(w io.Writer, c *energy.Card) error {
	newTable := func(head table.Row) table.Writer {
		t := table.NewWriter()
		t.SetStyle(table.StyleLight)
		t.Style().Format.Header = text.FormatDefault
		t.AppendHeader(head)
		return t
	}
	fits := newTable(table.Row{"hardware", "models", "configurations", "batch", "level ln", "batch exponent", "precision exponent", "sd between models", "sd of a model left out"})
	for i := range c.Fits {
		f := &c.Fits[i]
		precision := "not used"
		if f.PrecisionExponent != 0 {
			precision = fmt.Sprintf("%+.3f", f.PrecisionExponent)
		}
		fits.AppendRow(table.Row{f.Hardware, f.Models, f.Configurations, fmt.Sprintf("%.0f to %.0f", f.BatchFrom, f.BatchTo), fmt.Sprintf("%+.3f", f.Level),
			fmt.Sprintf("%+.3f", f.BatchExponent), precision, fmt.Sprintf("%.2f", f.SDBetweenModels), fmt.Sprintf("%.2f", f.SDLeftOut)})
	}
	errors := newTable(table.Row{"method", "hardware", "of", "models", "mean of ln(estimated/measured)", "sd between models"})
	for _, e := range c.Uncalibrated {
		of := e.Of
		if of == "" {
			of = "all"
		}
		errors.AppendRow(table.Row{e.Method, e.Hardware, of, e.Models, fmt.Sprintf("%+.2f", e.MeanLn), fmt.Sprintf("%.2f", e.SDLn)})
	}
	_, err := fmt.Fprintf(w, "Calibrated: %s\n%s\nNot calibrated, at the batch that is assumed, against what was measured at batches about it\n%s\n", c.Covers, fits.Render(), errors.Render())
	return err
}
