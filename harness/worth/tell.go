package worth

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/trilemma-bench/trilemma/harness/plot"
	"github.com/trilemma-bench/trilemma/harness/textfile"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// row is one line of the report's tables, the same in text and HTML.
type row struct{ Name, Value, Note string }

// routing are the figures that the verdict rests on.
func (r *Report) routing() []row {
	out := []row{
		{"best single model", r.BestQuality.text(), r.Best + ", chosen on the other folds"},
		{"oracle", r.Oracle.Quality.text(), "asks for every prompt the model that did best: a bound"},
		{
			"its lead that may be luck", fmt.Sprintf("%.0f %%", 100*r.Oracle.LuckShare),
			fmt.Sprintf("at most: its lead is %.3f; with scores dealt anew among equally hard prompts it is %.3f [%.3f, %.3f] (%d permutations)",
				r.Oracle.Lead.Mean, r.Oracle.LuckLead.Mean, r.Oracle.LuckLead.Low, r.Oracle.LuckLead.High, r.Oracle.Permutations),
		},
	}
	if a := r.AsGood; a != nil {
		out = append(out, row{"cheaper model as good", signed(a.Gain), fmt.Sprintf("%s, saves %s of the cost", a.Shares[0].Model, percent(a, policy.Cost.String()))})
	}
	for _, x := range []struct {
		name, note string
		of         *Router
	}{
		{"router, only quality counts", fmt.Sprintf("less the best single model; %.0f %% of the oracle's lead", 100*r.OfLead), r.Peak},
		{"router, keeps the quality", "less the best single model, at the cheapest setting that keeps its quality", r.Keep},
	} {
		if x.of == nil {
			continue
		}
		out = append(out, row{x.name, signed(x.of.Gain), x.note}, row{"    over a shuffle of itself", signed(x.of.GainOverShuffle), "the same shares of models, prompts dealt at random"})
		for _, q := range []policy.Quantity{policy.Cost, policy.Carbon, policy.Latency} {
			if _, known := x.of.Saved[q.String()]; known {
				out = append(out, row{"    saves " + q.String(), percent(x.of, q.String()), "of what the best single model takes"})
			}
		}
		share := ""
		for i, s := range x.of.Shares[:min(4, len(x.of.Shares))] {
			if i > 0 {
				share += ", "
			}
			share += fmt.Sprintf("%s %.0f %%", s.Model, 100*s.Share)
		}
		out = append(out, row{"    sends to", share, ""})
	}
	for _, q := range []policy.Quantity{policy.Cost, policy.Carbon, policy.Latency} {
		if i, known := r.Verdict.Monthly[q.String()]; known {
			unit, scale := q.Unit(), 1.0
			switch q {
			case policy.Carbon:
				unit, scale = "kg CO2e", 1e-3
			case policy.Latency:
				unit, scale = "hours", 1.0/3600
			}
			out = append(out, row{
				"a month of " + textfile.Thousands(int(r.Options.Volume)) + " prompts", fmt.Sprintf("%.4g %s", i.Mean*scale, unit),
				fmt.Sprintf("saved at the keeping setting [%.4g, %.4g]", i.Low*scale, i.High*scale),
			})
		}
	}
	return out
}

func (i Interval) text() string { return fmt.Sprintf("%.3f [%.3f, %.3f]", i.Mean, i.Low, i.High) }

// subject says what was measured.
func (r *Report) subject() string {
	text := fmt.Sprintf("%s: %s prompts that all of %d models answered; %d folds", r.Trace, textfile.Thousands(r.Prompts), len(r.Models), r.Options.Folds)
	if r.Encoder != "" {
		text += "; nearest neighbours by " + r.Encoder
	}
	return text + ". Brackets are 95 % intervals."
}

func known(x *float64, factor float64) string {
	if x == nil {
		return "-"
	}
	return fmt.Sprintf("%.4g", *x*factor)
}

