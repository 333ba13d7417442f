package replay

import (
	"math"
	"runtime"
	"testing"

	"github.com/trilemma-bench/trilemma/policies/policy"
)

// made returns a table whose figures are powers and products, so that every sum tells what it is made of.
func made(prompts, models int) *Table {
	t := &Table{Prompts: prompts, Models: models, cell: make([]Outcome, prompts*models)}
	rng := policy.Stream(1, "table")
	for i := range t.cell {
		c := rng.Float32() / 100
		t.cell[i] = Outcome{
			Score: float32(rng.IntN(2)), CostUSD: c,
			EnergyWhLow: c, EnergyWhHigh: 3 * c, CarbonGLow: 10 * c, CarbonGHigh: 30 * c,
			LatencySec: 1 + rng.Float32(), answer: uint32(rng.IntN(4)),
		}
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
	v := made(1, 3).View(pool(3))
	d := policy.NewDecisions(1)
	d.Append(policy.Select, []int32{0, 2}, []float32{0.25, 0.75})
	res := make([]Result, 1)
	mean, err := Replay(v, []int32{0}, &Decisions{Final: d}, res)
	if err != nil {
		t.Fatal(err)
	}
	a, b := v.At(0, 0), v.At(0, 2)
	near(t, "quality", mean.Quality, 0.25*float64(a.Score)+0.75*float64(b.Score))
	near(t, "cost", mean.CostUSD, 0.25*float64(a.CostUSD)+0.75*float64(b.CostUSD))
	near(t, "latency", mean.LatencySec, 0.25*float64(a.LatencySec)+0.75*float64(b.LatencySec))
	near(t, "carbon", mean.CarbonG, 0.25*float64(a.CarbonG())+0.75*float64(b.CarbonG()))
	near(t, "carbon high", mean.CarbonGHigh, 0.25*float64(a.CarbonGHigh)+0.75*float64(b.CarbonGHigh))
}

func TestCombinePaysForAllAndVotes(t *testing.T) {
	tab := made(1, 4)
	for m, answer := range []uint32{1, 2, 2, 0} {
		tab.cell[m].answer = answer
	}
	v := tab.View(pool(4))
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
		tab.reference = tc.reference
		mean, err := Replay(v, []int32{0}, &Decisions{Final: d}, nil)
		if err != nil {
			t.Fatal(err)
		}
		near(t, tc.name, mean.Quality, tc.want)
		var cost, slowest float64
		for m := range 4 {
			cost += float64(v.At(0, m).CostUSD)
			slowest = max(slowest, float64(v.At(0, m).LatencySec))
		}
		near(t, "cost", mean.CostUSD, cost)
		near(t, "latency", mean.LatencySec, slowest)
	}
}

func weightedScore(v *View, weights []float32) float64 {
	var sum float64
	for m, w := range weights {
		sum += float64(w) * float64(v.At(0, m).Score)
	}
	return sum
}

func TestVoteTiesGoToTheFirstNamed(t *testing.T) {
	tab := made(1, 2)
	tab.cell[0].answer, tab.cell[1].answer = 7, 3
	v := tab.View(pool(2))
	if got := v.vote(0, []int32{1, 0}, []float32{0.5, 0.5}); got != 3 {
		t.Errorf("vote = %d, want the first named, 3", got)
	}
	tab.cell[0].answer, tab.cell[1].answer = 0, 0
	if got := v.vote(0, []int32{1, 0}, []float32{0.5, 0.5}); got != 0 {
		t.Errorf("vote of nobody = %d, want 0", got)
	}
}

func TestAskedIsPaidOnceRoundAfterRound(t *testing.T) {
	v := made(1, 3).View(pool(3))
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
		mean, err := Replay(v, []int32{0}, d, nil)
		if err != nil {
			t.Fatal(err)
		}
		var cost float64
		for _, m := range tc.cost {
			cost += float64(v.At(0, m).CostUSD)
		}
		l := func(m int) float64 { return float64(v.At(0, m).LatencySec) }
		near(t, tc.name+": cost", mean.CostUSD, cost)
		near(t, tc.name+": latency", mean.LatencySec, tc.latency(l(0), l(1), l(2)))
		near(t, tc.name+": quality", mean.Quality, float64(v.At(0, 2).Score))
	}
}

func TestMissingOutcomeIsNoResult(t *testing.T) {
	tab := made(2, 2)
	*tab.At(0, 1) = Outcome{Score: nan32}
	v := tab.View(pool(2))
	d := policy.NewDecisions(2)
	d.Append(policy.Select, []int32{0, 1}, []float32{0.5, 0.5})
	d.AppendOne(policy.Select, 1)
	res := make([]Result, 2)
	mean, err := Replay(v, []int32{0, 1}, &Decisions{Final: d}, res)
	if err != nil {
		t.Fatal(err)
	}
	if res[0].Covered || !isNaN(res[0].Quality) || !res[1].Covered {
		t.Errorf("results %+v, want the first uncovered", res)
	}
	near(t, "coverage", mean.Coverage(), 0.5)
	near(t, "quality of the covered", mean.Quality, float64(tab.At(1, 1).Score))
	if got := v.Complete([]int{0, 1}); len(got) != 1 || got[0] != 1 {
		t.Errorf("complete prompts = %v, want [1]", got)
	}
	none, err := Selected(v, []int32{0}, []int32{1}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if none.Coverage() != 0 || !math.IsNaN(none.Quality) {
		t.Errorf("a policy that covers nothing has mean %+v, want coverage 0 and no quality", none)
	}
}

func TestProcessorsDoNotReachTheResult(t *testing.T) {
	v := made(3*block+17, 5).View([]int{4, 0, 2})
	prompts := make([]int32, v.Prompts)
	model := make([]int32, v.Prompts)
	d := policy.NewDecisions(v.Prompts)
	for i := range prompts {
		prompts[i] = int32(i)
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
	tab := &Table{Prompts: 3, Models: 3, cell: []Outcome{
		{Score: 1, CostUSD: 3}, {Score: 1, CostUSD: 2}, {Score: 0, CostUSD: 1},
		{Score: 0, CostUSD: 3}, {Score: 0, CostUSD: 2}, {Score: 0, CostUSD: 1},
		{Score: nan32}, {Score: nan32}, {Score: nan32},
	}}
	v := tab.View(pool(3))
	got := Oracle(v, []int32{0, 1, 2}, policy.Preference{})
	if want := []int32{1, 2, -1}; !equal(got, want) {
		t.Errorf("oracle = %v, want %v: the cheapest of the best, the cheapest where none scores, none where none answered", got, want)
	}
	if got := Oracle(v, []int32{0}, policy.Preference{policy.Cost: 2}); got[0] != 2 {
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
	v := made(8470, 29).View(pool(29))
	rng := policy.Stream(2, "choice")
	row, choice := make([]int32, prompts*preferences), make([]int32, prompts*preferences)
	for i := range row {
		row[i], choice[i] = int32(i/preferences*5), int32(rng.IntN(29))
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
