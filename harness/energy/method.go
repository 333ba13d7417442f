package energy

import (
	"errors"
	"fmt"
	"math"
	"sort"
	"strings"
)

// Name of a way to estimate energy.
type Name string

// The ways to estimate energy. A logged energy_wh wins over every one of them.
const (
	Regression Name = "regression" // the published method, see the package
	Calibrated Name = "calibrated" // the same, its level and batch fitted on measurements, see [Calibrate]
	Roofline   Name = "roofline"   // FLOPs and bytes on named hardware
	Constant   Name = "constant"   // so many Wh a token, whatever the model
	Measured   Name = "measured"   // logged energy only: what was not logged stays unknown
)

// Names lists the ways to estimate energy.
var Names = []string{string(Regression), string(Calibrated), string(Roofline), string(Constant), string(Measured)}

// Method chooses the estimate of energy. The zero Method is the published regression.
type Method struct {
	Name Name
	// Calibrated: the card; nil for the built-in one. Hardware, by name, is one that it has a fit for.
	Card *Card `json:",omitempty"`
	// Roofline: hardware by name, and the shares of its peaks that serving reaches.
	Hardware             string  `json:",omitempty"`
	ComputeUtilisation   float64 `json:",omitempty"` // of the peak FLOP/s
	BandwidthUtilisation float64 `json:",omitempty"` // of the peak bytes/s
	// Constant: per 1,000 tokens of output and of input.
	WhPer1kOutput float64 `json:",omitempty"`
	WhPer1kInput  float64 `json:",omitempty"`
}

// Shares of the peaks that the roofline assumes where none are given.
const (
	DefaultComputeUtilisation   = 0.4
	DefaultBandwidthUtilisation = 0.6
)

// Hardware is one accelerator: peaks and power as its maker states them.
type Hardware struct {
	Name       string
	TFLOPS     float64 // dense, 16 bits
	GBPerSec   float64 // of memory
	MemoryGB   float64
	PowerKW    float64 // board or package power limit
	HostShare  float64 // kW of the host that one accelerator takes on top
	EmbodiedKg float64 // kgCO2e of its making; NaN where nobody states it and the assumptions' figure stands in
	Source     string
}

var hardware = map[string]Hardware{
	"h100":    {"H100", 989, 3350, 80, 0.700, 0.15, math.NaN(), "NVIDIA H100 SXM data sheet"},
	"a100":    {"A100", 312, 2039, 80, 0.400, 0.15, math.NaN(), "NVIDIA A100 80 GB SXM data sheet"},
	"l4":      {"L4", 121, 300, 24, 0.072, 0.05, math.NaN(), "NVIDIA L4 data sheet (dense)"},
	"mi300x":  {"MI300X", 1307, 5300, 192, 0.750, 0.15, math.NaN(), "AMD Instinct MI300X data sheet"},
	"apple-m": {"Apple M-series", 28, 400, 128, 0.060, 0, math.NaN(), "M3 Max class: 400 GB/s (Apple); 28 TFLOPS and 60 W are estimates"},
	"cpu":     {"CPU", 3.3, 307, 512, 0.350, 0.10, math.NaN(), "one server socket, 8 channels DDR5-4800 (307 GB/s), 350 W; 3.3 TFLOPS is an estimate"},
}

// FindHardware is the hardware of a name, in any case.
func FindHardware(name string) (Hardware, error) {
	key := strings.ToLower(strings.TrimSpace(name))
	switch strings.TrimSuffix(strings.TrimSuffix(strings.TrimPrefix(key, "apple "), " max"), "-series") {
	case "m", "m1", "m2", "m3", "m4", "apple-m":
		key = "apple-m"
	}
	if h, ok := hardware[key]; ok {
		return h, nil
	}
	var known []string
	for _, h := range hardware {
		known = append(known, h.Name)
	}
	sort.Strings(known)
	return Hardware{}, fmt.Errorf("energy: hardware %q is not known: want one of %s", name, strings.Join(known, ", "))
}

