// Package energy estimates what one answer of an LLM took: GPU and server energy, latency, and the embodied emissions of
// the hardware it occupied. It is the published EcoLogits method (LLM impact model, version 0.11.3; constants fitted by
// its authors on the ML.ENERGY leaderboard). With A active and T total parameters (10⁹), n output tokens and B requests
// served together:
//
//	GPU energy  = n · (α·exp(β·B)·A + γ)/1000                     kWh, of one GPU
//	latency     = n · (a·A + b·B + g), or n / tokens per second,
//	              plus the time to first token; never above a measured latency
//	GPUs        = 1.2·T·bits/8 GB ÷ 80 GB, rounded up to a power of two
//	server      = latency/3600 · 1.2 kW · GPUs/8 ÷ B              kWh
//	request     = PUE · (server + GPUs · GPU energy)              kWh
//	embodied    = latency · (GPUs/8 · 5700 + GPUs · 273 kgCO2e) ÷ (3 years · B)
//
// The published method leaves the reading of the prompt out. A prefill term is offered; experiments have it on unless they
// say prefill: false:
//
//	prefill     = 2·A·10⁹ FLOPs a token · input tokens ÷ (utilisation · peak FLOP/s) · GPU power
//
// Measured energy wins, and tells how far the method is off; [Calibrate] fits its level and batch to measurements, and
// [Method.ErrorSD] says what the standard deviation of the error is from model to model.
//
// Energy is affine in the tokens as long as no measured latency cuts it, so [Assumptions.PerModel] works the constants of
// one model out once and [Meter.Impact] needs a few multiplications a request.
//
// A closed model's size is a range: estimate both ends with the same request. The central value is the mean of the two
// ends ([Mid]), not the estimate of the mean size, so that it always lies between them: the number of GPUs jumps.
//
// Energy is in kWh inside, as in the method, and in Wh at the surface.
package energy

import (
	"errors"
	"fmt"
	"math"
)

// Constants of EcoLogits 0.11.3, ecologits/impacts/llm.py.
const (
	gpuEnergyAlpha = 1.1665273170451914e-06 // kWh per 1000 tokens and 10⁹ active parameters
	gpuEnergyBeta  = -0.011205921025579175  // per request of the batch
	gpuEnergyGamma = 4.052928146734005e-05  // kWh per 1000 tokens
	latencyAlpha   = 0.0006785088094353663  // s per token and 10⁹ active parameters
	latencyBeta    = 0.0003119310311688259  // s per token and request of the batch
	latencyGamma   = 0.019473717579473387   // s per token
	memoryOverhead = 1.2                    // of the weights, for caches and activations
)

// Assumptions are what a log does not tell about the machines that answered.
type Assumptions struct {
	BatchSize            float64 // requests served together
	GPUMemoryGB          float64
	GPUsPerServer        float64
	ServerPowerKW        float64 // of a whole server without its GPUs
	PUE                  float64 // power usage effectiveness of the data centre, at least 1
	QuantisationBits     float64 // of one parameter
	GPUEmbodiedKgCO2e    float64 // of one GPU
	ServerEmbodiedKgCO2e float64 // of a server without its GPUs
	LifespanSec          float64
	Prefill              Prefill
}

// Prefill is the energy of reading the prompt, which the published method leaves out. Reports say when it is on.
type Prefill struct {
	On          bool
	Utilisation float64 // of the peak, in (0, 1]
	PeakTFLOPS  float64 // of one GPU, dense, in the served precision
	GPUPowerKW  float64
}

// Default returns the published assumptions, with a PUE of 1.2 and prefill off, as published. Its figures when switched on are those of
// an H100 SXM (NVIDIA's data sheet: 989 TFLOPS dense bfloat16, 700 W) at 40 % utilisation.
func Default() Assumptions {
	return Assumptions{
		BatchSize:            64,
		GPUMemoryGB:          80,
		GPUsPerServer:        8,
		ServerPowerKW:        1.2,
		PUE:                  1.2,
		QuantisationBits:     16,
		GPUEmbodiedKgCO2e:    273,
		ServerEmbodiedKgCO2e: 5700,
		LifespanSec:          3 * 365 * 24 * 3600,
		Prefill:              Prefill{Utilisation: 0.4, PeakTFLOPS: 989, GPUPowerKW: 0.7},
	}
}

