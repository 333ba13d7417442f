// Package carbon turns energy into emissions:
//
//	usage    = energy · grid intensity of the zone where the model runs
//	embodied = the share of the hardware's making that package energy attributes to a request
//	carbon   = usage + embodied
//
// Grid intensities are yearly averages: 213 countries (Our World in Data, after Ember and the Energy Institute, the latest
// year each country has) and 40 cloud regions (the providers' own figures), as collected in codecarbon 3.3.2; other cloud
// regions take their country's. Each [Figure] keeps its year and source. The table is made again by
//
//	go run ./harness/carbon/gridtable -countries COUNTRIES.csv -regions REGIONS.csv > harness/carbon/grid.csv
//
// An [Hourly] file says more: what the grid was in the hour of a prompt. A zone is
//
//   - an ISO 3166 alpha-3 country: "FRA", in any case;
//   - a cloud region, "gcp/europe-west1", or "europe-west1" where only one provider has it;
//   - "world".
package carbon

import (
	_ "embed"
	"errors"
	"fmt"
	"sort"
	"strconv"
	"strings"
	"sync"

	"github.com/trilemma-bench/trilemma/policies/spelling"
)

// WorldGPerKWh is the world average of 2023 by Ember, 481 gCO2e/kWh: the default where a model's region is unknown.
// For 2024 Ember gives 473.
const WorldGPerKWh = 481

// UsageG is what energyWh emits on a grid of gPerKWh gCO2e/kWh, in gCO2e. NaN where either is unknown.
func UsageG(energyWh, gPerKWh float64) float64 { return energyWh / 1000 * gPerKWh }

// TotalG is usage and embodied emissions together, gCO2e.
func TotalG(energyWh, gPerKWh, embodiedG float64) float64 {
	return UsageG(energyWh, gPerKWh) + embodiedG
}

// Figure is the grid intensity of one zone.
type Figure struct {
	Zone    string  // as [Intensity] takes it: "FRA", "gcp/europe-west1", "world"
	Place   string  // the country's or region's name
	ISO3    string  // the country it lies in, "" for the world
	GPerKWh float64 // gCO2e/kWh
	Year    int     // 0 where the source does not say
	Source  string
}

// ErrUnknownZone is wrapped by the error for a zone without a figure.
var ErrUnknownZone = errors.New("no grid intensity is known for this zone")

const (
	countrySource = "Our World in Data (Ember; Energy Institute), in codecarbon 3.3.2"
	worldSource   = "Ember, yearly electricity data 2024"
)

//go:embed grid.csv
var gridCSV string

var grid = sync.OnceValue(func() map[string]Figure {
	figures := map[string]Figure{
		"world": {Zone: "world", Place: "World", GPerKWh: WorldGPerKWh, Year: 2023, Source: worldSource},
	}
	regions := map[string]int{}
	for line := range strings.Lines(gridCSV) {
		if f, err := parseLine(line); err == nil {
			figures[strings.ToLower(f.Zone)] = f
			if _, region, ok := strings.Cut(f.Zone, "/"); ok {
				regions[region]++
			}
		}
	}
	// A region's name alone will do as long as it means one provider's.
	for zone, f := range figures {
		if _, region, ok := strings.Cut(zone, "/"); ok && regions[region] == 1 {
			figures[region] = f
		}
	}
	return figures
})

// parseLine reads "zone;iso3;place;gPerKWh;year;source" of the table; an empty source means countrySource.
func parseLine(line string) (Figure, error) {
	part := strings.Split(strings.TrimSpace(line), ";")
	if len(part) != 6 {
		return Figure{}, fmt.Errorf("%d fields, want 6", len(part))
	}
	g, err := strconv.ParseFloat(part[3], 64)
	if err != nil {
		return Figure{}, err
	}
	f := Figure{Zone: part[0], ISO3: part[1], Place: part[2], GPerKWh: g, Source: part[5]}
	if part[4] != "" {
		if f.Year, err = strconv.Atoi(part[4]); err != nil {
			return Figure{}, err
		}
	}
	if f.Source == "" {
		f.Source = countrySource
	}
	return f, nil
}

// Intensity is the figure of a zone. An unknown zone's error wraps [ErrUnknownZone] and names the nearest known ones.
func Intensity(zone string) (Figure, error) {
	key := strings.ToLower(strings.TrimSpace(zone))
	if f, ok := grid()[key]; ok {
		return f, nil
	}
	// A region whose provider publishes no figure has that of its country.
	if r, ok := FindRegion(key); ok {
		if f, ok := grid()[strings.ToLower(r.ISO3)]; ok {
			f.Zone, f.Place = r.Name, r.Place+" (average of "+f.Place+")"
			return f, nil
		}
	}
	err := fmt.Errorf("%w: %q; use an ISO 3166 alpha-3 country (FRA), a cloud region (gcp/europe-west1) or world", ErrUnknownZone, zone)
	if near := nearest(key, 3); len(near) > 0 {
		err = fmt.Errorf("%w; did you mean %s?", err, strings.Join(near, ", "))
	}
	return Figure{}, err
}

// Figures lists every figure by zone.
func Figures() []Figure {
	seen := map[string]bool{}
	var all []Figure
	for _, f := range grid() {
		if !seen[f.Zone] {
			seen[f.Zone] = true
			all = append(all, f)
		}
	}
	sort.Slice(all, func(i, j int) bool { return all[i].Zone < all[j].Zone })
	return all
}

// nearest names up to n known zones that look like key: first by name of the place, then by few differing letters.
func nearest(key string, n int) []string {
	type candidate struct {
		zone     string
		distance int
	}
	var found []candidate
	for _, f := range Figures() {
		zone, region := strings.ToLower(f.Zone), ""
		d := spelling.Distance(key, zone)
		if _, after, ok := strings.Cut(zone, "/"); ok {
			region = after
			d = min(d, spelling.Distance(key, region))
		}
		place := strings.ToLower(f.Place)
		switch {
		case key != "" && place == key:
			d = 0
		case len(key) >= 4 && strings.Contains(place, key), len(key) == 2 && region == "" && strings.HasPrefix(zone, key):
			d = min(d, 1)
		}
		if d <= max(1, len(key)/4) {
			found = append(found, candidate{f.Zone, d})
		}
	}
	sort.SliceStable(found, func(i, j int) bool { return found[i].distance < found[j].distance })
	var names []string
	for _, c := range found[:min(n, len(found))] {
		names = append(names, c.zone)
	}
	return names
}
