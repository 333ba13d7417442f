package metrics

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/trilemma-bench/trilemma/harness/pareto"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

var update = flag.Bool("update", false, "rewrite docs/intervals.md")

// A simWorld is a population of prompts whose every mean is known: categories with a probability for each model to be right,
// and a mean cost for each model.
type simWorld struct {
	right [][]float64 // [category][model]
	cost  []float64   // [model] mean cost
}

const simCategories = 14

// newSimWorld draws a world. In a ladder dearer models are better, each in its own categories; equal models differ in nothing
// but luck.
func newSimWorld(rng *rand.Rand, models int, equal bool) *simWorld {
	w := &simWorld{}
	base := make([]float64, models)
	for m := range models {
		rung := rng.Float64()
		w.cost = append(w.cost, 1e-3*math.Exp(4*rung))
		base[m] = 0.35 + 0.35*rung + 0.05*rng.NormFloat64()
		if equal {
			base[m], w.cost[m] = 0.6, 1e-2*math.Exp(0.2*rng.NormFloat64())
		}
	}
	for range simCategories {
		row := make([]float64, models)
		for m := range row {
			row[m] = base[m]
			if !equal {
				row[m] = min(max(base[m]+0.1*rng.NormFloat64(), 0.02), 0.98)
			}
		}
		w.right = append(w.right, row)
	}
	return w
}

// draw draws n prompts, as many of each category. Models are right together more often than by chance.
func (w *simWorld) draw(rng *rand.Rand, n int) (o Outcomes, category []int32) {
	o.Models = len(w.cost)
	for p := range n {
		c := p % simCategories
		category = append(category, int32(c))
		shared, length := rng.Float64(), math.Exp(0.5*rng.NormFloat64()-0.125)
		for m := range w.cost {
			u := shared
			if rng.Float64() < 0.5 {
				u = rng.Float64()
			}
			score := float32(0)
			if u < w.right[c][m] {
				score = 1
			}
			o.Figures[policy.Quality], o.Figures[policy.Cost] = append(o.Figures[policy.Quality], score), append(o.Figures[policy.Cost], float32(w.cost[m]*length))
		}
	}
	return o, category
}

// A simRule is one setting of a policy: for each category the share of each model.
type simRule [simCategories][]float64

func (w *simWorld) means(r simRule) policy.Figures {
	out := policy.Figures{policy.Carbon: math.NaN()}
	for c := range r {
		for m, s := range r[c] {
			out[policy.Quality] += s * w.right[c][m] / simCategories
			out[policy.Cost] += s * w.cost[m] / simCategories
		}
	}
	return out
}

func constantRule(models, m int) (r simRule) {
	for c := range r {
		r[c] = make([]float64, models)
		r[c][m] = 1
	}
	return r
}

// points routes by a policy's rules; selection prompts are drawn apart.
func (w *simWorld) points(rng *rand.Rand, rules []simRule, test Outcomes, testOf []int32, selection Outcomes, selectionOf []int32) []PromptPoint {
	route := func(r simRule, o Outcomes, of []int32) PromptPoint {
		choice := make([]int32, len(of))
		for p, c := range of {
			u := rng.Float64()
			for m, s := range r[c] {
				if u -= s; s > 0 && u <= 1e-12 {
					choice[p] = int32(m)
					break
				}
			}
		}
		e := evaluation{Input: Input{Outcomes: o}}
		return e.take(choice)
	}
	var out []PromptPoint
	for i, r := range rules {
		p, s := route(r, test, testOf), route(r, selection, selectionOf)
		p.Free = i == len(rules)-1
		p.Selection = &policy.Figures{policy.Quality: meanOf(s.Figures[policy.Quality]), policy.Cost: meanOf(s.Figures[policy.Cost]), policy.Carbon: math.NaN()}
		out = append(out, p)
	}
	return out
}

func meanOf(v []float32) (sum float64) {
	for _, x := range v {
		sum += float64(x)
	}
	return sum / float64(len(v))
}