// notes are the report's, and what the reader is to be told of it.
func (r *Report) notes() []string {
	notes := r.Notes
	if r.Verdict.Collapsed != "" {
		notes = append(notes[:len(notes):len(notes)], fmt.Sprintf("at the keeping setting the router has collapsed: %s gets nearly every prompt", r.Verdict.Collapsed))
	}
	if len(r.Left) > 0 {
		notes = append(notes[:len(notes):len(notes)], fmt.Sprintf("%d models answered too few of the same prompts and are left out: %v", len(r.Left), r.Left))
	}
	return notes
}

// Markdown writes the report as text.
func (r *Report) Markdown(w io.Writer) error {
	fmt.Fprintf(w, "# Is routing worth it?\n\n**%s**\n\n%s\n\n| figure | value | |\n| --- | ---: | --- |\n", r.Verdict.Sentence, r.subject())
	for _, x := range r.routing() {
		fmt.Fprintf(w, "| %s | %s | %s |\n", x.Name, x.Value, x.Note)
	}
	fmt.Fprint(w, "\n| model | quality | USD / 1,000 prompts | gCO2e / 1,000 prompts | seconds | on the front |\n| --- | ---: | ---: | ---: | ---: | --- |\n")
	for _, m := range r.Models {
		front := ""
		if m.OnFront {
			front = "yes"
		}
		fmt.Fprintf(w, "| %s | %s | %s | %s | %s | %s |\n", m.ID, m.Quality.text(), known(m.CostUSD, 1000), known(m.CarbonG, 1000), known(m.Seconds, 1), front)
	}
	for _, n := range r.notes() {
		fmt.Fprintf(w, "\n- %s", n)
	}
	_, err := fmt.Fprintln(w)
	return err
}

//go:embed page.html.tmpl
var pageText string

var page = template.Must(template.New("page").Funcs(template.FuncMap{"known": known}).Parse(pageText))

// HTML writes the report as one page that needs nothing else.
func (r *Report) HTML(w io.Writer) error {
	picture, err := r.picture()
	if err != nil {
		return err
	}
	return page.Execute(w, map[string]any{
		"R": r, "Subject": r.subject(), "Rows": r.routing(), "Notes": r.notes(), "Picture": template.HTML(picture), //nolint:gosec // our own SVG
	})
}

// picture is the front of single models and the router's curve as SVG; "" where no cost is known.
func (r *Report) picture() (string, error) {
	f := &plot.Front{
		X: plot.Axis{Label: "Cost (USD per 1,000 prompts)", Factor: 1000}, Y: plot.Axis{Label: "Quality (mean score)", HighIsBetter: true},
	}
	for _, m := range r.Models {
		if m.CostUSD == nil {
			return "", nil
		}
		p := plot.At(*m.CostUSD, m.Quality.Mean)
		p.YLow, p.YHigh = m.Quality.Low, m.Quality.High
		f.Models = append(f.Models, plot.Model{Label: m.ID, Point: p})
	}
	if len(r.Curve) > 0 {
		s := plot.Series{Label: "nearest neighbours", Family: "nearest neighbours"}
		for _, c := range r.Curve {
			s.Points = append(s.Points, plot.At(c.CostUSD, c.Quality))
		}
		f.ChooseFront(&s)
		f.Series = append(f.Series, s)
	}
	style, err := plot.StyleNamed("double")
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "worth-")
	if err != nil {
		return "", fmt.Errorf("drawing the front: %w", err)
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
	if _, err := plot.Save(f, style, dir, "front", []string{"svg"}); err != nil {
		return "", err
	}
	svg, err := os.ReadFile(filepath.Join(dir, "front.svg"))
	if err != nil {
		return "", fmt.Errorf("drawing the front: %w", err)
	}
	return inline(string(svg)), nil
}

// inline is an SVG file as an element of a page: without its XML declaration.
func inline(svg string) string {
	_, element, found := strings.Cut(svg, "<svg")
	if !found {
		return ""
	}
	return `<svg role="img" aria-label="Quality and cost of single models and of a nearest-neighbour router"` + element
}
