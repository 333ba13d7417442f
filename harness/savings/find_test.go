package savings

import (
	"fmt"
	"math"
	"testing"

	"github.com/trilemma-bench/trilemma/harness/billing"
	"github.com/trilemma-bench/trilemma/harness/dataset"
	"github.com/trilemma-bench/trilemma/harness/experiment"
	"github.com/trilemma-bench/trilemma/harness/store"
	"github.com/trilemma-bench/trilemma/harness/trace"
	"github.com/trilemma-bench/trilemma/harness/trace/split"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// poolOf is a pool of two models, a of 8·10⁹ and b of 70·10⁹ parameters, and 60 prompts: 20 to train, 20 to select by, 20
// to test. score(prompt, model) is what each answered.
func poolOf(t *testing.T, score func(prompt, model int) float32, change func(*trace.Trace, *experiment.Data)) *poolSavings {
	t.Helper()
	const n = 60
	var models []policy.Model
	for i, id := range []string{"a", "b"} {
		m, size := policy.NewModel(id), []float64{8, 70}[i]
		m.ParamsActiveB, m.ParamsTotalB = policy.Exactly(size), policy.Exactly(size)
		m.PriceInputUSDPerMTok, m.PriceOutputUSDPerMTok = 1, 2
		models = append(models, m)
	}
	prompts := trace.Prompts{}
	var part []split.Part
	for i := range n {
		prompts.ID = append(prompts.ID, fmt.Sprintf("p%02d", i))
		part = append(part, []split.Part{split.Train, split.Selection, split.Test}[i/20])
	}
	tr := trace.NewTrace(models, prompts)
	for i := range n {
		for m := range models {
			at := tr.Outcomes.At(i, m)
			tr.Outcomes.Present.Set(at)
			tr.Outcomes.Logged[policy.Quality][at], tr.Outcomes.InputTokens[at], tr.Outcomes.OutputTokens[at] = score(i, m), 100, 200
		}
	}
	var data experiment.Data
	if change != nil {
		change(tr, &data)
	}
	acc := billing.DefaultAccounting()
	d, err := dataset.Of(tr, part, &data, acc)
	if err != nil {
		t.Fatal(err)
	}
	f, err := NewFinder(d, acc, experiment.Metrics{Resamples: 200, Seed: 1, Margin: 0.01})
	if err != nil {
		t.Fatal(err)
	}
	rows := dataset.UpTo(n)
	return &poolSavings{Finder: f, out: &store.Savings{}, Pool: Pool{
		Name: "all", Models: dataset.UpTo(len(d.Trace.Models)), Test: rows[40:], Selection: rows[20:40], Outside: rows[:40], Known: rows[:40], Best: 1,
	}}
}

// Outside of test b is right more often, on test a is.
func turned(prompt, model int) float32 {
	if better := map[bool]int{true: 0, false: 1}[prompt >= 40]; model == better || prompt%2 == 0 {
		return 1
	}
	return 0
}

func TestTheBaselineIsChosenOutsideOfTest(t *testing.T) {
	p := poolOf(t, turned, nil)
	bases, err := p.baselines()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, b := range bases {
		got = append(got, fmt.Sprintf("%s: %s on %s, %v", b.Name, b.What, b.ChosenOn, *b.Quality))
	}
	want := []string{"best single: b on known prompts, 0.5", "best single (hindsight): a on hindsight, 1"}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("baselines %v, want %v", got, want)
	}
	if bases[0].selection != 1 || bases[1].selection != 0.5 {
		t.Errorf("on the selection prompts they score %v and %v, want 1 and 0.5", bases[0].selection, bases[1].selection)
	}
}

