package report

import (
	"bytes"
	"strings"
	"testing"

	"github.com/trilemma-bench/trilemma/harness/plot"
	"github.com/trilemma-bench/trilemma/harness/store"
)

func TestCurveFiguresShowWhatMoves(t *testing.T) {
	cell := func(seed uint64) store.Status {
		return store.Status{Ref: store.Ref{Pool: "all", Policy: "moe", Seed: seed}, Curves: []store.Curve{
			{Stage: "train expense", Metric: "train_loss", Steps: []int{1, 2}, Values: []float64{3, 2}},
			{Stage: "train gate", Metric: "train_loss", Steps: []int{1, 2}, Values: []float64{3, 2}},
			{Stage: "train gate", Metric: "loss_task", Steps: []int{1, 2}, Values: []float64{1, 0.5}},
			{Stage: "train gate", Metric: "train_loss_by_another_name", Steps: []int{1, 2}, Values: []float64{3, 2}},
			{Stage: "train gate", Metric: "loss_load", Steps: []int{1, 2}, Values: []float64{0, 0}},
			{Stage: "train gate", Metric: "learning_rate", Steps: []int{1, 2}, Values: []float64{0.1, 0}},
		}}
	}
	found := curveFigures("run", []store.Status{cell(1), cell(2)}, plot.LooksOf(nil, nil))
	if len(found) != 1 || found[0].Name != "curves-moe-all" {
		t.Fatalf("figures %+v, want one", found)
	}
	rows := found[0].Figure.Table()
	var text []string
	for _, r := range rows {
		text = append(text, strings.Join(r, ","))
	}
	all := strings.Join(text, "\n")
	if len(rows) != 1+2*2*2 || !strings.Contains(all, "loss task,seed 2,2,0.5") || strings.Contains(all, "load") || strings.Contains(all, "rate") {
		t.Errorf("table\n%s\nwant the losses that move, once each, for both seeds, of the widest stage", all)
	}
}

// Looking for a setting is no training, and how fast the machine was is nothing that was learned.
func TestWhatIsNoTrainingIsNotDrawn(t *testing.T) {
	cell := store.Status{Ref: store.Ref{Pool: "all", Policy: "knn"}, Curves: []store.Curve{
		{Stage: "choose k", Metric: "validation_error", Steps: []int{1, 2, 3}, Values: []float64{3, 2, 1}},
	}}
	if found := curveFigures("run", []store.Status{cell}, plot.LooksOf(nil, nil)); len(found) != 0 {
		t.Errorf("%d figures of a search, want none", len(found))
	}
	cell.Curves = []store.Curve{{Stage: "play", Metric: "steps_per_s", Steps: []int{1, 2}, Values: []float64{3, 2}}}
	if found := curveFigures("run", []store.Status{cell}, plot.LooksOf(nil, nil)); len(found) != 0 {
		t.Errorf("%d figures of speed, want none", len(found))
	}
}

func TestFoundSectionAveragesSeeds(t *testing.T) {
	cell := func(pool string, kept float64) store.Status {
		return store.Status{Ref: store.Ref{Pool: pool, Policy: "moe"}, Curves: []store.Curve{
			{Stage: "train gate", Metric: "train_loss", Steps: []int{1, 2}, Values: []float64{3, 2}},
			{Stage: "moe", Metric: "routing_kept", Steps: []int{1}, Values: []float64{kept}},
		}}
	}
	var b bytes.Buffer
	trainingFiguresSection(&b, []store.Status{cell("all", 1), cell("all", 0.5), cell("other", 0)}, "all")
	if got := b.String(); !strings.Contains(got, "| moe | routing kept | 0.75 |") || strings.Contains(got, "train loss") {
		t.Errorf("section\n%s", got)
	}
	b.Reset()
	if trainingFiguresSection(&b, nil, "all"); b.Len() != 0 {
		t.Errorf("section %q without figures", b.String())
	}
}
