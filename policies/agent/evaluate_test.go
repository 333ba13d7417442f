package agent

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/trilemma-bench/trilemma/policies/policy"
)

// A check is the mean over prompts of the utility of what the greedy agent does, each preference scaled by its spread and
// weighed by its stretch of the front.
func TestACheckIsTheGreedyUtility(t *testing.T) {
	c := small()
	c.Mode = "one-shot"
	c.MaxAsks = 1
	s, datasets, shape := laid(t, &c, taskOf(asked("train", 60, 0), asked("validation", 40, 0)))
	k, err := newEvaluator(&c, s, sweep, datasets[1])
	if err != nil {
		t.Fatal(err)
	}
	net := actorOf(t, shape)
	clear(net.Weights) // the base alone decides: the model of the highest expected utility
	got, err := k.play(t.Context(), net, policy.Preference{})
	if err != nil {
		t.Fatal(err)
	}
	o := &datasets[1].split.Outcomes
	chosen := make([]int, len(sweep))
	spent := make([]policy.Figures, len(sweep))
	for j, p := range sweep {
		chosen[j] = s.Overall.Choose(0, p)
		for i := range 40 {
			spent[j][policy.Cost] += float64(o.Figures[policy.Cost][i*3+chosen[j]]) / 40
			spent[j][policy.Latency] += float64(o.Figures[policy.Latency][i*3+chosen[j]]) / 40
		}
	}
	if chosen[0] == chosen[2] {
		t.Fatalf("the sweep chooses %v: it tests nothing", chosen)
	}
	weight := frontWeights(spent, [policy.NumQuantities]bool{policy.Cost: true, policy.Latency: true})
	for i, u := range got {
		want := 0.0
		for j, p := range sweep {
			at := i*3 + chosen[j]
			want += weight[j] * float64(k.scale[j]) * p.Utility(o.Figures.At(at))
		}
		if math.Abs(u-want) > 1e-4 {
			t.Fatalf("prompt %d comes to %v, want %v", i, u, want)
		}
	}
	// The weights stay those of the first agent, or two agents could not be compared.
	before := k.weight[0]
	if _, err := k.play(t.Context(), net, policy.Preference{policy.Cost: 1e6}); err != nil || k.weight[0] != before {
		t.Errorf("the weight of a preference goes from %v to %v (%v)", before, k.weight[0], err)
	}
}

// Checks are on prompts that all models answered, as far as there are any; models that nothing is known of do not count.
func TestChecksAreOnPromptsThatAllAnswered(t *testing.T) {
	c := small()
	validation := asked("validation", 50, 0)
	gone := func(i, m int) {
		validation.Outcomes.Present[i*3+m], validation.Outcomes.Figures[policy.Quality][i*3+m] = false, nan32
	}
	for i := range 20 {
		gone(i, i%3)
	}
	prompts := func(train *policy.Split) []int32 {
		s, datasets, _ := laid(t, &c, taskOf(train, validation))
		k, err := newEvaluator(&c, s, sweep, datasets[1])
		if err != nil {
			t.Fatal(err)
		}
		return k.prompts
	}
	if got := prompts(asked("train", 60, 0)); len(got) != 30 || got[0] != 20 {
		t.Errorf("checked on %v, want prompts 20 to 49", got)
	}
	// The third model never answered in training: whoever answered 2, 5, … without it answered whole.
	silent := asked("train", 60, 0)
	for at := 2; at < 180; at += 3 {
		silent.Outcomes.Present[at], silent.Outcomes.Figures[policy.Quality][at] = false, nan32
	}
	if got := prompts(silent); len(got) != 36 {
		t.Errorf("checked on %d prompts, want the 36 that both known models answered", len(got))
	}
	for i := range 50 {
		gone(i, i%3)
	}
	if got := prompts(asked("train", 60, 0)); len(got) != 50 {
		t.Errorf("checked on %d prompts where none is whole, want all", len(got))
	}
}

func TestFrontWeights(t *testing.T) {
	// Spend of 4, 3 and 0 of the most: the ways are 1/4 and 3/4, each end gets half of its own.
	got := frontWeights([]policy.Figures{{policy.Cost: 4, policy.Carbon: 9}, {policy.Cost: 3, policy.Carbon: 1}, {policy.Carbon: 5}}, [policy.NumQuantities]bool{policy.Cost: true})
	for i, w := range []float64{1.0 / 8, 1.0 / 2, 3.0 / 8} {
		if want := 0.9*w + 0.1/3; math.Abs(got[i]-want) > 1e-12 {
			t.Errorf("preference %d weighs %v, want %v", i, got[i], want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 6).Draw(t, "preferences")
		spent := make([]policy.Figures, n)
		for i := range spent {
			for j := range spent[i] {
				spent[i][j] = rapid.Float64Range(0, 3).Draw(t, "spent")
			}
		}
		var sum float64
		for i, w := range frontWeights(spent, [policy.NumQuantities]bool{policy.Cost: rapid.Bool().Draw(t, "cost"), policy.Carbon: true}) {
			if !(w > 0) {
				t.Fatalf("preference %d weighs %v", i, w)
			}
			sum += w
		}
		if math.Abs(sum-1) > 1e-9 {
			t.Fatalf("the weights sum to %v", sum)
		}
	})
}
