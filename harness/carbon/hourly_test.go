package carbon

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"
)

func TestHourlyLayouts(t *testing.T) {
	at := time.Date(2024, 6, 1, 13, 40, 0, 0, time.UTC)
	for _, tc := range []struct {
		layout, text, place string
		want                float64
	}{
		{"trilemma", "datetime,zone,gco2e_per_kwh\n2024-06-01T13:00:00Z,FRA,40\n2024-06-01T14:00:00Z,FRA,50\n", "FRA", 40},
		{"trilemma", "datetime,zone,gco2e_per_kwh\n2024-06-01T15:00:00+02:00,FR,40\n", "gcp/europe-west9", 40},
		{"electricity maps", "Datetime (UTC),Country,Zone name,Zone id,Carbon intensity gCO₂eq/kWh (direct),Carbon intensity gCO₂eq/kWh (Life cycle)\n" +
			"2024-06-01 13:00:00,Poland,Poland,PL,700,760\n2024-06-01 14:00:00,Poland,Poland,PL,,\n", "POL", 760},
		{"watttime", "point_time,value\n2024-06-01T13:00:00Z,1000\n2024-06-01T13:05:00Z,800\n", "CAISO_NORTH", 900 * 0.45359237},
		{"watttime", "timestamp,MOER,MOER version,ba\n2024-06-01 13:00:00+00:00,1000,3,ERCOT\n", "ERCOT", 453.59237},
	} {
		h, err := ReadHourly(strings.NewReader(tc.text), "CAISO_NORTH")
		if err != nil {
			t.Errorf("%s: %v", tc.layout, err)
			continue
		}
		got, err := h.GPerKWh(tc.place, at)
		if err != nil || math.Abs(got-tc.want) > 1e-9 || h.Layout != tc.layout {
			t.Errorf("%s (%s) at %s: %v, %v; want %v", tc.layout, h.Layout, tc.place, got, err, tc.want)
		}
		if _, err := h.GPerKWh(tc.place, at.Add(48*time.Hour)); !errors.Is(err, ErrHourNotCovered) || !strings.Contains(err.Error(), "2024-06-03 13:40") {
			t.Errorf("%s: an hour that is not there gives %v", tc.layout, err)
		}
		if _, err := h.GPerKWh("BRA", at); !errors.Is(err, ErrUnknownZone) {
			t.Errorf("%s: a zone that is not there gives %v", tc.layout, err)
		}
	}
}

func TestHourlyRefuses(t *testing.T) {
	for _, tc := range []struct{ text, want string }{
		{"", "heading"}, {"a,b\n1,2\n", "want datetime, zone"}, {"datetime,zone,gco2e_per_kwh\n", "no intensities"},
		{"datetime,zone,gco2e_per_kwh\nnoon,FRA,40\n", "line 2"}, {"datetime,zone,gco2e_per_kwh\n2024-06-01 13:00,FRA,-4\n", "not an intensity"},
		{"datetime,zone,gco2e_per_kwh\n2024-06-01 13:00,FRA\n", "line 2 has 2 fields, the heading 3"},
		{"point_time,value,signal_type\n2024-06-01T13:00:00Z,5,health_damage\n", `"health_damage" is not a carbon intensity`},
		{"point_time,value,signal_type\n2024-06-01T13:00:00Z,5,co2_moer\n2024-06-01T14:00:00Z,5,co2_aoer\n", "keep one signal a file"},
		{"point_time,value,units\n2024-06-01T13:00:00Z,5,USD_per_mwh\n", "not a mass of CO2"},
		{"Datetime (UTC),Zone id,Carbon intensity (USD/MWh)\n2024-06-01 13:00,FR,5\n", "not in a mass of CO2"},
		{"Datetime (UTC),Zone id,Carbon intensity percentile\n2024-06-01 13:00,FR,5\n", "not in a mass of CO2"},
		{"Datetime,Actual carbon intensity (gCO2/kWh),Forecast carbon intensity (gCO2/kWh)\n2024-06-01 13:00,1,2\n", "keep the one"},
		{"datetime,zone,gco2e_per_kwh\n2024-06-01 13:00,FRA,40000\n", "another unit"},
	} {
		if _, err := ReadHourly(strings.NewReader(tc.text), "x"); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%q: %v, want %q", tc.text, err, tc.want)
		}
	}
}

