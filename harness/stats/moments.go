package stats

import "math"

// Moments are what tests of a mean need of a sample.
type Moments struct {
	N        int
	Mean     float64 // NaN where some value is unknown, or there is none
	SD       float64 // with n−1; NaN for fewer than two values
	Skewness float64 // m₃/m₂^1.5 of the central moments with n; 0 where all values are equal
}

// MomentsOf are the moments of values. One that is not a number makes all of them unknown.
func MomentsOf(x []float64) Moments {
	m := Moments{N: len(x), Mean: Mean(x)}
	var second, third float64
	for _, v := range x {
		d := v - m.Mean
		second += d * d
		third += d * d * d
	}
	return m.with(second, third)
}

// with fills in the sums of the squares and cubes of differences to the mean.
func (m Moments) with(second, third float64) Moments {
	n := float64(m.N)
	m.SD = math.Sqrt(second / (n - 1))
	if cube := math.Pow(second/n, 1.5); cube > 0 { // of values that differ by less than numbers can cube it is 0 too
		m.Skewness = third / n / cube
	}
	if m.N < 2 || math.IsNaN(m.Mean) {
		m.SD, m.Skewness = math.NaN(), math.NaN()
	}
	return m
}

// sums are the sums of the squares and cubes of differences to the mean.
func (m Moments) sums() (second, third float64) {
	if m.N < 2 {
		return 0, 0
	}
	n := float64(m.N)
	second = m.SD * m.SD * (n - 1)
	return second, m.Skewness * n * math.Pow(second/n, 1.5)
}

// Join is the moments of two samples laid together (Chan, Golub and LeVeque 1979; the third moment after Terriberry).
func (m Moments) Join(o Moments) Moments {
	if m.N == 0 {
		return o
	}
	if o.N == 0 {
		return m
	}
	a, b := float64(m.N), float64(o.N)
	n, d := a+b, o.Mean-m.Mean
	m2, m3 := m.sums()
	o2, o3 := o.sums()
	return Moments{N: m.N + o.N, Mean: m.Mean + d*b/n}.with(
		m2+o2+d*d*a*b/n,
		m3+o3+d*d*d*a*b*(a-b)/(n*n)+3*d*(a*o2-b*m2)/n,
	)
}

// SE is the standard error of the mean.
func (m Moments) SE() float64 { return m.SD / math.Sqrt(float64(m.N)) }
