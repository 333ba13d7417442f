package energy

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// shared reads a file of ../shared, or skips the test.
func shared(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../../shared", filepath.FromSlash(path)))
	if errors.Is(err, os.ErrNotExist) {
		t.Skipf("no ../shared/%s here", path)
	}
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// measurementsOf finds the ML.ENERGY files of ../shared, or skips the test.
func measurementsOf(t *testing.T) []Measurement {
	t.Helper()
	var all []Measurement
	for _, name := range []string{"gpqa", "lm-arena-chat", "sourcegraph-fim"} {
		path := filepath.Join(t.TempDir(), name+".json")
		if err := os.WriteFile(path, shared(t, "data/raw/energy/ml-energy-"+name+".json"), 0o600); err != nil {
			t.Fatal(err)
		}
		found, err := ReadMeasurements(path)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, found...)
	}
	return all
}

// The published method, at its batch and with 16 bits, against GPU energy measured on an H100 at batches of 40 to 100.
func TestPublishedAgainstMeasured(t *testing.T) {
	card, err := Calibrate(measurementsOf(t))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]struct {
		models int
		sd     float64
	}{"": {21, 0.63}, "weights of 16 bits": {15, 0.40}}
	for _, e := range card.Uncalibrated {
		w, ok := want[e.Of]
		if e.Method != Regression || e.Hardware != "H100" || !ok {
			continue
		}
		delete(want, e.Of)
		if e.Models != w.models || math.Abs(e.SDLn-w.sd) > 0.005 {
			t.Errorf("published method on H100, %q: sd %.4f over %d models, want %.2f over %d", e.Of, e.SDLn, e.Models, w.sd, w.models)
		}
	}
	if len(want) > 0 {
		t.Errorf("the card lacks the errors %v", want)
	}
}

// The built-in card is what these measurements give, to the last digit.
func TestBuiltInCardIsCurrent(t *testing.T) {
	card, err := Calibrate(measurementsOf(t))
	if err != nil {
		t.Fatal(err)
	}
	built, err := BuiltIn()
	if err != nil {
		t.Fatal(err)
	}
	card.Command, card.Date, card.Covers, card.Sources = built.Command, built.Date, built.Covers, built.Sources
	text, err := card.Text()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(text, builtIn) {
		t.Errorf("cards/ml-energy.yaml is not what the measurements give: run go generate ./harness/energy. Got\n%s", text)
	}
}

// planted are measurements of models whose energy is the published one times a level, a power of the batch, and a
// lognormal factor of the model.
func planted(seed uint64, models int, level, exponent, sd float64) []Measurement {
	rng := rand.New(rand.NewPCG(seed, 1))
	var out []Measurement
	for m := range models {
		size := math.Exp(rng.Float64() * 5)
		factor := math.Exp(sd * rng.NormFloat64())
		// Some models are measured in many configurations, most in few: each counts once.
		for range 2 + 20*(m%5/4) {
			x := Measurement{Model: fmt.Sprint(m), Hardware: "H100", ParamsActiveB: size, ParamsTotalB: size, BatchSize: math.Exp(2 + 5*rng.Float64()), Bits: 16}
			x.JoulesAToken = publishedJ(&x, 16) * factor * math.Exp(level+0.05*rng.NormFloat64()) * math.Pow(x.BatchSize/64, exponent)
			out = append(out, x)
		}
	}
	return out
}

func TestCalibrationRecoversWhatWasPlanted(t *testing.T) {
	const level, exponent, sd, worlds = 0.4, -0.5, 0.6, 200
	var sums [3]float64
	inside := 0
	for w := range worlds {
		card, err := Calibrate(planted(uint64(w), 30, level, exponent, sd))
		if err != nil {
			t.Fatal(err)
		}
		f := card.Fits[0]
		sums[0], sums[1], sums[2] = sums[0]+f.Level/worlds, sums[1]+f.BatchExponent/worlds, sums[2]+f.SDBetweenModels/worlds
		if math.Abs(f.Level-level) < 1.96*f.SDBetweenModels/math.Sqrt(30) {
			inside++
		}
		if f.SDLeftOut <= f.SDBetweenModels {
			t.Errorf("world %d: a model left out is off by %v, those fitted by %v", w, f.SDLeftOut, f.SDBetweenModels)
		}
	}
	for i, c := range []struct {
		what            string
		want, tolerance float64 // four standard errors of 200 worlds, about
	}{{"level", level, 0.035}, {"batch exponent", exponent, 0.03}, {"sd between models", sd, 0.04}} {
		if math.Abs(sums[i]-c.want) > c.tolerance {
			t.Errorf("%s is %v in the mean of %d worlds, want %v", c.what, sums[i], worlds, c.want)
		}
	}
	if inside < worlds*88/100 {
		t.Errorf("the level lies within its interval in %d of %d worlds", inside, worlds)
	}
}

