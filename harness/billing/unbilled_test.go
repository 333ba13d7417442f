package billing

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/trilemma-bench/trilemma/harness/cost"
	"github.com/trilemma-bench/trilemma/harness/trace"
	"github.com/trilemma-bench/trilemma/harness/trace/file"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// flaky is a trace of one model whose failed answers have no usage: 83 right ones, 67 wrong ones.
func flaky() *trace.Trace {
	ids := make([]string, 150)
	for i := range ids {
		ids[i] = string(rune('a'+i/26)) + string(rune('a'+i%26))
	}
	t := trace.NewTrace([]policy.Model{priced(8, 8)}, trace.Prompts{ID: ids})
	for p := range ids {
		t.Outcomes.Present.Set(p)
		t.Outcomes.Logged[policy.Quality][p] = 0
		if p < 83 {
			t.Outcomes.Logged[policy.Quality][p], t.Outcomes.InputTokens[p], t.Outcomes.OutputTokens[p] = 1, 100, float32(100+p)
		}
	}
	return t
}

func TestUnknownCost(t *testing.T) {
	for _, tc := range []struct {
		how      UnknownCost
		score    float64
		n        int
		costs    int // outcomes with a known cost
		imputed  float64
		unbilled int
	}{
		{Exclude, 1, 83, 83, 0, 67},
		{Impute, 83. / 150, 150, 150, 67. / 150, 67},
		{QualityOnly, 83. / 150, 150, 0, 0, 67},
		{Keep, 83. / 150, 150, 83, 0, 67},
	} {
		acc := DefaultAccounting()
		acc.UnknownCost = tc.how
		tab, err := NewTable(flaky(), []int{0}, acc)
		if err != nil {
			t.Fatal(err)
		}
		var score, billed, unbilled float64
		n, costs := 0, 0
		for p := range tab.Prompts {
			o := tab.At(p, 0)
			if !o.Present() {
				continue
			}
			n, score = n+1, score+float64(o.At(policy.Quality))
			if !isNaN(o.At(policy.Cost)) {
				costs++
				if o.At(policy.Quality) == 1 {
					billed += float64(o.At(policy.Cost))
				} else {
					unbilled += float64(o.At(policy.Cost))
				}
			}
		}
		if math.Abs(score/float64(n)-tc.score) > 1e-9 || n != tc.n || costs != tc.costs || tab.Logged.Unbilled != tc.unbilled ||
			math.Abs(tab.Logged.ImputedCost-tc.imputed) > 1e-9 {
			t.Errorf("%q: score %v of %d, %d costs, %+v; want %+v", tc.how, score/float64(n), n, costs, tab.Logged, tc)
		}
		if tc.how == Impute {
			near(t, "imputed cost", unbilled/67, billed/83)
		}
		u := tab.Unbilled[0]
		if u.Answered != 150 || u.Outcomes != 67 || u.Score() != 0 || u.KeptScore() != 1 || !u.Selective() {
			t.Errorf("%q: unbilled %+v, want 67 of 150 that score 0 beside 1", tc.how, u)
		}
		if why := tab.WhyUnbilled([]string{"m"}, []int{0}); !strings.HasPrefix(why, "67 outcomes have no input_tokens/output_tokens") {
			t.Errorf("%q: why %q", tc.how, why)
		}
	}
}

// TestSelectiveIsRare holds that costs missing at random are called selective in few worlds.
func TestSelectiveIsRare(t *testing.T) {
	said := 0
	for world := range uint64(1000) {
		rng := policy.Stream(world, "selective")
		var u Unbilled
		for range 150 {
			score, price := float32(0), float32(1)
			if rng.Float64() < 0.5 {
				score = 1
			}
			if rng.Float64() < 0.3 {
				price = nan32
			}
			u.see(score, price)
		}
		if u.Selective() {
			said++
		}
	}
	if said > 10 {
		t.Errorf("called selective in %d of 1000 worlds where it is not, want about 3", said)
	}
}

func TestAModelWithoutAnyCostIsLeftOutOrKept(t *testing.T) {
	tr := flaky()
	tr.Models[0].PriceInputUSDPerMTok, tr.Models[0].PriceOutputUSDPerMTok = math.NaN(), math.NaN()
	for how, present := range map[UnknownCost]bool{Exclude: false, Impute: false, QualityOnly: true, Keep: true} {
		acc := DefaultAccounting()
		acc.UnknownCost = how
		tab, err := NewTable(tr, []int{0}, acc)
		if err != nil {
			t.Fatal(err)
		}
		if got := tab.At(0, 0).Present(); got != present {
			t.Errorf("%q: present %v, want %v", how, got, present)
		}
		if why := tab.WhyUnbilled([]string{"m"}, []int{0}); !strings.Contains(why, "models lack prices in models.yaml: m") || !strings.Contains(why, "67 outcomes have no") {
			t.Errorf("%q: why %q", how, why)
		}
	}
}

