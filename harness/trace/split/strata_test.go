package split

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/trilemma-bench/trilemma/harness/trace"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// categoryTrace has prompts of unlike texts: of[i] is the category of prompt i, copy[i] the prompt whose text it has.
func categoryTrace(of []string, copied []int) *trace.Trace {
	p := trace.Prompts{Category: of}
	for i := range of {
		p.ID = append(p.ID, fmt.Sprintf("p%04d", i))
		p.Text = append(p.Text, fmt.Sprintf("word%d of its own %d here", copied[i], copied[i]*7919))
	}
	return trace.NewTrace([]policy.Model{policy.NewModel("m")}, p)
}

// The shares asked for hold over all prompts whatever the categories and the groups of near-duplicates are like; a group
// stays on one side, and the order of the prompts changes nothing.
func TestStratifiedSharesHoldOverAll(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		sizes := rapid.SliceOfN(rapid.SampledFrom([]int{1, 1, 1, 1, 2, 3, 4, 7, 15, 60}), 1, 120).Draw(rt, "categories")
		most := rapid.SampledFrom([]int{1, 1, 3, 8}).Draw(rt, "largest group")
		r := policy.Stream(rapid.Uint64().Draw(rt, "seed"), "groups")
		var of []string
		var copied []int
		for c, size := range sizes {
			for range size {
				of = append(of, fmt.Sprintf("c%d", c))
				at := len(copied)
				// A copy of one of the last prompts, perhaps of another category, while its group is small enough.
				if k := at - 1 - r.IntN(3); most > 1 && k >= 0 && r.IntN(2) == 0 && countOf(copied, copied[k]) < most {
					at = copied[k]
				}
				copied = append(copied, at)
			}
		}
		n := len(of)
		spec := Spec{Method: Stratified, Seed: rapid.Uint64().Draw(rt, "split seed"), NearDuplicates: -1}
		cuts := []float64{rapid.Float64Range(0.05, 0.95).Draw(rt, "a"), rapid.Float64Range(0.05, 0.95).Draw(rt, "b"), rapid.Float64Range(0.05, 0.95).Draw(rt, "c")}
		slices.Sort(cuts)
		spec.Train, spec.Validation, spec.Selection, spec.Test = cuts[0], cuts[1]-cuts[0], cuts[2]-cuts[1], 1-cuts[2]
		if rapid.Bool().Draw(rt, "leave some out") {
			spec.Test /= 2
		}
		tr := categoryTrace(of, copied)
		a, err := Assign(tr, spec)
		if err != nil {
			return // too few for some part: TestSplitSaysWhy
		}
		largest := 1
		for _, i := range copied {
			largest = max(largest, countOf(copied, i))
		}
		for _, x := range spec.shares() {
			got := 0
			for _, p := range a.Part {
				if p == x.part {
					got++
				}
			}
			if off := math.Abs(float64(got) - x.of*float64(n)); off > float64(largest)+0.5 {
				rt.Errorf("%s has %d of %d prompts, want %.1f to within a group of %d", x.part, got, n, x.of*float64(n), largest)
			}
		}
		for i, k := range copied {
			if a.Part[i] != a.Part[k] {
				rt.Fatalf("prompts %d and %d of one text are in %s and %s", i, k, a.Part[i], a.Part[k])
			}
		}
		order := r.Perm(n)
		p := trace.Prompts{}
		for _, i := range order {
			p.ID, p.Text, p.Category = append(p.ID, tr.Prompts.ID[i]), append(p.Text, tr.Prompts.Text[i]), append(p.Category, of[i])
		}
		b, err := Assign(trace.NewTrace(tr.Models, p), spec)
		if err != nil {
			rt.Fatal(err)
		}
		for k, i := range order {
			if a.Part[i] != b.Part[k] {
				rt.Fatalf("prompt %d goes to %s, in another order to %s", i, a.Part[i], b.Part[k])
			}
		}
	})
}

func countOf(list []int, x int) (n int) {
	for _, y := range list {
		if y == x {
			n++
		}
	}
	return n
}

