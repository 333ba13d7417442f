package report

import (
	"strings"
	"testing"
)

func figure(value, low, high, diffLow, diffHigh string) measured {
	return measured{value: value, low: low, high: high, seeds: "5", baseline: "static", diffLow: diffLow, diffHigh: diffHigh}
}

func sample() *sheet {
	t := &poolTable{pool: "all", lines: []line{
		{"static", map[string]measured{"aiq": figure("0.6771", "0.6570", "0.6980", "0", "0")}},
		{"k_nn", map[string]measured{"aiq": figure("0.6849", "0.6650", "0.7050", "-0.001", "0.016")}},
		{"predict", map[string]measured{"aiq": figure("0.6904", "0.6700", "0.7110", "0.006", "0.020")}},
		{"oracle", map[string]measured{"aiq": figure("0.8670", "0.8510", "0.8820", "0.1", "0.2")}},
	}}
	return &sheet{table: t, prompts: 1445, marks: t.marks()}
}

func TestLatexTable(t *testing.T) {
	got := string(sample().latex())
	for _, want := range []string{
		`predict & \textbf{0.690}$^\dagger$ {\scriptsize$\pm$0.020} & --`,
		`k\_nn & \underline{0.685} {\scriptsize$\pm$0.020}`,
		`oracle & 0.867 {`,
		`1445 test prompts, 5 seeds; $\pm$ half`, `\bottomrule`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("want %q in\n%s", want, got)
		}
	}
}

func TestMarkdownTable(t *testing.T) {
	got := string(sample().markdown())
	for _, want := range []string{"| predict | **0.690**† ± 0.020 |", "| k_nn | <u>0.685</u> ± 0.020 |", "| static | 0.677 ± 0.020 |"} {
		if !strings.Contains(got, want) {
			t.Errorf("want %q in\n%s", want, got)
		}
	}
}

func TestEqualFiguresShareAPlace(t *testing.T) {
	tab := &poolTable{lines: []line{
		{"a", map[string]measured{"aiq": figure("0.70001", "", "", "", "")}},
		{"b", map[string]measured{"aiq": figure("0.70002", "", "", "", "")}},
		{"c", map[string]measured{"aiq": figure("0.6", "", "", "", "")}},
	}}
	m := tab.marks()
	if !m[[2]string{"a", "aiq"}].best || !m[[2]string{"b", "aiq"}].best || !m[[2]string{"c", "aiq"}].second {
		t.Errorf("marks %+v: want a and b best, c second", m)
	}
}

func TestAnswerNamesThePolicy(t *testing.T) {
	s := sample()
	s.table.lines[2].values["aiq"] = measured{value: "0.6904", low: "0.67", high: "0.711", baseline: "static", diff: "0.013", diffLow: "0.006", diffHigh: "0.02"}
	want := "`predict` has the highest AIQ, 0.690 [0.670, 0.711]; that is 0.013 [0.006, 0.020] more than `static`."
	if got := s.table.answer(); got != want {
		t.Errorf("answer %q, want %q", got, want)
	}
}

func TestPoolOfTakesTheLongestName(t *testing.T) {
	tables := []poolTable{{pool: "weights"}, {pool: "open-weights"}}
	for plot, want := range map[string]string{"quality-cost-open-weights": "open-weights", "shares-knn-weights": "weights", "x": ""} {
		if got := poolOf(plot, tables); got != want {
			t.Errorf("poolOf(%s) = %q, want %q", plot, got, want)
		}
	}
}
