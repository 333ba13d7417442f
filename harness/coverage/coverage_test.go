package coverage

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/trilemma-bench/trilemma/harness/trace/file"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// answers are n prompts of k models, in five categories, each harder than the one before; has says what is answered.
func answers(n, k int, has func(prompt, model, category int) bool) *Answers {
	a := &Answers{}
	r := policy.Stream(3, "answers")
	for m := range k {
		a.Models = append(a.Models, fmt.Sprintf("m%d", m))
	}
	for i := range n {
		c := i % 5
		a.Category = append(a.Category, fmt.Sprintf("c%d", c))
		for m := range k {
			x := float32(math.NaN())
			right := r.Float64() < 0.9-0.15*float64(c)-0.05*float64(m)
			if has(i, m, c) {
				if x = 0; right {
					x = 1
				}
			}
			a.Score = append(a.Score, x)
		}
	}
	return a
}

func TestFeedback(t *testing.T) {
	r := policy.Stream(1, "log")
	choice := make([]int, 500)
	for i := range choice {
		choice[i] = r.IntN(4)
	}
	logged := func(i, m, _ int) bool { return choice[i] == m }
	for _, c := range []struct {
		name       string
		models     int
		has        func(prompt, model, category int) bool
		propensity bool
		want       Feedback
	}{
		{"every model", 4, func(int, int, int) bool { return true }, false, Full},
		{"every model, with propensities", 4, func(int, int, int) bool { return true }, true, Full},
		{"one model", 1, func(int, int, int) bool { return true }, false, Full},
		{"one model, some prompts", 1, func(i, _, _ int) bool { return i%3 > 0 }, false, Full},
		{"a log", 4, logged, false, Bandit},
		{"a log with propensities", 4, logged, true, Bandit},
		{"a log of a router that loves one", 4, func(i, m, _ int) bool { return m == max(0, choice[i/7]-i%7*9) }, false, Bandit},
		{"a log with a few repeats", 4, func(i, m, c int) bool { return logged(i, m, c) || i%20 == 0 }, false, Bandit},
		{"a log of which a third was asked of all", 4, func(i, m, c int) bool { return logged(i, m, c) || i%3 == 0 }, false, Partial},
		{"the same, with propensities", 4, func(i, m, c int) bool { return logged(i, m, c) || i%3 == 0 }, true, Partial},
		{"a log of two choices", 4, func(i, m, _ int) bool { return choice[i] == m || choice[i] == (m+1)%4 }, true, Partial},
		{"a benchmark that one model alone finished", 4, func(i, m, _ int) bool { return m == 0 || i < 20 }, false, Partial},
		{"a model lacks two categories", 4, func(_, m, c int) bool { return m != 2 || c > 1 }, false, Partial},
		{"every model lacks some", 4, func(i, m, _ int) bool { return (i+m)%9 > 0 }, false, Partial},
		{"models were asked different benchmarks", 4, func(i, m, _ int) bool { return i/125 == m }, false, Bandit},
	} {
		a := answers(500, c.models, c.has)
		a.Propensity = c.propensity
		d := a.Density()
		if d.Feedback != c.want {
			t.Errorf("%s: %s, want %s", c.name, d, c.want)
		}
		if err := d.Check(); (err != nil) != (c.want == Bandit) || err != nil && !errors.Is(err, ErrBandit) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestRandomness(t *testing.T) {
	r := policy.Stream(2, "missing")
	for _, c := range []struct {
		name   string
		has    func(prompt, model, category int) bool
		random bool
	}{
		{"of one prompt in ten one model lacks the answer", func(_, m, _ int) bool { return m != 1 || r.IntN(10) > 0 }, true},
		{"a model lacks half of the hardest category", func(i, m, c int) bool { return m != 1 || c < 4 || i%2 > 0 }, false},
		{"a model lacks ten of one category", func(i, m, c int) bool { return m != 1 || c != 2 || i > 50 }, false},
	} {
		a := answers(1000, 4, c.has)
		m := a.Missing()
		if m.Random != c.random {
			t.Errorf("%s: random is %v: %s", c.name, m.Random, m.Tell())
		}
		if m.Kept+m.Dropped != 1000 || len(m.Models) != 1 || m.Models[0].Missing != m.Dropped || m.Models[0].Alone != m.Dropped {
			t.Errorf("%s: %+v", c.name, m)
		}
		if w := m.Without; m.Dropped > 10 && (len(w) != 1 || w[0].Models[0] != "m1" || w[0].Kept != 1000) {
			t.Errorf("%s: leaving out %v", c.name, w)
		}
	}
}

// A model whose failures lack their usage is told by its own scores, though prompts go missing at random for all others.
func TestOutcomesLostWithTheirCost(t *testing.T) {
	a := answers(200, 2, func(int, int, int) bool { return true })
	a.Logged = append([]float32(nil), a.Score...)
	for i := range 200 {
		if a.Logged[i*2+1] == 0 {
			a.Score[i*2+1] = float32(math.NaN())
		}
	}
	m := a.Missing()
	if want := "scores 0.000 itself, against 1.000"; m.Random || !strings.Contains(m.Tell(), want) {
		t.Errorf("random is %v: %s", m.Random, m.Tell())
	}
	var right float64
	for i := range 200 {
		right += float64(a.Logged[i*2+1]) / 200
	}
	if e := a.Estimates()[1]; *e.Own != 1 || math.Abs(*e.All-right) > 1e-6 {
		t.Errorf("%v where its cost is known and %v over all, want 1 and %v", *e.Own, *e.All, right)
	}
}

// The level of the tests: where prompts go missing at random, they are called so in nineteen of twenty worlds.
func TestFalseAlarms(t *testing.T) {
	const worlds = 300
	alarms := 0
	for w := range worlds {
		r := policy.Stream(uint64(w), "false alarms")
		a := answers(200, 3, func(_, m, _ int) bool { return m > 0 || r.IntN(12) > 0 })
		// Other draws of the scores, too.
		for at := range a.Score {
			if a.Score[at] == a.Score[at] {
				a.Score[at] = float32(r.IntN(2))
			}
		}
		if m := a.Missing(); !m.Random {
			alarms++
		}
	}
	if alarms > worlds*8/100 {
		t.Errorf("%d of %d worlds in which prompts are missing at random are said to be otherwise", alarms, worlds)
	}
}

func TestLeavingOutTwo(t *testing.T) {
	a := answers(100, 4, func(i, m, _ int) bool { return m != 1 && m != 2 || i >= 30 && (m == 2 || i >= 40) })
	var got []string
	for _, w := range a.Missing().Without {
		got = append(got, fmt.Sprint(w.Models, " ", w.Kept))
	}
	if want := "[m1] 70 [m1 m2] 100"; strings.Join(got, " ") != want {
		t.Errorf("leaving out %v, want %s", got, want)
	}
}

func TestNothingMissing(t *testing.T) {
	a := answers(50, 3, func(int, int, int) bool { return true })
	if m := a.Missing(); m.Tell() != "" || !m.Random || m.Kept != 50 {
		t.Errorf("%+v", m)
	}
	for _, e := range a.Estimates() {
		if e.N != 50 || math.Abs(*e.Own-*e.All) > 1e-6 {
			t.Errorf("%s: %v over its own, %v over all", e.Model, *e.Own, *e.All)
		}
	}
	if got := new(Answers).Missing(); got.Prompts != 0 || got.Tell() != "" {
		t.Errorf("of nothing: %+v", got)
	}
}

// What the notice on MMLU-Pro has to say.
func TestMMLUPro(t *testing.T) {
	const dir = "../../../shared/data/mmlu-pro"
	if _, err := os.Stat(dir); err != nil {
		t.Skip("no ../shared/data: the real trace is skipped")
	}
	tr, err := file.Open(context.Background(), dir)
	if err != nil {
		t.Fatal(err)
	}
	a := &Answers{Category: tr.Prompts.Category}
	var open []int
	for m, model := range tr.Models {
		if model.OpenWeights {
			a.Models, open = append(a.Models, model.ID), append(open, m)
		}
	}
	for i := range tr.Prompts.Len() {
		for _, m := range open {
			a.Score = append(a.Score, tr.Outcomes.Logged[policy.Quality][tr.Outcomes.At(i, m)])
		}
	}
	m := a.Missing()
	t.Log(m.Tell())
	for _, want := range []string{
		"1,198 of 8,470 prompts (14 %)", "not at random", "deepseek-coder-v2 lacks 1,198 of 8,470 prompts (14 %): 85 % of engineering, 70 % of chemistry",
		"none of nine other categories", "llama-3.1-70b-instruct has 0.644 on the kept and 0.528 on the dropped",
	} {
		if !strings.Contains(m.Tell(), want) {
			t.Errorf("%q is not told", want)
		}
	}
	if w := m.Without; len(w) != 1 || fmt.Sprint(w[0]) != "{[deepseek-coder-v2] 8470}" {
		t.Errorf("leaving out %v", w)
	}
	if m.Models[0].Categories[0].Missing == 0 || m.Difference.Low <= 0 {
		t.Errorf("%+v", m)
	}
	for _, e := range a.Estimates() {
		if e.Model == "deepseek-coder-v2" {
			t.Logf("%d answers, %.4f, over all %.4f", e.N, *e.Own, *e.All)
			if !(*e.All < 0.6274 && *e.Own > 0.638) {
				t.Errorf("deepseek has %v over all, more than llama-3.1-70b-instruct's 0.6274", *e.All)
			}
		}
	}
}
