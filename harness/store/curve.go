package store

import "math"

// Curve is one metric of one stage of a cell's training, such as the validation loss by epoch. Steps without a finite
// value are not in it.
type Curve struct {
	Stage  string    `json:"stage"`
	Metric string    `json:"metric"`
	Steps  []int     `json:"steps"`
	Values []float64 `json:"values"`
}

// maxCurve bounds the points of a curve: more than a plot can show.
const maxCurve = 512

// Curves gathers what training reports. The zero value is ready to use.
type Curves struct {
	list []curve
	at   map[[2]string]int
}

// curve keeps every stride-th report, and the last one.
type curve struct {
	Curve
	stride, seen int
	last         bool // the last point is kept only until the next report
}

// Add takes one report. A step that is reported again, as after a resume, replaces what came from there on.
func (c *Curves) Add(stage, metric string, step int, value float64) {
	if math.IsNaN(value) || math.IsInf(value, 0) {
		return
	}
	key := [2]string{stage, metric}
	i, known := c.at[key]
	if !known {
		if c.at == nil {
			c.at = map[[2]string]int{}
		}
		i = len(c.list)
		c.at[key] = i
		c.list = append(c.list, curve{Curve: Curve{Stage: stage, Metric: metric}, stride: 1})
	}
	c.list[i].add(step, value)
}

func (c *curve) add(step int, value float64) {
	for n := len(c.Steps); n > 0 && c.Steps[n-1] >= step; n-- {
		c.Steps, c.Values, c.last = c.Steps[:n-1], c.Values[:n-1], false
	}
	if c.last {
		c.Steps, c.Values = c.Steps[:len(c.Steps)-1], c.Values[:len(c.Values)-1]
	}
	c.last = c.seen%c.stride != 0
	c.seen++
	c.Steps, c.Values = append(c.Steps, step), append(c.Values, value)
	if len(c.Steps) <= maxCurve || c.last {
		return
	}
	kept := 0
	for i := 0; i < len(c.Steps); i += 2 {
		c.Steps[kept], c.Values[kept] = c.Steps[i], c.Values[i]
		kept++
	}
	c.last = len(c.Steps)%2 == 0
	if c.last {
		c.Steps[kept], c.Values[kept] = step, value
		kept++
	}
	c.Steps, c.Values = c.Steps[:kept], c.Values[:kept]
	c.stride *= 2
}

// All are the curves in the order in which they began.
func (c *Curves) All() []Curve {
	out := make([]Curve, len(c.list))
	for i := range c.list {
		out[i] = c.list[i].Curve
	}
	return out
}
