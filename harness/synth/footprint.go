package synth

import (
	"fmt"
	"math"

	"github.com/trilemma-bench/trilemma/harness/carbon"
	"github.com/trilemma-bench/trilemma/harness/energy"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// footprint is what an answer of one model takes under the default assumptions of an experiment, at the yearly grid
// intensity of the model's region. A range of sizes counts as the mean of its two ends.
type footprint struct {
	low, high energy.Meter
	gPerKWh   float64
}

func newFootprint(m policy.Model) (footprint, error) {
	grid, err := carbon.Intensity(m.Region)
	if err != nil {
		return footprint{}, fmt.Errorf("simulated model %s: %w", m.ID, err)
	}
	assumed := energy.Default()
	assumed.Prefill.On = true
	meter := func(active, total float64) energy.Meter {
		return assumed.PerModel(energy.Model{
			ParamsActiveB: active, ParamsTotalB: total,
			TokensPerSec: m.TokensPerSec, TimeToFirstTokenSec: m.TimeToFirstTokenSec,
		})
	}
	return footprint{
		low:     meter(m.ParamsActiveB.Low, m.ParamsTotalB.Low),
		high:    meter(m.ParamsActiveB.High, m.ParamsTotalB.High),
		gPerKWh: grid.GPerKWh,
	}, nil
}

// of is the expected energy and carbon for an expected number of tokens: the method is affine in them. That the
// harness never lets the estimated latency exceed a measured one is left out, so its mean lies a few percent lower.
func (f *footprint) of(inputTokens, outputTokens float64) (energyWh, carbonG float64) {
	i := energy.Mid(f.low.Impact(outputTokens, inputTokens, math.NaN()), f.high.Impact(outputTokens, inputTokens, math.NaN()))
	return i.EnergyWh(), carbon.TotalG(i.EnergyWh(), f.gPerKWh, i.EmbodiedG())
}
