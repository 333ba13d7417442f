package replay

import (
	"math"
	"runtime"
	"testing"

	"github.com/trilemma-bench/trilemma/harness/billing"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// made returns a table whose figures are powers and products, so that every sum tells what it is made of.
func made(prompts, models int) *billing.Table {
	t := &billing.Table{Prompts: prompts, Models: models, Outcomes: make([]billing.Outcome, prompts*models)}
	rng := policy.Stream(1, "table")
	for i := range t.Outcomes {
		c := rng.Float32() / 100
		o, q := &t.Outcomes[i], float32(rng.IntN(2))
		o.Low = [policy.NumQuantities]float32{q, policy.Cost: c, policy.Energy: c, policy.Carbon: 10 * c, policy.Water: c}
		o.High = [policy.NumQuantities]float32{q, policy.Cost: c, policy.Energy: 3 * c, policy.Carbon: 30 * c, policy.Water: 2 * c}
		o.Set(policy.Latency, 1+rng.Float32())
		o.Answer = uint32(rng.IntN(4))
	}
	return t
}

func pool(n int) []int {
	p := make([]int, n)
	for i := range p {
		p[i] = i
	}
	return p
}

func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.IsNaN(got) != math.IsNaN(want) || math.Abs(got-want) > 1e-6*(1+math.Abs(want)) {
		t.Errorf("%s = %v, want %v", what, got, want)
	}
}

func TestSelectIsTheExpectation(t *testing.T) {
	v := Of(made(1, 3), pool(3))
	d := policy.NewDecisions(1)
	d.Append(policy.Select, []int32{0, 2}, []float32{0.25, 0.75})
	res := make([]Result, 1)
	mean, err := Replay(v, []int{0}, &Decisions{Final: d}, res)
	if err != nil {
		t.Fatal(err)
	}
	a, b := v.At(0, 0), v.At(0, 2)
	near(t, "quality", mean.Figures[policy.Quality], 0.25*float64(a.At(policy.Quality))+0.75*float64(b.At(policy.Quality)))
	near(t, "cost", mean.Figures[policy.Cost], 0.25*float64(a.At(policy.Cost))+0.75*float64(b.At(policy.Cost)))
	near(t, "latency", mean.Figures[policy.Latency], 0.25*float64(a.At(policy.Latency))+0.75*float64(b.At(policy.Latency)))
	near(t, "carbon", mean.Figures[policy.Carbon], 0.25*float64(a.At(policy.Carbon))+0.75*float64(b.At(policy.Carbon)))
	near(t, "carbon high", mean.High[policy.Carbon], 0.25*float64(a.High[policy.Carbon])+0.75*float64(b.High[policy.Carbon]))
}

func TestCombinePaysForAllAndVotes(t *testing.T) {
	tab := made(1, 4)
	for m, answer := range []uint32{1, 2, 2, 0} {
		tab.Outcomes[m].Answer = answer
	}
	v := Of(tab, pool(4))
	weights := []float32{0.4, 0.25, 0.25, 0.1}
	d := policy.NewDecisions(1)
	d.Append(policy.Combine, []int32{0, 1, 2, 3}, weights)
	for _, tc := range []struct {
		name      string
		reference []uint32
		want      float64
	}{
		{"the vote is right", []uint32{2}, 1},
		{"the vote is wrong", []uint32{1}, 0},
		{"no reference: the weighted mean", []uint32{0}, weightedScore(v, weights)},
		{"no answers: the weighted mean", nil, weightedScore(v, weights)},
	} {
		tab.Reference = tc.reference
		mean, err := Replay(v, []int{0}, &Decisions{Final: d}, nil)
		if err != nil {
			t.Fatal(err)
		}
		near(t, tc.name, mean.Figures[policy.Quality], tc.want)
		var cost, slowest float64
		for m := range 4 {
			cost += float64(v.At(0, m).At(policy.Cost))
			slowest = max(slowest, float64(v.At(0, m).At(policy.Latency)))
		}
		near(t, "cost", mean.Figures[policy.Cost], cost)
		near(t, "latency", mean.Figures[policy.Latency], slowest)
	}
}

func weightedScore(v *View, weights []float32) float64 {
	var sum float64
	for m, w := range weights {
		sum += float64(w) * float64(v.At(0, m).At(policy.Quality))
	}
	return sum
}

func TestVoteTiesGoToTheFirstNamed(t *testing.T) {
	tab := made(1, 2)
	tab.Outcomes[0].Answer, tab.Outcomes[1].Answer = 7, 3
	v := Of(tab, pool(2))
	if got := v.vote(0, []int32{1, 0}, []float32{0.5, 0.5}); got != 3 {
		t.Errorf("vote = %d, want the first named, 3", got)
	}
	tab.Outcomes[0].Answer, tab.Outcomes[1].Answer = 0, 0
	if got := v.vote(0, []int32{1, 0}, []float32{0.5, 0.5}); got != 0 {
		t.Errorf("vote of nobody = %d, want 0", got)
	}
}

