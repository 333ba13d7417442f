package cost

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// Rates are all that one model costs at one time, in USD.
type Rates struct {
	Model                 string
	InputUSDPerMTok       float64
	OutputUSDPerMTok      float64
	ReasoningUSDPerMTok   float64
	CachedInputUSDPerMTok float64
	BatchDiscount         float64 // share taken off the token prices of batch requests
	PerRequestUSD         float64
	Tiers                 []Tier    // ascending by AboveInputTokens
	SelfHosted            bool      // worked out from GPU hours
	From                  time.Time // when the price began
	Checked               time.Time // when somebody last looked
	Source                string
}

// Tier are the prices of all tokens of a request whose input is longer than so many tokens.
type Tier struct {
	AboveInputTokens      float64
	InputUSDPerMTok       float64
	OutputUSDPerMTok      float64
	ReasoningUSDPerMTok   float64
	CachedInputUSDPerMTok float64
}

// at are the rates of a request with so much input.
func (r Rates) at(inputTokens float64) Rates {
	for _, t := range r.Tiers {
		if inputTokens > t.AboveInputTokens {
			r.InputUSDPerMTok, r.OutputUSDPerMTok = t.InputUSDPerMTok, t.OutputUSDPerMTok
			r.ReasoningUSDPerMTok, r.CachedInputUSDPerMTok = t.ReasoningUSDPerMTok, t.CachedInputUSDPerMTok
		}
	}
	return r
}

// Usage is what one request used. A count that is not known is NaN. Cached input tokens are part of the input tokens,
// reasoning tokens part of the output tokens, as the providers count them.
type Usage struct {
	InputTokens, CachedInputTokens float64
	OutputTokens, ReasoningTokens  float64
	Batch                          bool
}

// CostUSD is the bill of one request:
//
//	(1 − batch discount) · Σ tokens · price / 10⁶ + fee a request
//
// NaN where a count that enters it is NaN, negative, or more than the count that it is part of. Whether a token was
// cached or reasoned does not matter, and need not be known, where the prices are the same.
func (r Rates) CostUSD(u Usage) float64 {
	r = r.at(u.InputTokens)
	in, ok1 := parts(u.InputTokens, u.CachedInputTokens, r.InputUSDPerMTok, r.CachedInputUSDPerMTok)
	out, ok2 := parts(u.OutputTokens, u.ReasoningTokens, r.OutputUSDPerMTok, r.ReasoningUSDPerMTok)
	if !ok1 || !ok2 {
		return math.NaN()
	}
	bill := (in + out) / tokensPerPrice
	if u.Batch {
		bill *= 1 - r.BatchDiscount
	}
	return bill + r.PerRequestUSD
}

func parts(all, special, price, specialPrice float64) (float64, bool) {
	if !(all >= 0) {
		return 0, false
	}
	if price == specialPrice {
		return all * price, true
	}
	if !(special >= 0) || special > all {
		return 0, false
	}
	return (all-special)*price + special*specialPrice, true
}

// Resolve is the model that a name means at a date: itself where the book prices it, or the version that the alias stood
// for then. An alias before its first date, and a name that the book does not know, are refused.
func (b *Book) Resolve(name string, on time.Time) (string, error) {
	if b.models[name] != nil {
		return name, nil
	}
	list, ok := b.alias[name]
	if !ok {
		return "", fmt.Errorf("%w: model %q is in it neither by name nor as an alias; it has %s", ErrNoPrice, name, b.some())
	}
	for i := len(list) - 1; i >= 0; i-- {
		if !on.Before(list[i].from) {
			return list[i].id, nil
		}
	}
	return "", fmt.Errorf("%w: alias %q stands for nothing before %s, asked for %s: name the dated version", ErrNoPrice, name,
		list[0].from.Format(time.DateOnly), on.Format(time.DateOnly))
}

// Has tells whether the book has prices of a name at any date.
func (b *Book) Has(name string) bool { return b.models[name] != nil || len(b.alias[name]) > 0 }

func (b *Book) some() string {
	names := b.names
	if len(names) > 6 {
		names = append(append([]string(nil), names[:6]...), "…")
	}
	return strings.Join(names, ", ")
}

// At is what a model, or what an alias stood for, cost at a date. Before its first price it had none.
func (b *Book) At(name string, on time.Time) (Rates, error) {
	id, err := b.Resolve(name, on)
	if err != nil {
		return Rates{}, err
	}
	prices := b.models[id].prices
	for i := len(prices) - 1; i >= 0; i-- {
		if !on.Before(prices[i].From) {
			return prices[i], nil
		}
	}
	return Rates{}, fmt.Errorf("%w: of %s on %s: its first is from %s", ErrNoPrice, id, on.Format(time.DateOnly), prices[0].From.Format(time.DateOnly))
}

// Finding is one thing to look after in a price book.
type Finding struct {
	Model   string `json:"model"`
	Missing bool   `json:"missing"` // no price at all; else the price is stale
	Detail  string `json:"detail"`
}

// Review tells which of the models have no price at a date, and which prices nobody looked at for longer than maxAge.
func (b *Book) Review(models []string, on time.Time, maxAge time.Duration) []Finding {
	var out []Finding
	for _, m := range models {
		r, err := b.At(m, on)
		switch age := on.Sub(r.Checked); {
		case err != nil:
			out = append(out, Finding{m, true, err.Error()})
		case r.Checked.IsZero():
			out = append(out, Finding{m, false, "nobody says when it was checked (" + r.Source + ")"})
		case age > maxAge:
			out = append(out, Finding{m, false, fmt.Sprintf("last checked %s, %d days before %s (%s)",
				r.Checked.Format(time.DateOnly), int(age.Hours()/24), on.Format(time.DateOnly), r.Source)})
		}
	}
	return out
}
