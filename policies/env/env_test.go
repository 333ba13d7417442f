package env

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/trilemma-bench/trilemma/policies/policy"
)

// made is a split of random outcomes with answers A to D.
func made(n, models int) *policy.Split {
	r := policy.Stream(5, "env")
	s := &policy.Split{Outcomes: policy.Outcomes{Models: models}}
	o := &s.Outcomes
	for i := range n {
		s.Prompts.ID = append(s.Prompts.ID, fmt.Sprint(i))
		s.Reference = append(s.Reference, "A")
		for range models {
			answer := string(rune('A' + r.IntN(4)))
			score := float32(0)
			if answer == "A" {
				score = 1
			}
			o.Present, o.Figures[policy.Quality], o.Answer = append(o.Present, true), append(o.Figures[policy.Quality], score), append(o.Answer, answer)
			o.Figures[policy.Cost], o.Response = append(o.Figures[policy.Cost], r.Float32()), append(o.Response, "So x = 2. The answer is ("+answer+").")
		}
	}
	return s
}

func TestEpisodeByHand(t *testing.T) {
	s := made(1, 3)
	s.Outcomes.Answer, s.Outcomes.Figures[policy.Quality], s.Outcomes.Figures[policy.Cost] = []string{"B", "A", "A"}, []float32{0, 1, 1}, []float32{1, 2, 4}
	w, err := NewWorld(s, []float32{3, 2, 2}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		path   []int32
		reward Scalarisation
		want   float64
	}{
		{"stop after the first", []int32{0, 3}, Linear, -0.1},
		{"last of two", []int32{0, 1, 3}, Linear, 1 - 0.3},
		{"the heavier of two wins the vote", []int32{0, 1, 4}, Linear, -0.3},
		{"two outvote one", []int32{0, 1, 2, 4}, Linear, 1 - 0.7},
		{"Chebyshev: the worst of error and price", []int32{0, 1, 2, 4}, Chebyshev, 1 - 0.7},
		{"Chebyshev: error is worst", []int32{0, 3}, Chebyshev, 0},
	} {
		e, err := New(w, Config{Slots: 1, Sequential: true, Reward: c.reward})
		if err != nil {
			t.Fatal(err)
		}
		e.Reset(0, 0, policy.Preference{policy.Cost: 0.1})
		reward, done, total := []float32{0}, []bool{false}, 0.0
		for i, a := range c.path {
			if !e.Allowed(0, int(a)) {
				t.Fatalf("%s: action %d is not allowed", c.name, a)
			}
			e.Step([]int32{a}, reward, done)
			total += float64(reward[0])
			if done[0] != (i == len(c.path)-1) {
				t.Errorf("%s: done %v after step %d", c.name, done[0], i)
			}
		}
		if math.Abs(total-c.want) > 1e-6 {
			t.Errorf("%s: return %v, want %v", c.name, total, c.want)
		}
	}
}

func TestAllowed(t *testing.T) {
	s := made(1, 3)
	s.Outcomes.Present[1] = false
	w, err := NewWorld(s, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	e, err := New(w, Config{Slots: 1, Sequential: true, MaxAsks: 2})
	if err != nil {
		t.Fatal(err)
	}
	check := func(when string, want ...bool) {
		t.Helper()
		for a, ok := range want {
			if e.Allowed(0, a) != ok {
				t.Errorf("%s: action %d allowed %v, want %v", when, a, !ok, ok)
			}
		}
	}
	e.Reset(0, 0, policy.Preference{})
	reward, done := []float32{0}, []bool{false}
	check("at first", true, false, true, false, false)
	e.Step([]int32{2}, reward, done)
	check("after one", true, false, false, true, false)
	e.Step([]int32{0}, reward, done)
	check("after two of two", false, false, false, true, true)
}

func TestBadWorlds(t *testing.T) {
	for _, c := range []struct {
		change func(*policy.Split)
		weight []float32
		want   string
	}{
		{func(s *policy.Split) { s.Outcomes.Figures[policy.Quality] = s.Outcomes.Figures[policy.Quality][1:] }, nil, "scores"},
		{func(s *policy.Split) { s.Outcomes.Figures[policy.Cost] = s.Outcomes.Figures[policy.Cost][1:] }, nil, "figures"},
		{func(s *policy.Split) { s.Outcomes.Answer = s.Outcomes.Answer[1:] }, nil, "answers"},
		{func(s *policy.Split) { s.Reference = s.Reference[1:] }, nil, "references"},
		{func(s *policy.Split) { s.Outcomes.Models = 0 }, nil, "needs prompts"},
		{func(*policy.Split) {}, []float32{1}, "vote weights"},
		{func(*policy.Split) {}, []float32{1, 1, 0, 1}, "positive"},
	} {
		s := made(2, 2)
		c.change(s)
		if _, err := NewWorld(s, c.weight, nil); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want one with %q", err, c.want)
		}
	}
	if _, err := NewWorld(made(1, MaxModels+1), nil, nil); err == nil {
		t.Error("takes more models than it has bits")
	}
}

