package energy

import (
	_ "embed"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"sync"

	"github.com/goccy/go-yaml"
)

// Card is a calibration: what was fitted on which measurements, how far a model that was not among them is off, and how
// far the methods are that were not calibrated. Its file is YAML, as `trilemma carbon calibrate` writes it.
type Card struct {
	Command      string        `yaml:"command" json:"command,omitempty"`
	Date         string        `yaml:"date" json:"date,omitempty"`     // of the fit
	Covers       string        `yaml:"covers" json:"covers,omitempty"` // what was measured
	Sources      []CardSource  `yaml:"sources" json:"sources,omitempty"`
	Fits         []Fit         `yaml:"fits" json:"fits"`
	Uncalibrated []MethodError `yaml:"uncalibrated" json:"uncalibrated,omitempty"`
}

// CardSource is a file of measurements.
type CardSource struct {
	File           string `yaml:"file" json:"file"`
	SHA256         string `yaml:"sha256" json:"sha256"`
	Configurations int    `yaml:"configurations" json:"configurations"`
}

// Fit is the calibration of the published regression on one kind of hardware: GPU energy is the published one at its batch
// of 64, times exp(level)·(B/64)^x·(bits/16)^p.
type Fit struct {
	Hardware          string  `yaml:"hardware" json:"hardware"`
	Level             float64 `yaml:"level" json:"level"` // ln(measured ÷ published)
	BatchExponent     float64 `yaml:"batch_exponent" json:"batch_exponent"`
	PrecisionExponent float64 `yaml:"precision_exponent" json:"precision_exponent"` // 0: it does not help
	BatchFrom         float64 `yaml:"batch_from" json:"batch_from"`                 // as measured
	BatchTo           float64 `yaml:"batch_to" json:"batch_to"`
	Models            int     `yaml:"models" json:"models"`
	Configurations    int     `yaml:"configurations" json:"configurations"`
	SDBetweenModels   float64 `yaml:"sd_between_models" json:"sd_between_models"` // of ln(measured ÷ fitted), a mean a model
	SDLeftOut         float64 `yaml:"sd_left_out" json:"sd_left_out"`             // the same of a model that was not fitted, about zero
}

// MethodError is how far a method that was not calibrated is from what was measured: mean and standard deviation between
// models of ln(estimated ÷ measured).
type MethodError struct {
	Method   Name    `yaml:"method" json:"method"`
	Hardware string  `yaml:"hardware" json:"hardware"`
	Of       string  `yaml:"of,omitempty" json:"of,omitempty"` // which of the measurements; "" for all
	Models   int     `yaml:"models" json:"models"`
	MeanLn   float64 `yaml:"mean_ln" json:"mean_ln"`
	SDLn     float64 `yaml:"sd_ln" json:"sd_ln"`
}

//go:generate go run ../.. carbon calibrate --date 2026-11-26 --out cards/ml-energy.yaml ../../../shared/data/raw/energy/ml-energy-gpqa.json ../../../shared/data/raw/energy/ml-energy-lm-arena-chat.json ../../../shared/data/raw/energy/ml-energy-sourcegraph-fim.json

//go:embed cards/ml-energy.yaml
var builtIn []byte

// BuiltIn is the card that counts where none is given: figures fitted on the ML.ENERGY leaderboard.
var BuiltIn = sync.OnceValues(func() (*Card, error) { return ParseCard(builtIn) })

// ParseCard reads a card.
func ParseCard(text []byte) (*Card, error) {
	var c Card
	if err := yaml.UnmarshalWithOptions(text, &c, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("energy card: %w", err)
	}
	if len(c.Fits) == 0 {
		return nil, errors.New("energy card: no fits: write one with `trilemma carbon calibrate`")
	}
	var errs []error
	for i := range c.Fits {
		f := &c.Fits[i]
		for _, x := range []float64{f.Level, f.BatchExponent, f.PrecisionExponent, f.SDLeftOut} {
			if math.IsNaN(x) || math.IsInf(x, 0) {
				errs = append(errs, fmt.Errorf("energy card: fits[%d] (%s) has figures that are not finite", i, f.Hardware))
				break
			}
		}
		if f.Hardware == "" || f.SDLeftOut < 0 {
			errs = append(errs, fmt.Errorf("energy card: fits[%d]: want hardware, and an sd_left_out of 0 or more", i))
		}
	}
	return &c, errors.Join(errs...)
}

