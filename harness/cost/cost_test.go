package cost

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

func TestCostUSD(t *testing.T) {
	nan := math.NaN()
	for _, tc := range []struct {
		name                     string
		in, out, priceIn, priceO float64
		want                     float64
	}{
		{"both sides are billed", 1000, 500, 0.5, 1.5, 0.00125},
		{"zero prices are legal", 1000, 500, 0, 0, 0},
		{"no tokens cost nothing", 0, 0, 3, 15, 0},
		{"unknown price", 1000, 500, nan, 1.5, nan},
		{"unknown price of nothing", 0, 500, nan, 1.5, nan},
		{"unknown tokens", 1000, nan, 0.5, 1.5, nan},
		{"unknown tokens at no price", 1000, nan, 0, 0, nan},
		{"negative tokens", -1, 5, 1, 1, nan},
	} {
		got := USD(tc.in, tc.out, tc.priceIn, tc.priceO)
		if math.IsNaN(got) != math.IsNaN(tc.want) || math.Abs(got-tc.want) > 1e-15 {
			t.Errorf("%s: %v, want %v", tc.name, got, tc.want)
		}
	}
}

func TestCheck(t *testing.T) {
	for _, tc := range []struct {
		p  Prices
		ok bool
	}{
		{Prices{0, 0}, true}, {Prices{math.NaN(), 1}, true}, {Prices{-1, 1}, false}, {Prices{1, math.Inf(1)}, false},
	} {
		if err := tc.p.Check(); (err == nil) != tc.ok {
			t.Errorf("%+v: error %v, want ok = %v", tc.p, err, tc.ok)
		}
	}
	if (Prices{math.NaN(), 1}).Known() || !(Prices{0, 1}).Known() {
		t.Error("Known is wrong")
	}
}

func TestBillsAddUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := Prices{rapid.Float64Range(0, 100).Draw(t, "in"), rapid.Float64Range(0, 100).Draw(t, "out")}
		a, b := rapid.Float64Range(0, 1e5).Draw(t, "a"), rapid.Float64Range(0, 1e5).Draw(t, "b")
		whole, parts := p.CostUSD(a, b), p.CostUSD(a, 0)+p.CostUSD(0, b)
		if math.Abs(whole-parts) > 1e-12*(1+whole) {
			t.Fatalf("%v together, %v apart", whole, parts)
		}
	})
}
