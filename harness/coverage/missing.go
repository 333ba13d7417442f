package coverage

import (
	"cmp"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Missing is what a comparison on the prompts that all models answered leaves out.
type Missing struct {
	Prompts int `json:"prompts"` // with any outcome
	Kept    int `json:"kept"`    // answered by all models
	Dropped int `json:"dropped"`
	// Models are those that lack prompts, the one with most first.
	Models     []Lack          `json:"models,omitempty"`
	Categories []CategoryShare `json:"categories,omitempty"` // what is dropped of each, most of it first
	// Difference is how much higher the models that lack nothing (or all, where each lacks something) score on the kept
	// prompts than on the dropped, each about its own mean; with a 95 % interval by Welch's t. Null where there are too few.
	Difference *Difference `json:"difference,omitempty"`
	// CategoryP is the probability of shares as uneven among categories, were prompts dropped at random; null without.
	CategoryP *float64 `json:"category_p,omitempty"`
	// Random is false where one of these tests, or one of a model's own scores, says that outcomes are not missing at random
	// (5 %, by Bonferroni).
	Random bool `json:"random"`
	// Without are models to leave out, one after the other, each with what would then be kept.
	Without []Without `json:"without,omitempty"`
}

// Lack is one model that lacks prompts.
type Lack struct {
	Model   string `json:"model"`
	Missing int    `json:"missing"`
	Alone   int    `json:"alone"` // of the missing, those that every other model has
	// Categories are those that it lacks prompts of, most of it first, and Whole how many others it lacks nothing of.
	Categories []CategoryShare `json:"categories,omitempty"`
	Whole      int             `json:"whole"`
	// Reference is the best of the other models that lack nothing (or of all, where each lacks something), with its mean
	// score on the prompts that this one has and on those that it lacks.
	Reference string `json:"reference,omitempty"`
	// Own compares the model's own scores where its outcome can be used with those where it is logged, but cannot.
	Own     *Difference `json:"own,omitempty"`
	OnHas   *float64    `json:"reference_on_has,omitempty"`
	OnLacks *float64    `json:"reference_on_lacks,omitempty"`
}

// CategoryShare is how many prompts of a category are missing.
type CategoryShare struct {
	Category string `json:"category"`
	Missing  int    `json:"missing"`
	Prompts  int    `json:"prompts"`
}

// Share is Missing ÷ Prompts.
func (c CategoryShare) Share() float64 { return float64(c.Missing) / float64(c.Prompts) }

// Difference of means with its interval and the probability of one as large, were there none.
type Difference struct {
	Kept    float64 `json:"kept"`
	Dropped float64 `json:"dropped"`
	Value   float64 `json:"value"`
	Low     float64 `json:"low"`
	High    float64 `json:"high"`
	P       float64 `json:"p"`
}

// Without is what leaving models out keeps.
type Without struct {
	Models []string `json:"models"`
	Kept   int      `json:"kept"`
}

const (
	level        = 0.05 // at which prompts are called not missing at random
	permutations = 999
	leftOut      = 3    // models that are offered to be left out, at most
	nearlyAll    = 0.99 // of the prompts, beyond which nobody is
)

// Missing says what is left out, and tests whether at random. The permutation test draws from a stream of its own.
func (a *Answers) Missing() Missing {
	lacks, whole := a.lacks(), make([]bool, a.prompts())
	var rows []int // prompts with any outcome
	for i := range whole {
		n := 0
		for m := range a.Models {
			if a.has(i, m) {
				n++
			}
		}
		if n > 0 {
			rows = append(rows, i)
			whole[i] = n == len(a.Models)
		}
	}
	out := Missing{Prompts: len(rows), Random: true}
	for _, i := range rows {
		if whole[i] {
			out.Kept++
		}
	}
	if out.Dropped = out.Prompts - out.Kept; out.Dropped == 0 {
		return out
	}
	others := a.least(rows, lacks)
	for m, n := range lacks {
		if n > 0 {
			out.Models = append(out.Models, a.lack(m, rows, others))
		}
	}
	slices.SortStableFunc(out.Models, func(x, y Lack) int { return cmp.Compare(y.Missing, x.Missing) })
	dropped := func(i int) bool { return !whole[i] }
	out.Categories = a.shares(rows, dropped)
	out.Difference, out.CategoryP = a.difference(rows, whole, others), a.categoryTest(rows, whole)
	var p []float64
	if out.Difference != nil {
		p = append(p, out.Difference.P)
	}
	if out.CategoryP != nil {
		p = append(p, *out.CategoryP)
	}
	for _, l := range out.Models {
		if l.Own != nil {
			p = append(p, l.Own.P)
		}
	}
	out.Random = len(p) == 0 || slices.Min(p)*float64(len(p)) >= level
	out.Without = a.without(rows, out.Kept)
	return out
}

// lacks counts, by model, the prompts that others answered and it did not.
func (a *Answers) lacks() []int {
	n := make([]int, len(a.Models))
	for i := range a.prompts() {
		some := false
		for m := range a.Models {
			some = some || a.has(i, m)
		}
		for m := range a.Models {
			if some && !a.has(i, m) {
				n[m]++
			}
		}
	}
	return n
}

// least are the models that lack nothing; where each lacks something, all. That of the highest mean score comes first.
func (a *Answers) least(rows, lacks []int) []int {
	var out []int
	score := make([]float64, len(a.Models))
	for m, n := range lacks {
		if n == 0 || slices.Min(lacks) > 0 {
			out = append(out, m)
			score[m] = a.mean(m, rows, func(int) bool { return true })
		}
	}
	slices.SortStableFunc(out, func(x, y int) int { return cmp.Compare(score[y], score[x]) })
	return out
}

// shares counts what is missing of every category, most of it first.
func (a *Answers) shares(rows []int, missing func(prompt int) bool) []CategoryShare {
	if a.Category == nil {
		return nil
	}
	at := map[string]int{}
	var out []CategoryShare
	for _, i := range rows {
		c, ok := at[a.Category[i]]
		if !ok {
			c = len(out)
			at[a.Category[i]] = c
			out = append(out, CategoryShare{Category: a.Category[i]})
		}
		out[c].Prompts++
		if missing(i) {
			out[c].Missing++
		}
	}
	slices.SortFunc(out, func(x, y CategoryShare) int {
		return cmp.Or(cmp.Compare(y.Share(), x.Share()), cmp.Compare(x.Category, y.Category))
	})
	return out
}

// lack describes what a model lacks.
func (a *Answers) lack(model int, rows, others []int) Lack {
	out := Lack{Model: a.Models[model], Own: a.own(model, rows)}
	for _, i := range rows {
		if a.has(i, model) {
			continue
		}
		out.Missing++
		n := 0
		for m := range a.Models {
			if a.has(i, m) {
				n++
			}
		}
		if n == len(a.Models)-1 {
			out.Alone++
		}
	}
	for _, c := range a.shares(rows, func(i int) bool { return !a.has(i, model) }) {
		if c.Missing > 0 {
			out.Categories = append(out.Categories, c)
		} else {
			out.Whole++
		}
	}
	for _, m := range others {
		if m != model {
			out.Reference = a.Models[m]
			out.OnHas = known(a.mean(m, rows, func(i int) bool { return a.has(i, model) }))
			out.OnLacks = known(a.mean(m, rows, func(i int) bool { return !a.has(i, model) }))
			break
		}
	}
	return out
}

// mean is a model's mean score over the prompts that it answered among some.
func (a *Answers) mean(model int, rows []int, on func(prompt int) bool) float64 {
	var sum, n float64
	for _, i := range rows {
		if a.has(i, model) && on(i) {
			sum, n = sum+float64(a.Score[i*len(a.Models)+model]), n+1
		}
	}
	return sum / n
}

func known(x float64) *float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return nil
	}
	return &x
}

