package split

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/trilemma-bench/trilemma/harness/trace"
	"github.com/trilemma-bench/trilemma/harness/trace/file"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

var thirds = Spec{Train: 0.6, Validation: 0.1, Selection: 0.1, Test: 0.2, Seed: 1}

// prose draws a text of n words of a vocabulary of the given size.
func prose(r *rand.Rand, n, vocabulary int) string {
	words := make([]string, n)
	for i := range words {
		words[i] = fmt.Sprintf("w%d", r.IntN(vocabulary))
	}
	return strings.Join(words, " ")
}

func textTrace(texts []string) *trace.Trace {
	p := trace.Prompts{Text: texts}
	for i := range texts {
		p.ID = append(p.ID, fmt.Sprintf("p%d", i))
		p.Category = append(p.Category, fmt.Sprintf("c%d", i%3))
		p.ArrivedAt = append(p.ArrivedAt, time.Unix(int64(i/4), 0).UTC())
	}
	return trace.NewTrace([]policy.Model{policy.NewModel("m")}, p)
}

// permuted returns the trace with its prompts in another order.
func permuted(t *trace.Trace, order []int) *trace.Trace {
	p := trace.Prompts{}
	for _, i := range order {
		p.ID = append(p.ID, t.Prompts.ID[i])
		p.Text = append(p.Text, t.Prompts.Text[i])
		p.Category = append(p.Category, t.Prompts.Category[i])
		p.ArrivedAt = append(p.ArrivedAt, t.Prompts.ArrivedAt[i])
	}
	return trace.NewTrace(t.Models, p)
}

func byID(t *trace.Trace, a *Assignment) map[string]Part {
	m := map[string]Part{}
	for i, p := range a.Part {
		m[t.Prompts.ID[i]] = p
	}
	return m
}

func TestSplitPermutation(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := policy.Stream(rapid.Uint64().Draw(rt, "seed"), "texts")
		var texts []string
		for range 25 {
			text := prose(r, 5+r.IntN(40), 200)
			for range 1 + r.IntN(2)*r.IntN(3) { // some with near and exact copies
				texts = append(texts, text)
				words := strings.Fields(text)
				words[r.IntN(len(words))] = "changed"
				texts = append(texts, strings.Join(words, " "))
			}
		}
		sets := make([][]uint64, len(texts))
		for i := range texts {
			sets[i] = shingles(normalise(texts[i]), nil)
		}
		tr := textTrace(texts)
		for _, method := range []Method{Hash, Stratified, Time} {
			spec := thirds
			spec.Method = method
			a, err := Assign(tr, spec)
			if method != Stratified && err != nil && strings.Contains(err.Error(), "none went to") {
				continue // a tenth of few groups may be none, by chance or because they were dropped
			}
			if err != nil {
				rt.Fatal(err)
			}
			other := permuted(tr, r.Perm(len(texts)))
			b, err := Assign(other, spec)
			if err != nil {
				rt.Fatal(err)
			}
			if diff := cmp.Diff(byID(tr, a), byID(other, b)); diff != "" {
				rt.Fatalf("%s: permuting the prompts changes the split:\n%s", method, diff)
			}
			if a.NearGroups != b.NearGroups || a.ExactGroups != b.ExactGroups {
				rt.Fatalf("%s: groups %d and %d", method, a.NearGroups, b.NearGroups)
			}
			// By brute force: no pair at or above the threshold on two sides.
			for i := range texts {
				for j := range i {
					if a.Part[i] == a.Part[j] || a.Part[i] == None || a.Part[j] == None {
						continue
					}
					if s := jaccard(sets[i], sets[j]); s >= DefaultNearDuplicate {
						rt.Fatalf("%s: prompts %d and %d, %.2f alike, are in %s and %s", method, i, j, s, a.Part[i], a.Part[j])
					}
				}
			}
		}
	})
}

