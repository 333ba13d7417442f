package energy

import (
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestRooflineByHand(t *testing.T) {
	a := Default()
	a.BatchSize, a.PUE = 1, 1
	m := Method{Name: Roofline, Hardware: "H100", ComputeUtilisation: 0.5, BandwidthUtilisation: 0.5}
	// 8·10⁹ parameters of 2 bytes at 1.675 TB/s: 9.55 ms a token, bound by memory.
	meter, err := m.Meter(a, Model{ParamsActiveB: 8, ParamsTotalB: 8})
	if err != nil {
		t.Fatal(err)
	}
	step := 16e9 / (3350e9 * 0.5)
	near(t, "seconds a token", meter.LatencySecPerToken, step)
	near(t, "kWh a token", meter.GPUKWhPerToken, step*0.7/3600)
	near(t, "prefill", meter.PrefillKWhPerToken, 16e9/(989e12*.5)*0.7/3600)
	// With so many requests that arithmetic binds, a further request saves nothing.
	a.BatchSize = 4096
	x, _ := m.Meter(a, Model{ParamsActiveB: 8, ParamsTotalB: 8})
	near(t, "kWh a token, bound by arithmetic", x.GPUKWhPerToken, 16e9/(989e12*.5)*0.7/3600)
	for _, name := range []string{"A100", "L4", "MI300X", "M3", "Apple M-series", "cpu"} {
		if _, err := FindHardware(name); err != nil {
			t.Error(err)
		}
	}
}

func TestConstantAndMeasured(t *testing.T) {
	model := Model{ParamsActiveB: 8, ParamsTotalB: 8}
	c, err := Method{Name: Constant, WhPer1kOutput: 0.5, WhPer1kInput: 0.1}.Meter(Default(), model)
	if err != nil {
		t.Fatal(err)
	}
	i := c.Impact(1000, 2000, 0)
	near(t, "Wh", i.EnergyWh(), 0.7)
	if i.EmbodiedG() != 0 {
		t.Errorf("embodied %v, want 0", i.EmbodiedG())
	}
	m, err := Method{Name: Measured}.Meter(Default(), model)
	if err != nil {
		t.Fatal(err)
	}
	if x := m.Impact(10, 10, 0); !math.IsNaN(x.EnergyWh()) {
		t.Errorf("measured estimates %v Wh, want NaN", x.EnergyWh())
	}
	p, err := Method{}.Meter(Default(), model)
	if want := Default().PerModel(model); err != nil || p != want {
		t.Errorf("the default is %+v, %v; want the published method", p, err)
	}
}

func TestMethodRefuses(t *testing.T) {
	for _, tc := range []struct {
		m    Method
		want string
	}{
		{Method{Name: "guess"}, "no method"},
		{Method{Name: Roofline, Hardware: "TPU", ComputeUtilisation: .5, BandwidthUtilisation: .5}, "H100"},
		{Method{Name: Roofline, Hardware: "H100", BandwidthUtilisation: .5}, "utilisation is 0"},
		{Method{Name: Constant}, "more than 0"},
		{Method{Name: Constant, WhPer1kOutput: -1}, "not negative"},
	} {
		if _, err := tc.m.Meter(Default(), Model{ParamsActiveB: 1, ParamsTotalB: 1}); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%+v: %v, want %q", tc.m, err, tc.want)
		}
	}
}

func TestRooflineGrowsWithTheModelAndFallsWithTheBatch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := Method{Name: Roofline, Hardware: rapid.SampledFrom([]string{"H100", "L4", "cpu"}).Draw(t, "on"), ComputeUtilisation: 0.4, BandwidthUtilisation: 0.6}
		a := Default()
		a.BatchSize = rapid.Float64Range(1, 500).Draw(t, "batch")
		p := rapid.Float64Range(0.5, 400).Draw(t, "params")
		per := func(a Assumptions, p float64) float64 {
			x, err := m.Meter(a, Model{ParamsActiveB: p, ParamsTotalB: p})
			if err != nil {
				t.Fatal(err)
			}
			return x.GPUs * x.GPUKWhPerToken
		}
		if per(a, 1.3*p) < per(a, p)*(1-1e-12) {
			t.Fatal("a larger model takes less")
		}
		b := a
		b.BatchSize *= 2
		if per(b, p) > per(a, p)*(1+1e-12) {
			t.Fatal("a larger batch takes more a token")
		}
	})
}
