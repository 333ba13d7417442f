package doubt

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trilemma-bench/trilemma/harness/energy"
	"github.com/trilemma-bench/trilemma/harness/trace"
	"github.com/trilemma-bench/trilemma/harness/trace/file"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// sound is a trace of which nothing is to be doubted: 60 prompts, two models of known size, every figure logged.
func sound() *trace.Trace {
	var p trace.Prompts
	for i := range 60 {
		p.ID = append(p.ID, fmt.Sprintf("p%d", i))
		p.Text = append(p.Text, fmt.Sprintf("question %d %s", i, strings.Repeat("x", i)))
		p.ArrivedAt = append(p.ArrivedAt, time.Date(2024, 6, 1, 0, i, 0, 0, time.UTC))
	}
	var models []policy.Model
	for _, size := range []float64{8, 70} {
		m := policy.NewModel(fmt.Sprintf("m-%vb", size))
		m.ParamsActiveB, m.ParamsTotalB = policy.Exactly(size), policy.Exactly(size)
		m.PriceInputUSDPerMTok, m.PriceOutputUSDPerMTok, m.Region = size/40, size/20, "FRA"
		m.TokensPerSec, m.TimeToFirstTokenSec = 50, 0.3
		models = append(models, m)
	}
	t := trace.NewTrace(models, p)
	o := &t.Outcomes
	for _, m := range []*[]float32{&o.Logged[policy.Cost], &o.Logged[policy.Latency], &o.Logged[policy.Energy], &o.Logged[policy.Carbon], &o.CachedInputTokens, &o.ReasoningTokens} {
		*m = trace.NewMatrix(120)
	}
	for i := range 60 {
		for j := range models {
			at := o.At(i, j)
			o.Present.Set(at)
			in, out := float64(100+i), float64(200+7*i%90+j)
			o.Logged[policy.Quality][at], o.InputTokens[at], o.OutputTokens[at] = float32((i+j)%2), float32(in), float32(out)
			o.CachedInputTokens[at], o.ReasoningTokens[at] = float32(in/2), float32(out/2)
			o.Logged[policy.Cost][at] = float32((in*models[j].PriceInputUSDPerMTok + out*models[j].PriceOutputUSDPerMTok) / 1e6)
			o.Logged[policy.Latency][at] = float32(0.3 + out/50)
			o.Logged[policy.Energy][at] = float32(2 * estimate(energy.Default(), models[j].ParamsTotalB.Low, models[j].ParamsActiveB.Low, out))
			o.Logged[policy.Carbon][at] = o.Logged[policy.Energy][at] * 0.056
		}
	}
	return t
}

func scale(matrix []float32, by float32) {
	for i := range matrix {
		matrix[i] *= by
	}
}