func TestPrecisionIsUsedWhereItHelps(t *testing.T) {
	measured := planted(1, 30, 0, -0.5, 0.1)
	for i := range measured {
		if len(measured[i].Model) == 1 {
			measured[i].Bits = 8
			measured[i].JoulesAToken *= math.Pow(0.5, 1.5) * publishedJ(&measured[i], 8) / publishedJ(&measured[i], 16)
		}
	}
	card, err := Calibrate(measured)
	if err != nil {
		t.Fatal(err)
	}
	if got := card.Fits[0].PrecisionExponent; math.Abs(got-1.5) > 0.2 {
		t.Errorf("precision exponent = %v, want 1.5", got)
	}
}

func TestCalibratedMeter(t *testing.T) {
	m := Model{ParamsActiveB: 7, ParamsTotalB: 7}
	method := Method{Name: Calibrated, Hardware: "h100", Card: &Card{Fits: []Fit{{Hardware: "H100", Level: math.Log(2), BatchExponent: -0.5, SDLeftOut: 0.3}}}}
	a := Default()
	got, err := method.Meter(a, m)
	if err != nil {
		t.Fatal(err)
	}
	published := a.PerModel(m)
	near(t, "GPU energy at the published batch", got.GPUKWhPerToken, 2*published.GPUKWhPerToken)
	a.BatchSize = 256
	if got, err = method.Meter(a, m); err != nil {
		t.Fatal(err)
	}
	near(t, "GPU energy at four times the batch", got.GPUKWhPerToken, published.GPUKWhPerToken)
	if sd, _, err := method.ErrorSD(); err != nil || sd != 0.3 {
		t.Errorf("sd = %v, %v, want the card's 0.3", sd, err)
	}
	method.Hardware = "TPU"
	if _, err := method.Meter(a, m); err == nil || !strings.Contains(err.Error(), "H100") {
		t.Errorf("hardware that the card lacks: %v, want the names it has", err)
	}
}

func TestErrorOfEachMethod(t *testing.T) {
	for _, c := range []struct {
		method Method
		want   float64
	}{{Method{}, 0.63}, {Method{Name: Constant, WhPer1kOutput: 1}, 1.02}, {Method{Name: Roofline, Hardware: "A100"}, 0.59}, {Method{Name: Measured}, 0}, {Method{Name: Calibrated, Hardware: "B200"}, 0.62}} {
		sd, source, err := c.method.ErrorSD()
		if err != nil || math.Abs(sd-c.want) > 0.005 || source == "" {
			t.Errorf("%+v: sd %v (%s), %v, want %v", c.method, sd, source, err, c.want)
		}
	}
}

func TestMeasurementsRefused(t *testing.T) {
	head := strings.Join(measuredColumns, ",")
	for _, c := range []struct{ name, file, text, want string }{
		{"no list", "a.json", "{}", "it has none"},
		{"not JSON", "a.json", "[", "a.json"},
		{"unknown precision", "a.json", `{"configurations":[{"model_id":"m","gpu_model":"H100","activated_params_billions":1,"total_params_billions":1,"avg_batch_size":8,"weight_precision":"x","energy_per_token_joules":1}]}`, `configuration 1 (m): weight_precision "x"`},
		{"no energy", "a.csv", head + "\nm,H100,1,1,8,bf16,0", "row 1 (m): energy_per_token_joules is 0"},
		{"not a number", "a.csv", head + "\nm,H100,1,1,eight,bf16,1", `row 1: avg_batch_size "eight"`},
		{"column missing", "a.csv", "model_id\nm", "no column gpu_model"},
		{"active above total", "a.csv", "\ufeff" + head + "\nm,H100,2,1,8,bf16,1", "no fewer in total"},
	} {
		path := filepath.Join(t.TempDir(), c.file)
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadMeasurements(path); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want an error with %q", c.name, err, c.want)
		}
	}
	if _, err := Calibrate(planted(1, 4, 0, 0, 1)); !errors.Is(err, ErrTooFewModels) {
		t.Errorf("four models: %v, want %v", err, ErrTooFewModels)
	}
	same := planted(1, 8, 0, 0, 1)
	for i := range same {
		same[i].BatchSize = 64
	}
	if _, err := Calibrate(same); err == nil || !strings.Contains(err.Error(), "do not differ") {
		t.Errorf("one batch: %v, want to hear that its effect is unknown", err)
	}
}