// Check lists what is wrong with the method's own figures.
func (m Method) Check() error {
	share := func(name string, x float64) error {
		if !(x > 0 && x <= 1) {
			return fmt.Errorf("energy: %s is %v, want a share above 0, up to 1", name, x)
		}
		return nil
	}
	switch m.Name {
	case "", Regression, Measured:
		return nil
	case Calibrated:
		card, err := m.card()
		if err == nil {
			_, err = card.Fit(m.Hardware)
		}
		return err
	case Roofline:
		_, err := FindHardware(m.Hardware)
		return errors.Join(err, share("utilisation", m.ComputeUtilisation), share("bandwidth utilisation", m.BandwidthUtilisation))
	case Constant:
		if !(m.WhPer1kOutput >= 0) || !(m.WhPer1kInput >= 0) || m.WhPer1kOutput+m.WhPer1kInput == 0 || math.IsInf(m.WhPer1kOutput+m.WhPer1kInput, 0) {
			return fmt.Errorf("energy: %v Wh per 1,000 output and %v per 1,000 input tokens, want numbers that are not negative, one of them more than 0", m.WhPer1kOutput, m.WhPer1kInput)
		}
		return nil
	}
	return fmt.Errorf("energy: no method %q: want one of %s", m.Name, strings.Join(Names, ", "))
}

// Meter works out the constants of one model by this method. With [Measured] every estimate is NaN.
func (m Method) Meter(a Assumptions, model Model) (Meter, error) {
	if err := m.Check(); err != nil {
		return Meter{}, err
	}
	switch m.Name {
	case Calibrated:
		card, err := m.card()
		if err != nil {
			return Meter{}, err
		}
		f, err := card.Fit(m.Hardware)
		if err != nil {
			return Meter{}, err
		}
		return f.meter(a, model), nil
	case Roofline:
		h, err := FindHardware(m.Hardware)
		if err != nil {
			return Meter{}, err
		}
		return roofline(a, m, h, model), nil
	case Constant:
		// All of it as energy of the request: no servers, so nothing embodied, and PUE is in the constant.
		meter := a.PerModel(model)
		meter.GPUs, meter.GPUKWhPerToken, meter.PrefillKWhPerToken = 1, m.WhPer1kOutput/1e6, m.WhPer1kInput/1e6
		meter.ServerKWhPerSec, meter.EmbodiedKgPerSec, meter.PUE = 0, 0, 1
		return meter, nil
	case Measured:
		nan := math.NaN()
		return Meter{nan, nan, nan, nan, nan, nan, nan, nan}, nil
	}
	return a.PerModel(model), nil
}

// roofline is the time that the slower of arithmetic and memory takes (Williams, Waterman and Patterson, CACM 52(4),
// 2009), at full power. One step of a batch of B requests gives B tokens and takes, on G accelerators,
//
//	compute = 2·A·10⁹·B ÷ (G · peak FLOP/s · compute utilisation)
//	memory  = min(T, A·B)·10⁹·bits/8 ÷ (G · peak bytes/s · bandwidth utilisation)
//
// where a mixture of experts reads no more than all of its weights, and no fewer than each request's own. Caches of keys
// and values are left out: their size depends on the architecture. Energy of the step is G · power · time, shared by the
// B requests. A prompt is read at 2·A·10⁹ FLOPs a token, bound by arithmetic.
func roofline(a Assumptions, m Method, h Hardware, model Model) Meter {
	gpus := gpusFor(model.ParamsTotalB, a.QuantisationBits, h.MemoryGB)
	flops := gpus * h.TFLOPS * 1e12 * m.ComputeUtilisation
	bytes := gpus * h.GBPerSec * 1e9 * m.BandwidthUtilisation
	active, total := model.ParamsActiveB*1e9, model.ParamsTotalB*1e9
	step := max(2*active*a.BatchSize/flops, math.Min(total, active*a.BatchSize)*a.QuantisationBits/8/bytes)
	perToken := step * h.PowerKW / 3600 / a.BatchSize // kWh, of one accelerator
	embodied := h.EmbodiedKg
	if math.IsNaN(embodied) {
		embodied = a.GPUEmbodiedKgCO2e
	}
	meter := Meter{
		GPUKWhPerToken: perToken, LatencySecPerToken: step, GPUs: gpus, PUE: a.PUE,
		ServerKWhPerSec:    h.HostShare * gpus / 3600 / a.BatchSize,
		PrefillKWhPerToken: 2 * active / flops / 3600 * gpus * h.PowerKW,
		EmbodiedKgPerSec:   (gpus/a.GPUsPerServer*a.ServerEmbodiedKgCO2e + gpus*embodied) / (a.LifespanSec * a.BatchSize),
	}
	if model.TokensPerSec > 0 {
		meter.LatencySecPerToken = 1 / model.TokensPerSec
	}
	if model.TimeToFirstTokenSec > 0 {
		meter.FirstTokenSec = model.TimeToFirstTokenSec
	}
	return meter
}