// Check lists every assumption that cannot be, or returns nil.
func (a Assumptions) Check() error {
	var errs []error
	must := func(ok bool, name string, x float64, want string) {
		if !ok || math.IsNaN(x) || math.IsInf(x, 0) {
			errs = append(errs, fmt.Errorf("energy: %s is %v, want %s", name, x, want))
		}
	}
	must(a.BatchSize >= 1, "batch size", a.BatchSize, "at least 1")
	must(a.GPUMemoryGB > 0, "GPU memory", a.GPUMemoryGB, "more than 0 GB")
	must(a.GPUsPerServer >= 1, "GPUs per server", a.GPUsPerServer, "at least 1")
	must(a.ServerPowerKW >= 0, "server power", a.ServerPowerKW, "at least 0 kW")
	must(a.PUE >= 1, "PUE", a.PUE, "at least 1: a data centre takes no less than its servers")
	must(a.QuantisationBits > 0 && a.QuantisationBits <= 64, "quantisation", a.QuantisationBits, "1 to 64 bits")
	must(a.GPUEmbodiedKgCO2e >= 0, "embodied emissions of a GPU", a.GPUEmbodiedKgCO2e, "at least 0 kgCO2e")
	must(a.ServerEmbodiedKgCO2e >= 0, "embodied emissions of a server", a.ServerEmbodiedKgCO2e, "at least 0 kgCO2e")
	must(a.LifespanSec > 0, "hardware lifespan", a.LifespanSec, "more than 0 s")
	if p := a.Prefill; p.On {
		must(p.Utilisation > 0 && p.Utilisation <= 1, "prefill utilisation", p.Utilisation, "in (0, 1]")
		must(p.PeakTFLOPS > 0, "peak of a GPU", p.PeakTFLOPS, "more than 0 TFLOPS")
		must(p.GPUPowerKW > 0, "power of a GPU", p.GPUPowerKW, "more than 0 kW")
	}
	return errors.Join(errs...)
}

// Model is what the method needs to know of an LLM. A throughput or time to first token that is not known is NaN or 0.
type Model struct {
	ParamsActiveB       float64 // 10⁹ parameters active for one token
	ParamsTotalB        float64 // 10⁹
	TokensPerSec        float64 // of one request; unknown: the method's latency model
	TimeToFirstTokenSec float64
}

// Check tells whether the sizes can be.
func (m Model) Check() error {
	if !(m.ParamsActiveB > 0) || math.IsInf(m.ParamsActiveB, 0) {
		return fmt.Errorf("energy: %v·10⁹ active parameters, want a positive number", m.ParamsActiveB)
	}
	if !(m.ParamsTotalB >= m.ParamsActiveB) || math.IsInf(m.ParamsTotalB, 0) {
		return fmt.Errorf("energy: %v·10⁹ parameters in total of which %v·10⁹ active, want no fewer in total",
			m.ParamsTotalB, m.ParamsActiveB)
	}
	if m.TokensPerSec < 0 || m.TimeToFirstTokenSec < 0 {
		return fmt.Errorf("energy: %v tokens per second and %v s to the first token, want no negative number",
			m.TokensPerSec, m.TimeToFirstTokenSec)
	}
	return nil
}

// Request is one answer of a model.
type Request struct {
	Model
	OutputTokens float64
	InputTokens  float64 // looked at with prefill only
	// LatencyLimitSec is the measured latency, which the estimate never exceeds; NaN or 0 where none was measured.
	LatencyLimitSec float64
}

// Impact is what an answer took.
type Impact struct {
	GPUEnergyKWh     float64 // of one GPU
	LatencySec       float64
	GPUs             float64
	ServerEnergyKWh  float64
	PrefillEnergyKWh float64 // of all GPUs; 0 with prefill off
	RequestEnergyKWh float64 // all of it, with PUE
	EmbodiedKgCO2e   float64
}

// EnergyWh is the energy of the request, PUE included.
func (i Impact) EnergyWh() float64 { return i.RequestEnergyKWh * 1000 }

// EmbodiedG is the request's share of the hardware's making, gCO2e.
func (i Impact) EmbodiedG() float64 { return i.EmbodiedKgCO2e * 1000 }

// Mid is the central value of two ends: their mean, field by field.
func Mid(low, high Impact) Impact {
	return Impact{
		GPUEnergyKWh:     (low.GPUEnergyKWh + high.GPUEnergyKWh) / 2,
		LatencySec:       (low.LatencySec + high.LatencySec) / 2,
		GPUs:             (low.GPUs + high.GPUs) / 2,
		ServerEnergyKWh:  (low.ServerEnergyKWh + high.ServerEnergyKWh) / 2,
		PrefillEnergyKWh: (low.PrefillEnergyKWh + high.PrefillEnergyKWh) / 2,
		RequestEnergyKWh: (low.RequestEnergyKWh + high.RequestEnergyKWh) / 2,
		EmbodiedKgCO2e:   (low.EmbodiedKgCO2e + high.EmbodiedKgCO2e) / 2,
	}
}

// Estimate is the impact of one request. An unknown (NaN) number of output tokens makes everything it enters NaN.
func (a Assumptions) Estimate(r Request) (Impact, error) {
	if err := a.Check(); err != nil {
		return Impact{}, err
	}
	if err := r.Check(); err != nil {
		return Impact{}, err
	}
	if r.OutputTokens < 0 || r.InputTokens < 0 {
		return Impact{}, fmt.Errorf("energy: %v output and %v input tokens, want no negative number", r.OutputTokens, r.InputTokens)
	}
	m := a.PerModel(r.Model)
	return m.Impact(r.OutputTokens, r.InputTokens, r.LatencyLimitSec), nil
}