// LoadCard reads the card of a file.
func LoadCard(path string) (*Card, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading energy card: %w", err)
	}
	c, err := ParseCard(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

// Text is the card as its file has it. Figures have six digits: more than measurements carry.
func (c *Card) Text() ([]byte, error) {
	short := *c
	short.Fits, short.Uncalibrated = nil, nil
	for _, f := range c.Fits {
		for _, x := range []*float64{&f.Level, &f.BatchExponent, &f.PrecisionExponent, &f.BatchFrom, &f.BatchTo, &f.SDBetweenModels, &f.SDLeftOut} {
			*x = sixDigits(*x)
		}
		short.Fits = append(short.Fits, f)
	}
	for _, e := range c.Uncalibrated {
		e.MeanLn, e.SDLn = sixDigits(e.MeanLn), sixDigits(e.SDLn)
		short.Uncalibrated = append(short.Uncalibrated, e)
	}
	return yaml.Marshal(&short)
}

// Fit is the calibration for some hardware, in any case.
func (c *Card) Fit(hardware string) (*Fit, error) {
	var known []string
	for i := range c.Fits {
		if strings.EqualFold(c.Fits[i].Hardware, strings.TrimSpace(hardware)) {
			return &c.Fits[i], nil
		}
		known = append(known, c.Fits[i].Hardware)
	}
	return nil, fmt.Errorf("energy: the card has no calibration for hardware %q: want one of %s", hardware, strings.Join(known, ", "))
}

func sixDigits(x float64) float64 {
	if x == 0 {
		return 0
	}
	scale := math.Pow(10, 5-math.Floor(math.Log10(math.Abs(x))))
	return math.Round(x*scale) / scale
}

// meter is the published one with the calibrated GPU energy.
func (f *Fit) meter(a Assumptions, m Model) Meter {
	meter := a.PerModel(m)
	at := a
	at.BatchSize = Default().BatchSize
	meter.GPUKWhPerToken = at.PerModel(m).GPUKWhPerToken * math.Exp(f.Level) *
		math.Pow(a.BatchSize/at.BatchSize, f.BatchExponent) * math.Pow(a.QuantisationBits/Default().QuantisationBits, f.PrecisionExponent)
	return meter
}

// ErrorSD is the standard deviation between models of the natural logarithm of the method's error, and where the figure is
// from. A model's true energy is taken as the estimate times a lognormal factor of its own of this deviation, independent
// of other models' and the same for all its answers. Measured energy has none.
//
// The figure of the regression was measured for GPU energy alone, at about the batch that the method assumes, on an H100;
// the factor is applied to all of a model's estimated carbon, servers and making included.
func (m Method) ErrorSD() (sd float64, source string, err error) {
	if m.Name == Measured {
		return 0, "measured", nil
	}
	card, err := m.card()
	if err != nil {
		return 0, "", err
	}
	if m.Name == Calibrated {
		f, err := card.Fit(m.Hardware)
		if err != nil {
			return 0, "", err
		}
		return f.SDLeftOut, fmt.Sprintf("calibration on %d models on %s, a model left out at a time", f.Models, f.Hardware), nil
	}
	name := m.Name
	if name == "" {
		name = Regression
	}
	for _, hardware := range []string{m.Hardware, referenceHardware} {
		for _, e := range card.Uncalibrated {
			if e.Method == name && e.Of == "" && strings.EqualFold(e.Hardware, hardware) {
				return e.SDLn, fmt.Sprintf("%s against %d models measured on %s (ML.ENERGY)", name, e.Models, e.Hardware), nil
			}
		}
	}
	return 0, "", fmt.Errorf("energy: the card has no error of method %s", name)
}

// referenceHardware is the hardware that methods without one are held against.
const referenceHardware = "H100"

func (m Method) card() (*Card, error) {
	if m.Card != nil {
		return m.Card, nil
	}
	return BuiltIn()
}