// difference compares the others' scores on kept and dropped prompts by Welch's t.
func (a *Answers) difference(rows []int, whole []bool, others []int) *Difference {
	of := make([]float64, len(a.Models))
	for _, m := range others {
		of[m] = a.mean(m, rows, func(int) bool { return true })
	}
	var level float64
	for _, m := range others {
		level += of[m] / float64(len(others))
	}
	var kept, dropped moments
	for _, i := range rows {
		var x, k float64
		for _, m := range others {
			if a.has(i, m) {
				x, k = x+float64(a.Score[i*len(a.Models)+m])-of[m], k+1
			}
		}
		if k == 0 {
			continue
		}
		if whole[i] {
			kept.add(x / k)
		} else {
			dropped.add(x / k)
		}
	}
	return welch(kept, dropped, level)
}

// own compares the logged scores of a model where its outcome can be used with those where it cannot.
func (a *Answers) own(model int, rows []int) *Difference {
	if a.Logged == nil {
		return nil
	}
	var kept, dropped moments
	for _, i := range rows {
		switch x := a.Logged[i*len(a.Models)+model]; {
		case x != x:
		case a.has(i, model):
			kept.add(float64(x))
		default:
			dropped.add(float64(x))
		}
	}
	return welch(kept, dropped, 0)
}

