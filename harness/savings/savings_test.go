package savings

import (
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// A world of models whose true quality and emissions are known. Prompts are of two kinds, hard and easy, that a policy may
// tell apart; how long answers are differs from prompt to prompt.
type world struct {
	quality, grams []float64 // true means, [models]
	rng            *rand.Rand
}

func newWorld(seed uint64, models int) *world {
	w := &world{rng: rand.New(rand.NewPCG(seed, 7))}
	for m := range models {
		w.quality = append(w.quality, 0.45+0.3*float64(m)/float64(models)+0.05*w.rng.Float64())
		w.grams = append(w.grams, math.Exp(0.5*float64(m)+0.5*w.rng.NormFloat64()))
	}
	return w
}

type prompts struct {
	hard  []bool
	score [][]float32 // [model][prompt]
	grams [][]float32
}

// hardship is what a hard prompt takes off a model's chance, and an easy one adds.
const hardship = 0.2

func (w *world) draw(n int) *prompts {
	p := &prompts{score: make([][]float32, len(w.quality)), grams: make([][]float32, len(w.quality))}
	for range n {
		hard := w.rng.IntN(2) == 0
		p.hard = append(p.hard, hard)
		luck, long := w.rng.Float64(), math.Exp(0.5*w.rng.NormFloat64()-0.125)
		for m := range w.quality {
			chance := w.quality[m] + hardship
			if hard {
				chance -= 2 * hardship
			}
			// Models agree on most prompts, as they do.
			own := luck
			if w.rng.IntN(3) == 0 {
				own = w.rng.Float64()
			}
			var score float32
			if own < chance {
				score = 1
			}
			p.score[m] = append(p.score[m], score)
			p.grams[m] = append(p.grams[m], float32(w.grams[m]*long))
		}
	}
	return p
}

// spent is what a way of answering took that asks model of(i) for prompt i.
func (p *prompts) spent(of func(i int) int) Spent {
	var s Spent
	by := map[int]*Emitted{}
	for i := range p.hard {
		m := of(i)
		s.Score = append(s.Score, p.score[m][i])
		s.CostUSD = append(s.CostUSD, p.grams[m][i]/100)
		s.LatencySec = append(s.LatencySec, 1)
		if by[m] == nil {
			by[m] = &Emitted{Factor: m}
		}
		by[m].Prompt, by[m].G = append(by[m].Prompt, int32(i)), append(by[m].G, p.grams[m][i])
	}
	for m := range p.score {
		if by[m] != nil {
			s.Carbon = append(s.Carbon, *by[m])
		}
	}
	return s
}

func always(m int) func(int) int { return func(int) int { return m } }

// front finds the models of blind mixes on prompts drawn for it.
func (w *world) front(known *prompts) []int {
	list := make([]Known, len(w.quality))
	for m := range list {
		var q, g float64
		for i := range known.hard {
			q, g = q+float64(known.score[m][i]), g+float64(known.grams[m][i])
		}
		list[m] = Known{q / float64(len(known.hard)), g / float64(len(known.hard))}
	}
	return Front(list)
}

func compare(t testing.TB, test *prompts, policy Spent, base int, front []int, factors [][]float64) Result {
	t.Helper()
	in := Input{Policy: []Spent{policy}, Base: test.spent(always(base)), Factors: factors, Resamples: len(factors[0]), Seed: 1}
	for _, m := range front {
		in.Front = append(in.Front, test.spent(always(m)))
	}
	r, err := Compare(in)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func names(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = string(rune('a' + i))
	}
	return out
}

// A policy that decides without looking at the prompt saves nothing over mixing blindly: it is said to in no more worlds
// than an interval of 95 % allows, whatever it mixes.
func TestBlindPoliciesSaveNothingOverTheBlindMix(t *testing.T) {
	const worlds, models, resamples = 400, 6, 300
	for _, c := range []struct {
		name string
		of   func(w *world, front []int) func(int) int
	}{
		{"two neighbours of the true front", func(w *world, _ []int) func(int) int {
			list := make([]Known, models)
			for m := range list {
				list[m] = Known{w.quality[m], w.grams[m]}
			}
			best := Front(list)
			k := w.rng.IntN(max(1, len(best)-1))
			share := w.rng.Float64()
			return func(int) int {
				if k+1 < len(best) && w.rng.Float64() < share {
					return best[k+1]
				}
				return best[k]
			}
		}},
		{"any model", func(w *world, _ []int) func(int) int { return func(int) int { return w.rng.IntN(models) } }},
		{"a corner of the front that is known", func(w *world, front []int) func(int) int { return always(front[w.rng.IntN(len(front))]) }},
	} {
		saves, savesBoth := 0, 0
		for k := range worlds {
			w := newWorld(uint64(k), models)
			front := w.front(w.draw(1600))
			test := w.draw(400)
			r := compare(t, test, test.spent(c.of(w, front)), front[len(front)-1], front, Factors(uint64(k), names(models), 0.63, resamples))
			if r.OverBlind.Verdict() == Saves {
				saves++
			}
			if r.OverBlind.Both.Verdict() == Saves {
				savesBoth++
			}
		}
		t.Logf("%s: %d of %d, with the estimate's error %d", c.name, saves, worlds, savesBoth)
		if saves > worlds*5/100 || savesBoth > worlds*5/100 {
			t.Errorf("%s: saves over the blind mix in %d (and %d) of %d worlds, want at most 5 %%", c.name, saves, savesBoth, worlds)
		}
	}
}

// A policy that tells hard prompts from easy ones saves what it saves in truth: intervals cover it in 95 % of worlds, the
// one by the estimate of energy what the estimate is wrong by.
func TestSavingsAreCovered(t *testing.T) {
	const worlds, models, resamples, sd = 400, 4, 400, 0.63
	var prompt, both, diff int
	for k := range worlds {
		w := newWorld(uint64(k), models)
		base := models - 1
		test := w.draw(400)
		route := func(i int) int {
			if test.hard[i] {
				return base
			}
			return 0
		}
		r := compare(t, test, test.spent(route), base, nil, Factors(uint64(k), names(models), sd, resamples))
		truth := 1 - (w.grams[base]+w.grams[0])/2/w.grams[base]
		if r.Carbon.Low <= truth && truth <= r.Carbon.High {
			prompt++
		}
		// The same, had each model's estimate been off by a factor of its own.
		off := [2]float64{math.Exp(sd * w.rng.NormFloat64()), math.Exp(sd * w.rng.NormFloat64())}
		truth = 1 - (w.grams[base]*off[0]+w.grams[0]*off[1])/2/(w.grams[base]*off[0])
		if r.Carbon.Both.Low <= truth && truth <= r.Carbon.Both.High {
			both++
		}
		truth = (w.quality[0] - w.quality[base]) / 2
		if r.QualityDiff.Low <= truth && truth <= r.QualityDiff.High {
			diff++
		}
	}
	t.Logf("covered of %d: by prompts %d, with the estimate %d, quality %d", worlds, prompt, both, diff)
	for _, c := range []struct {
		what string
		n    int
	}{{"carbon saved, by prompts", prompt}, {"carbon saved, by prompts and the estimate", both}, {"quality difference", diff}} {
		if c.n < worlds*92/100 || c.n > worlds*98/100 {
			t.Errorf("%s: the interval covers the truth in %d of %d worlds, want 95 %%", c.what, c.n, worlds)
		}
	}
}

func TestSeedsAreResampled(t *testing.T) {
	w := newWorld(1, 3)
	test := w.draw(400)
	in := Input{Base: test.spent(always(2)), Factors: Factors(1, names(3), 0, 1000), Resamples: 1000, Seed: 1}
	width := func(policy ...Spent) float64 {
		in.Policy = policy
		r, err := Compare(in)
		if err != nil {
			t.Fatal(err)
		}
		return r.Carbon.High - r.Carbon.Low
	}
	clean, dirty := test.spent(always(0)), test.spent(always(1))
	if same, apart := width(clean, clean, clean), width(clean, dirty, clean); apart < 2*same {
		t.Errorf("seeds that differ give an interval %v wide, equal ones %v", apart, same)
	}
}

func TestMeasuredEmissionsCarryNoError(t *testing.T) {
	w := newWorld(1, 2)
	test := w.draw(100)
	policy, base := test.spent(always(0)), test.spent(always(1))
	for _, s := range []*Spent{&policy, &base} {
		for i := range s.Carbon {
			s.Carbon[i].Factor = Exact
		}
	}
	r, err := Compare(Input{Policy: []Spent{policy}, Base: base, Resamples: 200, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	if r.Carbon.Model.Low != r.Carbon.Value || r.Carbon.Model.High != r.Carbon.Value || r.Carbon.Both != r.Carbon.Interval {
		t.Errorf("measured emissions vary with the estimate: %+v", r.Carbon)
	}
}

// One model against itself saves nothing, whatever its estimate is off by.
func TestErrorsOfOneModelCancel(t *testing.T) {
	w := newWorld(1, 2)
	test := w.draw(100)
	r := compare(t, test, test.spent(always(1)), 1, []int{0, 1}, Factors(1, names(2), 0.63, 200))
	if r.Carbon.Both != (Interval{}) || r.Carbon.Value != 0 || r.QualityDiff.Interval != (Interval{}) {
		t.Errorf("a model saves %+v against itself", r.Carbon)
	}
}

func TestFewPromptsHaveNoInterval(t *testing.T) {
	w := newWorld(1, 2)
	test := w.draw(5)
	r := compare(t, test, test.spent(always(0)), 1, nil, Factors(1, names(2), 0.63, 200))
	if math.IsNaN(r.Carbon.Value) || !math.IsNaN(r.Carbon.Low) || !math.IsNaN(r.Carbon.Both.High) || r.N != 5 {
		t.Errorf("five prompts give %+v, want a value without interval", r.Carbon)
	}
}

func TestJudge(t *testing.T) {
	for _, c := range []struct {
		low, high float64
		want      Verdict
	}{{-0.009, 0.02, NonInferior}, {-0.02, 0.02, NotShown}, {-0.03, -0.011, Worse}, {-0.03, -0.005, NotShown}, {math.NaN(), math.NaN(), NotShown}, {-0.01, 0, NotShown}} {
		if got := Judge(Interval{c.low, c.high}, 0.01); got != c.want {
			t.Errorf("[%v, %v] with a margin of 0.01: %s, want %s", c.low, c.high, got, c.want)
		}
	}
}

func TestMix(t *testing.T) {
	nan := math.NaN()
	models := []Known{{0.5, 2}, {0.4, 1}, {0.55, 6}, {0.7, 5}, {0.6, 4}, {nan, 0}, {0.9, nan}}
	front := Front(models)
	if len(front) != 3 || front[0] != 1 || front[1] != 0 || front[2] != 3 {
		t.Fatalf("front %v, want 1, 0, 3: (0.6, 4) lies below the line, (0.55, 6) is beaten", front)
	}
	known := []Known{models[1], models[0], models[3]}
	for _, c := range []struct {
		quality float64
		want    Mix
		ok      bool
	}{{0.3, Mix{0, -1, 0}, true}, {0.4, Mix{0, -1, 0}, true}, {0.45, Mix{0, 1, 0.5}, true}, {0.7, Mix{2, -1, 0}, true}, {0.71, Mix{}, false}} {
		got, ok := MixAt(known, c.quality)
		if ok != c.ok || got.First != c.want.First || got.Second != c.want.Second || math.Abs(got.SecondShare-c.want.SecondShare) > 1e-9 {
			t.Errorf("mix of quality %v: %+v, %v, want %+v", c.quality, got, ok, c.want)
		}
	}
	if got := MixCarbon([]float64{0.4, 0.5, 0.7}, []float64{1, 2, 5}, 0.6); math.Abs(got-3.5) > 1e-9 {
		t.Errorf("half of the second, half of the third emit %v, want 3.5", got)
	}
	if got := MixCarbon([]float64{0.4, 0.5}, []float64{1, 2}, 0.9); got != 2 {
		t.Errorf("above the front a mix emits %v, want the last model's 2", got)
	}
}

// No mix of single models lies above the front, and no point of the front is beaten.
func TestFrontBoundsEveryMix(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 12).Draw(t, "models")
		models := make([]Known, n)
		var q, g, total float64
		for i := range models {
			models[i] = Known{rapid.Float64Range(0, 1).Draw(t, "quality"), rapid.Float64Range(0.1, 10).Draw(t, "grams")}
			share := rapid.Float64Range(0, 1).Draw(t, "share")
			q, g, total = q+share*models[i].Quality, g+share*models[i].CarbonG, total+share
		}
		if total == 0 {
			return
		}
		var quality, grams []float64
		for _, m := range Front(models) {
			quality, grams = append(quality, models[m].Quality), append(grams, models[m].CarbonG)
		}
		if mixed := MixCarbon(quality, grams, q/total); mixed > g/total*(1+1e-9) {
			t.Fatalf("a mix of quality %v emits %v, the front's of the same %v", q/total, g/total, mixed)
		}
	})
}