// sweep are the settings of a router that believes in given chances: by category, or of each model alike where it is blind.
func (w *simWorld) sweep(believed [][]float64) []simRule {
	var out []simRule
	for k := range 16 {
		lambda := 0.0
		if k > 0 {
			lambda = 3 * math.Pow(1.7, float64(k))
		}
		var r simRule
		for c := range r {
			at, top := 0, math.Inf(-1)
			for m := range w.cost {
				if u := believed[c][m] - lambda*w.cost[m]; u > top {
					at, top = m, u
				}
			}
			r[c] = make([]float64, len(w.cost))
			r[c][at] = 1
		}
		out = append(out, r)
	}
	return out
}

func (w *simWorld) believe(rng *rand.Rand, blind bool) [][]float64 {
	out := make([][]float64, simCategories)
	overall := make([]float64, len(w.cost))
	for m := range overall {
		for c := range w.right {
			overall[m] += w.right[c][m] / simCategories
		}
		overall[m] += 0.03 * rng.NormFloat64()
	}
	for c := range out {
		out[c] = make([]float64, len(w.cost))
		for m := range w.cost {
			out[c][m] = overall[m]
			if !blind {
				out[c][m] = w.right[c][m] + 0.05*rng.NormFloat64()
			}
		}
	}
	return out
}

// mixes are the settings of a policy that deals models out at random, from nearly the cheapest to nearly the best.
func (w *simWorld) mixes(believed [][]float64) []simRule {
	var out []simRule
	for _, r := range w.sweep(believed) {
		var mixed simRule
		for c := range r {
			mixed[c] = make([]float64, len(w.cost))
			for m := range mixed[c] {
				mixed[c][m] = 0.8*r[c][m] + 0.2/float64(len(w.cost))
			}
		}
		out = append(out, mixed)
	}
	return out
}

// A coverage counts how often an interval holds the truth.
type coverage struct {
	what               string
	n, covered, better int
	bias, truth        float64
}

func (c *coverage) add(value, low, high, truth float64) {
	if math.IsNaN(value + low + high + truth) {
		return
	}
	c.n++
	if low <= truth && truth <= high {
		c.covered++
	}
	if low > 0 {
		c.better++
	}
	c.bias += value - truth
	c.truth += truth
}

func (c *coverage) share() float64 { return float64(c.covered) / float64(c.n) }

// curveTruth is what the settings that selection chose are worth in the population.
func curveTruth(points []PromptPoint, population []policy.Figures, anchorSelection, anchorPopulation policy.Figures, upTo float64) float64 {
	selection := make([]policy.Figures, len(points))
	for i, p := range points {
		selection[i] = *p.Selection
	}
	var l pareto.Line
	for _, v := range pareto.Vertices(selection, anchorSelection) {
		if v == pareto.Anchor {
			l = append(l, pareto.PointOf(anchorPopulation))
		} else {
			l = append(l, pareto.PointOf(population[v]))
		}
	}
	l.Sort()
	return l.Aiq(upTo)
}

