// Package paper writes a LaTeX article about a run, with its figures, tables and bibliography.
package paper

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/template"

	"github.com/trilemma-bench/trilemma/harness/experiment"
	"github.com/trilemma-bench/trilemma/harness/metrics"
	"github.com/trilemma-bench/trilemma/harness/plot"
	"github.com/trilemma-bench/trilemma/harness/report"
	"github.com/trilemma-bench/trilemma/harness/report/leaderboard"
	"github.com/trilemma-bench/trilemma/harness/store"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

//go:embed bundle.tex.tmpl
var bundleText string

// bundleTemplate has its actions between << and >>, for braces are LaTeX's own.
var bundleTemplate = template.Must(template.New("main.tex").Delims("<<", ">>").Funcs(template.FuncMap{
	"tex": leaderboard.TexEscapes.Replace, "cited": cited, "join": func(s []string) string { return strings.Join(s, ", ") },
}).Parse(bundleText))

// Write writes a LaTeX article about a run into a folder: main.tex with a methods paragraph from the manifest, the
// figures as PDF, the tables, and refs.bib. It compiles as it is with pdflatex and bibtex. It returns the path of main.tex.
func Write(run *store.Run, dir string, how experiment.Plots) (string, error) {
	m, err := run.Manifest()
	if err != nil {
		return "", err
	}
	facts, err := paperFacts(run, &m)
	if err != nil {
		return "", err
	}
	figures := filepath.Join(dir, "figures")
	how.Formats = []string{"pdf"}
	// A figure drawn for a column keeps its size, and its letters theirs; one for a screen would say its title twice.
	if facts.Fit = how.Style == "" || how.Style == plot.Styles[0].Name; facts.Fit {
		how.Style = "double"
	}
	drawn, err := report.Drawn(run, how)
	if err != nil {
		return "", err
	}
	drawn = referredTo(drawn)
	if _, err := report.SaveFigures(drawn, figures, how); err != nil {
		return "", err
	}
	tables, err := report.Tables(run)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Join(dir, report.TablesDir), 0o755); err != nil {
		return "", fmt.Errorf("making the folder of tables: %w", err)
	}
	for _, path := range tables {
		if filepath.Ext(path) != ".tex" {
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return "", fmt.Errorf("reading a table: %w", err)
		}
		if err := os.WriteFile(filepath.Join(dir, report.TablesDir, filepath.Base(path)), text, 0o644); err != nil {
			return "", fmt.Errorf("writing a table: %w", err)
		}
	}
	for i := range facts.Pools {
		for _, f := range drawn {
			if f.Pool == facts.Pools[i].Name {
				facts.Pools[i].Figures = append(facts.Pools[i].Figures, paperFigure{f.Name, f.Caption, says[f.Kind]})
			}
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "refs.bib"), bibliography(facts.Families), 0o644); err != nil {
		return "", fmt.Errorf("writing the bibliography: %w", err)
	}
	path := filepath.Join(dir, "main.tex")
	var text strings.Builder
	if err := bundleTemplate.Execute(&text, facts); err != nil {
		return "", fmt.Errorf("writing %s: %w", path, err)
	}
	if err := os.WriteFile(path, []byte(text.String()), 0o644); err != nil {
		return "", fmt.Errorf("writing the article: %w", err)
	}
	return path, nil
}

// says are the kinds of figures that the article refers to, with what it says they show.
var says = map[string]string{
	"quality-cost": "quality and cost", "quality-carbon": "quality and emissions", "cost-carbon": "what a quality takes in money and emissions",
	"effects": "differences from the baseline",
}

// referredTo are the figures that the article refers to: of a pool the first of each kind.
func referredTo(all []plot.Named) []plot.Named {
	seen := map[[2]string]bool{}
	var out []plot.Named
	for _, f := range all {
		if key := [2]string{f.Pool, f.Kind}; says[f.Kind] != "" && !seen[key] {
			seen[key] = true
			out = append(out, f)
		}
	}
	return out
}

