package store

import (
	"encoding/json"
	"fmt"

	"github.com/trilemma-bench/trilemma/harness/stats"
)

// Halves are what a setting led to on the two halves of the selection prompts, by chance and the same for all cells: one
// tells in which order settings are tested, the other tests them.
type Halves struct {
	Preference string  `json:"preference"`
	Order      Figures `json:"order"`
	Check      Figures `json:"check"`
}

// Figures are the moments of what was measured, over the prompts that a setting covers.
type Figures struct {
	Score      Sample `json:"score"`
	CostUSD    Sample `json:"cost_usd"`
	CarbonG    Sample `json:"carbon_g"`
	LatencySec Sample `json:"latency_s"`
}

// Sample is the moments of one figure. In JSON it is [n, mean, sd, skewness], null for what is not known.
type Sample stats.Moments

// MarshalJSON writes unknown moments as null.
func (s Sample) MarshalJSON() ([]byte, error) {
	return json.Marshal([4]figure{figure(s.N), figure(s.Mean), figure(s.SD), figure(s.Skewness)})
}

// UnmarshalJSON reads null as NaN.
func (s *Sample) UnmarshalJSON(text []byte) error {
	var x []figure
	if err := json.Unmarshal(text, &x); err != nil {
		return err
	}
	if len(x) != 4 {
		return fmt.Errorf("the moments of a figure are 4 numbers, not %d", len(x))
	}
	*s = Sample{N: int(x[0]), Mean: float64(x[1]), SD: float64(x[2]), Skewness: float64(x[3])}
	return nil
}