func TestSplitHashIgnoresOtherPrompts(t *testing.T) {
	r := policy.Stream(1, "texts")
	var texts []string
	for range 400 {
		texts = append(texts, prose(r, 30, 1000))
	}
	whole, err := Assign(textTrace(texts), thirds)
	if err != nil {
		t.Fatal(err)
	}
	half, err := Assign(textTrace(texts[:200]), thirds)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(whole.Part[:200], half.Part) {
		t.Error("removing prompts changed the parts of others")
	}
	share := func(part []int) float64 { return float64(len(part)) / float64(len(whole.Part)) }
	train, validation, selection, test := share(whole.Of(Train)), share(whole.Of(Validation)), share(whole.Of(Selection)), share(whole.Of(Test))
	if train < 0.5 || train > 0.7 || validation < 0.05 || validation > 0.15 || selection < 0.05 || selection > 0.15 || test < 0.13 || test > 0.27 {
		t.Errorf("shares %v %v %v %v, want about 0.6 0.1 0.1 0.2", train, validation, selection, test)
	}
	other := thirds
	other.Seed = 2
	again, err := Assign(textTrace(texts), other)
	if err != nil {
		t.Fatal(err)
	}
	if slices.Equal(again.Part, whole.Part) {
		t.Error("another seed gives the same split")
	}
}

func TestSplitStratifiedKeepsFractions(t *testing.T) {
	r := policy.Stream(1, "texts")
	var texts []string
	for range 300 {
		texts = append(texts, prose(r, 30, 1000))
	}
	tr := textTrace(texts)
	spec := thirds
	spec.Method = Stratified
	a, err := Assign(tr, spec)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][parts]int{}
	for i, p := range a.Part {
		c := got[tr.Prompts.Category[i]]
		c[p]++
		got[tr.Prompts.Category[i]] = c
	}
	want := [parts]int{Train: 60, Validation: 10, Selection: 10, Test: 20}
	for c, n := range got {
		if n != want {
			t.Errorf("category %s: %v, want %v", c, n, want)
		}
	}
}

const parts = Test + 1

func TestSplitTimeIsOrdered(t *testing.T) {
	r := policy.Stream(1, "texts")
	var texts []string
	for range 200 {
		texts = append(texts, prose(r, 30, 1000))
	}
	texts[190] = texts[3] + " indeed" // a near-duplicate from train to test
	tr := textTrace(texts)
	spec := thirds
	spec.Method = Time
	a, err := Assign(tr, spec)
	if err != nil {
		t.Fatal(err)
	}
	at := tr.Prompts.ArrivedAt
	for _, pair := range [][2][]int{{a.Of(Train), a.Of(Validation)}, {a.Of(Validation), a.Of(Selection)}, {a.Of(Selection), a.Of(Test)}} {
		if last, first := at[pair[0][len(pair[0])-1]], at[pair[1][0]]; last.After(first) {
			t.Errorf("a prompt of %v comes before one of %v", last, first)
		}
	}
	if !slices.Equal(a.Dropped, []int{3}) || a.Part[190] != Test || len(a.Warnings) == 0 {
		t.Errorf("dropped %v, want prompt 3, whose near-duplicate is a test prompt; warnings %q", a.Dropped, a.Warnings)
	}
	tr.Prompts.ArrivedAt[7] = time.Time{}
	if _, err := Assign(tr, spec); err == nil {
		t.Error("a prompt without a time was split by time")
	}
}

func TestSplitColumn(t *testing.T) {
	tr := textTrace([]string{"one is here", "two is there", "three is gone", "four is back", "one is here!", "six"})
	spec := Spec{Method: Column}
	if _, err := Assign(tr, spec); err == nil {
		t.Error("split by a column that is not there")
	}
	tr.Prompts.Split = []string{"train", "Dev", "validation", "test", "test", ""}
	a, err := Assign(tr, spec)
	if err != nil {
		t.Fatal(err)
	}
	want := []Part{None, Validation, Selection, Test, Test, None}
	other := []Part{None, Selection, Validation, Test, Test, None}
	if !slices.Equal(a.Part, want) && !slices.Equal(a.Part, other) {
		t.Errorf("got %v, want %v: half of validation set apart", a.Part, want)
	}
	tr.Prompts.Split[2] = "selection"
	if a, err = Assign(tr, spec); err != nil || !slices.Equal(a.Part, want) {
		t.Errorf("with a selection part of its own: got %v, %v, want %v", a.Part, err, want)
	}
	tr.Prompts.Split[1] = "holdout"
	if _, err := Assign(tr, spec); err == nil || !strings.Contains(err.Error(), "holdout") || !strings.Contains(err.Error(), "row 1") {
		t.Errorf("got %v, want the row and the unknown name", err)
	}
}

