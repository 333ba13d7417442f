package recommend

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/trilemma-bench/trilemma/harness/stats"
	"github.com/trilemma-bench/trilemma/harness/store"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// full tells whether the long versions of simulations are asked for.
var full = os.Getenv("TRILEMMA_FULL") == "1"

// world is made-up policies, each swept over settings, of which the true means are known. What a setting comes to on a prompt
// is correlated with what others come to on it, most with those of the same policy; costs are skewed.
type world struct {
	quality, cost []float64 // true means, by setting
	owner         []int     // policy
	turn          []float64 // a standard normal is below it with the probability of the quality
	graded        bool      // scores between 0 and 1 instead of one or the other
}

func makeWorld(rng *rand.Rand, policies, settings int, graded bool) *world {
	w := &world{graded: graded}
	for p := range policies {
		best, low, factor := 0.65+0.1*rng.Float64(), 0.2+0.2*rng.Float64(), math.Exp(rng.NormFloat64()/4)
		for s := range settings {
			x := float64(s) / float64(settings-1)
			w.quality = append(w.quality, low+(best-low)*(1-math.Exp(-3*x))/(1-math.Exp(-3)))
			w.turn = append(w.turn, distuv.UnitNormal.Quantile(w.quality[len(w.quality)-1]))
			w.cost = append(w.cost, factor*math.Exp(-3+4*x))
			w.owner = append(w.owner, p)
		}
	}
	return w
}

// draw gives the choices as n selection prompts show them.
func (w *world) draw(rng *rand.Rand, n int) *Choices {
	policies := w.owner[len(w.owner)-1] + 1
	scores, costs := make([][]float64, len(w.quality)), make([][]float64, len(w.quality))
	hard, dear := make([]float64, policies), make([]float64, policies)
	for range n {
		z, y := rng.NormFloat64(), rng.NormFloat64()
		for p := range policies {
			hard[p], dear[p] = 0.6*z+0.6*rng.NormFloat64(), 0.7*y+0.5*rng.NormFloat64()
		}
		for j, p := range w.owner {
			// 0.6² + 0.6² + 0.28 = 1 and 0.7² + 0.5² + 0.26 = 1: the sums are standard normal.
			u := hard[p] + math.Sqrt(0.28)*rng.NormFloat64()
			score := 0.0
			switch {
			case w.graded:
				score = math.Pow(distuv.UnitNormal.CDF(u), 1/w.quality[j]-1) // its mean is the quality
			case u < w.turn[j]:
				score = 1
			}
			scores[j] = append(scores[j], score)
			costs[j] = append(costs[j], w.cost[j]*math.Exp(dear[p]+math.Sqrt(0.26)*rng.NormFloat64()-0.5))
		}
	}
	c := &Choices{Pool: "all", Run: &store.Run{}}
	for j := range w.quality {
		half := func(lo, hi int) store.Moments {
			return store.Moments{policy.Quality: stats.MomentsOf(scores[j][lo:hi]), policy.Cost: stats.MomentsOf(costs[j][lo:hi])}
		}
		x := Choice{Ref: store.Ref{ID: fmt.Sprintf("%08x", j), Policy: fmt.Sprint(w.owner[j])}, Order: half(0, n/2), Check: half(n/2, n)}
		x.Selection = store.Point{Preference: fmt.Sprint(j), N: n, Coverage: 1, Figures: policy.Figures{policy.Quality: x.all(policy.Quality).Mean, policy.Cost: x.all(policy.Cost).Mean}}
		x.Test = store.Point{Preference: fmt.Sprint(j), Figures: policy.Figures{policy.Quality: w.quality[j], policy.Cost: w.cost[j]}} // the truth
		c.List = append(c.List, x)
	}
	return c
}

// judge draws n test prompts for setting j and says whether they keep the limits.
func (w *world) judge(rng *rand.Rand, j, n int, l Limits) Verdict {
	scores, costs := make([]float64, n), make([]float64, n)
	for i := range n {
		u := rng.NormFloat64()
		if w.graded {
			scores[i] = math.Pow(distuv.UnitNormal.CDF(u), 1/w.quality[j]-1)
		} else if u < w.turn[j] {
			scores[i] = 1
		}
		costs[i] = w.cost[j] * math.Exp(rng.NormFloat64()-0.5)
	}
	return Judge(l, &store.Moments{policy.Quality: stats.MomentsOf(scores), policy.Cost: stats.MomentsOf(costs)})
}

