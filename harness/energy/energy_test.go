package energy

import (
	"encoding/json"
	"math"
	"os"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > 1e-9*math.Abs(want) {
		t.Errorf("%s = %v, want %v", what, got, want)
	}
}

func TestGolden(t *testing.T) {
	var golden struct {
		Constants map[string]float64
		Cases     []struct {
			ParamsActiveB   float64  `json:"params_active_b"`
			ParamsTotalB    float64  `json:"params_total_b"`
			OutputTokens    float64  `json:"output_tokens"`
			RequestLatencyS *float64 `json:"request_latency_s"`
			PUE             float64  `json:"pue"`
			Expect          struct {
				GPUEnergy float64 `json:"gpu_energy"`
				Latency   float64 `json:"generation_latency"`
				GPUs      float64 `json:"gpu_required_count"`
				Server    float64 `json:"server_energy"`
				Request   float64 `json:"request_energy"`
				Embodied  float64 `json:"request_embodied_gwp"`
			}
		}
	}
	// What EcoLogits' own functions gave.
	text, err := os.ReadFile("testdata/energy.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &golden); err != nil {
		t.Fatal(err)
	}
	a := Default()
	for name, got := range map[string]float64{
		"GPU_ENERGY_ALPHA": gpuEnergyAlpha, "GPU_ENERGY_BETA": gpuEnergyBeta, "GPU_ENERGY_GAMMA": gpuEnergyGamma,
		"LATENCY_ALPHA": latencyAlpha, "LATENCY_BETA": latencyBeta, "LATENCY_GAMMA": latencyGamma,
		"BATCH_SIZE": a.BatchSize, "GPU_EMBODIED_IMPACT_GWP": a.GPUEmbodiedKgCO2e, "GPU_MEMORY": a.GPUMemoryGB,
		"HARDWARE_LIFESPAN": a.LifespanSec, "MODEL_QUANTIZATION_BITS": a.QuantisationBits,
		"SERVER_EMBODIED_IMPACT_GWP": a.ServerEmbodiedKgCO2e, "SERVER_GPUS": a.GPUsPerServer, "SERVER_POWER": a.ServerPowerKW,
	} {
		near(t, name, got, golden.Constants[name])
	}
	if len(golden.Cases) == 0 {
		t.Fatal("no golden cases")
	}
	for _, c := range golden.Cases {
		a.PUE = c.PUE
		limit := math.NaN()
		if c.RequestLatencyS != nil {
			limit = *c.RequestLatencyS
		}
		got, err := a.Estimate(Request{
			Model:        Model{ParamsActiveB: c.ParamsActiveB, ParamsTotalB: c.ParamsTotalB, TokensPerSec: math.NaN(), TimeToFirstTokenSec: math.NaN()},
			OutputTokens: c.OutputTokens, LatencyLimitSec: limit,
		})
		if err != nil {
			t.Fatal(err)
		}
		near(t, "GPU energy", got.GPUEnergyKWh, c.Expect.GPUEnergy)
		near(t, "latency", got.LatencySec, c.Expect.Latency)
		near(t, "GPUs", got.GPUs, c.Expect.GPUs)
		near(t, "server energy", got.ServerEnergyKWh, c.Expect.Server)
		near(t, "request energy", got.RequestEnergyKWh, c.Expect.Request)
		near(t, "embodied", got.EmbodiedKgCO2e, c.Expect.Embodied)
		near(t, "Wh", got.EnergyWh(), 1000*c.Expect.Request)
		near(t, "gCO2e", got.EmbodiedG(), 1000*c.Expect.Embodied)
	}
}

