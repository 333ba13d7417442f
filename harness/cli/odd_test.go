package cli

import (
	"context"
	"encoding/csv"
	"math"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/trilemma-bench/trilemma/harness/trace"
	"github.com/trilemma-bench/trilemma/harness/trace/file"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// altered writes a simulated trace of 300 prompts × 4 models after change had its way with it.
func altered(t *testing.T, change func(*trace.Trace)) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "made")
	must(t, "data", "synth", "--out", dir, "--prompts", "300", "--models", "4", "--seed", "5")
	made, err := file.Open(context.Background(), dir)
	if err != nil {
		t.Fatal(err)
	}
	change(made)
	out := filepath.Join(t.TempDir(), "altered")
	if err := file.Write(out, made, nil); err != nil {
		t.Fatal(err)
	}
	return out
}

// forget takes an outcome out of a trace.
func forget(tr *trace.Trace, prompt, model int) {
	o := &tr.Outcomes
	i := o.At(prompt, model)
	o.Present.Clear(i)
	for _, m := range [][]float32{o.Logged[policy.Quality], o.InputTokens, o.OutputTokens, o.Logged[policy.Cost], o.Logged[policy.Latency], o.Logged[policy.Energy], o.Logged[policy.Carbon], o.Propensity} {
		if m != nil {
			m[i] = float32(math.NaN())
		}
	}
	if o.Answer != nil {
		o.Answer[i] = 0
	}
}

