package energy

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"
)

// minModels is the fewest models of which a deviation between models is given.
const minModels = 5

// A method that was not calibrated is held against what was measured at about the batch that it assumes.
const comparedFrom, comparedTo = 40, 100

// ErrTooFewModels is wrapped where measurements are of too few models to calibrate by.
var ErrTooFewModels = errors.New("too few models")

// Calibrate fits the level and the batch of the published regression on measured GPU energy, hardware by hardware:
//
//	ln(measured ÷ published at its batch of 64) = level + x·ln(B/64) [+ p·ln(bits/16)] + model + configuration
//
// by least squares in which every model weighs the same, however many configurations it was measured in: they are not
// independent. The published exp(β·B) is replaced by the power of B, for it goes to nothing within the batches that were
// measured. The published number of GPUs counts with the bits of the weights; the precision term is kept only where it
// makes models that it was not fitted on come out nearer.
//
// The error of a new model is that of leaving models out one at a time: the root mean square over models of the mean
// residual of a model that was not fitted. Hardware measured on fewer than five models is left out; it is an error where
// none is left.
func Calibrate(measured []Measurement) (Card, error) {
	var card Card
	by := map[string][]Measurement{}
	for _, m := range measured {
		by[m.Hardware] = append(by[m.Hardware], m)
	}
	var short []string
	for _, name := range sortedKeys(by) {
		if n := len(modelsOf(by[name])); n < minModels {
			short = append(short, fmt.Sprintf("%s has %d", name, n))
			continue
		}
		f, err := calibrate(by[name])
		if err != nil {
			return Card{}, fmt.Errorf("calibrating on %s: %w", name, err)
		}
		f.Hardware = name
		card.Fits = append(card.Fits, f)
		card.Uncalibrated = append(card.Uncalibrated, uncalibrated(name, by[name])...)
	}
	if len(card.Fits) == 0 {
		return Card{}, fmt.Errorf("energy: %w to calibrate by: %v, want at least %d of one hardware", ErrTooFewModels, short, minModels)
	}
	return card, nil
}

