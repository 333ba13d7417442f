package carbon

import (
	"regexp"
	"strings"

	"github.com/trilemma-bench/trilemma/harness/textfile"
)

var massG = map[string]float64{
	"mg": 1e-3, "g": 1, "gram": 1, "grams": 1, "kg": 1e3, "t": 1e6, "tonne": 1e6, "tonnes": 1e6, "metric ton": 1e6, "metric tons": 1e6,
	"lb": gPerLb, "lbs": gPerLb, "pound": gPerLb, "pounds": gPerLb,
}

var energyKWh = map[string]float64{"wh": 1e-3, "kwh": 1, "mwh": 1e3, "gwh": 1e6, "mj": 1 / 3.6, "gj": 1e3 / 3.6}

// gPerLb is the international avoirdupois pound.
const gPerLb = 453.59237

// unit is a mass, of CO2 or of its equivalents where it says of what, for an amount of energy.
var unit = regexp.MustCompile(`(?:^|[^a-z])(mg|g|grams?|kg|t|tonnes?|metric tons?|lbs?|pounds?)(?: of)? ?(?:co2 ?(?:equivalent|eq|e)? ?)?(?:/|per) ?([kmg]?wh|[mg]j)(?:$|[^a-z])`)

// plain is a heading or unit as it is looked at: [textfile.Heading] with spaces for the marks that join words.
func plain(s string) string {
	return textfile.Heading(strings.NewReplacer("_", " ", "-", " ", ".", " ", "^", " ").Replace(s))
}

// gPerKWhOf finds the unit that a text names, as gCO2e/kWh: "Carbon intensity gCO₂eq/kWh (direct)", "lbs_co2_per_mwh".
func gPerKWhOf(text string) (factor float64, ok bool) {
	m := unit.FindStringSubmatch(plain(text))
	if m == nil {
		return 0, false
	}
	return massG[m[1]] / energyKWh[m[2]], true
}

var intensityWords = strings.NewReplacer("carbon intensity", "", "carbonintensity", "", "life cycle", "", "lifecycle", "", "consumption", "",
	"production", "", "emission", "")

// otherUnit tells whether what a heading says beside "carbon intensity" is a unit, which is then none of mass for energy.
func otherUnit(heading string) bool {
	rest := " " + intensityWords.Replace(plain(heading)) + " "
	for _, mark := range []string{"/", "%", " per ", " percent", " percentile ", " index ", "usd", "$"} {
		if strings.Contains(rest, mark) {
			return true
		}
	}
	return false
}
