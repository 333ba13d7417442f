package footprint

import (
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"slices"

	"github.com/trilemma-bench/trilemma/harness/report/leaderboard"

	"github.com/trilemma-bench/trilemma/harness/selfmeter"
	"github.com/trilemma-bench/trilemma/harness/store"
)

// Emissions are the footprint in codecarbon's columns: a row for what the run itself took, and one for each policy and
// setting, for its test prompts. A policy's duration is the mean latency of its answers, one after another.
func (f *Footprint) Emissions(m *store.Manifest) []selfmeter.Emission {
	row := func(project, experiment string) selfmeter.Emission {
		e := selfmeter.Emission{Timestamp: m.Started.UTC(), Project: project, RunID: m.Run, ExperimentID: experiment, OS: runtime.GOOS, Version: "trilemma " + m.Build.Version, PUE: 1}
		if m.Finished != nil {
			e.Timestamp = m.Finished.UTC()
		}
		return e
	}
	own := row(m.Experiment, "the run itself")
	own.DurationSec, own.EmissionsKg, own.EnergyKWh = f.Own.Seconds, f.Own.CarbonG/1000, f.Own.EnergyWh/1000
	own.CPUKWh, own.GPUKWh, own.TrackingMode = f.Own.CPUWh/1000, f.Own.GPUWh/1000, "process"
	out := []selfmeter.Emission{own}
	or0 := func(x *float64) float64 {
		if x == nil {
			return 0
		}
		return *x
	}
	for i := range f.Policies {
		p := &f.Policies[i]
		if p.CarbonG == nil || p.EnergyWh == nil {
			continue // a footprint that is not known is no row of zeros
		}
		n := float64(p.Prompts) / leaderboard.PerThousand
		e := row(m.Experiment+"/"+p.Pool+"/"+p.Policy, p.Preference)
		e.EmissionsKg, e.EnergyKWh, e.GPUKWh, e.WaterL = *p.CarbonG*n/1000, *p.EnergyWh*n/1000, *p.EnergyWh*n/1000, or0(p.WaterL)*n
		e.DurationSec, e.TrackingMode = or0(p.LatencySec)*float64(p.Prompts), "estimated"
		out = append(out, e)
	}
	return out
}

// ProjectEmissions are the rows of one project together.
type ProjectEmissions struct {
	Project     string  `json:"project"`
	Rows        int     `json:"rows"`
	DurationSec float64 `json:"duration_s"`
	EnergyKWh   float64 `json:"energy_kwh"`
	EmissionsKg float64 `json:"emissions_kg"`
	WaterL      float64 `json:"water_l"`
	Unknown     int     `json:"rows_without_figures,omitempty"`
}

// Emissions adds rows up by project and writes the sums.
func Emissions(w io.Writer, rows []selfmeter.Emission, asJSON bool) error {
	var out []ProjectEmissions
	for _, e := range rows {
		i := slices.IndexFunc(out, func(p ProjectEmissions) bool { return p.Project == e.Project })
		if i < 0 {
			i = len(out)
			out = append(out, ProjectEmissions{Project: e.Project})
		}
		p := &out[i]
		p.Rows++
		if e.EmissionsKg != e.EmissionsKg || e.EnergyKWh != e.EnergyKWh || e.DurationSec != e.DurationSec {
			p.Unknown++
			continue
		}
		p.DurationSec, p.EnergyKWh, p.EmissionsKg, p.WaterL = p.DurationSec+e.DurationSec, p.EnergyKWh+e.EnergyKWh, p.EmissionsKg+e.EmissionsKg, p.WaterL+e.WaterL
	}
	if asJSON {
		return json.NewEncoder(w).Encode(out)
	}
	for _, p := range out {
		fmt.Fprintf(w, "%s: %d rows, %.4g s, %.4g kWh, %.4g kgCO2e, %.4g l of water", p.Project, p.Rows, p.DurationSec, p.EnergyKWh, p.EmissionsKg, p.WaterL)
		if p.Unknown > 0 {
			fmt.Fprintf(w, "; %d rows without figures are left out", p.Unknown)
		}
		fmt.Fprintln(w)
	}
	if len(out) == 0 {
		_, err := fmt.Fprintln(w, "no rows")
		return err
	}
	return nil
}
