package leaderboard

import (
	"strings"
	"testing"

	"github.com/trilemma-bench/trilemma/harness/metrics"
)

func figure(value, low, high string) measured {
	return measured{Value: value, Low: low, High: high, seeds: "5", baseline: "static", maxCostUSD: "0.00372"}
}

func of(policy string, role metrics.Role, n int, v measured) Line {
	return Line{policy, role, n, map[string]measured{"aiq_pool": v, "nauc": v, "peak_hindsight": v}}
}

// sample is a pool in which predict is ahead of static, and k_nn of neither; category-best and rare are better still,
// and have no rank.
func sample() *Table {
	t := &Table{Pool: "all", Lines: []Line{
		of("static", metrics.RolePolicy, 1445, figure("0.6771", "0.6570", "0.6980")),
		of("ppo-untrained", metrics.RolePolicy, 1445, figure("0.6", "", "")),
		of("k_nn", metrics.RolePolicy, 1445, figure("0.6849", "0.6650", "0.7051")),
		of("category-best", metrics.RoleLabelled, 1445, figure("0.8", "0.79", "0.81")),
		of("rare", metrics.RoleThin, 12, figure("0.9", "", "")),
		of("predict", metrics.RolePolicy, 1445, figure("0.6904", "0.6700", "0.7210")),
		of("ppo", metrics.RolePolicy, 1445, figure("0.61", "0.6", "")),
		of("single:a", metrics.RoleControl, 1445, figure("-0.5", "-0.6", "-0.4")),
		of("zero-router", metrics.RoleReference, 1445, figure("0.663", "0.64", "0.68")),
		of("oracle", metrics.RoleOracle, 1445, figure("0.8670", "0.8510", "0.8820")),
	}}
	t.pairs = []pair{
		compared("aiq_pool", "static", "k_nn", -0.008, 0.4), compared("aiq_pool", "static", "predict", -0.013, 0.01),
		compared("aiq_pool", "k_nn", "predict", -0.006, 0.2), compared("aiq_pool", "ppo", "predict", -0.08, 0.001),
		compared("aiq_pool", "ppo-untrained", "predict", -0.08, 0.001), compared("aiq_pool", "static", "ppo", 0.06, 0.03),
	}
	t.sort()
	return t
}

func metricSheet(t *Table) *Sheet {
	return &Sheet{Table: t, Kind: "metrics", Columns: t.Columns(MainColumns), Marks: t.Marks()}
}

func TestOrderOfLines(t *testing.T) {
	var got []string
	for _, l := range sample().Lines {
		got = append(got, l.Name())
	}
	want := "static k_nn predict ppo ppo-untrained category-best‡ rare§ single:a zero-router oracle"
	if strings.Join(got, " ") != want {
		t.Errorf("order %v, want %s", got, want)
	}
}

func TestLatexTable(t *testing.T) {
	got := string(metricSheet(sample()).LaTeX())
	for _, want := range []string{
		`Policy & n & AIQ & nAUC \\`,
		`predict & 1445 & \textbf{0.690}$^\dagger$ {\scriptsize [0.670, 0.721]} & 0.690 {`,
		`k\_nn & 1445 & \textbf{0.685} {\scriptsize [0.665, 0.705]}`,
		`ppo & 1445 & 0.610$^\dagger$ {\scriptsize [0.600, $\infty$]}`,
		`category-best$^\ddagger$ & 1445 & 0.800 {`, `rare$^\S$ & 12 & 0.900 &`,
		`single:a & 1445 & $-$0.500 {\scriptsize [$-$0.600, $-$0.400]}`, `oracle & 1445 & 0.867 {`,
		`1,445 test prompts, 5 seeds; brackets`, `up to 3.72 USD per 1,000 prompts`, `Holm over all pairs`, `\bottomrule`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("want %q in\n%s", want, got)
		}
	}
	if strings.Contains(got, "pm$") || strings.Contains(got, "static & 1445 & \\textbf") {
		t.Errorf("an interval is made symmetric, or static is not beaten by predict:\n%s", got)
	}
}

func TestMarkdownTable(t *testing.T) {
	got := string(metricSheet(sample()).Markdown())
	for _, want := range []string{"| predict | 1445 | **0.690**† [0.670, 0.721] | 0.690 [", "| k_nn | 1445 | **0.685** [0.665, 0.705] |", "| static | 1445 | 0.677 [0.657, 0.698] |", "‡ uses the data set's label", "§ measured on fewer than 30 prompts"} {
		if !strings.Contains(got, want) {
			t.Errorf("want %q in\n%s", want, got)
		}
	}
}

func TestHindsightStandsApart(t *testing.T) {
	tab := sample()
	if strings.Contains(string(metricSheet(tab).Markdown()), "Peak") {
		t.Error("a figure of hindsight stands in the table of what was chosen before")
	}
	got := string((&Sheet{Table: tab, Kind: "hindsight", Columns: tab.Columns(HindsightColumns)}).Markdown())
	if !strings.Contains(got, "| predict | 1445 | 0.690 [0.670, 0.721] |") || !strings.Contains(got, "Hindsight:") || strings.Contains(got, "**") || strings.Contains(got, "†") {
		t.Errorf("the table of hindsight:\n%s", got)
	}
}