// moments are of a sample.
type moments struct{ n, sum, square float64 }

func (s *moments) add(x float64) { s.n, s.sum, s.square = s.n+1, s.sum+x, s.square+x*x }

// welch is the difference of two means about a level, by Welch's t: with 95 % interval, and the probability of one as
// large by chance. nil where a sample has fewer than two.
func welch(kept, dropped moments, level float64) *Difference {
	if kept.n < 2 || dropped.n < 2 {
		return nil
	}
	var mean, error2 [2]float64 // error2: squared standard error
	for k, s := range []moments{kept, dropped} {
		mean[k] = s.sum / s.n
		error2[k] = max(s.square/s.n-mean[k]*mean[k], 0) / (s.n - 1)
	}
	d := &Difference{Kept: level + mean[0], Dropped: level + mean[1], Value: mean[0] - mean[1]}
	total := error2[0] + error2[1]
	if total == 0 {
		d.Low, d.High, d.P = d.Value, d.Value, 1
		if d.Value != 0 {
			d.P = 0
		}
		return d
	}
	t := distuv.StudentsT{Sigma: 1, Nu: total * total / (error2[0]*error2[0]/(kept.n-1) + error2[1]*error2[1]/(dropped.n-1))}
	half := t.Quantile(0.975) * math.Sqrt(total)
	d.Low, d.High, d.P = d.Value-half, d.Value+half, 2*t.Survival(math.Abs(d.Value)/math.Sqrt(total))
	return d
}

// categoryTest is Pearson's χ² of dropped prompts by category: by its distribution where every expected count is 5 or
// more, else by permutation. nil with fewer than two categories.
func (a *Answers) categoryTest(rows []int, whole []bool) *float64 {
	shares := a.shares(rows, func(i int) bool { return !whole[i] })
	if len(shares) < 2 {
		return nil
	}
	code, size := map[string]int{}, make([]float64, len(shares))
	var dropped float64
	for k, c := range shares {
		code[c.Category], size[k] = k, float64(c.Prompts)
		dropped += float64(c.Missing)
	}
	rate := dropped / float64(len(rows))
	if rate == 0 || rate == 1 {
		return nil
	}
	statistic := func(count []float64) (x float64) {
		for k, n := range size {
			d := count[k] - n*rate
			x += d * d / (n * rate * (1 - rate))
		}
		return x
	}
	count := make([]float64, len(shares))
	for k, c := range shares {
		count[k] = float64(c.Missing)
	}
	seen := statistic(count)
	if slices.Min(size)*min(rate, 1-rate) >= 5 {
		p := distuv.ChiSquared{K: float64(len(shares) - 1)}.Survival(seen)
		return &p
	}
	of := make([]int, len(rows))
	for k, i := range rows {
		of[k] = code[a.Category[i]]
	}
	r := policy.Stream(1, "coverage", "categories")
	as := 1.0 // the arrangement seen is one of them
	for range permutations {
		clear(count)
		for k := range int(dropped) { // the first so many of a shuffle
			j := k + r.IntN(len(of)-k)
			of[k], of[j] = of[j], of[k]
			count[of[k]]++
		}
		if statistic(count) >= seen*(1-1e-12) {
			as++
		}
	}
	p := as / (permutations + 1)
	return &p
}

// without leaves the model out whose absence keeps most, then the next, until nearly all prompts are kept.
func (a *Answers) without(rows []int, kept int) (out []Without) {
	gone := make([]bool, len(a.Models))
	var names []string
	for len(names) < min(leftOut, len(a.Models)-1) && float64(kept) < nearlyAll*float64(len(rows)) {
		alone, total := make([]int, len(a.Models)), make([]int, len(a.Models))
		for _, i := range rows {
			n, last := 0, 0
			for m := range a.Models {
				if !gone[m] && !a.has(i, m) {
					n, last = n+1, m
					total[m]++
				}
			}
			if n == 1 {
				alone[last]++
			}
		}
		best := 0
		for m := range a.Models {
			if c := cmp.Or(cmp.Compare(alone[m], alone[best]), cmp.Compare(total[m], total[best])); c > 0 {
				best = m
			}
		}
		gone[best], names, kept = true, append(slices.Clone(names), a.Models[best]), kept+alone[best]
		out = append(out, Without{names, kept})
	}
	return out
}
