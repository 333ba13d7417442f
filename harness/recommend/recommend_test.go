package recommend

import (
	"fmt"
	"math"
	"strings"
	"testing"

	tea "github.com/charmbracelet/bubbletea"
	"pgregory.net/rapid"

	"github.com/trilemma-bench/trilemma/harness/stats"
	"github.com/trilemma-bench/trilemma/harness/store"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

func TestParseLimit(t *testing.T) {
	for _, tc := range []struct {
		kind policy.Quantity
		text string
		want float64
	}{
		{policy.Cost, "0.30/1k", 0.0003}, {policy.Cost, "$0.3/1000", 0.0003}, {policy.Cost, "30 ct/1k prompts", 0.0003}, {policy.Cost, "0.001", 0.001}, {policy.Carbon, "2g/1k", 0.002},
		{policy.Carbon, "2 kg/1M", 0.002}, {policy.Latency, "3s", 3}, {policy.Latency, "250ms", 0.25}, {policy.Quality, "0.65", 0.65}, {policy.Quality, "65%", 0.65},
	} {
		got, err := ParseLimit(tc.kind, tc.text)
		if err != nil || math.Abs(got-tc.want) > 1e-12 {
			t.Errorf("%s %q: %v, %v; want %v", tc.kind, tc.text, got, err, tc.want)
		}
	}
	for _, tc := range []struct {
		kind       policy.Quantity
		text, want string
	}{
		{policy.Cost, "0.3 EUR/1k", "only USD"}, {policy.Cost, "-1", "negative"}, {policy.Carbon, "much", "no unit"}, {policy.Quality, "65", "end at 1"}, {policy.Latency, "3s/1k", "not shared"},
		{policy.Cost, "1/0", "no prompts"}, {policy.Carbon, "", "no number"},
	} {
		if _, err := ParseLimit(tc.kind, tc.text); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s %q: %v, want %q", tc.kind, tc.text, err, tc.want)
		}
	}
}

func FuzzParseLimit(f *testing.F) {
	f.Add("0.3/1k")
	f.Fuzz(func(t *testing.T, text string) {
		for _, k := range Limited {
			if x, err := ParseLimit(k, text); err == nil && !(x >= 0) {
				t.Errorf("%s %q is %v", k, text, x)
			}
		}
	})
}

// sample is the moments of values a little apart, so that the mean is as good as known.
func sample(mean float64, n int) stats.Moments {
	return stats.Moments{N: n, Mean: mean, SD: mean * 1e-3}
}

// known are figures as sure as they get.
func knownFigures(p *store.Point, n int) (out store.Moments) {
	for q, x := range p.Figures {
		out[q] = sample(x, n)
	}
	return out
}

// choices are settings on a made-up front whose test figures are all worse: choosing by them would show.
func choices() *Choices {
	c := &Choices{Pool: "all", Run: &store.Run{Experiment: "x", ID: "y", Dir: "/nowhere"}}
	for i := range 20 {
		x := float64(i + 1)
		v := store.Point{Preference: fmt.Sprintf("c%02d", i), N: 800, Coverage: 1, Figures: policy.Figures{policy.Quality: 0.4 + 0.3*math.Log(x)/3, policy.Cost: x * 1e-4, policy.Carbon: x * 1e-3, policy.Latency: x}, Lambda: policy.Preference{policy.Cost: 1 / x}}
		test := v
		test.Figures[policy.Quality] -= 0.05 * float64(i%3)
		c.List = append(c.List, Choice{
			Ref: store.Ref{ID: fmt.Sprintf("%08x", i), Policy: "p", Pool: "all"}, Selection: v, Test: test,
			Order: knownFigures(&v, 400), Check: knownFigures(&v, 400),
		})
	}
	return c
}

