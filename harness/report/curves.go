package report

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/trilemma-bench/trilemma/harness/experiment"
	"github.com/trilemma-bench/trilemma/harness/plot"
	"github.com/trilemma-bench/trilemma/harness/store"
)

// panelsAFigure is how many curves one figure has room for; more go on to a next one.
const panelsAFigure = 8

// CurvesCSV is the file that holds every curve of a run.
const CurvesCSV = "curves.csv"

// trained are the finished cells that reported how training went, in the order of the plan.
func trained(run *store.Run) ([]store.Status, error) {
	refs, err := run.Plan()
	if err != nil {
		return nil, err
	}
	var out []store.Status
	for _, ref := range refs {
		if st, ok := run.Cell(ref.ID); ok && st.State == store.Done && len(st.Curves) > 0 {
			st.Ref = ref
			out = append(out, st)
		}
	}
	return out, nil
}

// writeCurves writes [CurvesCSV]: a row for each cell, stage, metric and step. Nothing is written where nothing trained.
func writeCurves(run *store.Run, cells []store.Status) ([]string, error) {
	if len(cells) == 0 {
		return nil, nil
	}
	var text bytes.Buffer
	w := csv.NewWriter(&text)
	rows := [][]string{{"pool", "policy", "seed", "preference", "stage", "metric", "step", "value"}}
	for i := range cells {
		c := &cells[i]
		for _, curve := range c.Curves {
			for k, step := range curve.Steps {
				rows = append(rows, []string{
					c.Pool, c.Policy, strconv.FormatUint(c.Seed, 10), c.Preference, curve.Stage, curve.Metric,
					strconv.Itoa(step), strconv.FormatFloat(curve.Values[k], 'g', -1, 64),
				})
			}
		}
	}
	if err := w.WriteAll(rows); err != nil {
		return nil, fmt.Errorf("writing %s: %w", CurvesCSV, err)
	}
	return []string{run.Path(CurvesCSV)}, run.WriteFile(CurvesCSV, text.Bytes())
}

// curveFigures shows how each policy trained in each pool: the metrics of the stage that reports most of them.
func curveFigures(run string, cells []store.Status) []plot.Named {
	type key struct{ pool, policy string }
	var order []key
	of := map[key][]*store.Status{}
	for i := range cells {
		k := key{cells[i].Pool, cells[i].Policy}
		if of[k] == nil {
			order = append(order, k)
		}
		of[k] = append(of[k], &cells[i])
	}
	var out []plot.Named
	for _, k := range order {
		stage := widestStage(of[k][0].Curves)
		f := &plot.Curves{
			Title:    fmt.Sprintf("%s: how %s trained, pool %s", run, k.policy, k.pool),
			Subtitle: fmt.Sprintf("stage %q; a line for each of %d seeds", stage, len(of[k])),
			XLabel:   "Step",
		}
		if len(of[k]) == 1 {
			f.Subtitle = fmt.Sprintf("stage %q", stage)
		}
		for _, st := range of[k] {
			for _, curve := range st.Curves {
				if curve.Stage == stage && len(curve.Steps) > 1 && curve.Metric != "learning_rate" {
					add(f, curve, fmt.Sprintf("seed %d %s", st.Seed, st.Preference))
				}
			}
		}
		f.Panels = slices.DeleteFunc(f.Panels, constant)
		name := "curves-" + experiment.FileName(k.policy) + "-" + experiment.FileName(k.pool)
		page := 0
		for panels := range slices.Chunk(f.Panels, panelsAFigure) {
			part := *f
			part.Panels = panels
			if page++; page > 1 {
				name = fmt.Sprintf("curves-%s-%s-%d", experiment.FileName(k.policy), experiment.FileName(k.pool), page)
			}
			out = append(out, plot.Named{Name: name, Figure: &part})
		}
	}
	return out
}

func add(f *plot.Curves, curve store.Curve, label string) {
	line := plot.Line{Label: strings.TrimSpace(label)}
	for i, step := range curve.Steps {
		line.Points = append(line.Points, plot.XY{X: float64(step), Y: curve.Values[i]})
	}
	name := strings.ReplaceAll(curve.Metric, "_", " ")
	for i := range f.Panels {
		if f.Panels[i].Label == name {
			f.Panels[i].Lines = append(f.Panels[i].Lines, line)
			return
		}
	}
	f.Panels = append(f.Panels, plot.Panel{Label: name, Lines: []plot.Line{line}})
}

// widestStage is the stage with most curves that move; the first of equals.
func widestStage(curves []store.Curve) (stage string) {
	count := map[string]int{}
	for _, c := range curves {
		if len(c.Steps) > 1 {
			count[c.Stage]++
		}
		if count[c.Stage] > count[stage] {
			stage = c.Stage
		}
	}
	return stage
}

// constant tells whether nothing moves in a panel: the term of a loss whose weight is zero, say.
func constant(p plot.Panel) bool {
	for _, l := range p.Lines {
		for _, at := range l.Points {
			if at.Y != l.Points[0].Y {
				return false
			}
		}
	}
	return true
}
