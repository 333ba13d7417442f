package cli

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/trilemma-bench/trilemma/harness/trace"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// withoutUsage takes the usage away from the answers of the second model, called flaky, that failed.
func withoutUsage(tr *trace.Trace) {
	o := &tr.Outcomes
	tr.Models[1].ID = "flaky"
	for p := range tr.Prompts.Len() {
		at := o.At(p, 1)
		o.Logged[policy.Quality][at] = float32(math.Round(float64(o.Logged[policy.Quality][at])))
		if o.Logged[policy.Quality][at] == 0 {
			for _, m := range [][]float32{o.InputTokens, o.OutputTokens, o.Logged[policy.Cost], o.Logged[policy.Latency], o.Logged[policy.Energy], o.Logged[policy.Carbon]} {
				if m != nil {
					m[at] = float32(math.NaN())
				}
			}
		}
	}
}

// TestScoresSurviveUnknownCosts runs every kind of policy over answers that lack their usage because they failed.
func TestScoresSurviveUnknownCosts(t *testing.T) {
	everything := strings.Replace(small, "agreement]", "agreement, {name: static, params: {epochs: 2}}, {name: predict, params: {epochs: 2, members: 2}}, {name: carbon, label: carbon, params: {epochs: 3, members: 2, neighbours: 20}}]", 1)
	data := altered(t, withoutUsage)
	for _, tc := range []struct {
		how     string
		perfect bool // the survivors alone count
		costs   bool
		says    []string
	}{
		{"exclude", true, true, []string{"WARNING: model flaky", "they score 0.000 on average", "not missing at random"}},
		{"impute", false, true, []string{"model flaky", "charged with the mean of the others, an estimate"}},
		{"quality-only", false, false, []string{"compared by quality alone", "They count with their scores"}},
	} {
		t.Run(tc.how, func(t *testing.T) {
			dir := t.TempDir()
			code, stdout, stderr := trilemma("run", experimentFile(t, everything), "--in-process", "--results", dir, "--set", "data.trace="+data,
				"--set", "accounting.unknown_cost="+tc.how)
			if code != exitOK {
				t.Fatalf("exit %d\n%s%s", code, stdout, stderr)
			}
			for _, s := range tc.says {
				if !strings.Contains(stdout+stderr, s) {
					t.Errorf("messages\n%s, want %q", stderr, s)
				}
			}
			for _, q := range points(t, dir, "single:flaky", "quality") {
				if (q == 1) != tc.perfect {
					t.Errorf("flaky has quality %v", q)
				}
			}
			text := string(read(t, dir, "points.csv"))
			if strings.Contains(text, "NaN") || strings.Contains(stdout, "NaN") {
				t.Error("NaN is shown")
			}
			cost := -1
			for line := range strings.Lines(text) {
				field := strings.Split(line, ",")
				if cost < 0 {
					cost = slices.Index(field, "cost_usd")
				}
				if field[1] == "predict" && (field[cost] != "") != tc.costs {
					t.Errorf("costs %v in %s, want %v", field[cost] != "", line, tc.costs)
				}
			}
		})
	}
}

func TestDescribeShowsScoresWithoutCosts(t *testing.T) {
	data := altered(t, func(tr *trace.Trace) {
		tr.Outcomes.Logged[policy.Cost] = nil
		for i := range tr.Outcomes.InputTokens {
			tr.Outcomes.InputTokens[i], tr.Outcomes.OutputTokens[i] = float32(math.NaN()), float32(math.NaN())
		}
	})
	var got struct {
		Outcomes int      `json:"outcomes"`
		Unbilled []string `json:"unbilled"`
		ByModel  []struct {
			Answers int      `json:"answers"`
			Costed  int      `json:"answers_with_cost"`
			Score   *float64 `json:"score"`
			CostUSD *float64 `json:"cost_usd"`
		} `json:"by_model"`
	}
	if err := json.Unmarshal([]byte(must(t, "data", "describe", data, "--json")), &got); err != nil {
		t.Fatal(err)
	}
	if got.Outcomes != 1200 || !slices.ContainsFunc(got.Unbilled, func(s string) bool {
		return strings.HasPrefix(s, "1,200 outcomes have no input_tokens/output_tokens")
	}) {
		t.Errorf("%d outcomes, %q; want 1200 and what they lack", got.Outcomes, got.Unbilled)
	}
	for _, m := range got.ByModel {
		if m.Answers != 300 || m.Costed != 0 || m.Score == nil || m.CostUSD != nil {
			t.Errorf("%+v, want 300 answers with a score and no cost", m)
		}
	}
	_, _, stderr := trilemma("plan", experimentFile(t, small), "--set", "data.trace="+data)
	if !strings.Contains(stderr, "1,200 outcomes have no input_tokens/output_tokens") || strings.Contains(stderr, "price") {
		t.Errorf("plan says %q, want the cause that applies and no other", stderr)
	}
}
