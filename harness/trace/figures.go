package trace

import (
	"math"

	"github.com/trilemma-bench/trilemma/policies/policy"
)

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

// NumFigures is how many columns of figures there are: the quantities and what else is counted.
const NumFigures = int(policy.NumQuantities) + 8

// Figures in the order of the trace format. The score is first.
var Figures = figures()

func figures() [NumFigures]Figure {
	count := func(name string, matrix func(*Outcomes) *[]float32) Figure {
		return Figure{name, matrix, notNegative, "is negative", LeaveNull}
	}
	quantity := func(q policy.Quantity) Figure {
		return count(q.Column(), func(o *Outcomes) *[]float32 { return &o.Logged[q] })
	}
	score := quantity(policy.Quality)
	score.Valid, score.Problem, score.Fix = func(x float64) bool { return x >= 0 && x <= 1 }, "is outside [0,1]", "scale scores to [0,1], 1 being best"
	list := []Figure{
		score,
		count("input_tokens", func(o *Outcomes) *[]float32 { return &o.InputTokens }),
		count("output_tokens", func(o *Outcomes) *[]float32 { return &o.OutputTokens }),
		quantity(policy.Cost), quantity(policy.Latency),
	}
	for _, q := range policy.Spent {
		if q != policy.Cost && q != policy.Latency {
			list = append(list, quantity(q))
		}
	}
	return [NumFigures]Figure(append(list,
		Figure{"propensity", func(o *Outcomes) *[]float32 { return &o.Propensity }, func(x float64) bool { return x > 0 && x <= 1 }, "is outside (0,1]",
			"give the probability with which the log chose this model, or " + LeaveNull},
		count("cached_input_tokens", func(o *Outcomes) *[]float32 { return &o.CachedInputTokens }),
		count("reasoning_tokens", func(o *Outcomes) *[]float32 { return &o.ReasoningTokens }),
		count("samples", func(o *Outcomes) *[]float32 { return &o.Samples }),
		count("score_sd", func(o *Outcomes) *[]float32 { return &o.ScoreSD }),
		Figure{"tokens_estimated", func(o *Outcomes) *[]float32 { return &o.TokensEstimated }, func(x float64) bool { return x >= 0 && x <= 1 }, "is outside [0,1]",
			"write 1 where a count of tokens was estimated from the text, or " + LeaveNull}))
}

// ScoreFigure is the place of the score.
const ScoreFigure = 0

// Needed tells which figures always have a matrix in memory, whether the files have the column or not: score and tokens.
func Needed(q int) bool { return q <= 2 }