func TestAskedIsPaidOnceRoundAfterRound(t *testing.T) {
	v := Of(made(1, 3), pool(3))
	final := policy.NewDecisions(1)
	final.AppendOne(policy.Select, 2)
	for _, tc := range []struct {
		name         string
		asked, round []int32
		cost         []int
		latency      func(a, b, c float64) float64
	}{
		{"two side by side, then the third", []int32{0, 1}, []int32{0, 0}, []int{0, 1, 2}, func(a, b, c float64) float64 { return max(a, b) + c }},
		{"one after the other", []int32{0, 1}, []int32{0, 1}, []int{0, 1, 2}, func(a, b, c float64) float64 { return a + b + c }},
		{"the selected one was asked before", []int32{0, 2}, []int32{0, 0}, []int{0, 2}, func(a, _, c float64) float64 { return max(a, c) }},
	} {
		d := &Decisions{Final: final, AskedOffset: []int32{0, 2}, AskedModel: tc.asked, AskedRound: tc.round}
		mean, err := Replay(v, []int{0}, d, nil)
		if err != nil {
			t.Fatal(err)
		}
		var cost float64
		for _, m := range tc.cost {
			cost += float64(v.At(0, m).At(policy.Cost))
		}
		l := func(m int) float64 { return float64(v.At(0, m).At(policy.Latency)) }
		near(t, tc.name+": cost", mean.Figures[policy.Cost], cost)
		near(t, tc.name+": latency", mean.Figures[policy.Latency], tc.latency(l(0), l(1), l(2)))
		near(t, tc.name+": quality", mean.Figures[policy.Quality], float64(v.At(0, 2).At(policy.Quality)))
	}
}

func TestMissingOutcomeIsNoResult(t *testing.T) {
	tab := made(2, 2)
	*tab.At(0, 1) = billing.Outcome{Figures: billing.Unknown}
	v := Of(tab, pool(2))
	d := policy.NewDecisions(2)
	d.Append(policy.Select, []int32{0, 1}, []float32{0.5, 0.5})
	d.AppendOne(policy.Select, 1)
	res := make([]Result, 2)
	mean, err := Replay(v, []int{0, 1}, &Decisions{Final: d}, res)
	if err != nil {
		t.Fatal(err)
	}
	if res[0].Covered || res[0].At(policy.Quality) == res[0].At(policy.Quality) || !res[1].Covered {
		t.Errorf("results %+v, want the first uncovered", res)
	}
	near(t, "coverage", mean.Coverage(), 0.5)
	near(t, "quality of the covered", mean.Figures[policy.Quality], float64(tab.At(1, 1).At(policy.Quality)))
	if got := v.Complete([]int{0, 1}); len(got) != 1 || got[0] != 1 {
		t.Errorf("complete prompts = %v, want [1]", got)
	}
	none, err := Selected(v, []int{0}, []int32{1}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if none.Coverage() != 0 || !math.IsNaN(none.Figures[policy.Quality]) {
		t.Errorf("a policy that covers nothing has mean %+v, want coverage 0 and no quality", none)
	}
}

func TestProcessorsDoNotReachTheResult(t *testing.T) {
	v := Of(made(3*block+17, 5), []int{4, 0, 2})
	prompts := make([]int, v.Prompts)
	model := make([]int32, v.Prompts)
	d := policy.NewDecisions(v.Prompts)
	for i := range prompts {
		prompts[i] = i
		model[i] = int32(i % 3)
		d.AppendOne(policy.Select, i%3)
	}
	fast, err := Selected(v, prompts, model, nil)
	if err != nil {
		t.Fatal(err)
	}
	slow, err := Replay(v, prompts, &Decisions{Final: d}, make([]Result, len(prompts)))
	if err != nil {
		t.Fatal(err)
	}
	if fast != slow {
		t.Errorf("Selected = %+v, Replay = %+v", fast, slow)
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	alone, err := Selected(v, prompts, model, nil)
	if err != nil {
		t.Fatal(err)
	}
	if fast != alone {
		t.Errorf("on one processor %+v, want %+v", alone, fast)
	}
}

func TestOracle(t *testing.T) {
	tab := &billing.Table{Prompts: 3, Models: 3, Outcomes: make([]billing.Outcome, 9)}
	for i := range tab.Outcomes {
		o := &tab.Outcomes[i]
		o.Set(policy.Cost, float32(3-i%3))
		switch {
		case i < 2:
			o.Set(policy.Quality, 1)
		case i >= 6:
			o.Figures = billing.Unknown
		}
	}
	v := Of(tab, pool(3))
	got := Oracle(v, []int{0, 1, 2}, policy.Preference{})
	if want := []int32{1, 2, -1}; !equal(got, want) {
		t.Errorf("oracle = %v, want %v: the cheapest of the best, the cheapest where none scores, none where none answered", got, want)
	}
	if got := Oracle(v, []int{0}, policy.Preference{policy.Cost: 2}); got[0] != 2 {
		t.Errorf("oracle at a dollar worth 2 = %v, want the cheapest", got)
	}
}

func equal(a, b []int32) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// BenchmarkSelected looks up 1,694 prompts (a fifth of mmlu-pro) × 64 preferences, as a sweep does.
func BenchmarkSelected(b *testing.B) { benchmark(b, false) }

// BenchmarkSelectedInto stores every row's result as well.
func BenchmarkSelectedInto(b *testing.B) { benchmark(b, true) }

func benchmark(b *testing.B, store bool) {
	const prompts, preferences = 1694, 64
	v := Of(made(8470, 29), pool(29))
	rng := policy.Stream(2, "choice")
	row, choice := make([]int, prompts*preferences), make([]int32, prompts*preferences)
	for i := range row {
		row[i], choice[i] = i/preferences*5, int32(rng.IntN(29))
	}
	var into []Result
	if store {
		into = make([]Result, len(row))
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Selected(v, row, choice, into); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(row))*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mlookups/s")
}
