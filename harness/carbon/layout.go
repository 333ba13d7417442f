package carbon

import (
	"fmt"
	"strings"

	"github.com/trilemma-bench/trilemma/harness/textfile"
)

// layout says where the columns of an hourly file stand and what its figures mean.
type layout struct {
	name            string
	at, value, zone int     // zone is -1 where the file names none
	unit, signal    int     // columns that say it row by row, -1 for none
	factor          float64 // gCO2e/kWh of one
	marginal        bool
}

// signals are what figures may be of; true for marginal rates. Other signals of the same services (health damage in USD,
// percentiles of the day) come in the same columns and are no carbon intensities.
var signals = map[string]bool{
	"co2 moer": true, "moer": true, "co2 aoer": false, "aoer": false,
	"carbon intensity": false, "lifecycle": false, "life cycle": false, "direct": false,
}

func findLayout(t *textfile.Table, file string) (*layout, error) {
	l := &layout{
		name: "trilemma", factor: 1, zone: t.Column("zone", "zone id", "zone_id", "zone key", "zone_key", "zone name", "region", "ba"),
		unit: t.Column("unit", "units"), signal: t.Column("signal_type", "signal", "emission_factor_type", "emissionFactorType"),
	}
	l.at = t.Column("datetime", "datetime (utc)", "point_time", "timestamp")
	if l.value = t.Column("gco2e_per_kwh"); l.value < 0 {
		if err := l.findIntensity(t.Head); err != nil {
			return nil, err
		}
	}
	if l.value < 0 {
		l.name, l.factor = "watttime", gPerLb/1000
		l.value, l.marginal = t.Column("value", "moer"), true
		if aoer := t.Column("aoer"); l.value < 0 && aoer >= 0 {
			l.value, l.marginal = aoer, false
		}
		for _, other := range []string{"health", "percent", "index"} {
			if l.value >= 0 && l.signal < 0 && strings.Contains(plain(file), other) {
				return nil, fmt.Errorf("the name of the file, %q, is not that of a carbon intensity; want co2_moer or co2_aoer", file)
			}
		}
	}
	if l.at < 0 || l.value < 0 {
		return nil, fmt.Errorf("heading %q: want datetime, zone, gco2e_per_kwh, or an export of Electricity Maps or WattTime", t.Head)
	}
	return l, nil
}

// findIntensity finds the column of carbon intensity and its unit: the life-cycle one, or the only one.
func (l *layout) findIntensity(head []string) error {
	var found []int
	best := -1
	for i, h := range head {
		p := plain(h)
		_, known := gPerKWhOf(h)
		if !known && !strings.Contains(p, "carbon intensity") && !strings.Contains(p, "carbonintensity") {
			continue
		}
		if !known && otherUnit(h) && l.unit < 0 {
			continue
		}
		found = append(found, i)
		if strings.Contains(p, "life cycle") || strings.Contains(p, "lifecycle") || strings.Contains(" "+p+" ", "lca") {
			best = i
		}
	}
	switch {
	case best >= 0:
	case len(found) == 1:
		best = found[0]
	case len(found) > 1:
		var names []string
		for _, i := range found {
			names = append(names, fmt.Sprintf("%q", head[i]))
		}
		return fmt.Errorf("columns %s are all carbon intensities: keep the one to be used", strings.Join(names, ", "))
	default:
		for _, h := range head {
			if p := plain(h); strings.HasPrefix(p, "carbon intensity") || strings.HasPrefix(p, "carbonintensity") {
				return fmt.Errorf("column %q is not in a mass of CO2 for an amount of energy, such as gCO2eq/kWh or lb/MWh", h)
			}
		}
		return nil
	}
	l.value = best
	if factor, known := gPerKWhOf(head[best]); known {
		l.factor = factor
	}
	if p := plain(head[best]); strings.Contains(p, "carbon intensity") || strings.Contains(p, "carbonintensity") {
		l.name = "electricity maps"
	}
	return nil
}

// scale is the gCO2e/kWh of one in a row, by its column of units where there is one.
func (l *layout) scale(head, row []string, line int) (float64, error) {
	if l.unit < 0 || strings.TrimSpace(row[l.unit]) == "" {
		return l.factor, nil
	}
	factor, ok := gPerKWhOf(row[l.unit])
	if !ok {
		return 0, fmt.Errorf("line %d, column %s: %q is not a mass of CO2 for an amount of energy, such as gCO2eq/kWh or lbs_co2_per_mwh",
			line, head[l.unit], row[l.unit])
	}
	return factor, nil
}

// checkSignal refuses what is no carbon intensity, and two kinds of them in one file, which would be averaged.
func (l *layout) checkSignal(first *string, head, row []string, line int) error {
	if l.signal < 0 {
		return nil
	}
	is := plain(row[l.signal])
	marginal, known := signals[is]
	switch {
	case !known:
		return fmt.Errorf("line %d, column %s: %q is not a carbon intensity; want co2_moer or co2_aoer", line, head[l.signal], row[l.signal])
	case *first == "":
		*first, l.marginal = is, marginal
	case *first != is:
		return fmt.Errorf("line %d, column %s: %q, but the first line has %q: keep one signal a file", line, head[l.signal], row[l.signal], *first)
	}
	return nil
}
