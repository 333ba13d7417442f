package synth

import (
	"fmt"
	"math"

	"github.com/trilemma-bench/trilemma/policies/policy"
)

// spec is one model of the pool: its public facts and what is true of it.
type spec struct {
	policy.Model
	skill     float64            // ability beyond what its price buys, in logits
	strengths map[string]float64 // extra ability by topic, in logits
	strain    float64            // how much difficulty counts for it: strong models shrug off more
	verbosity float64            // median output tokens for a prompt of average difficulty and length
	ability   []float64          // [topics × fields], filled by newWorld
	shift     []float64          // [topics × fields] how ability moves over the drift
}

// pool is the built-in pool, cheap to dear. All of it is invented; sizes, prices (USD per million tokens) and speeds
// are of the magnitudes that hosted models had in 2024 and 2025. Regions are countries (ISO 3166 alpha-3).
func pool() []spec {
	open := func(id, provider string, total, active, in, out, tps, ttft float64, region string) policy.Model {
		return policy.Model{
			ID: id, Provider: provider, OpenWeights: true,
			ParamsTotalB: policy.Exactly(total), ParamsActiveB: policy.Exactly(active),
			PriceInputUSDPerMTok: in, PriceOutputUSDPerMTok: out,
			Hardware: "h100", Region: region, TokensPerSec: tps, TimeToFirstTokenSec: ttft,
		}
	}
	return []spec{
		{Model: open("pebble-1b", "riverstone", 1.2, 1.2, 0.02, 0.04, 210, 0.15, "SWE"), skill: -0.25, strain: 1.15, verbosity: 150},
		{Model: open("maple-8b", "arborlab", 8, 8, 0.08, 0.12, 140, 0.2, "POL"), skill: 0.1, strain: 1.1, verbosity: 210},
		{
			Model: open("ridge-14b-code", "riverstone", 14, 14, 0.15, 0.3, 95, 0.25, "USA"), skill: -0.1, strain: 1.05, verbosity: 240,
			strengths: map[string]float64{"computing": 1.5, "mathematics": 1.2, "engineering": 0.8, "history": -0.8, "law": -0.6},
		},
		{Model: open("grove-48b-moe", "arborlab", 48, 13, 0.35, 0.6, 110, 0.3, "FRA"), skill: 0.1, strain: 1.05, verbosity: 230},
		{
			Model: open("harbor-70b", "northquay", 70, 70, 0.7, 0.9, 45, 0.45, "DEU"), skill: 0.15, strain: 1.0, verbosity: 260,
			strengths: map[string]float64{"history": 0.7, "law": 0.6, "literature": 0.6},
		},
		{
			Model: open("delta-236b-moe", "northquay", 236, 21, 0.5, 1.6, 60, 0.5, "IND"), skill: 0, strain: 0.85, verbosity: 420,
			strengths: map[string]float64{"mathematics": 1.1, "physics": 0.9, "chemistry": 0.6},
		},
		{Model: open("summit-400b", "riverstone", 400, 400, 2.7, 3.2, 24, 0.9, "USA"), skill: 0, strain: 0.95, verbosity: 300},
		{
			Model: policy.Model{
				ID: "zenith-pro", Provider: "meridian",
				ParamsTotalB: policy.Range{Low: 300, High: 900}, ParamsActiveB: policy.Range{Low: 60, High: 200},
				PriceInputUSDPerMTok: 3, PriceOutputUSDPerMTok: 9,
				Region: "USA", TokensPerSec: 70, TimeToFirstTokenSec: 0.7,
			},
			skill: -0.1, strain: 0.85, verbosity: 330,
		},
	}
}

// choose returns n models: a spread of the built-in pool, or all of it and variations.
func choose(n int) []spec {
	built := pool()
	if n <= len(built) {
		chosen := make([]spec, n)
		for i := range chosen {
			at := len(built) - 1
			if n > 1 {
				at = int(math.Round(float64(i) * float64(len(built)-1) / float64(n-1)))
			}
			chosen[i] = built[at]
		}
		return chosen
	}
	chosen := built
	for i := len(built); i < n; i++ {
		v := built[i%len(built)]
		generation := i/len(built) + 1
		v.ID = fmt.Sprintf("%s-v%d", v.ID, generation)
		// Each generation is a little cheaper, and its own draw of abilities.
		discount := math.Pow(0.85, float64(generation-1))
		v.PriceInputUSDPerMTok = math.Round(v.PriceInputUSDPerMTok*discount*1e4) / 1e4
		v.PriceOutputUSDPerMTok = math.Round(v.PriceOutputUSDPerMTok*discount*1e4) / 1e4
		v.verbosity *= 1 + 0.05*float64(generation-1)
		chosen = append(chosen, v)
	}
	return chosen
}
