package carbon

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/trilemma-bench/trilemma/policies/policy"
)

// pool is a large and a small model, each in a sunny and in a windy place.
func pool() []policy.Model {
	var out []policy.Model
	for _, name := range []string{"large", "small"} {
		for _, zone := range []string{"ESP", "GBR"} {
			m := policy.NewModel(name + "@" + zone)
			m.Region = zone
			out = append(out, m)
		}
	}
	return out
}

// split draws prompts of which every other one arrives by day, when the sunny grid is clean; the large model is right
// where the first number of the vector is positive, the small one half as often, for a tenth of the energy.
func split(name string, n int) *policy.Split {
	r := policy.Stream(5, "carbon test", name)
	s := &policy.Split{Prompts: policy.Prompts{Dim: 4}, Outcomes: policy.Outcomes{Models: 4}}
	o, nan := &s.Outcomes, float32(math.NaN())
	for i := range n {
		var v [4]float64
		for d := range v {
			v[d] = r.NormFloat64()
		}
		s.Prompts.ID, s.Prompts.Text = append(s.Prompts.ID, fmt.Sprint(name, i)), append(s.Prompts.Text, "what?")
		for _, x := range v {
			s.Prompts.Vector = append(s.Prompts.Vector, float32(x))
		}
		grid := [4]float32{50, 300, 50, 300}
		if i%2 == 1 {
			grid = [4]float32{400, 100, 400, 100}
		}
		s.Prompts.GridGPerKWh = append(s.Prompts.GridGPerKWh, grid[:]...)
		p := 1 / (1 + math.Exp(-3*v[0]))
		right := [2]bool{r.Float64() < p, r.Float64() < p/2}
		use := math.Exp(0.5*v[1]) * r.ExpFloat64()
		for m := range 4 {
			score, wh := float32(0), use
			if right[m/2] {
				score = 1
			}
			if m >= 2 {
				wh /= 10
			}
			o.Present, o.Figures[policy.Quality], o.Figures[policy.Cost] = append(o.Present, true), append(o.Figures[policy.Quality], score), append(o.Figures[policy.Cost], float32(0.01*wh))
			o.Figures[policy.Energy], o.Figures[policy.Carbon] = append(o.Figures[policy.Energy], float32(wh)), append(o.Figures[policy.Carbon], float32(wh*float64(grid[m])/1000+0.02*wh))
			o.Figures[policy.Latency] = append(o.Figures[policy.Latency], nan)
		}
	}
	return s
}

