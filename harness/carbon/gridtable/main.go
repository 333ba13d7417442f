// Command gridtable makes harness/carbon/grid.csv again from its two sources:
//
//	go run ./harness/carbon/gridtable -countries country_intensity.csv -regions cloud_regions.csv > harness/carbon/grid.csv
//
// Countries are a CSV with the columns iso3 (or Code), country (or Entity), year (or Year) and gco2e_per_kwh, or Our World
// in Data's "Carbon intensity of electricity" as it is downloaded, of which the latest year of each country is kept.
// Regions have provider, region, iso3, place, gco2e_per_kwh and figure_from.
package main

import (
	"encoding/csv"
	"errors"
	"flag"
	"fmt"
	"os"
	"sort"
	"strconv"
	"strings"

	"github.com/trilemma-bench/trilemma/harness/textfile"
)

func main() {
	countries := flag.String("countries", "", "CSV of countries")
	regions := flag.String("regions", "", "CSV of cloud regions")
	flag.Parse()
	if err := run(*countries, *regions); err != nil {
		fmt.Fprintln(os.Stderr, "gridtable:", err)
		os.Exit(2)
	}
}

func run(countries, regions string) error {
	if countries == "" || regions == "" {
		return errors.New("give -countries and -regions")
	}
	var lines []string
	latest := map[string]string{}
	year := map[string]int{}
	err := each(countries, func(get func(...string) string) error {
		iso := get("iso3", "Code")
		y, err := strconv.Atoi(get("year", "Year"))
		if err != nil || len(iso) != 3 {
			return nil //nolint:nilerr // continents and groups of countries have no code
		}
		if y >= year[iso] {
			g := get("gco2e_per_kwh", "Carbon intensity of electricity - gCO2/kWh", "Carbon intensity")
			if _, err := strconv.ParseFloat(g, 64); err != nil {
				return fmt.Errorf("%s in %d: %q is not a number", iso, y, g)
			}
			year[iso], latest[iso] = y, fmt.Sprintf("%s;%s;%s;%s;%d;", iso, iso, get("country", "Entity"), g, y)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, l := range latest {
		lines = append(lines, l)
	}
	err = each(regions, func(get func(...string) string) error {
		// The source misspells one region.
		name := strings.Replace(get("provider")+"/"+get("region"), "cenrtal", "central", 1)
		from := get("figure_from")
		if strings.Contains(from, "cloud.google.com/sustainability/region-carbon") {
			from = "Google, cloud.google.com/sustainability/region-carbon"
		}
		lines = append(lines, fmt.Sprintf("%s;%s;%s;%s;;%s", name, get("iso3"), get("place"), get("gco2e_per_kwh"), from))
		return nil
	})
	if err != nil {
		return err
	}
	sort.Strings(lines)
	for _, l := range lines {
		fmt.Println(l)
	}
	return nil
}

func each(path string, row func(get func(names ...string) string) error) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	rows, err := csv.NewReader(textfile.NewReader(f)).ReadAll()
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if len(rows) == 0 {
		return fmt.Errorf("%s is empty", path)
	}
	for i, r := range rows[1:] {
		get := func(names ...string) string {
			for _, n := range names {
				for c, h := range rows[0] {
					if h == n {
						return r[c]
					}
				}
			}
			return ""
		}
		if err := row(get); err != nil {
			return fmt.Errorf("%s, line %d: %w", path, i+2, err)
		}
	}
	return nil
}
