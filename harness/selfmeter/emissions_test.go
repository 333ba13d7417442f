package selfmeter

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
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
		{"timestamp,duration,emissions,energy_consumed\n", "no rows"},
		{"timestamp,duration,emissions,energy_consumed,pue\n2024-06-01T00:00:00,1,2,3\n", "line 2 has 4 fields, the heading 5"},
		// Two rows that ran together, as concurrent writers leave them.
		{"timestamp,duration,emissions,energy_consumed\n2024-06-01T00:00:00,1,2,32024-06-01T00:00:00,1,2,3\n", "line 2 has 7 fields, the heading 4"},
	} {
		if _, err := ReadEmissions(strings.NewReader(tc.text)); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%q: %v, want %q", tc.text, err, tc.want)
		}
	}
}

// TestCodecarbonsBrokenFiles reads files broken as codecarbon's users report.
func TestCodecarbonsBrokenFiles(t *testing.T) {
	dir := filepath.Join("..", "..", "..", "shared", "cases", "01-codecarbon-shifted")
	if _, err := os.Stat(dir); err != nil {
		t.Skip("the public cases are not there: ", err)
	}
	for name, want := range map[string]string{
		"a-region-gpu-dropped.csv": "line 3 has 33 fields, the heading 38", "b-experiment-id-dropped.csv": "line 3 has 32 fields",
		"c-two-rows-glued.csv": "line 2 has 75 fields, the heading 38", "d-empty.csv": "empty", "e-bom-crlf-quoted.csv": "",
	} {
		f, err := os.Open(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		rows, err := ReadEmissions(f)
		f.Close()
		if want == "" {
			if err != nil || len(rows) != 1 || rows[0].EnergyKWh != 0.05 || rows[0].Project != `al,pha "x"` {
				t.Errorf("%s: %+v, %v", name, rows, err)
			}
		} else if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", name, err, want)
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
