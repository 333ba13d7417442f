package plot

import (
	"cmp"
	"math"
	"slices"
)

// Point is one point of a series. Bounds are NaN where there are none.
type Point struct {
	X, Y        float64
	XLow, XHigh float64
	YLow, YHigh float64
	Label       string // of the preference; for the CSV
	Chosen      bool   // its series' line runs through it
}

// At is a point without bounds.
func At(x, y float64) Point {
	nan := math.NaN()
	return Point{X: x, Y: y, XLow: nan, XHigh: nan, YLow: nan, YHigh: nan}
}

// Series are the points of one policy over its preferences.
type Series struct {
	Label  string // unique
	Family string // of the policy; for the CSV
	Look   Look
	Points []Point
}

// Model is a single model, drawn as a small labelled point.
type Model struct {
	Label string
	Look  Look
	Point
}

// XY is a bare point.
type XY struct{ X, Y float64 }

// Front is a figure of two quantities of which each is better low or high.
type Front struct {
	Title    string
	Subtitle string
	X, Y     Axis
	Series   []Series
	Models   []Model
	Zero     []XY     // the line of mixes of single models, from the cheapest on
	Oracle   []XY     // the line of what no router exceeds, likewise
	Notes    []string // small print of the legend
}

// ChooseFront marks the points that no other of the series is at least as good as on both axes and better on one: for
// whoever has nothing else to choose by.
func (f *Front) ChooseFront(s *Series) {
	better := func(a, b float64, axis *Axis) int {
		if axis.HighIsBetter {
			a, b = -a, -b
		}
		switch {
		case a < b:
			return 1
		case a > b:
			return -1
		}
		return 0
	}
	for i := range s.Points {
		p := &s.Points[i]
		p.Chosen = finite(p.X) && finite(p.Y)
		for _, o := range s.Points {
			bx, by := better(o.X, p.X, &f.X), better(o.Y, p.Y, &f.Y)
			if bx >= 0 && by >= 0 && bx+by > 0 && finite(o.X) && finite(o.Y) {
				p.Chosen = false
				break
			}
		}
	}
}

// chosen are the points that a series' line runs through, by x.
func chosen(points []Point) []Point {
	var out []Point
	for _, p := range points {
		if p.Chosen && finite(p.X) && finite(p.Y) {
			out = append(out, p)
		}
	}
	slices.SortStableFunc(out, func(a, b Point) int { return cmp.Compare(a.X, b.X) })
	return out
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
