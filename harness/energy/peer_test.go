package energy

import (
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"testing"
)

// TestEcoLogitsAgrees asks the installed EcoLogits for the same requests. Set TRILEMMA_PYTHON to a Python that has it.
func TestEcoLogitsAgrees(t *testing.T) {
	const script = `
import json
from ecologits.impacts.llm import compute_llm_impacts_dag as dag
out = []
for active, total, tokens in [(8, 8, 100), (70, 70, 600), (21, 236, 1234)]:
    r = dag(model_active_parameter_count=active, model_total_parameter_count=total, output_token_count=tokens, request_latency=1e9,
        if_electricity_mix_adpe=0, if_electricity_mix_pe=0, if_electricity_mix_gwp=0.5, if_electricity_mix_wue=0, datacenter_pue=1.2, datacenter_wue=0)
    out.append(dict(active=active, total=total, tokens=tokens, energy=float(getattr(r["request_energy"], "mean", r["request_energy"])), embodied=float(getattr(r["request_embodied_gwp"], "mean", r["request_embodied_gwp"]))))
print(json.dumps(out))
`
	for _, python := range []string{os.Getenv("TRILEMMA_PYTHON"), "python3"} {
		if python == "" {
			continue
		}
		text, err := exec.Command(python, "-c", script).Output()
		if err != nil {
			continue
		}
		var cases []struct{ Active, Total, Tokens, Energy, Embodied float64 }
		if err := json.Unmarshal(text, &cases); err != nil {
			t.Fatal(err)
		}
		for _, c := range cases {
			got, err := Default().Estimate(Request{Model: Model{ParamsActiveB: c.Active, ParamsTotalB: c.Total, TokensPerSec: math.NaN(), TimeToFirstTokenSec: math.NaN()}, OutputTokens: c.Tokens, LatencyLimitSec: math.NaN()})
			if err != nil {
				t.Fatal(err)
			}
			near(t, "request energy", got.RequestEnergyKWh, c.Energy)
			near(t, "embodied", got.EmbodiedKgCO2e, c.Embodied)
		}
		return
	}
	t.Skip("EcoLogits is not installed")
}
