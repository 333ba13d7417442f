package rl

import (
	"testing"

	"github.com/trilemma-bench/trilemma/policies/nn/actor"
)

func TestBetterMeansTwoStandardErrors(t *testing.T) {
	old := []float64{0, 0, 0, 0}
	for _, c := range []struct {
		utility []float64
		want    bool
	}{
		{[]float64{0.1, 0.1, 0.1, 0.1}, true},
		{[]float64{-0.1, -0.1, -0.1, -0.1}, false},
		{[]float64{0, 0, 0, 0}, false},
		// Mean 0.25 and a standard error of 0.25: of many agents some look so.
		{[]float64{1, 0, 0, 0}, false},
		// Mean 0.75, standard error 0.25: three of them.
		{[]float64{1, 1, 1, 0}, true},
	} {
		if got := better(c.utility, old); got != c.want {
			t.Errorf("%v is better than nothing: %v", c.utility, got)
		}
	}
	if better([]float64{5}, []float64{0}) {
		t.Error("one prompt proves an agent better")
	}
}

func TestLikeliest(t *testing.T) {
	for _, c := range []struct {
		logits []float32
		want   int
	}{{[]float32{1, 3, 2}, 1}, {[]float32{2, 2}, 0}, {[]float32{actor.NotAllowed, -5}, 1}} {
		if got := (&Observations{Shape: actor.Shape{Actions: len(c.logits)}, Logits: c.logits}).Likeliest(0); got != c.want {
			t.Errorf("of %v it is %d, want %d", c.logits, got, c.want)
		}
	}
}
