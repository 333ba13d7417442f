package energy

import "math"

// Meter holds the constants of one model under one set of assumptions.
type Meter struct {
	GPUKWhPerToken     float64 // output token, one GPU
	LatencySecPerToken float64 // output token
	FirstTokenSec      float64
	GPUs               float64
	ServerKWhPerSec    float64 // of latency: the request's share of the servers it occupies
	PrefillKWhPerToken float64 // input token, all GPUs; 0 with prefill off
	PUE                float64
	EmbodiedKgPerSec   float64 // of latency
}

// PerModel works the constants of a model out. Neither the assumptions nor the model are checked here: a model of unknown
// (NaN) size gives a meter whose impacts are NaN.
func (a Assumptions) PerModel(m Model) Meter {
	gpus := gpusFor(m.ParamsTotalB, a.QuantisationBits, a.GPUMemoryGB)
	servers := gpus / a.GPUsPerServer
	meter := Meter{
		GPUKWhPerToken:     (gpuEnergyAlpha*math.Exp(gpuEnergyBeta*a.BatchSize)*m.ParamsActiveB + gpuEnergyGamma) / 1000,
		LatencySecPerToken: latencyAlpha*m.ParamsActiveB + latencyBeta*a.BatchSize + latencyGamma,
		GPUs:               gpus,
		ServerKWhPerSec:    a.ServerPowerKW * servers / 3600 / a.BatchSize,
		PUE:                a.PUE,
		EmbodiedKgPerSec:   (servers*a.ServerEmbodiedKgCO2e + gpus*a.GPUEmbodiedKgCO2e) / (a.LifespanSec * a.BatchSize),
	}
	if m.TokensPerSec > 0 {
		meter.LatencySecPerToken = 1 / m.TokensPerSec
	}
	if m.TimeToFirstTokenSec > 0 {
		meter.FirstTokenSec = m.TimeToFirstTokenSec
	}
	if p := a.Prefill; p.On {
		sec := 2 * m.ParamsActiveB * 1e9 / (p.Utilisation * p.PeakTFLOPS * 1e12)
		meter.PrefillKWhPerToken = sec / 3600 * p.GPUPowerKW
	}
	return meter
}

// For returns [Meter.Impact] of the model's meter.
func (a Assumptions) For(m Model) func(outputTokens, inputTokens, latencyLimitSec float64) Impact {
	meter := a.PerModel(m)
	return meter.Impact
}

// gpusFor is the number of GPUs whose memory holds the model, a power of two.
func gpusFor(paramsTotalB, bits, gpuMemoryGB float64) float64 {
	need := math.Ceil(memoryOverhead * paramsTotalB * bits / 8 / gpuMemoryGB)
	if math.IsNaN(need) || math.IsInf(need, 0) {
		return math.NaN()
	}
	gpus := 1.0
	for gpus < need {
		gpus *= 2
	}
	return gpus
}

// Impact is what one answer took. latencyLimitSec is NaN or 0 where no latency was measured. Input tokens matter only
// with prefill; where they are unknown (NaN) the energy then is unknown too.
func (m *Meter) Impact(outputTokens, inputTokens, latencyLimitSec float64) Impact {
	i := Impact{
		GPUEnergyKWh: m.GPUKWhPerToken * outputTokens,
		LatencySec:   m.LatencySecPerToken*outputTokens + m.FirstTokenSec,
		GPUs:         m.GPUs,
	}
	if latencyLimitSec > 0 && i.LatencySec > latencyLimitSec {
		i.LatencySec = latencyLimitSec
	}
	if m.PrefillKWhPerToken != 0 {
		i.PrefillEnergyKWh = m.PrefillKWhPerToken * inputTokens
	}
	i.ServerEnergyKWh = m.ServerKWhPerSec * i.LatencySec
	i.RequestEnergyKWh = m.PUE * (i.ServerEnergyKWh + m.GPUs*i.GPUEnergyKWh + i.PrefillEnergyKWh)
	i.EmbodiedKgCO2e = m.EmbodiedKgPerSec * i.LatencySec
	return i
}

// EnergyWhPerToken is the slope of the request's energy in output tokens while no measured latency cuts it; the
// intercept is [Meter.EnergyWhFixed].
func (m *Meter) EnergyWhPerToken() float64 {
	return 1000 * m.PUE * (m.ServerKWhPerSec*m.LatencySecPerToken + m.GPUs*m.GPUKWhPerToken)
}

// EnergyWhFixed is the energy that the wait for the first token takes, whatever the answer's length.
func (m *Meter) EnergyWhFixed() float64 { return 1000 * m.PUE * m.ServerKWhPerSec * m.FirstTokenSec }
