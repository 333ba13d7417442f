package forecast

import (
	"errors"
	"math"
	"strings"
	"unicode"

	"github.com/trilemma-bench/trilemma/policies/policy"
)

// shapeFeatures is the number of figures that [textShape] finds in a text.
const shapeFeatures = 12

// textShape describes how a text looks rather than what it says: an encoder that was trained for meaning forgets length,
// and length is what input tokens, and much of the output, are paid for.
func textShape(text string, out []float32) {
	var letters, upper, digits, spaces, other, lines, dollars, backslashes, questions, equals float64
	for _, r := range text {
		switch {
		case unicode.IsLetter(r):
			letters++
			if unicode.IsUpper(r) {
				upper++
			}
		case unicode.IsDigit(r):
			digits++
		case unicode.IsSpace(r):
			spaces++
			if r == '\n' {
				lines++
			}
		default:
			other++
			switch r {
			case '$':
				dollars++
			case '\\':
				backslashes++
			case '?':
				questions++
			case '=':
				equals++
			}
		}
	}
	n := letters + digits + spaces + other
	words := float64(len(strings.Fields(text)))
	for i, x := range [shapeFeatures]float64{
		math.Log1p(n), math.Log1p(words), n / max(words, 1), letters / max(n, 1), upper / max(n, 1), digits / max(n, 1),
		math.Log1p(digits), other / max(n, 1), math.Log1p(lines), math.Log1p(dollars + backslashes), math.Log1p(questions), math.Log1p(equals),
	} {
		out[i] = float32(x)
	}
}

// shapeShare is how much a shape feature varies beside a direction of the vector, once both are standardised: the few
// features weigh about as much together as the directions of the vector that carry most.
const shapeShare = 2

// Features lays prompts out as inputs of a network: the vector, then the standardised shape of the text.
type Features struct {
	Dim   int       `json:"dim"`
	Shape bool      `json:"shape"`
	Mean  []float64 `json:"mean,omitempty"`  // of the shape features
	Scale []float64 `json:"scale,omitempty"` // multiplies what is left
}

// Width is the number of inputs.
func (f *Features) Width() int {
	if f.Shape {
		return f.Dim + shapeFeatures
	}
	return f.Dim
}

// Fit finds the scales on training prompts.
func (f *Features) Fit(p *policy.Prompts) {
	if !f.Shape {
		return
	}
	n, row := float64(p.Len()), make([]float32, shapeFeatures)
	sum, square := make([]float64, shapeFeatures), make([]float64, shapeFeatures)
	for _, text := range p.Text {
		textShape(text, row)
		for j, x := range row {
			sum[j] += float64(x)
			square[j] += float64(x) * float64(x)
		}
	}
	// The root mean square, about its mean, of one direction of the vector.
	var total, spread float64
	mean := make([]float64, p.Dim)
	for i, x := range p.Vector {
		mean[i%p.Dim] += float64(x) / n
		total += float64(x) * float64(x)
	}
	spread = total / n
	for _, m := range mean {
		spread -= m * m
	}
	unit := math.Sqrt(max(spread, 0) / float64(p.Dim))
	if unit == 0 {
		unit = 1
	}
	f.Mean, f.Scale = make([]float64, shapeFeatures), make([]float64, shapeFeatures)
	for j := range sum {
		f.Mean[j] = sum[j] / n
		if deviation := math.Sqrt(max(square[j]/n-f.Mean[j]*f.Mean[j], 0)); deviation > 1e-6 {
			f.Scale[j] = shapeShare * unit / deviation
		}
	}
}

// Inputs is [n × width] for prompts.
func (f *Features) Inputs(p *policy.Prompts) []float32 {
	if !f.Shape {
		return p.Vector
	}
	width := f.Width()
	x, row := make([]float32, p.Len()*width), make([]float32, shapeFeatures)
	for i := range p.Len() {
		copy(x[i*width:], p.Row(i))
		textShape(p.Text[i], row)
		for j, v := range row {
			z := (float64(v) - f.Mean[j]) * f.Scale[j]
			x[i*width+f.Dim+j] = float32(z)
		}
	}
	return x
}

// Check tells whether loaded features are whole.
func (f *Features) Check() error {
	if f.Dim < 1 || (f.Shape && (len(f.Mean) != shapeFeatures || len(f.Scale) != shapeFeatures)) {
		return errors.New("the checkpoint's features are not whole; fit again")
	}
	return nil
}