func sortedKeys(by map[string][]Measurement) []string {
	var out []string
	for k := range by {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

func modelsOf(measured []Measurement) []string {
	var out []string
	for _, m := range measured {
		if !slices.Contains(out, m.Model) {
			out = append(out, m.Model)
		}
	}
	slices.Sort(out)
	return out
}

// publishedJ is the published GPU energy of a token in joules, of all GPUs, at the published batch.
func publishedJ(m *Measurement, bits float64) float64 {
	a := Default()
	a.QuantisationBits = bits
	meter := a.PerModel(Model{ParamsActiveB: m.ParamsActiveB, ParamsTotalB: m.ParamsTotalB})
	return meter.GPUs * meter.GPUKWhPerToken * joulesPerKWh
}

const joulesPerKWh = 3.6e6

// fitted are the coefficients of a calibration: level, batch and, where it is used, precision.
type fitted []float64

func terms(m *Measurement, precision bool) []float64 {
	x := []float64{1, math.Log(m.BatchSize / Default().BatchSize)}
	if precision {
		x = append(x, math.Log(m.Bits/Default().QuantisationBits))
	}
	return x
}

func (b fitted) residual(m *Measurement) float64 {
	y := math.Log(m.JoulesAToken / publishedJ(m, m.Bits))
	for i, x := range terms(m, len(b) > 2) {
		y -= b[i] * x
	}
	return y
}

// fitTo is the weighted least squares fit to all measurements but those of one model.
func fitTo(measured []Measurement, without string, precision bool) (fitted, error) {
	count := map[string]float64{}
	for i := range measured {
		count[measured[i].Model]++
	}
	k := len(terms(&measured[0], precision))
	normal, right := mat.NewSymDense(k, nil), mat.NewVecDense(k, nil)
	for i := range measured {
		m := &measured[i]
		if m.Model == without {
			continue
		}
		x, y, w := terms(m, precision), math.Log(m.JoulesAToken/publishedJ(m, m.Bits)), 1/count[m.Model]
		for p := range k {
			right.SetVec(p, right.AtVec(p)+w*x[p]*y)
			for q := p; q < k; q++ {
				normal.SetSym(p, q, normal.At(p, q)+w*x[p]*x[q])
			}
		}
	}
	var chol mat.Cholesky
	if !chol.Factorize(normal) || chol.Cond() > 1e12 {
		return nil, errors.New("the batches (or precisions) that were measured do not differ: nothing tells their effect")
	}
	var b mat.VecDense
	if err := chol.SolveVecTo(&b, right); err != nil {
		return nil, err
	}
	return slices.Clone(b.RawVector().Data), nil
}

// leftOut is the error of models that were not fitted.
func leftOut(measured []Measurement, precision bool) (float64, error) {
	var squares float64
	models := modelsOf(measured)
	for _, name := range models {
		b, err := fitTo(measured, name, precision)
		if err != nil {
			return 0, fmt.Errorf("without %s: %w", name, err)
		}
		r := meanOf(measured, name, b.residual)
		squares += r * r
	}
	return math.Sqrt(squares / float64(len(models))), nil
}

// meanOf is the mean of a figure over the measurements of a model.
func meanOf(measured []Measurement, model string, of func(*Measurement) float64) float64 {
	var sum, n float64
	for i := range measured {
		if measured[i].Model == model {
			sum, n = sum+of(&measured[i]), n+1
		}
	}
	return sum / n
}

func calibrate(measured []Measurement) (Fit, error) {
	without, err := leftOut(measured, false)
	if err != nil {
		return Fit{}, err
	}
	// Precisions that were not measured apart have no effect that could be told.
	with, none := leftOut(measured, true)
	precision := none == nil && with < without
	b, err := fitTo(measured, "", precision)
	if err != nil {
		return Fit{}, err
	}
	models := modelsOf(measured)
	means := make([]float64, len(models))
	for i, name := range models {
		means[i] = meanOf(measured, name, b.residual)
	}
	_, sd := meanSD(means)
	f := Fit{Level: b[0], BatchExponent: b[1], Models: len(models), Configurations: len(measured), SDBetweenModels: sd, SDLeftOut: without, BatchFrom: math.Inf(1)}
	if precision {
		f.PrecisionExponent, f.SDLeftOut = b[2], with
	}
	for i := range measured {
		f.BatchFrom, f.BatchTo = min(f.BatchFrom, measured[i].BatchSize), max(f.BatchTo, measured[i].BatchSize)
	}
	return f, nil
}

// meanSD are the mean and the sample standard deviation.
func meanSD(x []float64) (mean, sd float64) {
	for _, v := range x {
		mean += v / float64(len(x))
	}
	var squares float64
	for _, v := range x {
		squares += (v - mean) * (v - mean)
	}
	return mean, math.Sqrt(squares / float64(len(x)-1))
}

// uncalibrated tells how far the other methods, as they are by default, are from what was measured at about the batch that
// they assume: ln(estimated ÷ measured) of GPU energy alone, a mean a model. Only weights of 16 bits are left in the
// second entry of the regression, for that is what it assumes.
func uncalibrated(hardware string, measured []Measurement) []MethodError {
	var near, plain []Measurement
	for _, m := range measured {
		if m.BatchSize < comparedFrom || m.BatchSize > comparedTo {
			continue
		}
		near = append(near, m)
		if m.Bits == Default().QuantisationBits {
			plain = append(plain, m)
		}
	}
	bits := Default().QuantisationBits
	out := []MethodError{
		errorOf(Regression, hardware, "", near, func(m *Measurement) float64 { return publishedJ(m, bits) }),
		errorOf(Regression, hardware, "weights of 16 bits", plain, func(m *Measurement) float64 { return publishedJ(m, bits) }),
		errorOf(Constant, hardware, "", near, func(*Measurement) float64 { return 1 }),
	}
	if h, err := FindHardware(hardware); err == nil {
		out = append(out, errorOf(Roofline, hardware, "", near, func(m *Measurement) float64 {
			meter := roofline(Default(), Method{ComputeUtilisation: DefaultComputeUtilisation, BandwidthUtilisation: DefaultBandwidthUtilisation}, h, Model{ParamsActiveB: m.ParamsActiveB, ParamsTotalB: m.ParamsTotalB})
			return meter.GPUs * meter.GPUKWhPerToken * joulesPerKWh
		}))
	}
	return slices.DeleteFunc(out, func(e MethodError) bool { return e.Models < minModels })
}

func errorOf(method Name, hardware, of string, measured []Measurement, estimateJ func(*Measurement) float64) MethodError {
	e := MethodError{Method: method, Hardware: hardware, Of: of}
	var means []float64
	for _, name := range modelsOf(measured) {
		means = append(means, meanOf(measured, name, func(m *Measurement) float64 { return math.Log(estimateJ(m) / m.JoulesAToken) }))
	}
	if e.Models = len(means); e.Models > 1 {
		e.MeanLn, e.SDLn = meanSD(means)
	}
	if method == Constant {
		e.MeanLn = 0 // the constant is whatever one sets it to
	}
	return e
}
