package forecast

import (
	"context"
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/trilemma-bench/trilemma/policies/policy"
)

// world is n prompts answered by models, each prompt with its difficulty in [0, 1): of score and cost there is what
// prompt and model make of them.
func world(n int, score, cost []float64, answers func(prompt, model int, hard float64) bool) *policy.Split {
	models := len(score)
	r := policy.Stream(7, "difficulty")
	s := &policy.Split{Outcomes: policy.Outcomes{Models: models}}
	o := &s.Outcomes
	for i := range n {
		hard := r.Float64()
		s.Prompts.ID = append(s.Prompts.ID, "p")
		for m := range models {
			present := answers(i, m, hard)
			o.Present = append(o.Present, present)
			x, c := nan, nan
			if present {
				x, c = float32(score[m]-0.4*hard), float32(cost[m]*(1+9*hard))
			}
			o.Figures[policy.Quality], o.Figures[policy.Cost] = append(o.Figures[policy.Quality], x), append(o.Figures[policy.Cost], c)
		}
	}
	return s
}

// Whichever prompts are missing, hard ones of one model and easy ones of another, what the models would come to over all
// of them is found.
func TestOverallIsOverAllPrompts(t *testing.T) {
	score, cost := []float64{0.8, 0.75, 0.6, 0.5}, []float64{4, 3, 2, 1}
	full := world(400, score, cost, func(int, int, float64) bool { return true })
	for name, answers := range map[string]func(prompt, model int, hard float64) bool{
		"one lacks the hard":      func(_, m int, hard float64) bool { return m != 1 || hard < 0.4 },
		"none is common":          func(i, m int, hard float64) bool { return i%4 != m && (m != 1 || hard < 0.4) },
		"linked by others only":   func(i, m int, hard float64) bool { return (m+i)%3 > 0 && (m != 1 || hard < 0.4) },
		"two lack different ends": func(_, m int, hard float64) bool { return (m != 1 || hard < 0.6) && (m != 0 || hard > 0.5) },
	} {
		got := world(400, score, cost, answers)
		for _, q := range []policy.Quantity{policy.Quality, policy.Cost} {
			found := OverAllPrompts(4, got, q)
			for m, want := range OverAllPrompts(4, full, q) {
				if x := found[m]; math.Abs(x-want) > 1e-4*want {
					t.Errorf("%s: mean %v of model %d is %v, want %v", name, q, m, x, want)
				}
			}
		}
	}
}

// Where most prompts are common the models are compared on them, whatever another makes of them: that a model which
// always fails finds all prompts alike says nothing of how hard they are.
func TestOverallIsOnCommonPrompts(t *testing.T) {
	s := &policy.Split{Outcomes: policy.Outcomes{Models: 4}}
	for i := range 100 {
		easy := i%2 == 0
		best := float32(0.5)
		if easy {
			best = 0.9
		}
		s.Prompts.ID = append(s.Prompts.ID, "p")
		s.Outcomes.Present = append(s.Outcomes.Present, true, easy, true, false)
		s.Outcomes.Figures[policy.Quality] = append(s.Outcomes.Figures[policy.Quality], best, 0.85, 0, nan)
	}
	if got := Overall(4, s).Row(policy.Quality, 0); got[0] != 0.9 || got[1] != 0.85 || got[2] != 0 || got[3] == got[3] {
		t.Errorf("means %v, want those of the prompts that all but the last answered", got)
	}
}

// Of two models the difference is that on the prompts that both answered.
func TestTwoModelsAreComparedOnCommonPrompts(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(1, 40).Draw(rt, "prompts")
		var cells []cell
		var difference, common float64
		for i := range n {
			x, y := rapid.Float64Range(0.3, 0.7).Draw(rt, "a"), rapid.Float64Range(0.3, 0.7).Draw(rt, "b")
			has := rapid.IntRange(1, 3).Draw(rt, "has")
			if has&1 > 0 {
				cells = append(cells, cell{int32(i), 0, x})
			}
			if has&2 > 0 {
				cells = append(cells, cell{int32(i), 1, y})
			}
			if has == 3 {
				difference, common = difference+x-y, common+1
			}
		}
		mean, count := plain(cells, 2)
		level, _ := twoWay(cells, n, 2, policy.Quality)
		if common == 0 {
			for m := range level {
				if count[m] > 0 && level[m] != mean[m] {
					rt.Fatalf("nothing is common, but model %d has %v, not its mean %v", m, level[m], mean[m])
				}
			}
			return
		}
		if got, want := level[0]-level[1], difference/common; math.Abs(got-want) > 1e-6 && level[0] > 0 && level[0] < 1 && level[1] > 0 && level[1] < 1 {
			rt.Fatalf("difference %v, on the %v common prompts %v", got, common, want)
		}
	})
}

// A log of one choice a prompt compares nobody, and a model that shares nothing moves nobody.
func TestWhatIsNotLinkedKeepsItsMean(t *testing.T) {
	cells := []cell{{0, 0, 1}, {1, 0, 0}, {1, 1, 1}, {2, 2, 0.25}, {3, 2, 0.75}}
	level, _ := twoWay(cells, 4, 4, policy.Quality)
	// Model 1 has one more than model 0 on prompt 1, and no score is above 1.
	if level[0] != 0.5 || level[1] != 1 || level[2] != 0.5 || !math.IsNaN(level[3]) {
		t.Errorf("levels %v", level)
	}
	for _, q := range []policy.Quantity{policy.Quality, policy.Cost} {
		if level, a := twoWay(cells[3:], 4, 4, q); a != nil || level[2] != 0.5 {
			t.Errorf("%v: levels %v and prompts %v of a model by itself", q, level, a)
		}
	}
}

// A model that is free where it meets others and dear elsewhere moves nobody without bounds.
func TestFreeOnCommonPrompts(t *testing.T) {
	cells := []cell{{0, 0, 0}, {0, 1, 1}, {1, 0, 5}, {2, 0, 5}, {3, 1, 1}}
	level, _ := twoWay(cells, 4, 2, policy.Cost)
	for m, x := range level {
		if !(x >= 0) || x > maxRatio {
			t.Errorf("model %d costs %v", m, x)
		}
	}
}

// The neighbours that a model happens to have are not its neighbourhood: a model that lacks the hard ones among them is
// no better for it.
func TestNeighboursThatLackOutcomes(t *testing.T) {
	s := world(200, []float64{0.8, 0.7}, []float64{2, 1}, func(_, m int, hard float64) bool { return m == 0 || hard < 0.3 })
	s.Prompts.Dim = 1
	for range s.Len() {
		s.Prompts.Vector = append(s.Prompts.Vector, 1)
	}
	e, err := Remember(2, s).Expect(context.Background(), []float32{1}, 1, []int{100}, nil)
	if err != nil {
		t.Fatal(err)
	}
	score, cost := e[0].Row(policy.Quality, 0), e[0].Row(policy.Cost, 0)
	if math.Abs(float64(score[0]-score[1]-0.1)) > 1e-4 || math.Abs(float64(cost[0]/cost[1]-2)) > 1e-4 {
		t.Errorf("scores %v and costs %v of the nearest, want 0.1 more for twice the cost", score, cost)
	}
}