// In each category that is large enough the shares hold too, to within what was carried from the last and rounding.
func TestStratifiedSharesHoldInLargeCategories(t *testing.T) {
	var of []string
	for c, size := range []int{237, 91, 64, 33, 3, 2, 1, 1, 1, 1, 1} {
		for range size {
			of = append(of, fmt.Sprintf("c%02d", c))
		}
	}
	copied := make([]int, len(of))
	for i := range copied {
		copied[i] = i
	}
	spec := thirds
	spec.Method = Stratified
	a, err := Assign(categoryTrace(of, copied), spec)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]map[Part]int{}
	size := map[string]int{}
	for i, c := range of {
		if got[c] == nil {
			got[c] = map[Part]int{}
		}
		got[c][a.Part[i]]++
		size[c]++
	}
	for c, parts := range got {
		for _, x := range spec.shares() {
			if want := x.of * float64(size[c]); size[c] >= 10 && math.Abs(float64(parts[x.part])-want) >= 2 {
				t.Errorf("category %s has %d of %d in %s, want %.1f to within 2", c, parts[x.part], size[c], x.part, want)
			}
		}
	}
	if w := strings.Join(a.Warnings, "\n"); !strings.Contains(w, "7 categories have fewer than 10 prompts") || !strings.Contains(w, "10 prompts are pooled") ||
		!strings.Contains(w, "method hash") {
		t.Errorf("warnings %q, want the seven small categories with their ten prompts", w)
	}
}

func TestStratifiedCases(t *testing.T) {
	for _, name := range []string{"t", "t-2each", "t-3each", "t-4each", "t-half-rare"} {
		tr := openShared(t, "cases/15-categories/"+name)
		n := float64(tr.Prompts.Len())
		for seed := range uint64(5) {
			spec := thirds
			spec.Method, spec.Seed = Stratified, seed
			a, err := Assign(tr, spec)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			for _, x := range spec.shares() {
				if off := math.Abs(float64(len(a.Of(x.part))) - x.of*n); off > 1 {
					t.Errorf("%s, seed %d: %s has %d of %.0f prompts, want %.1f", name, seed, x.part, len(a.Of(x.part)), n, x.of*n)
				}
			}
			if w := strings.Join(a.Warnings, "\n"); !strings.Contains(w, "pooled") {
				t.Errorf("%s: nothing says that categories were pooled: %q", name, w)
			}
		}
	}
}

func TestSplitSaysWhy(t *testing.T) {
	distinct := func(n int) ([]string, []int) {
		of, copied := make([]string, n), make([]int, n)
		for i := range of {
			of[i], copied[i] = "c", i
		}
		return of, copied
	}
	few, apart := distinct(4)
	many, same := distinct(40)
	for i := range same {
		same[i] = 0
	}
	for name, tc := range map[string]struct {
		of     []string
		copied []int
		spec   Spec
		want   string
	}{
		"few prompts":  {few, apart, Spec{Method: Stratified, Train: 0.8, Validation: 0.1, Test: 0.1}, "use at least 10 prompts"},
		"one group":    {many, same, Spec{Method: Stratified, Train: 0.6, Validation: 0.2, Test: 0.2}, "the largest of 40"},
		"by chance":    {few, apart, Spec{Method: Hash, Train: 0.25, Validation: 0.25, Selection: 0.25, Test: 0.25}, "method stratified"},
		"no selection": {few, apart, Spec{Method: Stratified, Train: 0.5, Test: 0.5}, ""},
	} {
		spec := tc.spec
		var text string
		for seed := range uint64(20) { // by chance
			spec.Seed = seed
			a, err := Assign(categoryTrace(tc.of, tc.copied), spec)
			if err != nil {
				text = err.Error()
				break
			}
			text = strings.Join(a.Warnings, "\n")
		}
		if tc.want == "" {
			tc.want = "no prompts are set apart for selection"
		}
		if !strings.Contains(text, tc.want) {
			t.Errorf("%s: %q, want %q", name, text, tc.want)
		}
	}
}
