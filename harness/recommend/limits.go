// Package recommend recommends a policy and its setting for what a user can afford. The way of the data:
//
//  1. [ParseLimit] reads budgets as people write them: 0.30/1k, 2g/1k, 0.65, 3s.
//  2. [Open] reads what the settings of a finished run led to on the selection prompts, of which no policy had seen anything,
//     and beside it what they led to on the test prompts. Settings that cannot be deployed or are known from too few prompts
//     are barred.
//  3. [Choices.Pick] takes the best setting that the selection prompts prove to keep the limits, with the confidence asked for,
//     and says by how much the others miss them. Test figures take no part in it: they are only shown.
package recommend

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Limits are what a setting must keep, per prompt: the least quality, the most of all else. NaN asks for nothing.
type Limits policy.Figures

// None asks for nothing.
func None() Limits { return Limits(policy.Unknown()) }

// Set tells whether anything is asked for.
func (l Limits) Set() bool { return len(l.set()) > 0 }

// Limited are the quantities that can be limited, in the order in which they are reported.
var Limited = append(slices.Clone(policy.Weighed), policy.Quality)

// written is how people write a limit: an example, and what units beside the quantity's own are in that.
var written = [policy.NumQuantities]struct {
	example string
	units   map[string]float64
}{
	policy.Quality: {"0.65", map[string]float64{"%": 0.01}},
	policy.Cost:    {"0.30/1k", map[string]float64{"$": 1, "ct": 0.01, "cent": 0.01}},
	policy.Carbon:  {"2g/1k", map[string]float64{"g": 1, "mg": 1e-3, "kg": 1e3}},
	policy.Latency: {"3s", map[string]float64{"ms": 1e-3, "min": 60}},
	policy.Water:   {"200ml/1k", map[string]float64{"l": 1e3}},
}

// Flag is the flag of a quantity's limit, and an example of its value.
func Flag(q policy.Quantity) (name, example string) {
	name, example = "max-"+q.String(), cmp.Or(written[q].example, "2"+q.Unit()+"/1k")
	if q == policy.Quality {
		name = "min-quality"
	}
	return name, example
}

// inUnits is how much of the quantity's own unit a written one is.
func inUnits(q policy.Quantity, unit string) (float64, bool) {
	if unit == "" || unit == strings.ToLower(q.Unit()) {
		return 1, true
	}
	x, known := written[q].units[unit]
	return x, known
}

// shared tells whether a limit may be written for many prompts: what one prompt takes adds up.
func shared(q policy.Quantity) bool { return q != policy.Quality && q != policy.Latency }

// ParseLimit reads a limit: a number with an optional unit, and how many prompts it is for: "0.30/1k" is 0.30 USD for 1,000
// prompts, "2g/1k" two grams for 1,000, "0.0003" USD and "3s" for each one. It returns the limit of one prompt.
func ParseLimit(q policy.Quantity, text string) (float64, error) {
	fail := func(why string) (float64, error) {
		_, example := Flag(q)
		return 0, fmt.Errorf("%v limit %q: %s; want one such as %s", q, text, why, example)
	}
	amount, per, many := strings.Cut(strings.ToLower(strings.TrimSpace(text)), "/")
	prompts := 1.0
	if many {
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
	unit, known := inUnits(q, strings.TrimSpace(amount[end:]))
	if !known {
		if c := strings.TrimSpace(amount[end:]); q == policy.Cost {
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
	case many && !shared(q):
		return fail("it is not shared by prompts")
	case q == policy.Quality && x*unit > 1:
		return fail("scores end at 1")
	}
	return x * unit / prompts, nil
}
