package cost

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

const book = `
rates: [{currency: EUR, usd: 1.1, on: 2024-07-01, source: ECB}]
models:
  - id: m-2024-05
    aliases: [{name: m, from: 2024-05-01}]
    prices:
      - {from: 2024-05-01, source: "https://a", input: 5, output: 15}
      - {from: 2024-08-01, source: "https://b", checked: 2024-10-01, input: 2, output: 10, cached_input: 1, reasoning: 20, batch_discount: 0.5, per_request: 0.001}
  - id: m-2024-11
    aliases: [{name: m, from: 2024-11-01}]
    prices: [{from: 2024-11-01, source: "https://c", currency: EUR, input: 1, output: 2}]
  - id: own
    self_hosted: [{from: 2024-01-01, source: lease, gpus: 2, per_gpu_hour: 1.8, tokens_per_s: 1000, utilisation: 0.5}]
`

func on(s string) time.Time {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		panic(err)
	}
	return t
}

func TestBook(t *testing.T) {
	b, err := ParseBook([]byte(book))
	if err != nil {
		t.Fatal(err)
	}
	nan := math.NaN()
	for _, tc := range []struct {
		name, model, on string
		use             Usage
		want            float64
	}{
		{"first price", "m", "2024-06-01", Usage{InputTokens: 1e6, OutputTokens: 1e6, CachedInputTokens: nan, ReasoningTokens: nan}, 20},
		{"the price changed", "m-2024-05", "2024-08-01", Usage{InputTokens: 1e6, OutputTokens: 1e6}, 12.001},
		{"cached and reasoning", "m", "2024-09-01", Usage{InputTokens: 1e6, CachedInputTokens: 5e5, OutputTokens: 1e6, ReasoningTokens: 5e5}, 1.5 + 15 + .001},
		{"batch", "m", "2024-09-01", Usage{InputTokens: 1e6, Batch: true}, 1.001},
		{"unknown reasoning share", "m", "2024-09-01", Usage{InputTokens: 1, OutputTokens: 1, ReasoningTokens: nan}, nan},
		{"more cached than all", "m", "2024-09-01", Usage{InputTokens: 1, CachedInputTokens: 2}, nan},
		{"another version, in euros", "m", "2024-12-01", Usage{InputTokens: 1e6, OutputTokens: 1e6}, 3.3},
		{"GPU hours", "own", "2024-12-01", Usage{InputTokens: 1e6, OutputTokens: 1e6}, 2 * 1.8 / 3600 / .5 / 1000 * 1e6},
	} {
		r, err := b.At(tc.model, on(tc.on))
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		got := r.CostUSD(tc.use)
		if math.IsNaN(got) != math.IsNaN(tc.want) || math.Abs(got-tc.want) > 1e-12 {
			t.Errorf("%s: %v USD, want %v", tc.name, got, tc.want)
		}
	}
	for _, tc := range [][3]string{{"m", "2024-04-30", "stands for nothing"}, {"x", "2024-06-01", "neither by name"}, {"m-2024-11", "2024-10-01", "its first is from 2024-11-01"}} {
		if _, err := b.At(tc[0], on(tc[1])); !errors.Is(err, ErrNoPrice) || !strings.Contains(err.Error(), tc[2]) {
			t.Errorf("%s on %s: %v, want %q", tc[0], tc[1], err, tc[2])
		}
	}
	found := b.Review([]string{"m", "own", "x"}, on("2024-12-01"), 90*24*time.Hour)
	if len(found) != 2 || found[0].Model != "own" || found[0].Missing || found[1].Model != "x" || !found[1].Missing {
		t.Errorf("review found %+v", found)
	}
}

func TestBookRefuses(t *testing.T) {
	for _, tc := range []struct{ text, want string }{
		{"models: [{id: a, prices: [{from: 2024-01-01, source: s, input: -1, output: 2}]}]", "input is -1"},
		{"models: [{id: a, prices: [{from: 2024-01-01, source: s, input: 1, output: 2, currency: GBP}]}]", "no rate"},
		{"models: [{id: a, prices: [{from: 2024-01-01, input: 1, output: 2}]}]", "names no source"},
		{"models: [{id: a, prices: [{from: soon, source: s, input: 1, output: 2}]}]", "not a date"},
		{"models: [{id: a, prices: [{from: 2024-01-01, source: s, input: 1}]}]", "both input and output"},
		{"models: [{id: a, prices: [{from: 2024-01-01, source: s, input: 1, output: 1, batch_discount: 2}]}]", "batch_discount"},
		{"models: [{id: a, prices: [{from: 2024-01-01, source: s, input: 1, output: 1}, {from: 2024-01-01, source: s, input: 1, output: 1}]}]", "two prices"},
		{"models: [{id: a, self_hosted: [{from: 2024-01-01, source: s, gpus: 1, per_gpu_hour: 2}]}]", "throughput"},
		{"models: [{id: a, aliases: [{name: b, from: 2024-01-01}], prices: [{from: 2024-01-01, source: s, input: 1, output: 1}]}, {id: b, prices: [{from: 2024-01-01, source: s, input: 1, output: 1}]}]", "both a model and an alias"},
		{"models: [{id: a, pirces: []}]", "pirces"},
		{"models: [{id: a, prices: [{from: 2024-01-01, source: s, input: 1, output: 2, above_200k: 3}]}]", "cached_input, batch_discount"},
		{"models: [{id: a, prices: [{from: 2024-01-01, source: s, input: 2.5e-6, output: 1e-5}]}]", "input is 2.5e-06 for a million tokens"},
		{"models: []", "no models"},
		{"rates: [{currency: EUR, usd: 0, on: 2024-01-01, source: s}]", "positive"},
	} {
		if _, err := ParseBook([]byte(tc.text)); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", tc.text, err, tc.want)
		}
	}
}

func TestMoreUsageNeverCostsLess(t *testing.T) {
	b, err := ParseBook([]byte(book))
	if err != nil {
		t.Fatal(err)
	}
	r, err := b.At("m", on("2024-09-01"))
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		u := Usage{InputTokens: rapid.Float64Range(0, 1e6).Draw(t, "in"), OutputTokens: rapid.Float64Range(0, 1e6).Draw(t, "out")}
		more := u
		more.InputTokens += rapid.Float64Range(0, 1e5).Draw(t, "more")
		batch := u
		batch.Batch = true
		if r.CostUSD(more) < r.CostUSD(u) || r.CostUSD(batch) > r.CostUSD(u) {
			t.Fatalf("%v, more %v, batch %v", r.CostUSD(u), r.CostUSD(more), r.CostUSD(batch))
		}
	})
}

func FuzzParseBook(f *testing.F) {
	f.Add([]byte(book))
	f.Add([]byte("models: [{id: a}]"))
	f.Fuzz(func(t *testing.T, src []byte) {
		b, err := ParseBook(src)
		if (b == nil) == (err == nil) {
			t.Errorf("book %v, error %v", b, err)
		}
	})
}