func TestRefused(t *testing.T) {
	ok := Request{Model: Model{ParamsActiveB: 7, ParamsTotalB: 7}, OutputTokens: 10}
	for _, tc := range []struct {
		name   string
		change func(*Assumptions, *Request)
		want   string
	}{
		{"PUE below 1", func(a *Assumptions, _ *Request) { a.PUE = 0.9 }, "PUE is 0.9"},
		{"PUE unknown", func(a *Assumptions, _ *Request) { a.PUE = math.NaN() }, "PUE is NaN"},
		{"no batch", func(a *Assumptions, _ *Request) { a.BatchSize = 0 }, "batch size"},
		{"no memory", func(a *Assumptions, _ *Request) { a.GPUMemoryGB = 0 }, "GPU memory"},
		{"no bits", func(a *Assumptions, _ *Request) { a.QuantisationBits = 0 }, "quantisation"},
		{"prefill at 140 %", func(a *Assumptions, _ *Request) { a.Prefill.On, a.Prefill.Utilisation = true, 1.4 }, "utilisation"},
		{"no size", func(_ *Assumptions, r *Request) { r.ParamsActiveB = math.NaN() }, "active parameters"},
		{"more active than all", func(_ *Assumptions, r *Request) { r.ParamsActiveB = 8 }, "no fewer in total"},
		{"negative tokens", func(_ *Assumptions, r *Request) { r.OutputTokens = -1 }, "negative"},
	} {
		a, r := Default(), ok
		tc.change(&a, &r)
		if _, err := a.Estimate(r); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: error %v, want one with %q", tc.name, err, tc.want)
		}
	}
}

func TestThroughputAndFirstToken(t *testing.T) {
	m := Default().PerModel(Model{ParamsActiveB: 7, ParamsTotalB: 7, TokensPerSec: 50, TimeToFirstTokenSec: 0.5})
	near(t, "latency", m.Impact(100, 0, 0).LatencySec, 2.5)
	near(t, "latency cut", m.Impact(100, 0, 2).LatencySec, 2)
	near(t, "affine energy", m.Impact(100, 0, 0).EnergyWh(), m.EnergyWhFixed()+100*m.EnergyWhPerToken())
	if i := m.Impact(math.NaN(), 0, 0); !math.IsNaN(i.EnergyWh()) {
		t.Errorf("energy of unknown tokens = %v, want NaN", i.EnergyWh())
	}
}

func TestPrefill(t *testing.T) {
	a := Default()
	off := a.For(Model{ParamsActiveB: 10, ParamsTotalB: 10})(10, 1000, 0)
	a.Prefill.On = true
	on := a.For(Model{ParamsActiveB: 10, ParamsTotalB: 10})(10, 1000, 0)
	want := a.PUE * 2 * 10e9 * 1000 / (0.4 * 989e12) / 3600 * 0.7
	near(t, "prefill", on.RequestEnergyKWh-off.RequestEnergyKWh, want)
	if i := a.For(Model{ParamsActiveB: 10, ParamsTotalB: 10})(10, math.NaN(), 0); !math.IsNaN(i.RequestEnergyKWh) {
		t.Errorf("energy with unknown input tokens = %v, want NaN", i.RequestEnergyKWh)
	}
}

func TestMoreNeverTakesLess(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := Default()
		active := rapid.Float64Range(0.1, 500).Draw(t, "active")
		total := active + rapid.Float64Range(0, 1000).Draw(t, "inactive")
		n := rapid.Float64Range(0, 5000).Draw(t, "tokens")
		small := a.For(Model{ParamsActiveB: active, ParamsTotalB: total})
		large := a.For(Model{ParamsActiveB: active * 1.5, ParamsTotalB: total * 1.5})
		lo, hi := small(n, 0, 0), large(n, 0, 0)
		if hi.RequestEnergyKWh < lo.RequestEnergyKWh {
			t.Fatalf("a larger model takes %v kWh, the smaller %v", hi.RequestEnergyKWh, lo.RequestEnergyKWh)
		}
		if more := small(n+1, 0, 0); more.RequestEnergyKWh <= lo.RequestEnergyKWh {
			t.Fatalf("one token more takes %v kWh, without it %v", more.RequestEnergyKWh, lo.RequestEnergyKWh)
		}
		mid := Mid(lo, hi)
		if mid.RequestEnergyKWh < lo.RequestEnergyKWh || mid.RequestEnergyKWh > hi.RequestEnergyKWh {
			t.Fatalf("mid %v is outside %v to %v", mid.RequestEnergyKWh, lo.RequestEnergyKWh, hi.RequestEnergyKWh)
		}
	})
}

func BenchmarkImpact(b *testing.B) {
	m := Default().For(Model{ParamsActiveB: 7, ParamsTotalB: 7})
	var sum float64
	for b.Loop() {
		sum += m(100, 0, 0).RequestEnergyKWh
	}
	_ = sum
}