func (w *world) limits(rng *rand.Rand) Limits {
	l := None()
	kind := rng.IntN(3)
	if kind != 1 {
		l[policy.Cost] = math.Exp(-2.3 + 2.3*rng.Float64())
	}
	if kind != 0 {
		l[policy.Quality] = 0.45 + 0.2*rng.Float64()
	}
	return l
}

// What is recommended with a confidence keeps its limits in truth: over random worlds the promise is broken in no more than
// one of twenty. The setting that is best by its means breaks it about every second time, so that the test would notice. A test
// of twice as many prompts keeps the limit within its 95 % interval as often as that says.
func TestPromiseIsKept(t *testing.T) {
	worlds, sizes := 120, []int{100, 300}
	if full {
		worlds, sizes = 1000, []int{60, 100, 300, 1000}
	}
	for _, n := range sizes {
		for _, graded := range []bool{false, true} {
			rng := policy.Stream(uint64(n), "guarantee", fmt.Sprint(graded))
			var broken, naive, picked, possible, asked int
			var tally Tally
			for range worlds {
				w := makeWorld(rng, 5, 30, graded)
				c := w.draw(rng, n)
				q := Request{Limits: w.limits(rng), Objective: Auto}
				for i := range c.List {
					if q.all(&c.List[i].Test, Auto) {
						possible++
						break
					}
				}
				if r := c.Pick(q); r.Choice != nil {
					picked++
					if !q.all(&r.Choice.Test, Auto) {
						broken++
					}
					j := slices.IndexFunc(c.List, func(x Choice) bool { return x.Ref.ID == r.Choice.Ref.ID })
					tally.add(true, w.judge(rng, j, 2*n, q.Limits))
				}
				if x := c.byMeans(q); x != nil {
					asked++
					if !q.all(&x.Test, Auto) {
						naive++
					}
				}
			}
			t.Logf("n = %d, graded %v: %d of %d promises broken (%.1f %%), by the means %d of %d (%.1f %%); something recommended in %d of %d worlds where something keeps the limits",
				n, graded, broken, picked, percent(broken, picked), naive, asked, percent(naive, asked), picked, possible)
			t.Logf("n = %d, graded %v: %v", n, graded, tally)
			// Three standard errors of a share of 5 %.
			if most := 5 + 300*math.Sqrt(0.05*0.95/float64(picked)); percent(broken, picked) > most {
				t.Errorf("n = %d, graded %v: %.1f %% of promises are broken, want at most %.1f %%", n, graded, percent(broken, picked), most)
			}
			if least := 95 - 300*math.Sqrt(0.05*0.95/float64(picked)); percent(tally.Within, picked) < least {
				t.Errorf("n = %d, graded %v: test keeps %.1f %% of limits within its interval, want at least %.1f %%", n, graded, percent(tally.Within, picked), least)
			}
			if percent(naive, asked) < 15 { // three times what is promised
				t.Errorf("n = %d, graded %v: by the means alone only %.1f %% are broken: the test has no power", n, graded, percent(naive, asked))
			}
			if n >= 100 && 2*picked < possible {
				t.Errorf("n = %d, graded %v: something is recommended in %d of %d worlds: that keeps promises by making none", n, graded, picked, possible)
			}
		}
	}
}

func percent(k, n int) float64 { return 100 * float64(k) / float64(n) }

