package leaderboard

import (
	"strings"
	"testing"

	"github.com/trilemma-bench/trilemma/harness/metrics"
	"github.com/trilemma-bench/trilemma/harness/plot"
)

func ablation() []Table {
	against := func(role metrics.Role, name, diff, low, high string) Line {
		return Line{name, role, 1400, map[string]measured{
			"aiq_pool": {Value: "0.6", baseline: "moe", seeds: "5", Diff: diff, DiffLow: low, DiffHigh: high, promptsFor005: "12345"},
		}}
	}
	t := Table{Pool: "all", Lines: []Line{
		against(metrics.RolePolicy, "moe", "", "", ""),
		against(metrics.RolePolicy, "k_1", "-0.012", "-0.02", "-0.004"),
		against(metrics.RolePolicy, "noise", "0.001", "-0.003", "0.005"),
		against(metrics.RoleControl, "random", "-0.3", "-0.4", "-0.2"),
		against(metrics.RoleLabelled, "category", "0.3", "0.2", "0.4"),
		against(metrics.RoleOracle, "oracle", "0.2", "0.1", "0.3"),
	}}
	t.pairs = []pair{compared("aiq_pool", "k_1", "moe", -0.012, 0.01), compared("aiq_pool", "moe", "noise", -0.001, 1)}
	return []Table{t}
}

func compared(metric, a, b string, diff, p float64) pair {
	se := 0.004
	return pair{Pool: "all", Metric: metric, A: a, B: b, Diff: &diff, SE: &se, HolmP: &p}
}

func TestEffectsAreDifferencesToTheBaseline(t *testing.T) {
	found := EffectsOf(ablation())
	if len(found) != 1 || found[0].Baseline != "moe" || found[0].seeds != 5 || found[0].prompts != 1400 {
		t.Fatalf("effects %+v", found)
	}
	if len(found[0].Rows) != 2 || found[0].Rows[0].Policy != "k_1" || found[0].Rows[1].Policy != "noise" {
		t.Fatalf("rows %+v, want k_1 and noise: neither the baseline nor what has no rank", found[0].Rows)
	}
	markdown := string(found[0].Markdown())
	for _, want := range []string{
		"| against moe | AIQ | peak quality | nAUC | prompts for 0.005 |",
		"| k_1 | −0.012 [−0.020, −0.004]† | – | – | 13,000 |", "| noise | +0.001 [−0.003, +0.005] |", "1,400 test prompts", "mean of 5 seeds", "Holm over all pairs",
	} {
		if !strings.Contains(markdown, want) {
			t.Errorf("want %q in\n%s", want, markdown)
		}
	}
	if tex := string(found[0].LaTeX()); !strings.Contains(tex, `k\_1 & $-$0.012 [$-$0.020, $-$0.004]$^\dagger$ & -- & -- & 13,000 \\`) {
		t.Errorf("latex:\n%s", tex)
	}
	figures := found[0].Figures("run", plot.LooksOf(nil, nil))
	if len(figures) != 1 || figures[0].Name != "effects-aiq_pool-all" || len(figures[0].Figure.Table()) != 3 {
		t.Errorf("%d figures, want one of AIQ with two rows", len(figures))
	}
}

func TestOnePolicyBesideTheBaselineIsNoAblation(t *testing.T) {
	tables := ablation()
	tables[0].Lines = tables[0].Lines[:2]
	if found := EffectsOf(tables); len(found) != 0 {
		t.Errorf("effects %+v, want none", found)
	}
}
