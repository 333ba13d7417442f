// Package recommend recommends a policy and its setting for what a user can afford. The way of the data:
//
//  1. [ParseLimit] reads budgets as people write them: 0.30/1k, 2g/1k, 0.65, 3s.
//  2. [Open] reads what the settings of a finished run led to on the selection prompts, of which no policy had seen anything,
//     and beside it what they led to on the test prompts. Settings that cannot be deployed or are known from too few prompts
//     are barred.
//  3. [Choices.Pick] takes the best setting that the selection prompts prove to keep the limits, with the confidence asked for,
//     and says by how much the others miss them. Test figures take no part in it: they are only told.
package recommend

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Limits are what a setting must keep, per prompt; NaN asks for nothing.
type Limits struct {
	MaxCostUSD    float64
	MaxCarbonG    float64
	MaxLatencySec float64
	MinQuality    float64
}

// None asks for nothing.
func None() Limits { return Limits{math.NaN(), math.NaN(), math.NaN(), math.NaN()} }

// Set tells whether anything is asked for.
func (l Limits) Set() bool {
	for _, x := range []float64{l.MaxCostUSD, l.MaxCarbonG, l.MaxLatencySec, l.MinQuality} {
		if !math.IsNaN(x) {
			return true
		}
	}
	return false
}

// Kind is what a limit is about.
type Kind string

// The kinds of limits.
const (
	Cost    Kind = "cost"
	Carbon  Kind = "carbon"
	Latency Kind = "latency"
	Quality Kind = "quality"
)

// quantity that a limit is about; quality where the kind is none.
func (k Kind) quantity() policy.Quantity {
	q, _ := policy.FindQuantity(string(k))
	return q
}

// units turn a written unit into the unit of the limit.
var units = map[Kind]map[string]float64{
	Cost:    {"": 1, "$": 1, "usd": 1, "ct": 0.01, "cent": 0.01},
	Carbon:  {"": 1, "g": 1, "mg": 1e-3, "kg": 1e3, "gco2e": 1},
	Latency: {"": 1, "s": 1, "ms": 1e-3, "min": 60},
	Quality: {"": 1, "%": 0.01},
}

// ParseLimit reads a limit: a number with an optional unit, and how many prompts it is for: "0.30/1k" is 0.30 USD for 1,000
// prompts, "2g/1k" two grams for 1,000, "0.0003" USD and "3s" for each one. It returns the limit of one prompt.
func ParseLimit(kind Kind, text string) (float64, error) {
	fail := func(why string) (float64, error) {
		example := map[Kind]string{Cost: "0.30/1k", Carbon: "2g/1k", Latency: "3s", Quality: "0.65"}[kind]
		return 0, fmt.Errorf("%s limit %q: %s; want one such as %s", kind, text, why, example)
	}
	amount, per, shared := strings.Cut(strings.ToLower(strings.TrimSpace(text)), "/")
	prompts := 1.0
	if shared {
		per = strings.TrimSuffix(strings.TrimSuffix(strings.TrimSpace(per), " prompts"), "prompt")
		factor := 1.0
		switch {
		case strings.HasSuffix(per, "k"):
			factor, per = 1e3, strings.TrimSuffix(per, "k")
		case strings.HasSuffix(per, "m"):
			factor, per = 1e6, strings.TrimSuffix(per, "m")
		}
		n := 1.0
		if per = strings.TrimSpace(per); per != "" {
			var err error
			if n, err = strconv.ParseFloat(per, 64); err != nil {
				return fail("how many prompts?")
			}
		}
		prompts = n * factor
	}
	amount = strings.TrimSpace(amount)
	amount = strings.TrimPrefix(amount, "$")
	end := len(amount)
	for end > 0 && !strings.ContainsRune("0123456789.", rune(amount[end-1])) {
		end--
	}
	unit, known := units[kind][strings.TrimSpace(amount[end:])]
	if !known {
		if c := strings.TrimSpace(amount[end:]); kind == Cost {
			return fail(fmt.Sprintf("%q is no unit of it: only USD is known; convert other currencies first", c))
		}
		return fail(fmt.Sprintf("%q is no unit of it", strings.TrimSpace(amount[end:])))
	}
	x, err := strconv.ParseFloat(strings.TrimSpace(amount[:end]), 64)
	switch {
	case err != nil || math.IsInf(x, 0) || math.IsNaN(x):
		return fail("it has no number")
	case x < 0:
		return fail("it is negative")
	case !(prompts > 0) || math.IsInf(prompts, 0):
		return fail("it is for no prompts")
	case (kind == Quality || kind == Latency) && shared:
		return fail("it is not shared by prompts")
	case kind == Quality && x*unit > 1:
		return fail("scores end at 1")
	}
	return x * unit / prompts, nil
}