// simulate measures coverage over worlds.
func simulate(t testing.TB, worlds, n, models, resamples int, equal bool) []*coverage {
	var out []*coverage
	at := map[string]*coverage{}
	of := func(what string) *coverage {
		if at[what] == nil {
			at[what] = &coverage{what: what}
			out = append(out, at[what])
		}
		return at[what]
	}
	for k := range worlds {
		rng := rand.New(rand.NewPCG(uint64(k), uint64(1000*n+models)))
		w := newSimWorld(rng, models, equal)
		test, testOf := w.draw(rng, n)
		selection, selectionOf := w.draw(rng, n/2)
		known, _ := w.draw(rng, 4*n)
		in := Input{Pool: "all", Outcomes: test, Stratum: testOf, Baseline: ZeroRouter, Resamples: resamples, Seed: uint64(k)}
		population := map[string][]policy.Figures{}
		for m := range models {
			column := func(o Outcomes) policy.Figures {
				e := evaluation{Input: Input{Outcomes: o}}
				p := e.take(always(int32(m), o.Len()))
				return policy.Figures{policy.Quality: meanOf(p.Figures[policy.Quality]), policy.Cost: meanOf(p.Figures[policy.Cost]), policy.Carbon: math.NaN()}
			}
			in.Known, in.Selection = append(in.Known, column(known)), append(in.Selection, column(selection))
			population[ZeroRouter] = append(population[ZeroRouter], w.means(constantRule(models, m)))
		}
		for _, p := range []struct {
			name  string
			rules []simRule
		}{
			{"router", w.sweep(w.believe(rng, false))}, {"twin", w.sweep(w.believe(rng, false))},
			{"blind", w.sweep(w.believe(rng, true))}, {"shuffle", w.mixes(w.believe(rng, true))},
		} {
			points := w.points(rng, p.rules, test, testOf, selection, selectionOf)
			for _, r := range p.rules {
				population[p.name] = append(population[p.name], w.means(r))
			}
			in.Subjects = append(in.Subjects, Subject{Name: p.name, Curves: []Curve{{Points: points}}})
		}
		// The oracle is not asked for here, and takes long.
		in.Subjects = append(in.Subjects, Subject{Name: Oracle, Role: RoleOracle, Curves: in.Subjects[0].Curves})
		table, err := Evaluate(in)
		if err != nil {
			t.Fatal(err)
		}
		cheapest, dearest := 0, 0
		for m, x := range in.Known {
			if x[policy.Cost] < in.Known[cheapest][policy.Cost] {
				cheapest = m
			}
			if x[policy.Cost] > in.Known[dearest][policy.Cost] {
				dearest = m
			}
		}
		singles := population[ZeroRouter]
		upTo := singles[dearest][policy.Cost]
		zero := make([]PromptPoint, models)
		for m := range zero {
			zero[m].Selection = &in.Known[m]
		}
		area, peak, best := map[string]float64{}, map[string]float64{}, map[string]float64{}
		area[ZeroRouter] = curveTruth(zero, singles, in.Known[cheapest], singles[cheapest], upTo)
		for _, s := range in.Subjects[:4] {
			points := s.Curves[0].Points
			area[s.Name] = curveTruth(points, population[s.Name], in.Selection[cheapest], singles[cheapest], upTo)
			top := 0
			for i, p := range points {
				q := points[top].Selection
				if p.Selection[policy.Quality] > q[policy.Quality] || p.Selection[policy.Quality] == q[policy.Quality] && p.Selection[policy.Cost] < q[policy.Cost] {
					top = i
				}
			}
			peak[s.Name] = population[s.Name][top][policy.Quality]
		}
		for name, means := range population {
			var points []pareto.Point
			for _, x := range means {
				points = append(points, pareto.PointOf(x))
			}
			best[name], _ = pareto.AIQ(points, table.row(name, "aiq_hindsight").MaxCostUSD)
		}
		value := func(what, name, metric string, truth float64) {
			r := table.row(name, metric)
			of(what).add(r.Value, r.Low, r.High, truth)
		}
		value("AIQ of a router", "router", "aiq_pool", area["router"])
		value("AIQ of a blind policy", "blind", "aiq_pool", area["blind"])
		value("AIQ of the Zero router", ZeroRouter, "aiq_pool", area[ZeroRouter])
		value("peak of a router", "router", "quality_max", peak["router"])
		value("peak of a blind policy", "blind", "quality_max", peak["blind"])
		for _, p := range table.Pairs {
			if p.A != "router" || p.B != "twin" {
				continue
			}
			truth := map[string]float64{"aiq_pool": area["router"] - area["twin"], "quality_max": peak["router"] - peak["twin"]}[p.Metric]
			of("difference of "+map[string]string{"aiq_pool": "AIQ", "quality_max": "peaks"}[p.Metric]+", two routers").add(p.Diff, p.Low, p.High, truth)
		}
		for _, name := range []string{"blind", "shuffle"} {
			r := table.row(name, "aiq_pool")
			of("AIQ, "+name+" policy − Zero router").add(r.Diff, r.DiffLow, r.DiffHigh, area[name]-area[ZeroRouter])
		}
		value("AIQ in hindsight of a blind policy", "blind", "aiq_hindsight", best["blind"])
		value("AIQ in hindsight of the Zero router", ZeroRouter, "aiq_hindsight", best[ZeroRouter])
		r := table.row("blind", "aiq_hindsight")
		of("AIQ in hindsight, blind policy − Zero router").add(r.Diff, r.DiffLow, r.DiffHigh, best["blind"]-best[ZeroRouter])
	}
	return out
}

