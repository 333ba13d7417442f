package report

import (
	"bytes"
	"strings"
	"testing"

	"github.com/trilemma-bench/trilemma/harness/metrics"
	"github.com/trilemma-bench/trilemma/harness/store"
)

func ablation() []poolTable {
	against := func(role metrics.Role, name, diff, low, high string) line {
		return line{name, role, 1400, map[string]measured{
			"aiq_pool": {value: "0.6", baseline: "moe", seeds: "5", diff: diff, diffLow: low, diffHigh: high, promptsFor005: "12345"},
		}}
	}
	t := poolTable{pool: "all", lines: []line{
		against(metrics.RolePolicy, "moe", "", "", ""),
		against(metrics.RolePolicy, "k_1", "-0.012", "-0.02", "-0.004"),
		against(metrics.RolePolicy, "noise", "0.001", "-0.003", "0.005"),
		against(metrics.RoleControl, "random", "-0.3", "-0.4", "-0.2"),
		against(metrics.RoleLabelled, "category", "0.3", "0.2", "0.4"),
		against(metrics.RoleOracle, "oracle", "0.2", "0.1", "0.3"),
	}}
	t.pairs = []pair{compared("aiq_pool", "k_1", "moe", -0.012, 0.01), compared("aiq_pool", "moe", "noise", -0.001, 1)}
	return []poolTable{t}
}

func compared(metric, a, b string, diff, p float64) pair {
	se := 0.004
	return pair{Pool: "all", Metric: metric, A: a, B: b, Diff: &diff, SE: &se, HolmP: &p}
}

func TestEffectsAreDifferencesToTheBaseline(t *testing.T) {
	found := effectsOf(ablation())
	if len(found) != 1 || found[0].baseline != "moe" || found[0].seeds != 5 || found[0].prompts != 1400 {
		t.Fatalf("effects %+v", found)
	}
	if len(found[0].rows) != 2 || found[0].rows[0].policy != "k_1" || found[0].rows[1].policy != "noise" {
		t.Fatalf("rows %+v, want k_1 and noise: neither the baseline nor what has no rank", found[0].rows)
	}
	markdown := string(found[0].markdown())
	for _, want := range []string{
		"| against moe | AIQ (pool) | peak quality | nAUC | prompts for 0.005 |",
		"| k_1 | −0.012 [−0.020, −0.004]† | – | – | 13,000 |", "| noise | +0.001 [−0.003, +0.005] |", "1,400 test prompts", "mean of 5 seeds", "Holm over all pairs",
	} {
		if !strings.Contains(markdown, want) {
			t.Errorf("want %q in\n%s", want, markdown)
		}
	}
	if tex := string(found[0].latex()); !strings.Contains(tex, `k\_1 & $-$0.012 [$-$0.020, $-$0.004]$^\dagger$ & -- & -- & 13,000 \\`) {
		t.Errorf("latex:\n%s", tex)
	}
	figures := found[0].figures("run")
	if len(figures) != 1 || figures[0].name != "effects-aiq_pool-all" || len(figures[0].figure.Table()) != 3 {
		t.Errorf("%d figures, want one of AIQ with two rows", len(figures))
	}
}

func TestOnePolicyBesideTheBaselineIsNoAblation(t *testing.T) {
	tables := ablation()
	tables[0].lines = tables[0].lines[:2]
	if found := effectsOf(tables); len(found) != 0 {
		t.Errorf("effects %+v, want none", found)
	}
}

func TestCurveFiguresShowWhatMoves(t *testing.T) {
	cell := func(seed uint64) store.Status {
		return store.Status{Ref: store.Ref{Pool: "all", Policy: "moe", Seed: seed}, Curves: []store.Curve{
			{Stage: "expense", Metric: "train_loss", Steps: []int{1, 2}, Values: []float64{3, 2}},
			{Stage: "gate", Metric: "train_loss", Steps: []int{1, 2}, Values: []float64{3, 2}},
			{Stage: "gate", Metric: "loss_task", Steps: []int{1, 2}, Values: []float64{1, 0.5}},
			{Stage: "gate", Metric: "loss_load", Steps: []int{1, 2}, Values: []float64{0, 0}},
			{Stage: "gate", Metric: "learning_rate", Steps: []int{1, 2}, Values: []float64{0.1, 0}},
		}}
	}
	found := curveFigures("run", []store.Status{cell(1), cell(2)})
	if len(found) != 1 || found[0].name != "curves-moe-all" {
		t.Fatalf("figures %+v, want one", found)
	}
	rows := found[0].figure.Table()
	var text []string
	for _, r := range rows {
		text = append(text, strings.Join(r, ","))
	}
	all := strings.Join(text, "\n")
	if len(rows) != 1+2*2*2 || !strings.Contains(all, "loss task,seed 2,2,0.5") || strings.Contains(all, "load") || strings.Contains(all, "rate") {
		t.Errorf("table\n%s\nwant the losses that move, for both seeds, of the widest stage", all)
	}
}

func TestFoundSectionAveragesSeeds(t *testing.T) {
	cell := func(pool string, kept float64) store.Status {
		return store.Status{Ref: store.Ref{Pool: pool, Policy: "moe"}, Curves: []store.Curve{
			{Stage: "gate", Metric: "train_loss", Steps: []int{1, 2}, Values: []float64{3, 2}},
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