func fitted(t *testing.T, params string, preferences ...policy.Preference) *router {
	t.Helper()
	p, err := Definition().New(policy.Setup{Models: pool(), Params: json.RawMessage(params), Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	task := &policy.Task{Train: split("train", 600), Validation: split("validation", 200), Preferences: preferences}
	if err := p.(policy.Learner).Fit(context.Background(), task, nil); err != nil {
		t.Fatal(err)
	}
	return p.(*router)
}

// routed are the models chosen for a split under one preference.
func routed(t *testing.T, p *router, s *policy.Split, pref policy.Preference) []int32 {
	t.Helper()
	b := &policy.Batch{Prompts: &s.Prompts, Preferences: []policy.Preference{pref}, Prompt: make([]int32, s.Len()), Preference: make([]int32, s.Len())}
	for i := range b.Prompt {
		b.Prompt[i] = int32(i)
	}
	d, err := p.Route(context.Background(), b)
	if err != nil {
		t.Fatal(err)
	}
	return d.Model
}

const quick = `"learning_rate":0.01,"hidden":16,"usage_hidden":16,"epochs":12,"neighbours":40`

func TestRoutesWhereTheGridIsClean(t *testing.T) {
	test := split("test", 200)
	for _, aware := range []bool{true, false} {
		pref := policy.Preference{policy.Carbon: 0.2}
		p := fitted(t, fmt.Sprintf(`{%s,"time_aware":%v}`, quick, aware), pref)
		clean := 0
		for i, m := range routed(t, p, test, pref) {
			if (m%2 == 0) == (i%2 == 0) { // the sunny place by day, the windy one by night
				clean++
			}
		}
		if aware && clean != 200 || !aware && clean > 120 {
			t.Errorf("time aware %v: %d of 200 prompts went where the grid was clean", aware, clean)
		}
	}
}

func TestCopiesDifferByTheirGridAlone(t *testing.T) {
	p := fitted(t, `{`+quick+`}`)
	test := split("test", 50)
	e, err := p.expect(context.Background(), &test.Prompts)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 50 {
		score, carbon, grid := e.Row(policy.Quality, i), e.Row(policy.Carbon, i), test.Prompts.GridGPerKWh[4*i:]
		for _, m := range []int{0, 2} {
			if score[m] != score[m+1] {
				t.Fatalf("prompt %d: copies are expected to score %v and %v", i, score[m], score[m+1])
			}
			// carbon = energy · (grid + 20 g/kWh embodied)
			want := (float64(grid[m]) + 20) / (float64(grid[m+1]) + 20)
			if got := float64(carbon[m] / carbon[m+1]); math.Abs(got/want-1) > 0.01 {
				t.Fatalf("prompt %d: carbon of copies in the ratio %v, want %v", i, got, want)
			}
		}
	}
}

func TestBudgetHoldsOnTest(t *testing.T) {
	test := split("test", 600)
	free := fitted(t, `{`+quick+`}`)
	spend := func(p *router) float64 {
		var sum float64
		for i, m := range routed(t, p, test, policy.Preference{}) {
			sum += float64(test.Outcomes.Figures[policy.Carbon][4*i+int(m)])
		}
		return sum / float64(test.Len())
	}
	budget := 0.5 * spend(free)
	held := fitted(t, fmt.Sprintf(`{%s,"budget_carbon_g":%v}`, quick, budget))
	if got := spend(held); got > 1.15*budget {
		t.Errorf("a budget of %.3f g is spent with %.3f g a prompt", budget, got)
	}
}

func TestControllerByHand(t *testing.T) {
	c, err := NewController(0.1, Budget{PerPrompt: 2, Lambda: 1})
	if err != nil {
		t.Fatal(err)
	}
	c.Spend(4) // twice the budget: ln λ rises by the step
	if got := c.Budgets[0].Lambda; math.Abs(got-math.Exp(0.1)) > 1e-12 {
		t.Errorf("λ is %v, want e^0.1", got)
	}
	c.Spend(0)
	c.Spend(math.NaN())
	if got := c.Budgets[0].Lambda; math.Abs(got-1) > 1e-12 {
		t.Errorf("λ is %v, want 1 again", got)
	}
	for _, b := range []Budget{{PerPrompt: 0, Lambda: 1}, {PerPrompt: 1}, {PerPrompt: math.NaN(), Lambda: 1}, {PerPrompt: 1, Lambda: math.Inf(1)}} {
		if _, err := NewController(0.1, b); err == nil {
			t.Errorf("%+v was accepted", b)
		}
	}
	if _, err := NewController(2, Budget{PerPrompt: 1, Lambda: 1}); err == nil {
		t.Error("a step of 2 was accepted")
	}
}

// What a prompt takes falls with λ: the mean spend ends near the budget wherever λ began and whatever the stream is.
func TestControllerHoldsAnyStream(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := policy.Stream(rapid.Uint64().Draw(t, "seed"), "controller")
		n := 3000
		c, err := NewController(0, Budget{PerPrompt: rapid.Float64Range(0.2, 0.8).Draw(t, "budget"), Lambda: rapid.Float64Range(0.1, 10).Draw(t, "λ")})
		if err != nil {
			t.Fatal(err)
		}
		c.Horizon = n
		var sum float64
		for range n {
			spend := 0.0
			if r.ExpFloat64() > c.Budgets[0].Lambda { // worth more than its price
				spend = 2 * r.Float64()
			}
			sum += spend
			c.Spend(spend)
		}
		if over := sum/float64(n)/c.Budgets[0].PerPrompt - 1; math.Abs(over) > 0.02 {
			t.Fatalf("spend ends %.2f %% from the budget", 100*over)
		}
	})
}
