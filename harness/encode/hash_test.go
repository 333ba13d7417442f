package encode

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/trilemma-bench/trilemma/harness/synth"
)

var background = context.Background()

// simulated returns texts and categories of a simulated trace: train and test halves.
func simulated(t testing.TB, n int) (train, test, trainTopic, testTopic []string) {
	t.Helper()
	p := synth.Default()
	p.Prompts = n
	s, err := synth.Generate(p)
	if err != nil {
		t.Fatal(err)
	}
	text, topic := s.Trace.Prompts.Text, s.Trace.Prompts.Category
	return text[:n/2], text[n/2:], topic[:n/2], topic[n/2:]
}

func fit(t testing.TB, texts []string, p HashParams) *Hash {
	t.Helper()
	h, err := FitHash(background, texts, p)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func encode(t testing.TB, e Encoder, texts []string) []float32 {
	t.Helper()
	v, err := e.Encode(background, texts)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// nearestTopic is the share of queries whose nearest training vector has the same topic.
func nearestTopic(train, queries []float32, dim int, trainTopic, queryTopic []string) float64 {
	hits := 0
	for q := range queryTopic {
		best, bestDot := 0, math.Inf(-1)
		for i := range trainTopic {
			if d := dot(queries[q*dim:(q+1)*dim], train[i*dim:(i+1)*dim]); d > bestDot {
				best, bestDot = i, d
			}
		}
		if trainTopic[best] == queryTopic[q] {
			hits++
		}
	}
	return float64(hits) / float64(len(queryTopic))
}

func dot(a, b []float32) float64 {
	var sum float64
	for i, x := range a {
		sum += float64(x) * float64(b[i])
	}
	return sum
}

func TestHashVectorsCarryTopics(t *testing.T) {
	train, test, trainTopic, testTopic := simulated(t, 1200)
	test, testTopic = test[:300], testTopic[:300]
	for projection, least := range map[string]float64{ProjectSVD: 0.95, ProjectRandom: 0.8} {
		p := DefaultHash()
		p.Projection, p.Features = projection, 8192
		start := time.Now()
		h := fit(t, train, p)
		took := time.Since(start)
		a, b := encode(t, h, train), encode(t, h, test)
		got := nearestTopic(a, b, h.Dim(), trainTopic, testTopic)
		t.Logf("%s: nearest neighbour has the topic for %.3f; fitted in %v", h.Name(), got, took)
		if got < least {
			t.Errorf("%s: nearest neighbour has the same topic for %.3f of the prompts, want at least %.2f", h.Name(), got, least)
		}
		for i := range test {
			if length := dot(b[i*384:(i+1)*384], b[i*384:(i+1)*384]); math.Abs(length-1) > 1e-5 {
				t.Fatalf("%s: vector %d has squared length %v, want 1", projection, i, length)
			}
		}
	}
}

// The randomised SVD must agree with what it computes: centred vectors keep the dot products of the n-gram features
// when every direction is kept and nothing is whitened.
func TestSVDKeepsDotProducts(t *testing.T) {
	train, _, _, _ := simulated(t, 120)
	p := DefaultHash()
	p.Whiten = 0
	h := fit(t, train, p)
	docs, err := countAll(background, train, p)
	if err != nil {
		t.Fatal(err)
	}
	x := h.matrix(docs)
	dense := make([][]float32, x.rows)
	for i := range dense {
		dense[i] = make([]float32, x.columns)
		for at := x.byRow.offset[i]; at < x.byRow.offset[i+1]; at++ {
			dense[i][x.byRow.index[at]] = x.byRow.value[at]
		}
		axpy(-1, x.mean, dense[i])
		normalise(dense[i])
	}
	v := encode(t, h, train)
	for i := range train {
		for j := range i {
			got, want := dot(v[i*384:(i+1)*384], v[j*384:(j+1)*384]), dot(dense[i], dense[j])
			if math.Abs(got-want) > 2e-3 {
				t.Fatalf("dot product of prompts %d and %d is %v, want %v", i, j, got, want)
			}
		}
	}
}

func TestVectorDoesNotDependOnItsBatch(t *testing.T) {
	train, test, _, _ := simulated(t, 400)
	h := fit(t, train, DefaultHash())
	all := encode(t, h, test)
	again := encode(t, fit(t, train, DefaultHash()), test)
	if !slices.Equal(all, again) {
		t.Fatal("two fits on the same prompts give different vectors")
	}
	for i, text := range test {
		if one := encode(t, h, []string{text}); !slices.Equal(one, all[i*384:(i+1)*384]) {
			t.Fatalf("prompt %d alone has another vector than among %d", i, len(test))
		}
	}
}

func TestHashFingerprint(t *testing.T) {
	texts := []string{"one prompt", "another"}
	base := HashFingerprint(texts, DefaultHash())
	if got := fit(t, texts, DefaultHash()).Fingerprint(); got != base {
		t.Errorf("fitted fingerprint %s, want %s", got, base)
	}
	other := DefaultHash()
	other.Seed = 7
	for name, got := range map[string]string{
		"other seed":  HashFingerprint(texts, other),
		"other order": HashFingerprint([]string{"another", "one prompt"}, DefaultHash()),
		"other split": HashFingerprint([]string{"one promptanother", ""}, DefaultHash()),
	} {
		if got == base {
			t.Errorf("%s: same fingerprint", name)
		}
	}
}

func TestDeferredHashEqualsFitted(t *testing.T) {
	texts := []string{"one prompt", "another prompt", "a third"}
	d, err := DeferHash(texts, DefaultHash())
	if err != nil {
		t.Fatal(err)
	}
	h := fit(t, texts, DefaultHash())
	if d.Name() != h.Name() || d.Dim() != h.Dim() || d.Fingerprint() != h.Fingerprint() {
		t.Errorf("deferred is %s %d %s, fitted %s %d %s", d.Name(), d.Dim(), d.Fingerprint(), h.Name(), h.Dim(), h.Fingerprint())
	}
	for range 2 {
		if !slices.Equal(encode(t, d, texts), encode(t, h, texts)) {
			t.Error("deferred and fitted encoders give different vectors")
		}
	}
	if _, err := DeferHash(nil, DefaultHash()); err == nil {
		t.Error("no texts: no error")
	}
}

func TestHashEdgeCases(t *testing.T) {
	for name, texts := range map[string][]string{
		"one prompt":      {"the only prompt"},
		"empty prompts":   {"", "", ""},
		"equal prompts":   {"same", "same", "same", "same"},
		"one letter each": {"a", "b", "c"},
		"not UTF-8":       {"\xff\xfe", "caf\xc3", "ok then"},
	} {
		for _, projection := range []string{ProjectSVD, ProjectRandom} {
			p := DefaultHash()
			p.Projection = projection
			h := fit(t, texts, p)
			for i, x := range encode(t, h, append(texts, "never seen 数学 ∑")) {
				if math.IsNaN(float64(x)) || math.Abs(float64(x)) > 1.001 {
					t.Fatalf("%s, %s: float %d is %v", name, projection, i, x)
				}
			}
		}
	}
	if _, err := FitHash(background, nil, DefaultHash()); err == nil || !strings.Contains(err.Error(), "train split") {
		t.Errorf("fit on nothing: %v, want an error that names the train split", err)
	}
	bad := DefaultHash()
	bad.Dim, bad.Projection, bad.CharMax = 0, "pca", 2
	_, err := FitHash(background, []string{"x"}, bad)
	for _, want := range []string{"dim", "projection", "char_max"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("bad parameters: %v, want an error that names %s", err, want)
		}
	}
	ctx, cancel := context.WithCancel(background)
	cancel()
	if _, err := FitHash(ctx, []string{"x", "y"}, DefaultHash()); !errors.Is(err, context.Canceled) {
		t.Errorf("fit with a cancelled context: %v", err)
	}
}

func TestFitLooksAtASampleOfManyPrompts(t *testing.T) {
	train, test, _, _ := simulated(t, 400)
	p := DefaultHash()
	p.FitPrompts = 50
	a, b := fit(t, train, p), fit(t, train, p)
	if !slices.Equal(encode(t, a, test), encode(t, b, test)) {
		t.Error("two fits on samples differ")
	}
}

// Counting by hand: signed counts of every n-gram, with a map.
func TestFeaturesAgreeWithAMap(t *testing.T) {
	p := DefaultHash()
	p.Bits = 8 // many collisions
	c := newCounter(p)
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOf(rapid.SampledFrom([]rune("abcABC 12.,∑é\n"))).Draw(t, "text")
		first := c.features(nil, text)
		second := c.features(nil, text)
		if !slices.Equal(first, second) {
			t.Fatalf("%q: %v, then %v", text, first, second)
		}
		seen := map[uint32]bool{}
		for _, e := range first {
			if seen[e.bucket] || e.bucket >= 1<<8 || math.Abs(float64(e.value)) < 1 {
				t.Fatalf("%q: bad entry %v in %v", text, e, first)
			}
			seen[e.bucket] = true
		}
		for b, n := range c.count {
			if n != 0 {
				t.Fatalf("%q: bucket %d is left at %d", text, b, n)
			}
		}
	})
	// Case and commas do not matter, words and their order do.
	same := func(a, b string) bool { return slices.Equal(c.features(nil, a), c.features(nil, b)) }
	if !same("Prime, number", "prime number") || same("prime number", "number prime") || same("x + y", "x y") {
		t.Error("case or commas change features, or order or symbols do not")
	}
}

func FuzzFeatures(f *testing.F) {
	f.Add("Which of the following?\nA. ∫x dx")
	f.Add("\xff\x00 a")
	c := newCounter(DefaultHash())
	f.Fuzz(func(t *testing.T, text string) {
		for _, e := range c.features(nil, text) {
			if math.IsNaN(float64(e.value)) || math.IsInf(float64(e.value), 0) {
				t.Fatalf("%q: %v", text, e)
			}
		}
	})
}

func BenchmarkFitHash4000(b *testing.B) {
	train, _, _, _ := simulated(b, 8000)
	for b.Loop() {
		fit(b, train, DefaultHash())
	}
}

func BenchmarkEncode(b *testing.B) {
	train, test, _, _ := simulated(b, 2000)
	h := fit(b, train, DefaultHash())
	for b.Loop() {
		encode(b, h, test)
	}
	b.ReportMetric(float64(len(test)*b.N)/b.Elapsed().Seconds(), "texts/s")
}
