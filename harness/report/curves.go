package report

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/trilemma-bench/trilemma/harness/experiment"
	"github.com/trilemma-bench/trilemma/harness/plot"
	"github.com/trilemma-bench/trilemma/harness/store"
)

// panelsAFigure is how many curves one figure has room for.
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

// curveFigures shows how each policy trained in each pool: the metrics of the stage that reports most of them. Looking for the
// best number of neighbours, say, is no training.
func curveFigures(run string, cells []store.Status, looks *plot.Looks) []plot.Named {
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
		if stage == "" {
			continue
		}
		f := &plot.Curves{
			Title: fmt.Sprintf("%s: how %s trained, pool %s", run, k.policy, k.pool), Subtitle: fmt.Sprintf("stage %q", stage), XLabel: stepOf(stage), Look: looks.Policy(k.policy),
		}
		if n := len(of[k]); n > 1 {
			f.Subtitle += fmt.Sprintf("; a line for each of %d seeds", n)
		}
		for _, metric := range panelOrder(of[k][0].Curves, stage) {
			for _, st := range of[k] {
				for _, curve := range st.Curves {
					if curve.Stage == stage && curve.Metric == metric && len(curve.Steps) > 1 {
						add(f, curve, fmt.Sprintf("seed %d %s", st.Seed, st.Preference))
					}
				}
			}
		}
		f.Panels = distinct(slices.DeleteFunc(f.Panels, constant))
		if len(f.Panels) == 0 {
			continue
		}
		f.Panels = f.Panels[:min(len(f.Panels), panelsAFigure)]
		runs := " One seed."
		if n := len(of[k]); n > 1 {
			runs = fmt.Sprintf(" A line for each of %d seeds.", n)
		}
		out = append(out, plot.Named{
			Kind: "curves", Name: "curves-" + experiment.FileName(k.policy) + "-" + experiment.FileName(k.pool), Pool: k.pool, Policy: k.policy, Figure: f,
			Caption: fmt.Sprintf("How %s trained in pool %s: each panel is one figure of the stage %q, on its own scale.%s All curves are in %s.",
				k.policy, k.pool, stage, runs, CurvesCSV),
		})
	}
	return out
}

// training tells the stages in which something is trained by steps from those that look for a setting.
func training(stage string) bool {
	return strings.HasPrefix(stage, "train") || strings.HasPrefix(stage, "fit") || stage == "play"
}

// stepOf is what a stage counts.
func stepOf(stage string) string {
	if stage == "play" {
		return "Steps of the environment"
	}
	return "Epoch"
}

// leading are the figures that tell most of a training, in their order.
var leading = []string{"validation_return", "return", "score", "cost_usd", "validation_loss", "train_loss", "episode_steps", "policy_entropy", "approx_kl", "explained_variance"}

// machinery are figures of how training went about it and how fast, not of what was learned.
var machinery = []string{"learning_rate", "steps_per_s", "minibatch_steps", "gradient_norm"}

// Learning are the curves that say what was learned and move, those that tell most first within each stage.
func Learning(curves []store.Curve) []store.Curve {
	var out []store.Curve
	var stages []string
	for _, c := range curves {
		if slices.Contains(stages, c.Stage) || !training(c.Stage) {
			continue
		}
		stages = append(stages, c.Stage)
		for _, metric := range panelOrder(curves, c.Stage) {
			for _, one := range curves {
				if one.Stage == c.Stage && one.Metric == metric && slices.Min(one.Values) < slices.Max(one.Values) {
					out = append(out, one)
				}
			}
		}
	}
	return out
}

// panelOrder are the metrics of a stage, the leading ones first.
func panelOrder(curves []store.Curve, stage string) []string {
	var out []string
	for _, c := range curves {
		if c.Stage == stage && !slices.Contains(machinery, c.Metric) {
			out = append(out, c.Metric)
		}
	}
	place := func(metric string) int {
		if at := slices.Index(leading, metric); at >= 0 {
			return at
		}
		return len(leading)
	}
	slices.SortStableFunc(out, func(a, b string) int { return cmp.Compare(place(a), place(b)) })
	return out
}

func add(f *plot.Curves, curve store.Curve, label string) {
	line := plot.Line{Label: strings.TrimSpace(label)}
	for i, step := range curve.Steps {
		line.Points = append(line.Points, plot.XY{X: float64(step), Y: curve.Values[i]})
	}
	name := strings.Replace(strings.ReplaceAll(curve.Metric, "_", " "), " usd", " (USD)", 1)
	for i := range f.Panels {
		if f.Panels[i].Label == name {
			f.Panels[i].Lines = append(f.Panels[i].Lines, line)
			return
		}
	}
	f.Panels = append(f.Panels, plot.Panel{Label: name, Lines: []plot.Line{line}})
}

// widestStage is the stage of training with most curves that move; the first of equals, "" where nothing was trained.
func widestStage(curves []store.Curve) (stage string) {
	count := map[string]int{}
	for _, c := range curves {
		if len(c.Steps) > 1 && training(c.Stage) {
			count[c.Stage]++
		}
		if count[c.Stage] > count[stage] {
			stage = c.Stage
		}
	}
	return stage
}

// distinct leaves out panels whose curves an earlier one has under another name.
func distinct(panels []plot.Panel) []plot.Panel {
	same := func(a, b plot.Panel) bool {
		return slices.EqualFunc(a.Lines, b.Lines, func(a, b plot.Line) bool { return slices.Equal(a.Points, b.Points) })
	}
	var out []plot.Panel
	for _, p := range panels {
		if !slices.ContainsFunc(out, func(o plot.Panel) bool { return same(o, p) }) {
			out = append(out, p)
		}
	}
	return out
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
