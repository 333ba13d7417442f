package carbon

import (
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"testing"
)

// TestCodecarbonAgrees asks the installed codecarbon what a kWh emits. Set TRILEMMA_PYTHON to a Python that has it.
func TestCodecarbonAgrees(t *testing.T) {
	const script = `
import json
from codecarbon.core.emissions import Emissions
from codecarbon.core.units import Energy
from codecarbon.external.geography import GeoMetadata
from codecarbon.input import DataSource
e = Emissions(DataSource())
print(json.dumps({iso: e.get_country_emissions(Energy(kWh=1), GeoMetadata(country_iso_code=iso, country_name=name, region=None, country_2letter_iso_code=None))
    for iso, name in [("FRA", "France"), ("DEU", "Germany"), ("POL", "Poland"), ("BRA", "Brazil"), ("ZAF", "South Africa"), ("IND", "India")]}))
`
	for _, python := range []string{os.Getenv("TRILEMMA_PYTHON"), "python3"} {
		if python == "" {
			continue
		}
		text, err := exec.Command(python, "-c", script).Output()
		if err != nil {
			continue
		}
		var kg map[string]float64
		if err := json.Unmarshal(text, &kg); err != nil {
			t.Fatal(err)
		}
		for zone, want := range kg {
			f, err := Intensity(zone)
			if err != nil || math.Abs(UsageG(1000, f.GPerKWh)-1000*want) > 1e-9*want*1000 {
				t.Errorf("a kWh in %s emits %v g (%v), codecarbon has %v", zone, UsageG(1000, f.GPerKWh), err, 1000*want)
			}
		}
		return
	}
	t.Skip("codecarbon is not installed")
}
