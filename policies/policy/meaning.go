package policy

import (
	"math"
	"strconv"
	"strings"
)

// Point is the part of the score's range that preferences are told in: "1 point of quality is worth 0.02 USD".
const Point = 0.01

// amount is how people read what prompts take: factor times one prompt's figure, in a unit, for so many prompts.
type amount struct {
	factor    float64
	unit, per string
}

const perThousand = " per 1,000 prompts"

// Worth is how much of a quantity 1 point of quality (0.01 of the score) is worth under the preference, in the amounts that
// people read: USD, gCO2e and litres per 1,000 prompts, seconds a prompt. +Inf where the quantity is not weighed.
func (p Preference) Worth(q Quantity) float64 { return quantities[q].told.factor * Point / p[q] }

// PointWorth says what 1 point of quality (0.01 of the score) is worth under the preference, for the cell of a table:
// "3.7 USD", "3.7 USD or 120 gCO2e", per 1,000 prompts, seconds a prompt; "any price" where nothing is weighed.
func (p Preference) PointWorth() string { return p.worth(func(Quantity) string { return "" }) }

// Meaning says what a preference is in a clause of its own: "1 point of quality is worth 3.7 USD per 1,000 prompts";
// "quality at any price" where nothing is weighed.
func (p Preference) Meaning() string {
	last := Quality
	for _, q := range Weighed {
		if p[q] != 0 {
			last = q
		}
	}
	if last == Quality {
		return "quality at any price"
	}
	return "1 point of quality is worth " + p.worth(func(q Quantity) string {
		// USD and grams share one "per 1,000 prompts".
		for _, next := range Weighed {
			if next > q && p[next] != 0 && quantities[next].told.per == quantities[q].told.per {
				return ""
			}
		}
		return quantities[q].told.per
	})
}

func (p Preference) worth(per func(Quantity) string) string {
	var parts []string
	for _, q := range Weighed {
		if p[q] != 0 {
			parts = append(parts, plain(p.Worth(q))+" "+quantities[q].told.unit+per(q))
		}
	}
	if len(parts) == 0 {
		return "any price"
	}
	return strings.Join(parts, " or ")
}

// plain writes a number with three digits and no exponent.
func plain(x float64) string {
	if x == 0 || math.IsInf(x, 0) || math.IsNaN(x) {
		return strconv.FormatFloat(x, 'g', 3, 64)
	}
	decimals := max(0, 2-int(math.Floor(math.Log10(math.Abs(x)))))
	text := strconv.FormatFloat(x, 'f', decimals, 64)
	if decimals > 0 {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return text
}
