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
		{"datetime,zone,gco2e_per_kwh\n2024-06-01 13:00,FRA\n", "2 columns"},
	} {
		if _, err := ReadHourly(strings.NewReader(tc.text), "x"); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%q: %v, want %q", tc.text, err, tc.want)
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