// A template that is longer than the questions must not make one component of all of them.
func TestTemplateDoesNotGlue(t *testing.T) {
	r := policy.Stream(1, "template")
	template := prose(r, 150, 5000)
	for _, n := range []int{12, 60, 2000} {
		var texts []string
		for range n {
			texts = append(texts, template+" "+prose(r, 15, 3000))
		}
		texts = append(texts, texts[0]+" please") // one real near-duplicate
		a, err := Assign(textTrace(texts), thirds)
		if err != nil {
			t.Fatalf("%d prompts: %v", n, err)
		}
		if a.NearGroups != 1 || a.NearCopies != 1 {
			t.Errorf("%d prompts of one template: %d groups with %d copies, want the one pair", n, a.NearGroups, a.NearCopies)
		}
		if a.Part[0] != a.Part[n] {
			t.Errorf("%d prompts: the pair is in %s and %s", n, a.Part[0], a.Part[n])
		}
	}
}

func TestSplitRefuses(t *testing.T) {
	tr := textTrace([]string{"one is here", "two is there", "three is gone"})
	for name, spec := range map[string]Spec{
		"nothing":    {},
		"percent":    {Train: 60, Validation: 20, Test: 20},
		"too much":   {Train: 0.6, Validation: 0.3, Test: 0.3},
		"negative":   {Train: -0.1, Test: 0.5},
		"method":     {Method: "magic", Train: 1},
		"similarity": {Train: 1, NearDuplicates: 1.5},
		"too small":  {Method: Stratified, Train: 0.9, Validation: 0.05, Test: 0.05},
		"selection":  {Train: 0.6, Validation: 0.2, Selection: 0.2, Test: 0.2},
	} {
		if a, err := Assign(tr, spec); err == nil {
			t.Errorf("%s: got %v, want an error", name, a)
		}
	}
}

func TestNearDuplicates(t *testing.T) {
	r := policy.Stream(1, "near")
	long := prose(r, 60, 1000)
	a := []string{"Hello,  World!", prose(r, 40, 1000), long, ""}
	b := []string{prose(r, 40, 1000), "hello world", long + " again", ""}
	want := [][2]int{{0, 1}, {2, 2}}
	if got := NearDuplicates(a, b, DefaultNearDuplicate); !cmp.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := NearDuplicates(a, b, 2); !cmp.Equal(got, want[:1]) {
		t.Errorf("exact only: got %v, want %v", got, want[:1])
	}
}

func TestNormalise(t *testing.T) {
	for text, want := range map[string]string{
		"What is  2+2?\nA. Four": "what is 2 2 a four",
		"ÜBER Straße":            "über straße",
		"日本語 test":               "日 本 語 test",
		" +-* ":                  "+-*",
		"":                       "",
	} {
		if got := normalise(text); got != want {
			t.Errorf("normalise(%q) = %q, want %q", text, got, want)
		}
	}
}

// openShared opens a trace of ../shared, which not every checkout has.
func openShared(t *testing.T, path string) *trace.Trace {
	dir := filepath.Join("..", "..", "..", "..", "shared", path)
	if _, err := os.Stat(dir); err != nil {
		t.Skip("no shared data: ", err)
	}
	tr, err := file.Open(context.Background(), dir)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func TestSplitMMLUPro(t *testing.T) {
	tr := openShared(t, "data/mmlu-pro")
	for _, method := range []Method{Hash, Stratified} {
		spec := thirds
		spec.Method = method
		start := time.Now()
		a, err := Assign(tr, spec)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %v, %d + %d + %d + %d, %d exact and %d near groups with %d copies", method, time.Since(start),
			len(a.Of(Train)), len(a.Of(Validation)), len(a.Of(Selection)), len(a.Of(Test)), a.ExactGroups, a.NearGroups, a.NearCopies)
		if len(a.Of(Train))+len(a.Of(Validation))+len(a.Of(Selection))+len(a.Of(Test)) != tr.Prompts.Len() {
			t.Error("some prompts are in no part")
		}
		if a.NearCopies > tr.Prompts.Len()/10 {
			t.Errorf("%d near-duplicates: the search glues prompts together", a.NearCopies)
		}
	}
}

func BenchmarkSplit(b *testing.B) {
	r := policy.Stream(1, "bench")
	var texts []string
	for range 8000 {
		texts = append(texts, prose(r, 100, 20000))
	}
	tr := textTrace(texts)
	b.ResetTimer()
	for b.Loop() {
		if _, err := Assign(tr, thirds); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/8000, "ns/prompt")
}