func TestReferencesAreChosenByKnownPrompts(t *testing.T) {
	// Both are right on all known prompts but one, which only b is: within the margin of 0.05 a is as good.
	p := poolOf(t, func(prompt, model int) float32 {
		if prompt == 0 && model == 0 {
			return 0
		}
		return 1
	}, nil)
	p.Metrics.Margin = 0.05
	if err := p.find(); err != nil {
		t.Fatal(err)
	}
	out := p.out
	if len(out.Savings) != 2 {
		t.Fatalf("%d savings, want the alternative single model and the blind mix", len(out.Savings))
	}
	share := func(m int) float64 { return float64(p.Data.Table.At(40, m).At(policy.Carbon)) }
	for i, want := range []string{store.RoleSingle, store.RoleBlind} {
		s := &out.Savings[i]
		if s.Role != want || s.N != 20 || s.QualityDiff != 0 || s.Baseline != "best single" || s.ChosenOn != store.OnKnown {
			t.Errorf("saving %d is %+v", i, *s)
		}
		if saved := 1 - share(0)/share(1); math.Abs(*s.CarbonSaving-saved) > 1e-6 {
			t.Errorf("%s saves %v, want %v: all prompts go to a", s.Policy, *s.CarbonSaving, saved)
		}
	}
	if out.Savings[0].Policy != "single:a" {
		t.Errorf("the alternative is %s", out.Savings[0].Policy)
	}
	// With a margin of nothing the mix needs b for everything.
	p.Metrics.Margin = 0
	out = &store.Savings{}
	p.out, p.front = out, nil
	if err := p.find(); err != nil {
		t.Fatal(err)
	}
	if s := out.Savings[1]; *s.CarbonSaving != 0 || s.Preference != "b" {
		t.Errorf("the blind mix is %s and saves %v, want all b", s.Preference, *s.CarbonSaving)
	}
}

func TestMeasuredEnergyIsInNoDoubt(t *testing.T) {
	p := poolOf(t, turned, func(tr *trace.Trace, _ *experiment.Data) {
		tr.Outcomes.Logged[policy.Energy] = trace.NewMatrix(60 * 2)
		for i := range 60 {
			tr.Outcomes.Logged[policy.Energy][tr.Outcomes.At(i, 0)] = 1
		}
	})
	keep := p.covered(p.single(0))
	for m, want := range []int{Exact, p.doubt.of[1]} {
		s := p.spent(p.single(m), keep)
		if len(s.Carbon) != 1 || s.Carbon[0].Factor != want {
			t.Errorf("model %d emits %+v, want all with factor %d", m, s.Carbon, want)
		}
		byModel, exact := p.emittedBy(&s)
		if low, _ := p.doubt.bounds(byModel, exact); (low == nil) != (want == Exact) {
			t.Errorf("model %d has a bound by the estimate: %v", m, low != nil)
		}
	}
}

func TestCopiesShareTheirDoubt(t *testing.T) {
	p := poolOf(t, turned, func(_ *trace.Trace, d *experiment.Data) {
		d.Regions = []experiment.Deployment{{Models: []string{"a"}, Zones: []string{"FRA", "POL"}}}
	})
	if of := fmt.Sprint(p.doubt.of); of != "[0 0 0 1]" || len(p.doubt.factors) != 2 {
		t.Errorf("factors %s of %d, want one for a and its copies, one for b", of, len(p.doubt.factors))
	}
}

func TestLabelsAreEveryAnswerOutsideOfTest(t *testing.T) {
	p := poolOf(t, turned, nil)
	l := p.labels()
	const usd = 80 * (100*1 + 200*2) / 1e6
	if l.Prompts != 40 || l.Outcomes != 80 || math.Abs(*l.CostUSD-usd) > 1e-6*usd || l.Unknown != 0 {
		t.Errorf("labels %+v, want 80 answers to 40 prompts for %v USD", l, usd)
	}
	var grams float64
	for m := range 2 {
		grams += 40 * float64(p.Data.Table.At(0, m).At(policy.Carbon))
	}
	if math.Abs(*l.CarbonG-grams) > 1e-6*grams {
		t.Errorf("labels emit %v g, want %v", *l.CarbonG, grams)
	}
}

func TestLeastCarbon(t *testing.T) {
	nan := math.NaN()
	point := func(quality, grams, usd float64) store.Point {
		return store.Point{Figures: policy.Figures{policy.Quality: quality, policy.Carbon: grams, policy.Cost: usd}, Coverage: 1}
	}
	for _, c := range []struct {
		name   string
		points []store.Point
		want   int
	}{
		{"the cleanest that is good enough", []store.Point{point(0.8, 9, 1), point(0.7, 5, 1), point(0.6, 1, 1)}, 1},
		{"of equals the cheaper", []store.Point{point(0.8, 5, 2), point(0.8, 5, 1)}, 1},
		{"none is good enough", []store.Point{point(0.6, 1, 1)}, -1},
		{"where no carbon is known the cheapest", []store.Point{point(0.8, nan, 2), point(0.7, nan, 1)}, 1},
		{"an unknown quality is none", []store.Point{point(nan, 1, 1)}, -1},
	} {
		if got := leastCarbon(c.points, 0.7); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}