// paperOf is what the article says of a run.
type paperOf struct {
	Experiment, Description, Run, Version, Revision string
	Prompts, Train, Validation, Selection, Test     int
	Method, Coverage                                string
	SplitSeed                                       uint64
	NearDuplicates                                  float64
	Encoders                                        []string
	Seeds                                           int
	Resamples                                       int
	Families                                        []string // of policies, in order
	Pools                                           []paperPool
	BatchSize, Bits, PUE, Grid                      float64
	CostLogged, EnergyLogged                        float64 // shares
	Prefill                                         bool
	EnergyMethod                                    string // "" for the published regression
	Fit                                             bool   // figures are as wide as the text
}

type paperPool struct {
	Name    string
	Models  int
	Prompts int
	Answer  string // LaTeX
	Figures []paperFigure
}

type paperFigure struct{ Name, Caption, Says string }

// paperFacts reads what the article says from the manifest and the metrics.
func paperFacts(run *store.Run, m *store.Manifest) (*paperOf, error) {
	var config struct {
		Coverage string
		Data     struct {
			Split struct {
				Method         string
				Seed           uint64
				NearDuplicates float64 `json:"near_duplicates"`
			}
		}
		Encoder []struct{ Label string }
		Metrics struct{ Resamples int }
	}
	if err := json.Unmarshal(m.Config, &config); err != nil {
		return nil, fmt.Errorf("reading %s: config: %w", run.Path(store.ManifestFile), err)
	}
	var data struct {
		Prompts, Train, Validation, Selection, Test int
		Logged                                      map[string]float64
		Accounting                                  struct {
			Energy struct {
				BatchSize, PUE, QuantisationBits float64
				Prefill                          struct{ On bool }
			}
			Method      struct{ Name string }
			GridGPerKWh float64
		}
		Pools map[string]struct {
			Models []string `json:"models"`
			Test   int      `json:"test_prompts"`
		}
	}
	if err := json.Unmarshal(m.Data, &data); err != nil {
		return nil, fmt.Errorf("reading %s: data: %w", run.Path(store.ManifestFile), err)
	}
	logged := func(q policy.Quantity, older string) float64 { return data.Logged[q.Column()] + data.Logged[older] }
	tables, err := leaderboard.Read(run)
	if err != nil {
		return nil, err
	}
	points, err := run.Points()
	if err != nil {
		return nil, err
	}
	about, err := m.About()
	if err != nil {
		return nil, err
	}
	p := &paperOf{
		Experiment: m.Experiment, Description: strings.ReplaceAll(about, "`", ""), Run: m.Run, Version: m.Build.Version, Revision: m.Build.Revision,
		Prompts: data.Prompts, Train: data.Train, Validation: data.Validation, Selection: data.Selection, Test: data.Test,
		Method: config.Data.Split.Method, Coverage: config.Coverage, SplitSeed: config.Data.Split.Seed, NearDuplicates: config.Data.Split.NearDuplicates,
		Seeds: len(m.Seeds), Resamples: config.Metrics.Resamples,
		BatchSize: data.Accounting.Energy.BatchSize, Bits: data.Accounting.Energy.QuantisationBits, PUE: data.Accounting.Energy.PUE,
		Grid: data.Accounting.GridGPerKWh, CostLogged: logged(policy.Cost, "CostUSD"), EnergyLogged: logged(policy.Energy, "EnergyWh"),
		Prefill: data.Accounting.Energy.Prefill.On, EnergyMethod: data.Accounting.Method.Name,
	}
	if p.Resamples == 0 {
		p.Resamples = metrics.DefaultResamples
	}
	for _, e := range config.Encoder {
		p.Encoders = append(p.Encoders, e.Label)
	}
	for i := range points {
		if f := points[i].Family; points[i].Cell != "" && !slices.Contains(p.Families, f) {
			p.Families = append(p.Families, f)
		}
	}
	slices.Sort(p.Families)
	for i := range tables {
		about := data.Pools[tables[i].Pool]
		p.Pools = append(p.Pools, paperPool{
			Name: tables[i].Pool, Models: len(about.Models), Prompts: about.Test, Answer: leaderboard.TexEscapes.Replace(strings.ReplaceAll(tables[i].Answer(), "`", "")),
		})
	}
	return p, nil
}