// TestIntervalsCover simulates worlds whose every mean is known and counts how often the intervals hold the truth. With
// TRILEMMA_FULL=1 it takes 300 worlds of each kind; with -update it writes what it found to docs/intervals.md.
func TestIntervalsCover(t *testing.T) {
	type kind struct {
		n, models int
		equal     bool
	}
	kinds := []kind{{400, 8, false}, {1500, 8, false}, {400, 100, false}, {1500, 100, false}, {400, 8, true}, {1500, 8, true}}
	worlds, resamples := 300, 600
	if os.Getenv("TRILEMMA_FULL") == "" && !*update {
		worlds, resamples, kinds = 50, 400, kinds[:1]
	}
	// Three standard errors of a share of 95 %.
	slack := 3 * math.Sqrt(0.95*0.05/float64(worlds))
	var text strings.Builder
	for _, k := range kinds {
		name := fmt.Sprintf("%d prompts, %d models", k.n, k.models)
		if k.equal {
			name += ", all equal"
		}
		fmt.Fprintf(&text, "\n| %s | covered | bias | truth | above zero |\n| --- | --- | --- | --- | --- |\n", name)
		for _, c := range simulate(t, worlds, k.n, k.models, resamples, k.equal) {
			above := ""
			if strings.Contains(c.what, "−") || strings.Contains(c.what, "difference") {
				above = fmt.Sprintf("%.1f %%", 100*float64(c.better)/float64(c.n))
			}
			fmt.Fprintf(&text, "| %s | %.1f %% | %+.4f | %.3f | %s |\n", c.what, 100*c.share(), c.bias/float64(c.n), c.truth/float64(c.n), above)
			if strings.Contains(c.what, "hindsight") {
				continue
			}
			if c.share() < 0.95-slack || c.n < worlds*9/10 {
				t.Errorf("%s: %s is covered in %.1f %% of %d worlds, want 95", name, c.what, 100*c.share(), c.n)
			}
			if strings.Contains(c.what, "Zero router") && strings.Contains(c.what, "−") && float64(c.better)/float64(c.n) > 0.05+slack {
				t.Errorf("%s: %s is above zero in %.1f %% of worlds, want at most 5", name, c.what, 100*float64(c.better)/float64(c.n))
			}
		}
	}
	t.Log(text.String())
	if *update {
		page := fmt.Sprintf(intervalsPage, worlds) + text.String()
		if err := os.MkdirAll("../../docs", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile("../../docs/intervals.md", []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

const intervalsPage = `# How often the intervals cover

Worlds are simulated whose every mean is known: 14 categories, models of different cost and quality (or all equal), two
routers that know the categories, a policy that knows models but no prompts (*blind*), and one that deals models out at random
(*shuffle*). In each of %d worlds the metrics are computed as a run does, from selection prompts (half as many as test) and
test prompts, and compared with what the chosen settings are worth in the population. Nominal coverage is 95 %%; of a
share of 95 %% over 300 worlds the standard error is 1.3 points. *Bias* is the mean of value − truth. *Above zero* is how often
the interval of a difference lies wholly above it: for a policy that knows nothing of prompts it should be at most 5 %%, and
2.5 %% where it is exactly the Zero router's equal.

The rows *in hindsight* take the best of the test points, as published tools do; their truth is the hull over the population.

    go test ./harness/metrics -run TestIntervalsCover -update -timeout 60m
`