func TestShape(t *testing.T) {
	a, b := make([]float32, ShapeFeatures), make([]float32, ShapeFeatures)
	Shape(&Options{}, "x = 2 + 2 = 4. The answer is (B).", "B", 12, a)
	Shape(&Options{}, "However, the data seem insufficient; perhaps none of", "", float32(math.NaN()), b)
	if a[0] != 0 || b[0] != 1 || a[13] != 1 || b[13] != 0 || a[10] >= b[10] || a[6] <= b[6] {
		t.Errorf("features\n%v\n%v", a, b)
	}
	Shape(&Options{}, "", "", 0, a)
	for i, x := range a {
		if math.IsNaN(float64(x)) || math.IsInf(float64(x), 0) {
			t.Errorf("feature %d of an empty response is %v", i, x)
		}
	}
}

// walk is an agent that costs nothing: it asks on a fixed beat and then stops.
func walk(e *Env, steps int) int {
	slots := e.Config.Slots
	action, reward, done := make([]int32, slots), make([]float32, slots), make([]bool, slots)
	var seen Seen
	seen.Shape = make([]float32, 0, e.Config.MaxAsks*ShapeFeatures)
	for slot := range slots {
		e.Reset(slot, int32(slot%e.N), policy.Preference{policy.Cost: 1})
	}
	n := 0
	for ; n < steps; n += slots {
		for slot := range action {
			e.Seen(slot, &seen)
			action[slot] = int32((slot + 3*len(seen.Models)) % e.Models)
			if len(seen.Models) == 3 || !e.Allowed(slot, int(action[slot])) {
				action[slot] = int32(e.Models) + 1
			}
		}
		e.Step(action, reward, done)
		for slot, over := range done {
			if over {
				e.Reset(slot, (e.Prompt[slot]+7)%int32(e.N), policy.Preference{policy.Cost: 1})
			}
		}
	}
	return n
}

func TestStepsDoNotAllocate(t *testing.T) {
	w, err := NewWorld(made(50, 8), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	e, err := New(w, Config{Slots: 16, Sequential: true})
	if err != nil {
		t.Fatal(err)
	}
	few, many := testing.AllocsPerRun(5, func() { walk(e, 160) }), testing.AllocsPerRun(5, func() { walk(e, 16000) })
	if many > few {
		t.Errorf("%v allocations for 160 steps, %v for 16,000", few, many)
	}
}

// BenchmarkSteps counts steps of sequential episodes with everything that an agent sees gathered at each.
func BenchmarkSteps(b *testing.B) {
	w, err := NewWorld(made(5000, 11), nil, nil)
	if err != nil {
		b.Fatal(err)
	}
	b.RunParallel(func(pb *testing.PB) {
		e, err := New(w, Config{Slots: 256, Sequential: true})
		if err != nil {
			b.Error(err)
			return
		}
		for pb.Next() {
			walk(e, 256)
		}
	})
	b.ReportMetric(float64(b.N)*256/b.Elapsed().Seconds(), "steps/s")
}