func TestHourlyUnits(t *testing.T) {
	at := time.Date(2024, 6, 1, 13, 0, 0, 0, time.UTC)
	for _, tc := range []struct {
		head, row string
		want      float64
		marginal  bool
	}{
		{"Datetime (UTC),Zone id,Carbon intensity gCO₂eq/kWh (Life cycle)", "2024-06-01 13:00:00,Z,100", 100, false},
		{"Datetime (UTC),Zone id,Carbon Intensity gCO2eq/kWh (LCA)", "2024-06-01 13:00:00,Z,100", 100, false},
		{"Datetime (UTC),Zone id,Carbon intensity kgCO2eq/MWh (direct)", "2024-06-01 13:00:00,Z,100", 100, false},
		{"datetime,zone,kgco2e_per_kwh", "2024-06-01 13:00:00,Z,0.1", 100, false},
		{"datetime,zone_key,carbon_intensity_avg", "2024-06-01 13:00:00,Z,100", 100, false},
		{"datetime,zone,carbon_intensity,unit", "2024-06-01 13:00:00,Z,100,lb/MWh", 45.359237, false},
		{"datetime,zone,tCO2/GWh", "2024-06-01 13:00:00,Z,100", 100, false},
		{"point_time,value,region,signal_type,units", "2024-06-01T13:00:00Z,100,Z,co2_moer,lbs_co2_per_mwh", 45.359237, true},
		{"point_time,value,region,signal_type,units", "2024-06-01T13:00:00Z,100,Z,co2_aoer,lbs_co2_per_mwh", 45.359237, false},
	} {
		h, err := ReadHourly(strings.NewReader("\ufeff"+tc.head+"\r\n"+tc.row+"\r\n"), "file")
		if err != nil {
			t.Errorf("%s: %v", tc.head, err)
			continue
		}
		if got, err := h.GPerKWh("Z", at); err != nil || math.Abs(got-tc.want) > 1e-9 || h.Marginal != tc.marginal {
			t.Errorf("%s: %v (marginal %v), %v; want %v, %v", tc.head, got, h.Marginal, err, tc.want, tc.marginal)
		}
	}
	if _, err := ReadHourly(strings.NewReader("point_time,value\n2024-06-01T13:00:00Z,5\n"), "CAISO_NORTH_health_damage_2024"); err == nil {
		t.Error("a file of health damage was taken for carbon intensities")
	}
}

func TestZonesAreFoundByTheirBeginning(t *testing.T) {
	zones := "datetime,zone,gco2e_per_kwh\n"
	for _, z := range []string{"US-CAL-CISO", "US-NW-BPAT", "US-NW-PACW", "FR"} {
		zones += "2024-06-01T13:00:00Z," + z + ",100\n"
	}
	nameless := "point_time,value\n2024-06-01T13:00:00Z,1000\n"
	for _, tc := range []struct {
		text, file, place, want string
		err                     error
	}{
		{zones, "f", "US-CAL", "US-CAL-CISO", nil},
		{zones, "f", "us-cal-ciso", "US-CAL-CISO", nil},
		{zones, "f", "US-NW", "", ErrAmbiguousZone},
		{zones, "f", "US-CA", "", ErrUnknownZone}, // a name does not end within a word
		{zones, "f", "FRA", "FR", nil},
		{zones, "f", "aws/us-east-1", "", ErrUnknownZone}, // California's grid is not Virginia's
		{zones, "f", "", "", ErrUnknownZone},
		{nameless, "US-CAL-CISO_2024_hourly", "US-CAL", "US-CAL-CISO_2024_hourly", nil},
		{nameless, "CAISO_NORTH_2024", "CAISO_NORTH", "CAISO_NORTH_2024", nil},
		{nameless, "FR_2024", "FRA", "FR_2024", nil},
		{nameless, "US-CAL-CISO_2024", "aws/us-east-1", "", ErrUnknownZone},
	} {
		h, err := ReadHourly(strings.NewReader(tc.text), tc.file)
		if err != nil {
			t.Fatal(err)
		}
		got, err := h.Zone(tc.place)
		if got != tc.want || !errors.Is(err, tc.err) {
			t.Errorf("%s in %s: %q, %v; want %q, %v", tc.place, tc.file, got, err, tc.want, tc.err)
		}
		if errors.Is(tc.err, ErrAmbiguousZone) && (err == nil || !strings.Contains(err.Error(), "US-NW-BPAT, US-NW-PACW")) {
			t.Errorf("an ambiguous zone gives %v, want the candidates", err)
		}
	}
}

func TestRegions(t *testing.T) {
	if n, want := len(regions()), strings.Count(regionsCSV, "\n"); n < want {
		t.Errorf("%d regions of %d lines", n, want)
	}
	for name := range regions() {
		if _, err := Intensity(name); err != nil {
			t.Error(err)
		}
	}
	f, err := Intensity("aws/eu-north-1")
	if err != nil || f.ISO3 != "SWE" || f.GPerKWh > 60 {
		t.Errorf("aws/eu-north-1 is %+v, %v", f, err)
	}
	if got := strings.Join(Zones("gcp/us-central1"), " "); got != "gcp/us-central1 US-MIDW-MISO US USA" {
		t.Errorf("zones %s", got)
	}
	if l, source, ok := WaterLPerKWh("eu-north-1"); !ok || l != 0.18 || source == "" {
		t.Errorf("water %v %s %v", l, source, ok)
	}
	if _, _, ok := WaterLPerKWh("FRA"); ok {
		t.Error("a country has no operator")
	}
}

func FuzzReadHourly(f *testing.F) {
	f.Add("datetime,zone,gco2e_per_kwh\n2024-06-01T13:00:00Z,FRA,40\n")
	f.Add("point_time,value\n2024-06-01T13:00:00Z,1000\n")
	f.Fuzz(func(t *testing.T, text string) {
		if h, err := ReadHourly(strings.NewReader(text), "z"); (h == nil) == (err == nil) {
			t.Errorf("%v, %v", h, err)
		}
	})
}
