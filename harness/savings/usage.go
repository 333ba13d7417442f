package savings

import (
	"math"
	"slices"
	"sort"
	"time"

	"github.com/trilemma-bench/trilemma/harness/dataset"
	"github.com/trilemma-bench/trilemma/harness/replay"
	"github.com/trilemma-bench/trilemma/harness/store"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Usage adds up where the footprint of decisions on some prompts, for a pool of models, comes from.
func (f *Finder) Usage(pool, rows []int, preference string, d *replay.Decisions) store.Usage {
	view, models := replay.Of(f.Data.Table, pool), dataset.Pick(f.Data.Trace.Models, pool)
	prompts := &f.Data.Trace.Prompts
	type key struct{ by, name string }
	type slice struct {
		store.Slice
		usd float64 // NaN where an answer's is unknown
	}
	parts := map[key]*slice{}
	hours := map[[2]string]float64{}
	stretch := stretchOf(prompts.ArrivedAt, rows)
	byModel, exact := make([]float64, len(f.doubt.factors)), 0.0
	charge := func(prompt, m int, weight float64) {
		o := view.At(prompt, m)
		if !o.Present() {
			return
		}
		if g := weight * float64(o.At(policy.Carbon)); math.IsNaN(g) {
			// What is not known is in no sum.
		} else if at := view.Pool[m]; f.Data.Table.Estimated(prompt, at) {
			byModel[f.doubt.of[at]] += g
		} else {
			exact += g
		}
		region := models[m].Region
		if region == "" || f.Accounting.IgnoreRegions {
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
			s := parts[k]
			if s == nil {
				s = &slice{Slice: store.Slice{By: k.by, Key: k.name}}
				parts[k] = s
			}
			s.Answers += weight
			s.usd += weight * float64(o.At(policy.Cost))
			if math.IsNaN(float64(o.Low[policy.Carbon])) {
				s.Unknown += weight
				continue
			}
			s.CarbonLowG += weight * float64(o.Low[policy.Carbon])
			s.CarbonUpG += weight * float64(o.High[policy.Carbon])
			if !math.IsNaN(float64(o.Low[policy.Energy])) {
				s.EnergyLowWh += weight * float64(o.Low[policy.Energy])
				s.EnergyUpWh += weight * float64(o.High[policy.Energy])
			}
			if ml := float64(o.At(policy.Water)); !math.IsNaN(ml) {
				s.WaterL += weight * ml / 1000
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
			if slices.Contains(asked, m) {
				continue
			}
			weight := 1.0
			if use != policy.Combine {
				weight = float64(weights[i])
			}
			charge(rows[r], int(m), weight)
		}
		for _, m := range asked {
			charge(rows[r], int(m), 1)
		}
	}
	out := store.Usage{Preference: preference}
	out.CarbonModelLowG, out.CarbonModelHighG = f.doubt.bounds(byModel, exact)
	for _, s := range parts {
		s.CostUSD = store.Known(s.usd)
		out.Slices = append(out.Slices, s.Slice)
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
