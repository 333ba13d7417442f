package store

import (
	"encoding/json"
	"fmt"
	"math"

	"github.com/trilemma-bench/trilemma/harness/stats"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Results keep a number that is not known as null, in JSON and in Parquet alike: a nil pointer. In memory it is NaN.

// Known is the number as it is kept.
func Known(x float64) *float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return nil
	}
	return &x
}

// OrNaN is the number as it is reckoned with.
func OrNaN(x *float64) float64 {
	if x == nil {
		return math.NaN()
	}
	return *x
}

// Answered are the columns of what one decision led to.
type Answered struct {
	Score      *float32 `parquet:"score"`
	CostUSD    *float32 `parquet:"cost_usd"`
	EnergyWh   *float32 `parquet:"energy_wh"`
	CarbonG    *float32 `parquet:"carbon_g"`
	LatencySec *float32 `parquet:"latency_s"`
	WaterML    *float32 `parquet:"water_ml"`
}

func (a *Answered) columns() [policy.NumQuantities]**float32 {
	return [...]**float32{&a.Score, &a.CostUSD, &a.EnergyWh, &a.CarbonG, &a.LatencySec, &a.WaterML}
}

// NewAnswered are the columns of some figures.
func NewAnswered(f policy.Figures) (a Answered) {
	kept := new([policy.NumQuantities]float32)
	for q, column := range a.columns() {
		if kept[q] = float32(f[q]); kept[q] == kept[q] {
			*column = &kept[q]
		}
	}
	return a
}

// Figures are NaN where the decision has no result, or nothing is known.
func (a *Answered) Figures() policy.Figures {
	f := policy.Unknown()
	for q, column := range a.columns() {
		if *column != nil {
			f[q] = float64(**column)
		}
	}
	return f
}

// means are the columns of a [Point]'s figures.
type means struct {
	Quality      *float64 `json:"quality" parquet:"quality"`
	QualityLow   *float64 `json:"quality_low" parquet:"quality_low"`
	QualityHigh  *float64 `json:"quality_high" parquet:"quality_high"`
	CostUSD      *float64 `json:"cost_usd" parquet:"cost_usd"`
	EnergyWh     *float64 `json:"energy_wh" parquet:"energy_wh"`
	EnergyWhLow  *float64 `json:"energy_wh_low" parquet:"energy_wh_low"`
	EnergyWhHigh *float64 `json:"energy_wh_high" parquet:"energy_wh_high"`
	CarbonG      *float64 `json:"carbon_g" parquet:"carbon_g"`
	CarbonGLow   *float64 `json:"carbon_g_low" parquet:"carbon_g_low"`
	CarbonGHigh  *float64 `json:"carbon_g_high" parquet:"carbon_g_high"`
	LatencySec   *float64 `json:"latency_s" parquet:"latency_s"`
	WaterML      *float64 `json:"water_ml" parquet:"water_ml"`
	WaterMLLow   *float64 `json:"water_ml_low" parquet:"water_ml_low"`
	WaterMLHigh  *float64 `json:"water_ml_high" parquet:"water_ml_high"`
}

// columns are the central estimate and its bounds; cost and latency have no bounds of their own.
func (m *means) columns() [policy.NumQuantities][3]**float64 {
	var none [2]*float64
	return [...][3]**float64{
		policy.Quality: {&m.Quality, &m.QualityLow, &m.QualityHigh},
		policy.Cost:    {&m.CostUSD, &none[0], &none[1]},
		policy.Energy:  {&m.EnergyWh, &m.EnergyWhLow, &m.EnergyWhHigh},
		policy.Carbon:  {&m.CarbonG, &m.CarbonGLow, &m.CarbonGHigh},
		policy.Latency: {&m.LatencySec, &none[0], &none[1]},
		policy.Water:   {&m.WaterML, &m.WaterMLLow, &m.WaterMLHigh},
	}
}

// lambdas are the columns of a [Point]'s preference.
type lambdas struct {
	LambdaCost    float64 `json:"lambda_cost" parquet:"lambda_cost"`
	LambdaCarbon  float64 `json:"lambda_carbon" parquet:"lambda_carbon"`
	LambdaLatency float64 `json:"lambda_latency" parquet:"lambda_latency"`
	LambdaWater   float64 `json:"lambda_water" parquet:"lambda_water"`
}

func (l *lambdas) columns() map[policy.Quantity]*float64 {
	return map[policy.Quantity]*float64{
		policy.Cost: &l.LambdaCost, policy.Carbon: &l.LambdaCarbon, policy.Latency: &l.LambdaLatency, policy.Water: &l.LambdaWater,
	}
}

// Halves are what a setting led to on the two halves of the selection prompts, by chance and the same for all cells: one
// tells in which order settings are tested, the other tests them.
type Halves struct {
	Preference string  `json:"preference"`
	Order      Moments `json:"order"`
	Check      Moments `json:"check"`
}

// Moments are those of each decisive quantity, over the prompts that a setting covers.
type Moments [policy.NumQuantities]stats.Moments

// MarshalJSON writes [n, mean, sd, skewness] by column, null for what is not known.
func (m Moments) MarshalJSON() ([]byte, error) {
	out := map[string][]*float64{}
	for _, q := range policy.Decisive {
		out[q.Column()] = []*float64{Known(float64(m[q].N)), Known(m[q].Mean), Known(m[q].SD), Known(m[q].Skewness)}
	}
	return json.Marshal(out)
}

// UnmarshalJSON reads null as NaN. A quantity that is not there is known of no prompt.
func (m *Moments) UnmarshalJSON(text []byte) error {
	var columns map[string][]*float64
	if err := json.Unmarshal(text, &columns); err != nil {
		return err
	}
	for _, q := range policy.Decisive {
		switch x := columns[q.Column()]; {
		case x == nil:
			m[q] = stats.MomentsOf(nil)
		case len(x) == 4 && x[0] != nil:
			m[q] = stats.Moments{N: int(*x[0]), Mean: OrNaN(x[1]), SD: OrNaN(x[2]), Skewness: OrNaN(x[3])}
		default:
			return fmt.Errorf("the moments of a figure are 4 numbers, not %d", len(x))
		}
	}
	return nil
}
