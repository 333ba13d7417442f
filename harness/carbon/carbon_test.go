package carbon

import (
	"encoding/csv"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func TestUsageG(t *testing.T) {
	if got := UsageG(2, 500); got != 1 {
		t.Errorf("2 Wh at 500 g/kWh = %v g, want 1", got)
	}
	if got := TotalG(2, 500, 0.25); got != 1.25 {
		t.Errorf("total = %v g, want 1.25", got)
	}
	if got := UsageG(math.NaN(), 500); !math.IsNaN(got) {
		t.Errorf("unknown energy emits %v, want NaN", got)
	}
}

func TestIntensity(t *testing.T) {
	for _, tc := range []struct {
		zone, want string
		g          float64
		year       int
	}{
		{"world", "world", 481, 2023},
		{"gcp/europe-west1", "gcp/europe-west1", 122, 0},
		{"europe-west1", "gcp/europe-west1", 122, 0},
		{" GCP/Europe-West1 ", "gcp/europe-west1", 122, 0},
		{"me-central1", "gcp/me-central1", 575, 0},
		{"afg", "AFG", 132.53, 2022},
	} {
		f, err := Intensity(tc.zone)
		if err != nil || f.Zone != tc.want || f.GPerKWh != tc.g || f.Year != tc.year || f.Source == "" {
			t.Errorf("Intensity(%q) = %+v, %v; want %s with %v in %d", tc.zone, f, err, tc.want, tc.g, tc.year)
		}
	}
}

func TestUnknownZone(t *testing.T) {
	for _, tc := range []struct{ zone, suggests string }{
		{"europe-west13", "gcp/europe-west1"},
		{"gcp/us-centrl1", "gcp/us-central1"},
		{"Germany", "DEU"},
		{"FR", "FRA"},
		{"", ""},
		{"nowhere at all", ""},
	} {
		_, err := Intensity(tc.zone)
		if !errors.Is(err, ErrUnknownZone) {
			t.Fatalf("Intensity(%q): error %v, want ErrUnknownZone", tc.zone, err)
		}
		if tc.suggests == "" && strings.Contains(err.Error(), "did you mean") || !strings.Contains(err.Error(), tc.suggests) {
			t.Errorf("Intensity(%q): %v, want a suggestion of %q", tc.zone, err, tc.suggests)
		}
	}
}

// TestTableMatchesItsSource also proves that no line of the embedded table was passed over.
func TestTableMatchesItsSource(t *testing.T) {
	if got, want := len(Figures()), 1+strings.Count(gridCSV, "\n"); got != want {
		t.Errorf("%d figures of %d lines", got, want)
	}
	dir, _ := os.Getwd()
	for dir != filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		dir = filepath.Dir(dir)
	}
	source := filepath.Join(dir, "..", "shared", "data", "grid")
	if _, err := os.Stat(source); err != nil {
		t.Skip("../shared/data/grid is absent")
	}
	check := func(file string, zoneOf func(row []string) string, column int) {
		f, err := os.Open(filepath.Join(source, file))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		rows, err := csv.NewReader(f).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range rows[1:] {
			want, _ := strconv.ParseFloat(row[column], 64)
			got, err := Intensity(zoneOf(row))
			if err != nil || got.GPerKWh != want {
				t.Errorf("%s: %v is %v, %v; want %v", file, row, got.GPerKWh, err, want)
			}
		}
	}
	check("country_intensity.csv", func(row []string) string { return row[0] }, 3)
	// The source misspells one region.
	check("cloud_regions.csv", func(row []string) string { return strings.Replace(row[0]+"/"+row[1], "cenrtal", "central", 1) }, 4)
}

func FuzzIntensity(f *testing.F) {
	f.Add("FRA")
	f.Add("gcp/")
	f.Add("\xff/")
	f.Fuzz(func(t *testing.T, zone string) {
		if len(zone) > 200 {
			return
		}
		got, err := Intensity(zone)
		if (err == nil) != (got.Zone != "") {
			t.Errorf("Intensity(%q) = %+v, %v", zone, got, err)
		}
	})
}