func TestDoubts(t *testing.T) {
	nan := float32(math.NaN())
	unsized := func(tr *trace.Trace) {
		for j := range tr.Models {
			tr.Models[j].ParamsActiveB, tr.Models[j].ParamsTotalB = policy.Range{}, policy.Range{}
		}
	}
	for _, tc := range []struct {
		name  string
		spoil func(tr *trace.Trace)
		kinds string // in order
		says  string // of the first
	}{
		{"nothing", func(*trace.Trace) {}, "", ""},
		{"nothing of unknown size", unsized, "", ""},
		{"reasoning on top", func(tr *trace.Trace) { tr.Outcomes.ReasoningTokens[4] = 2500 }, "reasoning above output", "2500 is above output_tokens, "},
		{"cached on top", func(tr *trace.Trace) { tr.Outcomes.CachedInputTokens[4] = 2500 }, "cached above input", "usage: exclusive"},
		{"zero input tokens", func(tr *trace.Trace) { tr.Outcomes.InputTokens[4], tr.Outcomes.CachedInputTokens[4] = 0, 0 }, "no input tokens", "prompt has a text"},
		{"zero output tokens", func(tr *trace.Trace) {
			tr.Outcomes.OutputTokens[4], tr.Outcomes.ReasoningTokens[4] = 0, 0
			tr.Outcomes.Answer, tr.Outcomes.AnswerText = make([]uint32, 120), []string{"", "A"}
			tr.Outcomes.Answer[4] = 1
		}, "no output tokens", "although there is a response"},
		{"thousands of tokens", func(tr *trace.Trace) {
			scale(tr.Outcomes.InputTokens, 1e-3)
			tr.Outcomes.CachedInputTokens = nil
		}, "fractions of input_tokens", "thousands"},
		{"one input count", func(tr *trace.Trace) {
			for i := range 60 {
				tr.Outcomes.InputTokens[2*i] = 40
			}
			tr.Outcomes.CachedInputTokens = nil
		}, "one count of input_tokens", "is the count of every answer of \"m-8b\""},
		{"one output count", func(tr *trace.Trace) {
			for i := range 60 {
				tr.Outcomes.OutputTokens[2*i+1] = 256
			}
		}, "one count of output_tokens", "m-70b"},
		{"microdollars", func(tr *trace.Trace) { scale(tr.Outcomes.Logged[policy.Cost], 1e6) }, "cost unit", "microdollars"},
		{"cents", func(tr *trace.Trace) { scale(tr.Outcomes.Logged[policy.Cost], 100) }, "cost unit", "cents"},
		{"USD for 1,000 requests", func(tr *trace.Trace) { scale(tr.Outcomes.Logged[policy.Cost], 1000) }, "cost unit", "1,000 requests"},
		{"discounts", func(tr *trace.Trace) { scale(tr.Outcomes.Logged[policy.Cost], 0.25) }, "", ""},
		{"prices of one token", func(tr *trace.Trace) {
			tr.Models[0].PriceInputUSDPerMTok, tr.Models[0].PriceOutputUSDPerMTok = 2e-7, 4e-7
		}, "price per token, cost unit", "multiply by a million: 0.2"},
		{"a free model", func(tr *trace.Trace) { tr.Models[0].PriceInputUSDPerMTok, tr.Models[0].PriceOutputUSDPerMTok = 0, 0 }, "", ""},
		{"swapped prices", func(tr *trace.Trace) {
			tr.Models[1].PriceInputUSDPerMTok, tr.Models[1].PriceOutputUSDPerMTok = 30, 2
			tr.Outcomes.Logged[policy.Cost] = nil
		}, "swapped prices", "15 times"},
		{"one price", func(tr *trace.Trace) { tr.Models[1].PriceOutputUSDPerMTok = math.NaN() }, "one price", "price_output_usd_per_mtok"},
		{"milliseconds", func(tr *trace.Trace) { scale(tr.Outcomes.Logged[policy.Latency], 1000) }, "latency unit", "milliseconds"},
		{"milliseconds of short answers", func(tr *trace.Trace) {
			for at := range tr.Outcomes.Logged[policy.Latency] {
				tr.Outcomes.OutputTokens[at], tr.Outcomes.ReasoningTokens[at] = 1, 0
				tr.Outcomes.Logged[policy.Latency][at] = 300
			}
			tr.Outcomes.Logged[policy.Cost], tr.Outcomes.Logged[policy.Energy], tr.Outcomes.Logged[policy.Carbon] = nil, nil, nil
		}, "latency unit", "milliseconds"},
		{"hours", func(tr *trace.Trace) { scale(tr.Outcomes.Logged[policy.Latency], 1./3600) }, "latency unit", "less than an answer takes"},
		{"joules", func(tr *trace.Trace) { scale(tr.Outcomes.Logged[policy.Energy], 3600) }, "energy unit", "joules"},
		{"kWh", func(tr *trace.Trace) { scale(tr.Outcomes.Logged[policy.Energy], 1e-3) }, "energy unit", "kilowatt-hours"},
		{"joules of unknown size", func(tr *trace.Trace) { unsized(tr); scale(tr.Outcomes.Logged[policy.Energy], 3600) }, "energy unit", "joules"},
		{"kilograms", func(tr *trace.Trace) { scale(tr.Outcomes.Logged[policy.Carbon], 1e-3) }, "carbon unit", "kilograms"},
		{"milligrams", func(tr *trace.Trace) { scale(tr.Outcomes.Logged[policy.Carbon], 1e3) }, "carbon unit", "milligrams"},
		{"kilograms without energy", func(tr *trace.Trace) {
			tr.Outcomes.Logged[policy.Energy] = nil
			scale(tr.Outcomes.Logged[policy.Carbon], 1e-3)
		}, "carbon unit", "kilograms"},
		{"ids alike", func(tr *trace.Trace) { tr.Models[1].ID = "M 8B" }, "ids alike", `"M 8B" differs from "m-8b"`},
		{"spaces in an id", func(tr *trace.Trace) { tr.Models[1].ID = "m-70b " }, "spaces in an id", "white space"},
		{"an unknown place", func(tr *trace.Trace) { tr.Models[1].Region = "Europe" }, "region", `"Europe" is no place`},
		{"TTFT in ms", func(tr *trace.Trace) {
			tr.Models[1].TimeToFirstTokenSec = 350
			tr.Outcomes.Logged[policy.Latency] = nil
		}, "first token unit", "milliseconds"},
		{"ids of prompts", func(tr *trace.Trace) { tr.Prompts.ID[7] = " p7" }, "spaces in a prompt id", "white space"},
		{"a prompt twice", func(tr *trace.Trace) { tr.Prompts.Text[7] = tr.Prompts.Text[3] + " " }, "repeated prompt", `prompt "p3" already`},
		{"times of arrival", func(tr *trace.Trace) {
			for i := range tr.Prompts.ArrivedAt {
				tr.Prompts.ArrivedAt[i] = time.UnixMilli(1717200000 + int64(i)) // seconds taken for milliseconds
			}
		}, "time of arrival", "1970-01-20"},
		{"twins", func(tr *trace.Trace) {
			for i := range 60 {
				for _, m := range [][]float32{tr.Outcomes.Logged[policy.Quality], tr.Outcomes.OutputTokens} {
					m[2*i+1] = m[2*i]
				}
			}
		}, "twins", `did the same as "m-8b"`},
		{"propensities", func(tr *trace.Trace) {
			tr.Outcomes.Propensity = trace.NewMatrix(120)
			for at := range tr.Outcomes.Propensity {
				tr.Outcomes.Propensity[at] = 0.8
			}
		}, "sum of propensities", "sum to 1.6"},
		{"usage missing where failed", func(tr *trace.Trace) {
			tr.Outcomes.Logged[policy.Cost] = nil
			for i := range 60 {
				if tr.Outcomes.Logged[policy.Quality][2*i] == 0 {
					tr.Outcomes.InputTokens[2*i], tr.Outcomes.OutputTokens[2*i] = nan, nan
				}
			}
		}, "no tokens", `answers of "m-8b" score 0.000, the others 1.000`},
		{"no prices", func(tr *trace.Trace) {
			tr.Outcomes.Logged[policy.Cost] = nil
			tr.Models[0].PriceInputUSDPerMTok, tr.Models[0].PriceOutputUSDPerMTok = math.NaN(), math.NaN()
		}, "no prices", "prices in models.yaml"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tr := sound()
			tc.spoil(tr)
			list, err := Find(context.Background(), tr)
			if err != nil {
				t.Fatal(err)
			}
			var kinds []string
			for i := range list {
				kinds = append(kinds, list[i].Kind)
			}
			if got := strings.Join(kinds, ", "); got != tc.kinds {
				t.Fatalf("doubts %v, want %q", list, tc.kinds)
			}
			if len(list) > 0 {
				if got := list[0].Error(); !strings.Contains(got, tc.says) || list[0].Fix == "" {
					t.Errorf("says %q, want %q and what to do", got, tc.says)
				}
			}
		})
	}
}