// points reads a column of a run's points.csv for the points of a policy.
func points(t *testing.T, dir, policy, column string) []float64 {
	t.Helper()
	rows, err := csv.NewReader(strings.NewReader(string(read(t, dir, "points.csv")))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	at := map[string]int{}
	for i, name := range rows[0] {
		at[name] = i
	}
	var out []float64
	for _, row := range rows[1:] {
		if row[at["policy"]] != policy {
			continue
		}
		v, err := strconv.ParseFloat(row[at[column]], 64)
		if err != nil {
			t.Fatalf("points.csv, %s of %s: %v", column, policy, err)
		}
		out = append(out, v)
	}
	if len(out) == 0 {
		t.Fatalf("points.csv has no point of %s", policy)
	}
	return out
}

// TestOddTraces runs every kind of policy over data that is valid but leaves little to route by.
func TestOddTraces(t *testing.T) {
	everything := strings.Replace(small, "agreement]", "agreement, {name: static, params: {epochs: 2}}, {name: predict, params: {epochs: 2, members: 2}}]", 1)
	for _, tc := range []struct {
		name   string
		change func(*trace.Trace)
		set    []string
		code   int
		says   []string
		check  func(t *testing.T, dir string)
	}{
		{
			name:   "one model only",
			change: func(*trace.Trace) {},
			set:    []string{"pools={alone: {models: [ridge-*]}}"},
			check: func(t *testing.T, dir string) {
				single := points(t, dir, "best-single", "quality")[0]
				for _, name := range []string{"random", "knn", "static", "predict", "oracle"} {
					for _, q := range points(t, dir, name, "quality") {
						if q != single {
							t.Errorf("%s has quality %v with one model of quality %v", name, q, single)
						}
					}
				}
			},
		},
		{
			name: "zero prices",
			change: func(tr *trace.Trace) {
				for m := range tr.Models {
					tr.Models[m].PriceInputUSDPerMTok, tr.Models[m].PriceOutputUSDPerMTok = 0, 0
				}
				for i := range tr.Outcomes.Logged[policy.Cost] {
					if tr.Outcomes.Present.Has(i) {
						tr.Outcomes.Logged[policy.Cost][i] = 0
					}
				}
			},
			check: func(t *testing.T, dir string) {
				for _, c := range points(t, dir, "predict", "cost_usd") {
					if c != 0 {
						t.Errorf("predict pays %v where all is free", c)
					}
				}
			},
		},
		{
			name: "a category only in test",
			change: func(tr *trace.Trace) {
				tr.Prompts.Split = make([]string, tr.Prompts.Len())
				for p := range tr.Prompts.Split {
					tr.Prompts.Split[p] = []string{"train", "train", "train", "validation", "test"}[p%5]
					if p%5 == 4 && p%2 == 0 {
						tr.Prompts.Category[p] = "never seen"
					}
				}
			},
			set: []string{"data.split={method: column}"},
			check: func(t *testing.T, dir string) {
				for _, name := range []string{"category-best", "static"} {
					for _, c := range points(t, dir, name, "coverage") {
						if c != 1 {
							t.Errorf("%s routes %v of the prompts, want all", name, c)
						}
					}
				}
			},
		},
		{
			name: "a model that answered no test prompt",
			change: func(tr *trace.Trace) {
				tr.Prompts.Split = make([]string, tr.Prompts.Len())
				for p := range tr.Prompts.Split {
					tr.Prompts.Split[p] = []string{"train", "train", "train", "validation", "test"}[p%5]
					if p%5 == 4 {
						forget(tr, p, 0)
					}
				}
			},
			set: []string{"data.split={method: column}", "coverage=available"},
			check: func(t *testing.T, dir string) {
				if got := points(t, dir, "single:pebble-1b", "coverage"); got[0] != 0 {
					t.Errorf("pebble-1b covers %v of the prompts, want none", got)
				}
				if m := string(read(t, dir, "metrics.csv")); !strings.Contains(m, "all,predict,aiq,") {
					t.Errorf("the policies that cover something are not compared:\n%s", m)
				}
			},
			says: []string{"covers no test prompt", "pebble-1b answered no test prompt"},
		},
		{
			name: "no prompt that all models answered",
			change: func(tr *trace.Trace) {
				for p := range tr.Prompts.ID {
					forget(tr, p, p%4)
				}
			},
			code: exitBad,
			says: []string{"coverage: available"},
		},
		{
			name: "a model without a price",
			change: func(tr *trace.Trace) {
				tr.Models[1].PriceInputUSDPerMTok, tr.Models[1].PriceOutputUSDPerMTok = math.NaN(), math.NaN()
				for p := range tr.Prompts.ID {
					if at := tr.Outcomes.At(p, 1); tr.Outcomes.Logged[policy.Cost] != nil {
						tr.Outcomes.Logged[policy.Cost][at] = float32(math.NaN())
					}
				}
			},
			code: exitBad,
			says: []string{"no outcome of ridge-14b-code can be replayed", "prices in models.yaml"},
		},
		{
			name: "every score the same",
			change: func(tr *trace.Trace) {
				for i := range tr.Outcomes.Logged[policy.Quality] {
					if tr.Outcomes.Present.Has(i) {
						tr.Outcomes.Logged[policy.Quality][i] = 1
					}
				}
			},
			check: func(t *testing.T, dir string) {
				for _, q := range points(t, dir, "predict", "quality") {
					if q != 1 {
						t.Errorf("quality %v where every answer is right", q)
					}
				}
			},
		},
		{
			name: "the same prompt throughout",
			change: func(tr *trace.Trace) {
				for p := range tr.Prompts.Text {
					tr.Prompts.Text[p] = "What is the capital of France?"
				}
			},
			code: exitBad,
			says: []string{"near-duplicates", "larger trace"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			data, dir := altered(t, tc.change), t.TempDir()
			args := []string{"run", experimentFile(t, everything), "--in-process", "--results", dir, "--set", "data.trace=" + data}
			for _, s := range tc.set {
				args = append(args, "--set", s)
			}
			code, stdout, stderr := trilemma(args...)
			if code != tc.code {
				t.Fatalf("exit %d, want %d\n%s%s", code, tc.code, stdout, stderr)
			}
			for _, w := range tc.says {
				if !strings.Contains(stdout+stderr, w) {
					t.Errorf("message %q\n%s, want it to say %q", stderr, stdout, w)
				}
			}
			if strings.Contains(stdout, "NaN") {
				t.Errorf("the summary shows NaN:\n%s", stdout)
			}
			if tc.check != nil {
				tc.check(t, dir)
			}
		})
	}
}
