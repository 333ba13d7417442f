package trace

import "math"

// Figure is a column of figures of an outcome.
type Figure struct {
	Name   string
	Matrix func(*Outcomes) *[]float32
	Valid  func(x float64) bool // false for NaN
	// Problem and Fix are told where Valid says no. A null or NaN is "not known", except in the score.
	Problem, Fix string
}

func notNegative(x float64) bool { return x >= 0 && !math.IsInf(x, 1) }

// LeaveNull is what to do about a figure that nobody knows.
const LeaveNull = "leave it null where it is not known"

// Figures in the order of the trace format. The score is first.
var Figures = [...]Figure{
	{"score", func(o *Outcomes) *[]float32 { return &o.Score },
		func(x float64) bool { return x >= 0 && x <= 1 }, "is outside [0,1]", "scale scores to [0,1], 1 being best"},
	{"input_tokens", func(o *Outcomes) *[]float32 { return &o.InputTokens }, notNegative, "is negative", LeaveNull},
	{"output_tokens", func(o *Outcomes) *[]float32 { return &o.OutputTokens }, notNegative, "is negative", LeaveNull},
	{"cost_usd", func(o *Outcomes) *[]float32 { return &o.CostUSD }, notNegative, "is negative", LeaveNull},
	{"latency_s", func(o *Outcomes) *[]float32 { return &o.LatencySec }, notNegative, "is negative", LeaveNull},
	{"energy_wh", func(o *Outcomes) *[]float32 { return &o.EnergyWh }, notNegative, "is negative", LeaveNull},
	{"carbon_g", func(o *Outcomes) *[]float32 { return &o.CarbonG }, notNegative, "is negative", LeaveNull},
	{"water_ml", func(o *Outcomes) *[]float32 { return &o.WaterML }, notNegative, "is negative", LeaveNull},
	{"propensity", func(o *Outcomes) *[]float32 { return &o.Propensity },
		func(x float64) bool { return x > 0 && x <= 1 }, "is outside (0,1]",
		"give the probability with which the log chose this model, or " + LeaveNull},
	{"cached_input_tokens", func(o *Outcomes) *[]float32 { return &o.CachedInputTokens }, notNegative, "is negative", LeaveNull},
	{"reasoning_tokens", func(o *Outcomes) *[]float32 { return &o.ReasoningTokens }, notNegative, "is negative", LeaveNull},
}

// ScoreFigure is the place of the score.
const ScoreFigure = 0

// Needed tells which quantities always have a matrix in memory, whether the files have the column or not.
func Needed(q int) bool { return q <= 2 }
