package runner

import (
	"math"
	"sort"
	"time"

	"github.com/trilemma-bench/trilemma/harness/carbon"
	"github.com/trilemma-bench/trilemma/harness/replay"
	"github.com/trilemma-bench/trilemma/harness/store"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// usage adds up where the footprint of decisions comes from.
func (w *work) usage(preference string, d *replay.Decisions) store.Usage {
	view, models := w.feed.View(), w.feed.Models()
	prompts := &w.data.Trace.Prompts
	type key struct{ by, name string }
	slices := map[key]*store.Slice{}
	hours := map[[2]string]float64{}
	stretch := stretchOf(prompts.ArrivedAt, w.test)
	water := make([]float64, len(models)) // litres a Wh
	byModel, exact := make([]float64, len(w.doubt.factors)), 0.0
	for m, facts := range models {
		water[m] = w.waterLPerWh(facts)
	}
	charge := func(prompt, m int, weight float64) {
		o := view.At(prompt, m)
		if !o.Present() {
			return
		}
		if g := weight * float64(o.CarbonG()); math.IsNaN(g) {
			// What is not known is in no sum.
		} else if at := view.Pool[m]; w.data.Table.Estimated(prompt, at) {
			byModel[w.doubt.of[at]] += g
		} else {
			exact += g
		}
		region := models[m].Region
		if region == "" || w.acc.IgnoreRegions {
			region = "unknown"
		}
		keys := []key{{store.ByModel, models[m].ID}, {store.ByRegion, region}}
		if prompts.Category != nil {
			keys = append(keys, key{store.ByCategory, prompts.Category[prompt]})
		}
		if prompts.ArrivedAt != nil && !prompts.ArrivedAt[prompt].IsZero() {
			hour := prompts.ArrivedAt[prompt].UTC().Format(stretch)
			keys = append(keys, key{store.ByHour, hour})
			hours[[2]string{hour, models[m].ID}] += weight
		}
		for _, k := range keys {
			s := slices[k]
			if s == nil {
				s = &store.Slice{By: k.by, Key: k.name}
				slices[k] = s
			}
			s.Answers += weight
			s.CostUSD += store.Figure(weight * float64(o.CostUSD))
			if math.IsNaN(float64(o.CarbonGLow)) {
				s.Unknown += weight
				continue
			}
			s.CarbonLowG += weight * float64(o.CarbonGLow)
			s.CarbonUpG += weight * float64(o.CarbonGHigh)
			if wh := float64(o.EnergyWh()); !math.IsNaN(wh) {
				s.EnergyLowWh += weight * float64(o.EnergyWhLow)
				s.EnergyUpWh += weight * float64(o.EnergyWhHigh)
				s.WaterL += weight * wh * water[m]
			}
		}
	}
	for r := range d.Rows() {
		use, named, weights := d.Final.Row(r)
		var asked []int32
		if d.AskedOffset != nil {
			asked = d.AskedModel[d.AskedOffset[r]:d.AskedOffset[r+1]]
		}
		for i, m := range named {
			if contains(asked, m) {
				continue
			}
			weight := 1.0
			if use != policy.Combine {
				weight = float64(weights[i])
			}
			charge(w.test[r], int(m), weight)
		}
		for _, m := range asked {
			charge(w.test[r], int(m), 1)
		}
	}
	out := store.Usage{Preference: preference}
	out.CarbonModelLowG, out.CarbonModelHighG = w.doubt.bounds(byModel, exact)
	for _, s := range slices {
		out.Slices = append(out.Slices, *s)
	}
	sort.Slice(out.Slices, func(i, j int) bool {
		a, b := &out.Slices[i], &out.Slices[j]
		return a.By < b.By || a.By == b.By && a.Key < b.Key
	})
	for k, n := range hours {
		out.Hours = append(out.Hours, store.HourShare{Hour: k[0], Model: k[1], Answers: n})
	}
	sort.Slice(out.Hours, func(i, j int) bool {
		a, b := &out.Hours[i], &out.Hours[j]
		return a.Hour < b.Hour || a.Hour == b.Hour && a.Model < b.Model
	})
	return out
}

// stretchOf is the layout of the stretches of time that a footprint is told by: hours, days where prompts arrived over
// more than two weeks, months where over more than two years. More could be neither read nor kept for every preference.
func stretchOf(arrived []time.Time, of []int) string {
	var first, last time.Time
	for _, p := range of {
		if p >= len(arrived) || arrived[p].IsZero() {
			continue
		}
		if at := arrived[p]; first.IsZero() || at.Before(first) {
			first = at
		}
		if at := arrived[p]; at.After(last) {
			last = at
		}
	}
	const day = 24 * time.Hour
	switch span := last.Sub(first); {
	case span > 2*366*day:
		return "2006-01"
	case span > 14*day:
		return time.DateOnly
	}
	return "2006-01-02T15"
}

// waterLPerWh is what the operator of a model's region evaporates for a Wh; the figure is one of the servers' energy, so
// the overhead of the building is taken off. 0 where nothing is known.
func (w *work) waterLPerWh(m policy.Model) float64 {
	litres, _, ok := carbon.WaterLPerKWh(m.Region)
	if !ok {
		if w.Spec.Accounting.WaterLPerKWh == nil {
			return 0
		}
		litres = *w.Spec.Accounting.WaterLPerKWh
	}
	return litres / 1000 / w.acc.Energy.PUE
}