// Each test on its own rejects a limit that is just broken in no more than one of twenty samples.
func TestTestsKeepTheirLevel(t *testing.T) {
	draws := 2000
	if full {
		draws = 40000
	}
	lognormal := func(sigma float64) func(*rand.Rand) float64 {
		return func(r *rand.Rand) float64 { return math.Exp(sigma*r.NormFloat64() - sigma*sigma/2) }
	}
	for _, tc := range []struct {
		name  string
		kind  policy.Quantity
		limit float64
		draw  func(*rand.Rand) float64
		// most is the level that is allowed: heavy tails are told by few prompts only so far.
		most map[int]float64
	}{
		{"shares", policy.Quality, 0.7, func(r *rand.Rand) float64 { return float64(boolean(r.Float64() < 0.7)) }, map[int]float64{20: 0.05, 60: 0.05, 400: 0.05}},
		{"rare failures", policy.Quality, 0.98, func(r *rand.Rand) float64 { return float64(boolean(r.Float64() < 0.98)) }, map[int]float64{20: 0.05, 60: 0.05, 400: 0.05}},
		{"grades", policy.Quality, 0.5, func(r *rand.Rand) float64 { return r.Float64() }, map[int]float64{20: 0.05, 60: 0.05, 400: 0.05}},
		{"skewed grades", policy.Quality, 0.75, func(r *rand.Rand) float64 { return 1 - math.Pow(r.Float64(), 3) }, map[int]float64{20: 0.05, 60: 0.06, 400: 0.055}},
		{"even costs", policy.Cost, 1, lognormal(0.3), map[int]float64{20: 0.055, 60: 0.05, 400: 0.05}},
		{"skewed costs", policy.Cost, 1, lognormal(1), map[int]float64{60: 0.08, 400: 0.065}},
	} {
		for n, most := range tc.most {
			rng := policy.Stream(uint64(n), "level", tc.name)
			rejected := 0
			x := make([]float64, n)
			for range draws {
				for i := range x {
					x[i] = tc.draw(rng)
				}
				if pvalue(tc.kind, stats.MomentsOf(x), tc.limit) <= 0.05 {
					rejected++
				}
			}
			level := float64(rejected) / float64(draws)
			t.Logf("%s, n = %d: %.3f", tc.name, n, level)
			if level > most+3*math.Sqrt(most*(1-most)/float64(draws)) {
				t.Errorf("%s, n = %d: rejects in %.3f of samples, want at most %.3f", tc.name, n, level, most)
			}
		}
	}
}

// The bound is where the test turns, and the p-values agree with published ones.
func TestPValues(t *testing.T) {
	share := stats.Moments{N: 10, Mean: 0.8, SD: math.Sqrt(0.16 * 10 / 9)}
	// P(X ≥ 8), X ~ Bin(10, 0.5) = (45 + 10 + 1)/1024.
	if p := pvalue(policy.Quality, share, 0.5); math.Abs(p-56.0/1024) > 1e-12 || methodOf(policy.Quality, share) != Binomial {
		t.Errorf("8 of 10 against one half: p = %v by %s, want %v", p, methodOf(policy.Quality, share), 56.0/1024)
	}
	// Clopper–Pearson, one-sided 95 %: 0.4931 for 8 of 10.
	if b := bound(policy.Quality, share, 0.05); math.Abs(b-0.4931) > 1e-4 {
		t.Errorf("8 of 10 are at least %v, want 0.4931", b)
	}
	// Without skewness it is Student's t: 2.0 on 99 degrees of freedom.
	cost := stats.Moments{N: 100, Mean: 0.8, SD: 1}
	if p := pvalue(policy.Cost, cost, 1); math.Abs(p-0.02411985) > 1e-6 {
		t.Errorf("t = -2 gives p = %v", p)
	}
	if b := bound(policy.Cost, cost, 0.05); math.Abs(b-0.96604) > 1e-4 { // 0.8 + 1.66039/10
		t.Errorf("bound %v, want 0.96604", b)
	}
	for _, m := range []stats.Moments{share, cost, {N: 30, Mean: 1}, {N: 200, Mean: 0.9, SD: 0.2, Skewness: -2}, {N: 200, Mean: 3, SD: 9, Skewness: 6}} {
		for _, k := range []policy.Quantity{policy.Quality, policy.Cost} {
			b := bound(k, m, 0.05)
			if k == policy.Quality && m.Mean > 1 {
				continue
			}
			if p := pvalue(k, m, b); p > 0.05+1e-9 {
				t.Errorf("%s %+v: the bound %v has p = %v", k, m, b, p)
			}
		}
	}
	if p := pvalue(policy.Cost, stats.Moments{N: 40}, 0); p != 0 {
		t.Errorf("a free model costs at most nothing: p = %v", p)
	}
	if p := pvalue(policy.Cost, stats.Moments{N: 40, Mean: math.NaN()}, 1); p != 1 {
		t.Errorf("an unknown cost proves p = %v", p)
	}
}
