package selfmeter

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/trilemma-bench/trilemma/harness/textfile"
)

// Emission is a row of an emissions.csv as codecarbon writes it (version 3.3.2, output_methods/emissions_data.py). Energy
// is in kWh, emissions in kgCO2e, water in litres, power in W. What is not known is 0 there, as codecarbon has it, except
// for emissions and energy, which are NaN where a file leaves them empty.
type Emission struct {
	Timestamp     time.Time
	Project       string
	RunID         string
	ExperimentID  string
	DurationSec   float64
	EmissionsKg   float64
	CPUKWh        float64
	GPUKWh        float64
	RAMKWh        float64
	EnergyKWh     float64
	WaterL        float64
	CountryName   string
	CountryISO    string
	Region        string
	CloudProvider string
	CloudRegion   string
	OS            string
	Version       string // of codecarbon, or what stood in for it
	TrackingMode  string
	PUE           float64
	OnCloud       bool
}

// emissionColumns are the columns in codecarbon's order.
var emissionColumns = strings.Split("timestamp,project_name,run_id,experiment_id,duration,emissions,emissions_rate,cpu_power,gpu_power,ram_power,"+
	"cpu_energy,gpu_energy,ram_energy,energy_consumed,water_consumed,country_name,country_iso_code,region,cloud_provider,cloud_region,os,"+
	"python_version,codecarbon_version,cpu_count,cpu_model,gpu_count,gpu_model,longitude,latitude,ram_total_size,tracking_mode,"+
	"cpu_utilization_percent,gpu_utilization_percent,ram_utilization_percent,ram_used_gb,on_cloud,pue,wue", ",")

// WriteEmissions writes rows as codecarbon does. Power is energy over the duration.
func WriteEmissions(w io.Writer, rows []Emission) error {
	c := csv.NewWriter(w)
	if err := c.Write(emissionColumns); err != nil {
		return err
	}
	num := func(x float64) string {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return ""
		}
		return strconv.FormatFloat(x, 'g', -1, 64)
	}
	for _, e := range rows {
		power := func(kwh float64) string {
			if e.DurationSec <= 0 {
				return "0"
			}
			return num(kwh * 3.6e6 / e.DurationSec)
		}
		rate, cloud, pue := "0", "N", e.PUE
		if e.DurationSec > 0 {
			rate = num(e.EmissionsKg / e.DurationSec)
		}
		if e.OnCloud {
			cloud = "Y"
		}
		if pue == 0 {
			pue = 1
		}
		err := c.Write([]string{
			e.Timestamp.Format("2006-01-02T15:04:05"), e.Project, e.RunID, e.ExperimentID, num(e.DurationSec), num(e.EmissionsKg), rate,
			power(e.CPUKWh), power(e.GPUKWh), power(e.RAMKWh), num(e.CPUKWh), num(e.GPUKWh), num(e.RAMKWh), num(e.EnergyKWh), num(e.WaterL),
			e.CountryName, e.CountryISO, e.Region, e.CloudProvider, e.CloudRegion, e.OS, "", e.Version, "0", "", "0", "", "", "", "0", e.TrackingMode,
			"0", "0", "0", "0", cloud, num(pue), "0",
		})
		if err != nil {
			return err
		}
	}
	c.Flush()
	return c.Error()
}

// ReadEmissions reads an emissions.csv of any version of codecarbon: columns are found by name, and timestamp, duration,
// emissions and energy_consumed must be there. A row of another length than the heading is refused: codecarbon drops
// columns without a value and may run rows together, so that figures stand under the wrong names.
func ReadEmissions(r io.Reader) ([]Emission, error) {
	t, err := textfile.NewTable(r, ',')
	if err != nil {
		return nil, err
	}
	for _, must := range []string{"timestamp", "duration", "emissions", "energy_consumed"} {
		if t.Column(must) < 0 {
			return nil, fmt.Errorf("column %s is missing: want an emissions.csv of codecarbon", must)
		}
	}
	var out []Emission
	for {
		row, line, err := t.Next()
		if errors.Is(err, io.EOF) {
			if len(out) == 0 {
				return nil, errors.New("holds a heading but no rows")
			}
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		var bad error
		text := func(name string) string {
			if i := t.Column(name); i >= 0 {
				return strings.TrimSpace(row[i])
			}
			return ""
		}
		num := func(name string, otherwise float64) float64 {
			s := text(name)
			if s == "" {
				return otherwise
			}
			x, err := strconv.ParseFloat(s, 64)
			if (err != nil || math.IsNaN(x) || math.IsInf(x, 0) || x < 0) && bad == nil {
				bad = fmt.Errorf("line %d, column %s: %q is not a number of 0 or more", line, name, s)
			}
			return x
		}
		nan := math.NaN()
		e := Emission{
			Project: text("project_name"), RunID: text("run_id"), ExperimentID: text("experiment_id"), DurationSec: num("duration", nan),
			EmissionsKg: num("emissions", nan), CPUKWh: num("cpu_energy", 0), GPUKWh: num("gpu_energy", 0), RAMKWh: num("ram_energy", 0),
			EnergyKWh: num("energy_consumed", nan), WaterL: num("water_consumed", 0), CountryName: text("country_name"), CountryISO: text("country_iso_code"),
			Region: text("region"), CloudProvider: text("cloud_provider"), CloudRegion: text("cloud_region"), OS: text("os"),
			Version: text("codecarbon_version"), TrackingMode: text("tracking_mode"), PUE: num("pue", 1), OnCloud: text("on_cloud") == "Y",
		}
		if bad != nil {
			return nil, bad
		}
		for _, layout := range []string{"2006-01-02T15:04:05", time.RFC3339, "2006-01-02 15:04:05"} {
			if e.Timestamp, err = time.Parse(layout, text("timestamp")); err == nil {
				break
			}
		}
		if err != nil {
			return nil, fmt.Errorf("line %d, column timestamp: %q is not a time", line, text("timestamp"))
		}
		out = append(out, e)
	}
}