// TestDoubtsNameTheRow writes a trace and finds the row again.
func TestDoubtsNameTheRow(t *testing.T) {
	dir := t.TempDir()
	tr := sound()
	tr.Outcomes.ReasoningTokens[37], tr.Outcomes.ReasoningTokens[81] = 2500, 2500
	if err := file.Write(dir, tr, nil); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, trace.ModelsFile))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, trace.ModelsFile), append([]byte("\ufeff"), append(text, []byte("  param_total_b: 7\n")...)...), 0o644); err != nil {
		t.Fatal(err)
	}
	opened, err := file.Open(context.Background(), dir)
	if err != nil {
		t.Fatal(err)
	}
	list, err := Find(context.Background(), opened)
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != 2 || !strings.Contains(list[0].Fix, "write params_total_b") || list[0].Row < 1 {
		t.Fatalf("doubts %+v, want the unknown key with its line", list)
	}
	if got := list[1]; got.File != "outcomes.parquet" || got.Row != 37 || got.Count != 2 || got.Of != 120 || !slices.Equal(got.Models, []string{"m-70b"}) {
		t.Errorf("doubt %+v, want row 37, 2 of 120", got)
	}
}

// TestPublicCasesAreDoubted holds what the cases of people who do this job should have been told.
func TestPublicCasesAreDoubted(t *testing.T) {
	cases := filepath.Join("..", "..", "..", "..", "shared", "cases")
	if _, err := os.Stat(cases); err != nil {
		t.Skip("the public cases are not there: ", err)
	}
	for dir, want := range map[string]string{
		"00-base/t":                             "",
		"03-usage-lies/t":                       "reasoning above output, no output tokens, one count of input_tokens, one count of output_tokens",
		"13-cost-overflow/t":                    "! 1e+39 is above what a float32 holds",
		"13-cost-overflow/t-micro":              "cost unit",
		"13-cost-overflow/t-ms":                 "latency unit",
		"12-parquet/q-extreme":                  "! 1e+39 is above what a float32 holds",
		"12-parquet/d-polars":                   "",
		"24-routellm/t":                         "no tokens",
		"24-routellm/t-noprice":                 "no prices",
		"25-usage-missing-where-failed/t":       "no tokens",
		"28-models-yaml/litellm-keys":           "! write price_input_usd_per_mtok: 2.5",
		"28-models-yaml/params-unit":            "! write the size in billions: 70",
		"28-models-yaml/active-over-total":      "! is above params_total_b, 13",
		"28-models-yaml/per-token-value":        "price per token",
		"28-models-yaml/region-name":            "region",
		"../data/mmlu-pro":                      "repeated prompt",
		"11-bandit/t":                           "",
		"11-bandit/t-prop1":                     "no exploration",
		"25-usage-missing-where-failed/t-right": "no output tokens",
	} {
		tr, err := file.Open(context.Background(), filepath.Join(cases, filepath.FromSlash(dir)))
		if refusal, refused := strings.CutPrefix(want, "! "); refused || err != nil {
			if err == nil || !strings.Contains(err.Error(), refusal) {
				t.Errorf("%s: %v, want it refused with %q", dir, err, refusal)
			}
			continue
		}
		list, err := Find(context.Background(), tr)
		if err != nil {
			t.Fatal(err)
		}
		var kinds []string
		for i := range list {
			kinds = append(kinds, list[i].Kind)
		}
		if got := strings.Join(kinds, ", "); got != want {
			t.Errorf("%s: %v, want %q", dir, list, want)
		}
	}
}