func TestPick(t *testing.T) {
	c := choices()
	l := None()
	l[policy.Quality], l[policy.Carbon] = 0.55, 0.1
	r := c.Pick(Request{Limits: l, Objective: Auto})
	if r.Choice == nil || r.Choice.Selection.Figures[policy.Quality] < 0.55 || r.Choice.Selection.Preference != "c04" {
		t.Fatalf("picked %+v", r.Choice)
	}
	l[policy.Carbon] = 0.001
	r = c.Pick(Request{Limits: l, Objective: Auto})
	if r.Choice != nil || len(r.Misses) != 2 || r.Misses[0].Quantity != policy.Carbon || math.Abs(r.Misses[0].NearestOthers-0.005) > 1e-9 {
		t.Errorf("an infeasible pair gives %+v", r)
	}
	if r.Nearest == nil || len(r.Claims) != 2 {
		t.Errorf("of an infeasible pair the nearest is %+v with %+v", r.Nearest, r.Claims)
	}
	l = None()
	l[policy.Cost] = 1.05e-3
	if r = c.Pick(Request{Limits: l, Objective: Auto}); r.Choice == nil || r.Choice.Selection.Preference != "c09" {
		t.Errorf("with a budget alone %+v, want the best score in it", r.Choice)
	}
	if r = c.Pick(Request{Limits: l, Objective: policy.Latency}); r.Choice == nil || r.Choice.Selection.Preference != "c00" {
		t.Errorf("for the least latency %+v", r.Choice)
	}
	if r = c.Pick(Request{Limits: None(), Objective: Auto}); r.Choice == nil || r.Choice.Selection.Preference != "c19" {
		t.Errorf("without limits %+v, want the best score", r.Choice)
	}
}

// Of equals by the objective the cheaper is taken, whatever their order; of equals in money too the one that emits less.
func TestTiesGoToTheCheaper(t *testing.T) {
	for _, l := range []float64{math.NaN(), 0.5} {
		c := choices()
		for i := range c.List {
			x := &c.List[i]
			for _, f := range []*float64{&x.Selection.Figures[policy.Quality], &x.Order[policy.Quality].Mean, &x.Check[policy.Quality].Mean} {
				*f = 0.6
			}
			for q, x := range map[policy.Quantity]float64{policy.Cost: 1e-3 + 1e-4*float64((i+7)%20/2), policy.Carbon: float64((i + 7) % 20)} {
				c.List[i].Selection.Figures[q], c.List[i].Order[q].Mean, c.List[i].Check[q].Mean = x, x, x
			}
		}
		q := Request{Limits: None(), Objective: policy.Quality}
		q.Limits[policy.Quality] = l
		if r := c.Pick(q); r.Choice == nil || r.Choice.Selection.Preference != "c13" {
			t.Errorf("with a limit of %v %+v, want c13: the cheapest, and of two the one of less carbon", l, r.Choice)
		}
	}
}

// Where nothing comes near, the nearest is what misses the limits least, not what is least surely known.
func TestNearestMissesLeast(t *testing.T) {
	c := choices()
	for i := range c.List {
		if i > 0 { // all but the fastest are known badly: few standard errors from anything
			c.List[i].Order[policy.Latency].SD, c.List[i].Check[policy.Latency].SD = 1e4, 1e4
		}
	}
	l := None()
	l[policy.Latency] = 1e-3
	r := c.Pick(Request{Limits: l, Objective: Auto})
	if r.Choice != nil || r.Nearest == nil || r.Nearest.Selection.Preference != "c00" {
		t.Errorf("nearest to 1 ms is %+v, want the fastest, c00", r.Nearest)
	}
}

func TestVerdicts(t *testing.T) {
	for _, tc := range []struct {
		k     policy.Quantity
		limit float64
		m     Measured
		want  Verdict
	}{
		{policy.Quality, 0.7, Measured{0.71, 0.68, 0.74}, Kept}, {policy.Quality, 0.7, Measured{0.69, 0.66, 0.72}, Within},
		{policy.Quality, 0.7, Measured{0.643, 0.587, 0.697}, Broken}, {policy.Cost, 1, Measured{0.9, 0.8, 1.1}, Kept},
		{policy.Cost, 1, Measured{1.1, 0.9, 1.3}, Within}, {policy.Cost, 1, Measured{1.3, 1.1, 1.5}, Broken},
		{policy.Carbon, 1, Measured{math.NaN(), math.NaN(), math.NaN()}, Untold},
	} {
		if got := verdict(tc.k, tc.limit, tc.m); got != tc.want {
			t.Errorf("%s limit %v of %+v: %s, want %s", tc.k, tc.limit, tc.m, got, tc.want)
		}
	}
}

// The questions of an audit are twenty different ones, none of which every setting or no setting keeps by its means alone.
func TestQuestionsDivideTheSettings(t *testing.T) {
	c := choices()
	seen := map[string]bool{}
	for _, q := range c.Questions() {
		seen[q.Asked()] = true
		for _, m := range c.misses(q.Limits) {
			if m.Missed == len(c.List) {
				t.Errorf("%s: no setting keeps %s", q.Asked(), m.Quantity)
			}
		}
		if r := c.Pick(q); r.Feasible == len(c.List) && len(q.set()) == 1 {
			t.Errorf("%s: every setting keeps it", q.Asked())
		}
	}
	if len(seen) != asks {
		t.Errorf("%d questions, want %d", len(seen), asks)
	}
}

