// Package cost bills outcomes: USD from tokens and list prices per million tokens. What is not known (NaN) makes the bill
// unknown, never zero; a price of zero is a price.
package cost

import (
	"fmt"
	"math"
)

const tokensPerPrice = 1e6

// Prices are in USD per million tokens; NaN where unknown.
type Prices struct {
	InputUSDPerMTok  float64
	OutputUSDPerMTok float64
}

// Known tells whether both prices are.
func (p Prices) Known() bool {
	return !math.IsNaN(p.InputUSDPerMTok) && !math.IsNaN(p.OutputUSDPerMTok)
}

// Check refuses negative and infinite prices.
func (p Prices) Check() error {
	for _, x := range []float64{p.InputUSDPerMTok, p.OutputUSDPerMTok} {
		if x < 0 || math.IsInf(x, 0) {
			return fmt.Errorf("prices of %v and %v USD per million tokens, want numbers that are not negative",
				p.InputUSDPerMTok, p.OutputUSDPerMTok)
		}
	}
	return nil
}

// CostUSD is the bill of one answer. Reasoning tokens count as output tokens. It is NaN where a price or a token count
// is NaN, even where the other factor is zero, and where a token count is negative.
func (p Prices) CostUSD(inputTokens, outputTokens float64) float64 {
	if inputTokens < 0 || outputTokens < 0 {
		return math.NaN()
	}
	return (inputTokens*p.InputUSDPerMTok + outputTokens*p.OutputUSDPerMTok) / tokensPerPrice
}

// USD is [Prices.CostUSD] for prices at hand.
func USD(inputTokens, outputTokens, inputUSDPerMTok, outputUSDPerMTok float64) float64 {
	return Prices{inputUSDPerMTok, outputUSDPerMTok}.CostUSD(inputTokens, outputTokens)
}
