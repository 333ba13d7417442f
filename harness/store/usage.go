package store

// Usage says where the footprint of a cell's decisions under one preference came from.
type Usage struct {
	Preference string  `json:"preference"`
	Slices     []Slice `json:"slices"`
	// 95 % bounds of the carbon of all test prompts together by the estimate of energy, a factor of its own for every model;
	// null where no carbon is known or all energy was logged.
	CarbonModelLowG  *float64 `json:"carbon_g_model_low,omitempty"`
	CarbonModelHighG *float64 `json:"carbon_g_model_high,omitempty"`
	// Hours are the shares of the models in each hour, day or month, where prompts arrive over time.
	Hours []HourShare `json:"hours,omitempty"`
}

// What a slice is of.
const (
	ByModel    = "model"
	ByCategory = "category"
	ByHour     = "hour"   // of arrival, UTC: "2024-06-01T13", or "2024-06-01" or "2024-06" over longer times
	ByRegion   = "region" // where the model ran; "unknown" on the grid of the accounting
)

// Slice is what the answers of one model, to one category, of one hour or from one region took together: sums over the
// test prompts, not means. A distribution over models counts by its probabilities. Unknown figures count nothing; Unknown
// is how many answers had no known carbon.
type Slice struct {
	By          string   `json:"by"`
	Key         string   `json:"key"`
	Answers     float64  `json:"answers"`
	CostUSD     *float64 `json:"cost_usd"` // null where an answer's is unknown
	EnergyLowWh float64  `json:"energy_wh_low"`
	EnergyUpWh  float64  `json:"energy_wh_high"`
	CarbonLowG  float64  `json:"carbon_g_low"` // bounds by the assumed sizes of closed models
	CarbonUpG   float64  `json:"carbon_g_high"`
	WaterL      float64  `json:"water_l,omitempty"` // where a factor is known
	Unknown     float64  `json:"unknown,omitempty"`
}

// EnergyWh is the central estimate.
func (s *Slice) EnergyWh() float64 { return (s.EnergyLowWh + s.EnergyUpWh) / 2 }

// CarbonG is the central estimate.
func (s *Slice) CarbonG() float64 { return (s.CarbonLowG + s.CarbonUpG) / 2 }

// HourShare is how many answers one model gave in one hour, day or month.
type HourShare struct {
	Hour    string  `json:"hour"`
	Model   string  `json:"model"`
	Answers float64 `json:"answers"`
}