// A mean that keeps a limit is not enough where few prompts know it; what is missing is told.
func TestPickAsksForProof(t *testing.T) {
	c := choices()
	for i := range c.List {
		x := &c.List[i]
		for _, f := range []*store.Moments{&x.Order, &x.Check} {
			f[policy.Cost].N, f[policy.Cost].SD = 25, 2*f[policy.Cost].Mean
		}
	}
	l := None()
	l[policy.Cost] = 1.1e-4
	r := c.Pick(Request{Limits: l, Objective: Auto})
	if r.Choice != nil || r.Feasible != 1 || r.Nearest == nil || r.Nearest.Selection.Preference != "c00" {
		t.Fatalf("%d settings keep the limit by their means; picked %+v, nearest %+v", r.Feasible, r.Choice, r.Nearest)
	}
	// (1.645 + 0.842)² · (2·1e-4 / 1e-5)² prompts test, as many again order.
	if x := r.Claims[0]; math.Abs(float64(x.Enough)-2*2473) > 100 || x.Bound < 1.1e-4 {
		t.Errorf("claims %+v, want about 4,950 prompts", x)
	}
	if r = c.Pick(Request{Limits: l, Objective: Auto, Confidence: 0.55}); r.Choice == nil {
		t.Errorf("with 55 %% confidence nothing is picked: p = %v", r.Claims[0].P)
	}
}

func TestTighterLimitsNeverAllowMore(t *testing.T) {
	c := choices()
	rapid.Check(t, func(t *rapid.T) {
		l := None()
		l[policy.Cost], l[policy.Quality] = rapid.Float64Range(0, 3e-3).Draw(t, "cost"), rapid.Float64Range(0, 1).Draw(t, "quality")
		a := c.Pick(Request{Limits: l, Objective: Auto})
		l[policy.Cost] /= 2
		b := c.Pick(Request{Limits: l, Objective: Auto})
		if b.Feasible > a.Feasible {
			t.Fatalf("%d settings, with half the budget %d", a.Feasible, b.Feasible)
		}
		if a.Choice != nil && (a.Choice.Selection.Figures[policy.Quality] < l[policy.Quality] || a.Choice.Selection.Figures[policy.Cost] > 2*l[policy.Cost]) {
			t.Fatal("the choice does not keep the limits")
		}
	})
}

func TestSlidersMoveLimits(t *testing.T) {
	var m tea.Model = newSliders(choices(), Request{Objective: Auto})
	if v := m.View(); !strings.Contains(v, "20 of 20 settings") || !strings.Contains(v, "★") {
		t.Errorf("at first\n%s", v)
	}
	press := func(keys ...string) {
		for _, k := range keys {
			msg := tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune(k)}
			switch k {
			case "right":
				msg = tea.KeyMsg{Type: tea.KeyRight}
			case "enter":
				msg = tea.KeyMsg{Type: tea.KeyEnter}
			}
			m, _ = m.Update(msg)
		}
	}
	press("right", "right", "right", "right", "right", "right")
	if v := m.View(); strings.Contains(v, "20 of 20") || !strings.Contains(v, "at most") {
		t.Errorf("after moving the cost\n%s", v)
	}
	if v := m.View(); !strings.Contains(v, "for the best quality") {
		t.Errorf("with a cost limited the quality is to be made best\n%s", v)
	}
	press("j", "j", "l")
	if v := m.View(); !strings.Contains(v, "for the least cost") {
		t.Errorf("with a quality asked for as well the cost is to be made least\n%s", v)
	}
	press("L", "L", "L", "L")
	if v := m.View(); !strings.Contains(v, "these limits") || !strings.Contains(v, "at least") {
		t.Errorf("after asking for the best score as well\n%s", v)
	}
	m, _ = m.Update(tea.WindowSizeMsg{Width: 10, Height: 3})
	_ = m.View() // a window of any size is drawn
	press("enter")
	end := m.(sliders)
	if l := end.limits(); !end.accepted || math.IsNaN(l[policy.Cost]) || math.IsNaN(l[policy.Quality]) || !math.IsNaN(l[policy.Carbon]) {
		t.Errorf("limits %+v, accepted %v", l, end.accepted)
	}
}
