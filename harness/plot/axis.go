package plot

import (
	"fmt"
	"math"
	"strconv"

	"gonum.org/v1/plot"
)

// Scaling chooses between a linear and a logarithmic axis.
type Scaling int

const (
	// Auto is logarithmic where the positive values span more than a factor of 20.
	Auto Scaling = iota
	// Linear keeps differences.
	Linear
	// Log keeps ratios. A value of zero is drawn at a tick of its own left of the smallest positive one.
	Log
)

// Axis says how the numbers of one direction are shown.
type Axis struct {
	Label        string  // with its unit
	Factor       float64 // from the table's unit to the label's; 0 means 1
	HighIsBetter bool
	Scaling      Scaling
}

// autoLogSpan is the ratio of largest to smallest positive value from which on an automatic axis is logarithmic.
const autoLogSpan = 20

// scale maps the numbers of one axis to plot coordinates.
type scale struct {
	factor   float64
	log      bool
	zero     float64 // coordinate of value zero on a log axis
	hasZero  bool
	min, max float64 // coordinates of the data
}

func newScale(a *Axis, values []float64) scale {
	s := scale{factor: a.Factor}
	if s.factor == 0 {
		s.factor = 1
	}
	low, high := math.Inf(1), math.Inf(-1)
	smallest := math.Inf(1)
	for _, v := range values {
		if !finite(v) {
			continue
		}
		v *= s.factor
		low, high = min(low, v), max(high, v)
		if v > 0 {
			smallest = min(smallest, v)
		}
		if v == 0 {
			s.hasZero = true
		}
	}
	if math.IsInf(low, 1) {
		low, high = 0, 1
	}
	positive := !math.IsInf(smallest, 1) && low >= 0
	s.log = positive && (a.Scaling == Log || a.Scaling == Auto && high > autoLogSpan*smallest)
	if s.log {
		s.zero = math.Log10(smallest) - 0.5
		low, high = math.Log10(smallest), math.Log10(high)
		if s.hasZero {
			low = s.zero
		}
	}
	pad := 0.05 * (high - low)
	if high-low < 1e-12 {
		pad = max(0.1*math.Abs(high), 1e-6)
		if s.log {
			pad = 0.5
		}
	}
	s.min, s.max = low-pad, high+pad
	return s
}

// at is the coordinate of a value.
func (s *scale) at(v float64) float64 {
	v *= s.factor
	if !s.log {
		return v
	}
	if v <= 0 {
		return s.zero
	}
	return math.Log10(v)
}

// Ticks implements plot.Ticker.
func (s *scale) Ticks(low, high float64) []plot.Tick {
	if !s.log {
		return linearTicks(low, high)
	}
	var ticks []plot.Tick
	if s.hasZero {
		ticks = append(ticks, plot.Tick{Value: s.zero, Label: "0"})
	}
	first := math.Floor(low)
	if s.hasZero {
		first = math.Floor(s.zero + 0.25)
	}
	// Fewer than three decades leave room for 2 and 5 as well.
	labelled := map[int]bool{1: true}
	if high-low < 3 {
		labelled[2], labelled[5] = true, true
	}
	for decade := first; decade <= high; decade++ {
		for digit := 1; digit <= 9; digit++ {
			v := float64(digit) * math.Pow(10, decade)
			at := math.Log10(v)
			if at < low || at > high || s.hasZero && at < s.zero+0.2 {
				continue
			}
			t := plot.Tick{Value: at}
			if labelled[digit] {
				t.Label = number(digit, int(decade))
			}
			ticks = append(ticks, t)
		}
	}
	return ticks
}

// linearTicks are five to ten round numbers, with an unlabelled tick between each two.
func linearTicks(low, high float64) []plot.Tick {
	if !(high > low) {
		return nil
	}
	magnitude := math.Pow(10, math.Floor(math.Log10(high-low)))
	step := magnitude
	for _, m := range []float64{0.1, 0.2, 0.5, 1} {
		if step = m * magnitude; (high-low)/step <= 10 {
			break
		}
	}
	decimals := max(0, int(math.Ceil(-math.Log10(step)-1e-9)))
	var ticks []plot.Tick
	for i := math.Ceil(2 * low / step); i*step/2 <= high; i++ {
		t := plot.Tick{Value: i * step / 2}
		if math.Mod(i, 2) == 0 {
			t.Label = strconv.FormatFloat(t.Value+0, 'f', decimals, 64)
		}
		ticks = append(ticks, t)
	}
	return ticks
}

// number writes digit·10^exponent as people do.
func number(digit, exponent int) string {
	if exponent >= -4 && exponent <= 5 {
		return strconv.FormatFloat(float64(digit)*math.Pow(10, float64(exponent)), 'f', max(0, -exponent), 64)
	}
	return fmt.Sprintf("%de%d", digit, exponent)
}
