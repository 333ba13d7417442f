package footprint

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestEmissionsReadBack(t *testing.T) {
	want := []Emission{{
		Timestamp: time.Date(2024, 6, 1, 12, 0, 0, 0, time.UTC), Project: "trilemma", RunID: "r", ExperimentID: "e", DurationSec: 10, EmissionsKg: 0.002,
		CPUKWh: 0.001, EnergyKWh: 0.003, GPUKWh: 0.002, CountryISO: "FRA", OS: "linux", Version: "trilemma", TrackingMode: "process", PUE: 1.2,
	}}
	var b bytes.Buffer
	if err := WriteEmissions(&b, want); err != nil {
		t.Fatal(err)
	}
	got, err := ReadEmissions(&b)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestColumnsAreCodecarbons reads the columns of the installed package.
func TestColumnsAreCodecarbons(t *testing.T) {
	const script = "from dataclasses import fields\nfrom codecarbon.output_methods.emissions_data import EmissionsData\nprint(','.join(f.name for f in fields(EmissionsData)))"
	for _, python := range []string{"python3", os.Getenv("TRILEMMA_PYTHON")} {
		out, err := exec.Command(python, "-c", script).Output()
		if err != nil {
			continue
		}
		if got, want := strings.Join(emissionColumns, ","), strings.TrimSpace(string(out)); got != want {
			t.Errorf("columns\n%s\nwant\n%s", got, want)
		}
		return
	}
	t.Skip("codecarbon is not installed")
}

func TestEmissionsRefused(t *testing.T) {
	for _, tc := range []struct{ text, want string }{
		{"", "heading"}, {"a,b\n", "timestamp is missing"},
		{"timestamp,duration,emissions,energy_consumed\n2024-06-01T00:00:00,1,-2,3\n", "line 2, column emissions"},
		{"timestamp,duration,emissions,energy_consumed\nlater,1,2,3\n", "not a time"},
	} {
		if _, err := ReadEmissions(strings.NewReader(tc.text)); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%q: %v, want %q", tc.text, err, tc.want)
		}
	}
}

func FuzzReadEmissions(f *testing.F) {
	f.Add("timestamp,duration,emissions,energy_consumed\n2024-06-01T00:00:00,1,2,3\n")
	f.Fuzz(func(t *testing.T, text string) {
		if rows, err := ReadEmissions(strings.NewReader(text)); err != nil && rows != nil {
			t.Errorf("rows beside an error %v", err)
		}
	})
}
