package billing

import (
	"math"
	"time"

	"github.com/trilemma-bench/trilemma/harness/carbon"
	"github.com/trilemma-bench/trilemma/harness/cost"
	"github.com/trilemma-bench/trilemma/harness/energy"
	"github.com/trilemma-bench/trilemma/harness/trace"
)

// Accounting says how the figures that a trace did not log are derived. A logged figure always wins.
type Accounting struct {
	Energy energy.Assumptions
	// GridGPerKWh is the grid intensity of models whose region is unknown.
	GridGPerKWh float64
	// IgnoreRegions uses GridGPerKWh for every model.
	IgnoreRegions bool
	// Method of estimating energy; the zero Method is the published regression.
	Method energy.Method `json:",omitzero"`
	// Hourly intensities win over yearly averages for prompts that have a time of arrival. HourlySHA256 names the file.
	Hourly       *carbon.Hourly `json:"-"`
	HourlySHA256 string         `json:",omitempty"`
	// Prices of a book win over those of models.yaml: the price of the day on which a prompt arrived, or of PricesOn.
	// PricesSHA256 names the file.
	Prices       *cost.Book `json:"-"`
	PricesSHA256 string     `json:",omitempty"`
	PricesOn     time.Time  `json:",omitzero"`
	// UnknownCost says what becomes of outcomes that have a score but no known cost.
	UnknownCost UnknownCost `json:",omitempty"`
	// Usage says how the provider counts the tokens that have prices of their own.
	Usage Usage `json:",omitempty"`
	// WaterLPerKWh is for regions whose operator states no use of water.
	WaterLPerKWh *float64 `json:",omitempty"`
	// Tokens names how missing token counts were estimated before the trace was billed, "" where they were not.
	Tokens string `json:",omitempty"`
}

// Usage says whether cached and reasoning tokens are part of the input and output tokens or come on top of them. One
// rule holds for prices of models.yaml and of a book.
type Usage string

// The conventions of providers.
const (
	Inclusive Usage = ""          // as OpenAI logs
	Exclusive Usage = "exclusive" // as Anthropic logs cached input
)

// tokens are the whole input and output of an outcome and the parts of them that have prices of their own. A part above
// its whole cannot be, so the whole is unknown then, and contradicts says so.
func (u Usage) tokens(src *trace.Outcomes, at int) (use cost.Usage, contradicts bool) {
	use = cost.Usage{
		InputTokens: float64(figure(src.InputTokens, at)), CachedInputTokens: float64(figure(src.CachedInputTokens, at)),
		OutputTokens: float64(figure(src.OutputTokens, at)), ReasoningTokens: float64(figure(src.ReasoningTokens, at)),
	}
	for _, p := range []struct{ whole, part *float64 }{{&use.InputTokens, &use.CachedInputTokens}, {&use.OutputTokens, &use.ReasoningTokens}} {
		switch {
		case u == Exclusive && *p.part > 0:
			*p.whole += *p.part
		case u != Exclusive && *p.part > *p.whole:
			*p.whole, contradicts = math.NaN(), true
		}
	}
	return use, contradicts
}

// DefaultAccounting derives energy as published, but for the reading of the prompt that it adds, and takes the world's
// average grid where no region is known.
func DefaultAccounting() Accounting {
	acc := Accounting{Energy: energy.Default(), GridGPerKWh: carbon.WorldGPerKWh}
	acc.Energy.Prefill.On = true
	return acc
}
