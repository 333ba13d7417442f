package store

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// A curve keeps its first and last report, rises in steps, and stays short, however long training was.
func TestCurvesStayShort(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 5000).Draw(t, "reports")
		var c Curves
		for i := range n {
			c.Add("train", "loss", i+1, float64(i))
		}
		got := c.All()[0]
		if len(got.Steps) != len(got.Values) || len(got.Steps) > maxCurve+1 {
			t.Fatalf("%d steps and %d values of %d reports", len(got.Steps), len(got.Values), n)
		}
		if n <= maxCurve && len(got.Steps) != n {
			t.Fatalf("%d of %d reports kept", len(got.Steps), n)
		}
		if len(got.Steps) < min(n, maxCurve/2) {
			t.Fatalf("only %d of %d reports kept", len(got.Steps), n)
		}
		for i, s := range got.Steps {
			if got.Values[i] != float64(s-1) || (i > 0 && s <= got.Steps[i-1]) {
				t.Fatalf("point %d is (%d, %v)", i, s, got.Values[i])
			}
		}
		if got.Steps[0] != 1 || got.Steps[len(got.Steps)-1] != n {
			t.Fatalf("from %d to %d of %d", got.Steps[0], got.Steps[len(got.Steps)-1], n)
		}
	})
}

func TestCurvesResumeAndGaps(t *testing.T) {
	var c Curves
	for _, p := range []struct {
		step  int
		value float64
	}{{1, 5}, {2, 4}, {3, math.NaN()}, {3, 3}, {2, 4.5}, {3, math.Inf(1)}} {
		c.Add("train", "loss", p.step, p.value)
	}
	c.Add("expense", "loss", 1, 9)
	all := c.All()
	if len(all) != 2 || all[1].Stage != "expense" {
		t.Fatalf("%+v", all)
	}
	if s, v := all[0].Steps, all[0].Values; len(s) != 2 || s[1] != 2 || v[0] != 5 || v[1] != 4.5 {
		t.Errorf("%v %v", s, v)
	}
}
