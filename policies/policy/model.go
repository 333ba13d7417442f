package policy

import "math"

// Range is a figure known exactly (Low == High) or only between two bounds, as for closed models whose size is assumed.
// The zero Range means unknown.
type Range struct {
	Low, High float64
}

// Exactly returns the range that holds x alone.
func Exactly(x float64) Range { return Range{Low: x, High: x} }

// Known tells whether anything is known of the figure.
func (r Range) Known() bool { return r.High > 0 }

// Mid is the centre of the range.
func (r Range) Mid() float64 { return (r.Low + r.High) / 2 }

// Model holds the public facts of one LLM that a policy may see. Unknown numbers are NaN, unknown ranges zero.
type Model struct {
	ID            string
	Provider      string
	OpenWeights   bool
	ParamsTotalB  Range // parameters, 10⁹
	ParamsActiveB Range // parameters active for one token, 10⁹
	// Prices in USD per million tokens.
	PriceInputUSDPerMTok  float64
	PriceOutputUSDPerMTok float64
	Hardware              string
	Region                string  // cloud region or ISO 3166 alpha-3 country; "" when unknown
	TokensPerSec          float64 // generation throughput of one request
	TimeToFirstTokenSec   float64
}

// NewModel returns a model of which only the name is known.
func NewModel(id string) Model {
	nan := math.NaN()
	return Model{
		ID:                    id,
		PriceInputUSDPerMTok:  nan,
		PriceOutputUSDPerMTok: nan,
		TokensPerSec:          nan,
		TimeToFirstTokenSec:   nan,
	}
}

// Priced tells whether both list prices are known.
func (m Model) Priced() bool {
	return !math.IsNaN(m.PriceInputUSDPerMTok) && !math.IsNaN(m.PriceOutputUSDPerMTok)
}