// TestOneRuleForBothBills holds that models.yaml and a book of the same prices bill the same, whatever the usage.
func TestOneRuleForBothBills(t *testing.T) {
	book, err := cost.ParseBook([]byte(`models: [{id: m, prices: [{from: 2024-01-01, source: s, input: 2, output: 8}]}]`))
	if err != nil {
		t.Fatal(err)
	}
	count := rapid.OneOf(rapid.Just(nan32), rapid.Map(rapid.IntRange(0, 5000), func(n int) float32 { return float32(n) }))
	rapid.Check(t, func(rt *rapid.T) {
		tr := oneModel(priced(8, 8))
		o := &tr.Outcomes
		o.InputTokens[0], o.OutputTokens[0] = count.Draw(rt, "in"), count.Draw(rt, "out")
		o.CachedInputTokens, o.ReasoningTokens = []float32{count.Draw(rt, "cached")}, []float32{count.Draw(rt, "reasoning")}
		acc := DefaultAccounting()
		acc.Usage = rapid.SampledFrom([]Usage{Inclusive, Exclusive}).Draw(rt, "usage")
		plain, err := NewTable(tr, []int{0}, acc)
		if err != nil {
			rt.Fatal(err)
		}
		acc.Prices, acc.PricesOn = book, time.Date(2024, 2, 1, 0, 0, 0, 0, time.UTC)
		priced, err := NewTable(tr, []int{0}, acc)
		if err != nil {
			rt.Fatal(err)
		}
		a, b := plain.At(0, 0), priced.At(0, 0)
		if a.Present() != b.Present() || a.Present() && math.Abs(float64(a.At(policy.Cost)-b.At(policy.Cost))) > 1e-9 {
			rt.Fatalf("models.yaml bills %v, a book of the same prices %v", a.At(policy.Cost), b.At(policy.Cost))
		}
		if acc.Usage == Inclusive && (o.ReasoningTokens[0] > o.OutputTokens[0] || o.CachedInputTokens[0] > o.InputTokens[0]) && a.Present() {
			rt.Fatalf("a part above its whole was billed: %+v", *a)
		}
	})
}

// The cases that people who do this job ran into, with the right values.
func TestPublicCases(t *testing.T) {
	cases := filepath.Join("..", "..", "..", "shared", "cases")
	if _, err := os.Stat(cases); err != nil {
		t.Skip("the public cases are not there: ", err)
	}
	on := time.Date(2024, 12, 1, 0, 0, 0, 0, time.UTC)
	book := func(name string) *cost.Book {
		b, err := cost.LoadBook(filepath.Join(cases, "09-vertex-at", name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for _, tc := range []struct {
		trace, model string
		acc          Accounting
		score, usd   float64 // mean, per 1,000
	}{
		{"03-usage-lies/t", "grok-r", Accounting{Usage: Exclusive}, 0.4333, 1.0408},
		{"03-usage-lies/t", "grok-r", Accounting{UnknownCost: Keep}, 0.4333, math.NaN()},
		{"25-usage-missing-where-failed/t", "flaky", Accounting{UnknownCost: Keep}, 0.5533, math.NaN()},
		{"25-usage-missing-where-failed/t", "flaky", Accounting{UnknownCost: Impute}, 0.5533, 0.1775},
		{"09-vertex-at/t", "claude-3-5-sonnet@20240620", Accounting{Prices: book("book.yaml"), PricesOn: on}, 0.4167, 2.97},
		{"09-vertex-at/t", "claude-3-5-sonnet@20241022", Accounting{Prices: book("book.yaml"), PricesOn: on}, 0.6167, 6.10},
		{"09-vertex-at/t", "claude-3-5-sonnet@20240620", Accounting{Prices: book("book2.yaml"), PricesOn: on}, 0.4167, 2.97},
		{"09-vertex-at/t", "claude-3-5-sonnet@20241022", Accounting{Prices: book("book2.yaml"), PricesOn: on}, 0.6167, 6.10},
	} {
		tr, err := file.Open(context.Background(), filepath.Join(cases, filepath.FromSlash(tc.trace)))
		if err != nil {
			t.Fatal(err)
		}
		full := DefaultAccounting()
		full.UnknownCost, full.Usage, full.Prices, full.PricesOn = tc.acc.UnknownCost, tc.acc.Usage, tc.acc.Prices, tc.acc.PricesOn
		for m := range tr.Models {
			if tr.Models[m].ID != tc.model {
				continue
			}
			tab, err := NewTable(tr, []int{m}, full)
			if err != nil {
				t.Fatal(err)
			}
			var score, usd, n float64
			for p := range tab.Prompts {
				if o := tab.At(p, 0); o.Present() {
					score, usd, n = score+float64(o.At(policy.Quality)), usd+float64(o.At(policy.Cost)), n+1
				}
			}
			score, usd = score/n, 1000*usd/n
			if math.Abs(score-tc.score) > 5e-4 || math.IsNaN(usd) != math.IsNaN(tc.usd) || math.Abs(usd-tc.usd) > 5e-3 {
				t.Errorf("%s, %s: score %.4f, %.4f USD/1k; want %.4f, %.4f", tc.trace, tc.model, score, usd, tc.score, tc.usd)
			}
		}
	}
}
