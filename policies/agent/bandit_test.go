package agent

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/trilemma-bench/trilemma/policies/forecast"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

var nan32 = float32(math.NaN())

// skewed is what a router logged that mostly asked the model that was right: prompts are of two kinds, model k answers kind
// k, the third model four in ten of both. All scores are returned beside it.
func skewed(n int) (log *policy.Split, truth []float32) {
	r := policy.Stream(9, "skewed")
	log = &policy.Split{Outcomes: policy.Outcomes{Models: 3}}
	log.Prompts.Dim = 2
	o := &log.Outcomes
	for i := range n {
		kind := i % 2
		log.Prompts.ID = append(log.Prompts.ID, string(rune(i)))
		log.Prompts.Vector = append(log.Prompts.Vector, float32(kind), float32(1-kind))
		propensity := []float32{0.05, 0.05, 0.05}
		propensity[kind] = 0.9
		if kind == 1 {
			propensity = []float32{0.02, 0.9, 0.08}
		}
		chosen, u := 0, r.Float32()
		for u >= propensity[chosen] && chosen < 2 {
			u -= propensity[chosen]
			chosen++
		}
		for m := range 3 {
			score := float32(0)
			if m == kind || m == 2 && r.Float64() < 0.4 {
				score = 1
			}
			truth = append(truth, score)
			if m != chosen {
				o.Present, o.Figures[policy.Quality], o.Figures[policy.Cost], o.Propensity = append(o.Present, false), append(o.Figures[policy.Quality], nan32), append(o.Figures[policy.Cost], nan32), append(o.Propensity, nan32)
				continue
			}
			o.Present, o.Figures[policy.Quality] = append(o.Present, true), append(o.Figures[policy.Quality], score)
			o.Figures[policy.Cost], o.Propensity = append(o.Figures[policy.Cost], 0.01*float32(m+1)), append(o.Propensity, propensity[m])
		}
	}
	return log, truth
}

// What a log holds is kept, all of it and nothing else, and counts by 1/propensity: the router's habits, which made every
// model look right, do not reach the means.
func TestALogIsKeptAsItIs(t *testing.T) {
	const n = 4000
	log, truth := skewed(n)
	b := newBandit(log, 1, "test")
	for at, present := range log.Outcomes.Present {
		if b.kept[at] != present {
			t.Fatalf("outcome %d is logged %v, kept %v", at, present, b.kept[at])
		}
		if present && math.Abs(b.weight[at]*float64(log.Outcomes.Propensity[at])-1) > 1e-6 {
			t.Fatalf("outcome %d of propensity %v weighs %v", at, log.Outcomes.Propensity[at], b.weight[at])
		}
	}
	mean := b.means()
	var naive, count, want [3]float64
	for at, x := range truth {
		want[at%3] += float64(x) / n
		if b.kept[at] {
			naive[at%3] += float64(x)
			count[at%3]++
		}
	}
	for m := range 3 {
		if got := float64(mean.Row(policy.Quality, 0)[m]); math.Abs(got-want[m]) > 0.07 {
			t.Errorf("model %d has a mean score of %.3f, want %.3f as over all prompts", m, got, want[m])
		}
		if cost := mean.Row(policy.Cost, 0)[m]; math.Abs(float64(cost)-0.01*float64(m+1)) > 1e-6 {
			t.Errorf("model %d costs %v", m, cost)
		}
		if m < 2 && naive[m]/count[m] < want[m]+0.3 {
			t.Errorf("the log is not skewed: model %d has %.3f in it and %.3f over all", m, naive[m]/count[m], want[m])
		}
	}
	found := map[string]float64{}
	for _, x := range b.metrics() {
		found[x.Name] = x.Value
	}
	if found["log_outcomes"] != n || !(found["log_effective_share"] > 0.05 && found["log_effective_share"] < 0.5) || found["log_clipped_share"] != 0 {
		t.Errorf("the log is told as %v", found)
	}
}

