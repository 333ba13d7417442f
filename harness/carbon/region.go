package carbon

import (
	_ "embed"
	"strings"
	"sync"

	"golang.org/x/text/language"
)

// Region is a cloud region: the country it lies in, and the zone of Electricity Maps whose grid feeds it.
type Region struct {
	Name  string // "gcp/europe-west1"
	ISO3  string
	Zone  string // "BE"
	Place string
}

//go:embed regions.csv
var regionsCSV string

var regions = sync.OnceValue(func() map[string]Region {
	out := map[string]Region{}
	count := map[string]int{}
	for line := range strings.Lines(regionsCSV) {
		part := strings.Split(strings.TrimSpace(line), ";")
		if len(part) != 4 {
			continue
		}
		r := Region{Name: part[0], ISO3: part[1], Zone: part[2], Place: part[3]}
		out[strings.ToLower(r.Name)] = r
		_, short, _ := strings.Cut(r.Name, "/")
		count[short]++
	}
	for name, r := range out {
		if _, short, ok := strings.Cut(name, "/"); ok && count[short] == 1 {
			out[short] = r
		}
	}
	return out
})

// FindRegion is the cloud region of a name, with its provider ("aws/eu-west-1") or without where that is enough.
func FindRegion(name string) (Region, bool) {
	r, ok := regions()[strings.ToLower(strings.TrimSpace(name))]
	return r, ok
}

// Zones lists the names under which an hourly file may hold the grid of a place, the most special first: the name itself,
// the zone of a cloud region, the ISO 3166 alpha-2 and alpha-3 codes of its country.
func Zones(place string) []string {
	out := []string{place}
	iso3 := place
	if r, ok := FindRegion(place); ok {
		out = append(out, r.Zone)
		iso3 = r.ISO3
	}
	if c, err := language.ParseRegion(iso3); err == nil && len(iso3) <= 3 {
		out = append(out, c.String(), c.ISO3())
	}
	return out
}

// waterLPerKWh is the water that data centres evaporate for cooling, litres per kWh of their servers, as the operators
// state it for all of their sites together.
var waterLPerKWh = map[string]Figure{
	"aws":   {Zone: "aws", Place: "AWS, all regions", GPerKWh: 0.18, Year: 2023, Source: "Amazon Sustainability Report 2023"},
	"azure": {Zone: "azure", Place: "Microsoft, owned data centres", GPerKWh: 0.30, Year: 2024, Source: "Microsoft Environmental Sustainability Report 2025"},
}

// WaterLPerKWh is the water use of the operator of a cloud region, in litres per kWh of servers, with its source; false
// where the operator states none. The water that power plants use is not in it.
func WaterLPerKWh(region string) (litres float64, source string, ok bool) {
	if r, found := FindRegion(region); found {
		region = r.Name
	}
	provider, _, _ := strings.Cut(strings.ToLower(region), "/")
	f, ok := waterLPerKWh[provider]
	return f.GPerKWh, f.Source, ok
}
