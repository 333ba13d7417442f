package energy

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Measurement is what one model took, measured, in one configuration of serving.
type Measurement struct {
	Model         string
	Hardware      string
	ParamsActiveB float64 // 10⁹
	ParamsTotalB  float64 // 10⁹
	BatchSize     float64 // mean number of requests served together
	Bits          float64 // of one weight
	JoulesAToken  float64 // of output, of all GPUs alone
}

// bitsOf are the bits of a weight by the names that measurements give its precision.
var bitsOf = map[string]float64{
	"float32": 32, "fp32": 32, "bfloat16": 16, "bf16": 16, "float16": 16, "fp16": 16, "f16": 16,
	"fp8": 8, "int8": 8, "q8_0": 8, "mxfp4": 4, "nvfp4": 4, "fp4": 4, "int4": 4, "nf4": 4,
}

// measuredRow is a configuration as the ML.ENERGY leaderboard writes it.
type measuredRow struct {
	Model     string  `json:"model_id"`
	Hardware  string  `json:"gpu_model"`
	Active    float64 `json:"activated_params_billions"`
	Total     float64 `json:"total_params_billions"`
	Batch     float64 `json:"avg_batch_size"`
	Precision string  `json:"weight_precision"`
	Joules    float64 `json:"energy_per_token_joules"`
}

// measuredColumns are the columns of a CSV of measurements, the keys of ML.ENERGY's JSON.
var measuredColumns = []string{"model_id", "gpu_model", "activated_params_billions", "total_params_billions", "avg_batch_size", "weight_precision", "energy_per_token_joules"}

func (r *measuredRow) measurement() (Measurement, error) {
	bits, ok := bitsOf[strings.ToLower(strings.TrimSpace(r.Precision))]
	if !ok {
		return Measurement{}, fmt.Errorf("weight_precision %q is not known: want bfloat16, fp8, mxfp4 or the like", r.Precision)
	}
	m := Measurement{r.Model, r.Hardware, r.Active, r.Total, r.Batch, bits, r.Joules}
	var errs []error
	for _, f := range []struct {
		name string
		x    float64
	}{{measuredColumns[2], r.Active}, {measuredColumns[3], r.Total}, {measuredColumns[4], r.Batch}, {measuredColumns[6], r.Joules}} {
		if !(f.x > 0) || math.IsInf(f.x, 0) {
			errs = append(errs, fmt.Errorf("%s is %v, want a number above 0", f.name, f.x))
		}
	}
	if m.Model == "" || m.Hardware == "" {
		errs = append(errs, fmt.Errorf("%s and %s must say which model ran on what", measuredColumns[0], measuredColumns[1]))
	}
	if m.ParamsTotalB < m.ParamsActiveB {
		errs = append(errs, fmt.Errorf("%v·10⁹ parameters in total, of which %v·10⁹ active: want no fewer in total", m.ParamsTotalB, m.ParamsActiveB))
	}
	return m, errors.Join(errs...)
}

// ReadMeasurements reads a file of measured configurations: JSON as the ML.ENERGY leaderboard has it (an object with a
// list "configurations"), or CSV with the same names as its heading. Other keys and columns are ignored.
func ReadMeasurements(path string) ([]Measurement, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading measurements: %w", err)
	}
	text = []byte(strings.TrimPrefix(string(text), "\ufeff"))
	var rows []measuredRow
	what := "configuration"
	if strings.EqualFold(filepath.Ext(path), ".csv") {
		what = "row"
		rows, err = measuredCSV(strings.NewReader(string(text)))
	} else {
		var file struct {
			Configurations []measuredRow `json:"configurations"`
		}
		err = json.Unmarshal(text, &file)
		rows = file.Configurations
	}
	if err != nil {
		return nil, fmt.Errorf("reading measurements of %s: %w", path, err)
	}
	if len(rows) == 0 {
		return nil, fmt.Errorf("reading measurements of %s: it has none: want a list \"configurations\" as ML.ENERGY's JSON has it, or a CSV with %s", path, strings.Join(measuredColumns, ", "))
	}
	out := make([]Measurement, len(rows))
	for i := range rows {
		if out[i], err = rows[i].measurement(); err != nil {
			return nil, fmt.Errorf("reading measurements of %s: %s %d (%s): %w", path, what, i+1, rows[i].Model, err)
		}
	}
	return out, nil
}

func measuredCSV(r io.Reader) ([]measuredRow, error) {
	in := csv.NewReader(r)
	head, err := in.Read()
	if err != nil {
		return nil, fmt.Errorf("its heading: %w", err)
	}
	at := map[string]int{}
	for i, name := range head {
		at[strings.TrimSpace(name)] = i
	}
	for _, name := range measuredColumns {
		if _, ok := at[name]; !ok {
			return nil, fmt.Errorf("no column %s: want %s", name, strings.Join(measuredColumns, ", "))
		}
	}
	var out []measuredRow
	for {
		line, err := in.Read()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		row := measuredRow{Model: line[at["model_id"]], Hardware: line[at["gpu_model"]], Precision: line[at["weight_precision"]]}
		for _, f := range []struct {
			name string
			into *float64
		}{{measuredColumns[2], &row.Active}, {measuredColumns[3], &row.Total}, {measuredColumns[4], &row.Batch}, {measuredColumns[6], &row.Joules}} {
			if *f.into, err = strconv.ParseFloat(strings.TrimSpace(line[at[f.name]]), 64); err != nil {
				return nil, fmt.Errorf("row %d: %s %q is not a number", len(out)+1, f.name, line[at[f.name]])
			}
		}
		out = append(out, row)
	}
}