// Of a prompt that nobody logged one model is drawn, evenly; a propensity more or less does not shift the draws of others.
func TestWithoutPropensitiesModelsAreDrawnEvenly(t *testing.T) {
	full := asked("even", 3000, 0)
	b := newBandit(full, 1, "test")
	var share [3]float64
	for i := range full.Len() {
		n := 0
		for m := range 3 {
			if b.kept[i*3+m] {
				n++
				share[m] += 1.0 / 3000
				if b.weight[i*3+m] != 3 {
					t.Fatalf("a model drawn of three weighs %v", b.weight[i*3+m])
				}
			}
		}
		if n != 1 {
			t.Fatalf("prompt %d keeps %d outcomes", i, n)
		}
	}
	for m, s := range share {
		if math.Abs(s-1.0/3) > 0.04 {
			t.Errorf("model %d is drawn %.3f of the time", m, s)
		}
	}
	if b.metrics() != nil || b.playable(b.means()) != full {
		t.Error("what was not logged is played or told as if it were")
	}
	some := *full
	some.Outcomes.Propensity = make([]float32, 9000)
	for at := range some.Outcomes.Propensity {
		some.Outcomes.Propensity[at] = nan32
	}
	some.Outcomes.Propensity[4] = 0.5
	other := newBandit(&some, 1, "test")
	for at := range b.kept {
		if row := at / 3; row != 1 && other.kept[at] != b.kept[at] {
			t.Fatalf("outcome %d is kept %v after another prompt was logged", at, other.kept[at])
		}
	}
	if !other.kept[4] || other.kept[3] || other.kept[5] || other.weight[4] != 2 {
		t.Errorf("the logged prompt keeps %v with weights %v", other.kept[3:6], other.weight[3:6])
	}
}

// Over the draws of the log, the outcome that is played is the true one, whatever the means and the propensities.
func TestPlayedOutcomesAreTheTruthInTheMean(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const models = 3
		var truth, p, total [models]float64
		for m := range models {
			truth[m] = rapid.Float64Range(0, 1).Draw(t, "score")
			p[m] = rapid.Float64Range(0.1, 1).Draw(t, "propensity")
			total[0] += p[m]
		}
		mean := forecast.NewExpected(1, models)
		for m := range models {
			p[m] /= total[0]
			mean.Row(policy.Quality, 0)[m] = float32(rapid.Float64Range(0, 1).Draw(t, "mean"))
		}
		var expected [models]float64
		for chosen := range models {
			s := &policy.Split{Outcomes: policy.Outcomes{Models: models}}
			s.Prompts.ID = []string{"x"}
			for m := range models {
				s.Outcomes.Present = append(s.Outcomes.Present, m == chosen)
				s.Outcomes.Figures[policy.Quality] = append(s.Outcomes.Figures[policy.Quality], float32(truth[m]))
				s.Outcomes.Propensity = append(s.Outcomes.Propensity, float32(p[m]))
			}
			played := newBandit(s, 1, "test").playable(mean)
			for m := range models {
				if !played.Outcomes.Present[m] {
					t.Fatalf("model %d cannot be played", m)
				}
				expected[m] += p[chosen] * float64(played.Outcomes.Figures[policy.Quality][m])
			}
		}
		for m := range models {
			if math.Abs(expected[m]-truth[m]) > 1e-4 {
				t.Errorf("model %d is played at %v in the mean, want %v", m, expected[m], truth[m])
			}
		}
	})
}

// A model that the log never tried cannot be played or expected; a weight beyond reason is clipped, and told.
func TestWhatALogDoesNotKnow(t *testing.T) {
	s := &policy.Split{Outcomes: policy.Outcomes{
		Models: 2, Present: []bool{true, false, true, false}, Figures: policy.Matrix{policy.Quality: {1, nan32, 0, nan32}, policy.Cost: {nan32, nan32, 2, nan32}}, Propensity: []float32{0.001, nan32, 1, nan32},
	}}
	s.Prompts.ID = []string{"x", "y"}
	b := newBandit(s, 1, "test")
	mean := b.means()
	if score := mean.Row(policy.Quality, 0); math.Abs(float64(score[0])-100.0/101) > 1e-6 || score[1] == score[1] {
		t.Errorf("mean scores %v, want 100/101 and unknown", score)
	}
	played := b.playable(mean)
	if p := played.Outcomes.Present; !p[0] || p[1] || !p[2] || p[3] {
		t.Errorf("playable are %v", p)
	}
	if cost := played.Outcomes.Figures[policy.Cost]; cost[0] != 2 || cost[2] != 2 {
		t.Errorf("costs %v, want the mean where none was logged", cost)
	}
	if s.Outcomes.Figures[policy.Quality][0] != 1 || s.Outcomes.Present[3] {
		t.Error("the log itself was changed")
	}
	for _, m := range b.metrics() {
		if m.Name == "log_clipped_share" && m.Value != 0.5 {
			t.Errorf("%v of the weights are clipped, want a half", m.Value)
		}
	}
}
