package stats

import (
	"math"
	"testing"

	"gonum.org/v1/gonum/stat"
	"pgregory.net/rapid"
)

func TestMomentsJoin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := rapid.SliceOfN(rapid.Float64Range(-3, 50), 0, 40).Draw(t, "x")
		y := rapid.SliceOfN(rapid.Float64Range(-3, 50), 2, 40).Draw(t, "y")
		all := append(append([]float64(nil), x...), y...)
		want, got := MomentsOf(all), MomentsOf(x).Join(MomentsOf(y))
		same := func(a, b float64) bool { return math.Abs(a-b) <= 1e-6*max(1, math.Abs(a)) }
		if got.N != want.N || !same(want.Mean, got.Mean) || !same(want.SD, got.SD) || want.SD > 1e-3 && !same(want.Skewness, got.Skewness) {
			t.Fatalf("joined %+v, together %+v", got, want)
		}
		if sd := stat.StdDev(all, nil); !same(sd, want.SD) {
			t.Fatalf("standard deviation %v, gonum %v", want.SD, sd)
		}
		if s := stat.MomentAbout(3, all, want.Mean, nil) / math.Pow(stat.MomentAbout(2, all, want.Mean, nil), 1.5); want.SD > 1e-3 && !same(s, want.Skewness) {
			t.Fatalf("skewness %v, gonum %v", want.Skewness, s)
		}
	})
	if m := MomentsOf([]float64{1, math.NaN()}); m.N != 2 || !math.IsNaN(m.Mean) || !math.IsNaN(m.SD) {
		t.Errorf("with an unknown value %+v", m)
	}
}
