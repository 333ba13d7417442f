package plot

import (
	"math"
	"slices"
)

// Point is one point of a series. Bounds are NaN where there are none; Size is NaN, or from 0 to 1 for markers whose
// area carries a third quantity.
type Point struct {
	X, Y         float64
	XLow, XHigh  float64
	YLow, YHigh  float64
	Size         float64
	Label        string // of the preference; for the CSV
	NotDominated bool   // of the series' own front; filled in by Draw
}

// At is a point without bounds.
func At(x, y float64) Point {
	nan := math.NaN()
	return Point{X: x, Y: y, XLow: nan, XHigh: nan, YLow: nan, YHigh: nan, Size: nan}
}

// Series are the points of one policy over its preferences.
type Series struct {
	Label  string // unique; tells markers of a family apart
	Family string // decides the colour
	Points []Point
}

// Model is a single model, drawn as a grey labelled point.
type Model struct {
	Label string
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
	Zero     []XY   // hull of the single models
	Oracle   []XY   // the references' own front, best first
	SizeNote string // what marker size means, "" where it means nothing
}

// markFront fills NotDominated: no other point of the series is at least as good on both axes and better on one.
func (f *Front) markFront(points []Point) {
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
	for i := range points {
		points[i].NotDominated = finite(points[i].X) && finite(points[i].Y)
		for j := range points {
			bx, by := better(points[j].X, points[i].X, &f.X), better(points[j].Y, points[i].Y, &f.Y)
			if bx >= 0 && by >= 0 && bx+by > 0 && finite(points[j].X) && finite(points[j].Y) {
				points[i].NotDominated = false
				break
			}
		}
	}
}

// members are the points on the front, by x.
func members(points []Point) []Point {
	var out []Point
	for _, p := range points {
		if p.NotDominated {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, func(a, b Point) int {
		switch {
		case a.X < b.X:
			return -1
		case a.X > b.X:
			return 1
		}
		return 0
	})
	return out
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
