package runner

import (
	"fmt"
	"math"

	"github.com/trilemma-bench/trilemma/harness/energy"
	"github.com/trilemma-bench/trilemma/harness/replay"
	"github.com/trilemma-bench/trilemma/harness/store"
)

// assumption is one thing that is assumed, at two ends that published figures span.
type assumption struct {
	name      string
	low, high string
	set       func(acc *replay.Accounting, high bool)
}

// ends is the value of one end.
func ends(high bool, a, b float64) float64 {
	if high {
		return b
	}
	return a
}

// assumptions are those that the method at hand rests on. Batches of 16 to 256; PUE from the best large sites (1.09) to
// the industry's average (1.56, Uptime Institute 2024); grids of France and of Poland.
func assumptions(acc replay.Accounting) []assumption {
	out := []assumption{
		{"PUE", "1.09", "1.56", func(a *replay.Accounting, h bool) { a.Energy.PUE = ends(h, 1.09, 1.56) }},
		{"grid (all models)", "50 g/kWh", "700 g/kWh", func(a *replay.Accounting, h bool) {
			a.GridGPerKWh, a.IgnoreRegions, a.Hourly = ends(h, 50, 700), true, nil
		}},
	}
	if acc.Method.Name != energy.Constant && acc.Method.Name != energy.Measured {
		out = append(out,
			assumption{"batch size", "256", "16", func(a *replay.Accounting, h bool) { a.Energy.BatchSize = ends(h, 256, 16) }},
			assumption{"weights", "8 bits", "16 bits", func(a *replay.Accounting, h bool) { a.Energy.QuantisationBits = ends(h, 8, 16) }},
			assumption{"hardware lifespan", "5 years", "2 years", func(a *replay.Accounting, h bool) { a.Energy.LifespanSec = ends(h, 5, 2) * 365 * 24 * 3600 }},
		)
	}
	switch acc.Method.Name {
	case energy.Roofline:
		out = append(out,
			assumption{"compute utilisation", "60 %", "20 %", func(a *replay.Accounting, h bool) { a.Method.ComputeUtilisation = ends(h, 0.6, 0.2) }},
			assumption{"bandwidth utilisation", "80 %", "30 %", func(a *replay.Accounting, h bool) { a.Method.BandwidthUtilisation = ends(h, 0.8, 0.3) }},
		)
	case "":
		out = append(out, assumption{"reading prompts (utilisation)", "not counted", "at 20 %", func(a *replay.Accounting, h bool) {
			a.Energy.Prefill.On, a.Energy.Prefill.Utilisation = h, 0.2
		}})
	}
	return out
}

// use is one answer that a decision paid for.
type use struct {
	prompt, model int32 // of the table
	weight        float64
}

// sensitivity bills one policy's decisions and its baseline's again under each end of each assumption.
func (p *Plan) sensitivity(run *store.Run, s *store.Saving, base *baseline) (*store.Sensitivity, error) {
	own, err := p.uses(run, s)
	if err != nil || len(own) == 0 {
		return nil, err
	}
	single := -1
	for m, facts := range p.data.trace.Models {
		if facts.ID == base.What {
			single = m
		}
	}
	if single < 0 || s.CarbonG == nil || base.CarbonG == nil {
		return nil, nil
	}
	reference := make([]use, 0, len(p.test[s.Pool]))
	for _, prompt := range p.test[s.Pool] {
		reference = append(reference, use{int32(prompt), int32(single), 1})
	}
	n := float64(len(p.test[s.Pool]))
	out := &store.Sensitivity{Pool: s.Pool, Policy: s.Policy, Preference: s.Preference, CarbonG: *s.CarbonG, BaselineG: *base.CarbonG}
	out.Factors = append(out.Factors, store.Factor{
		Name: "assumed sizes of closed models", Low: store.Ending{Setting: "low end", CarbonG: *s.CarbonGLow, BaselineG: *base.CarbonGLow},
		High: store.Ending{Setting: "high end", CarbonG: *s.CarbonGHigh, BaselineG: *base.CarbonGHigh},
	})
	for _, a := range assumptions(p.acc) {
		f := store.Factor{Name: a.name}
		for _, high := range []bool{false, true} {
			acc := p.acc
			a.set(&acc, high)
			table, err := p.data.rebill(acc)
			if err != nil {
				return nil, fmt.Errorf("sensitivity to %s: %w", a.name, err)
			}
			e := store.Ending{Setting: a.low, CarbonG: emitted(table, own) / n, BaselineG: emitted(table, reference) / n}
			if high {
				e.Setting = a.high
				f.High = e
			} else {
				f.Low = e
			}
		}
		if !math.IsNaN(f.Low.CarbonG + f.High.CarbonG + f.Low.BaselineG + f.High.BaselineG) {
			out.Factors = append(out.Factors, f)
		}
	}
	return out, nil
}

// emitted is the sum of the central estimates, leaving out what is not there.
func emitted(t *replay.Table, list []use) float64 {
	var sum float64
	for _, u := range list {
		if o := t.At(int(u.prompt), int(u.model)); o.Present() {
			sum += u.weight * float64(o.CarbonG())
		}
	}
	return sum
}

// uses reads back the answers that the decisions of a cell paid for under one preference.
func (p *Plan) uses(run *store.Run, s *store.Saving) ([]use, error) {
	row := map[string]int32{}
	for _, prompt := range p.test[s.Pool] {
		row[p.data.trace.Prompts.ID[prompt]] = int32(prompt)
	}
	model := map[string]int32{}
	for _, m := range p.pools[s.Pool] {
		model[p.data.trace.Models[m].ID] = int32(m)
	}
	var out []use
	for d, err := range run.Decisions(s.Cell) {
		if err != nil {
			return nil, err
		}
		if d.Preference != s.Preference {
			continue
		}
		asked := map[string]bool{}
		for _, m := range d.Asked {
			asked[m] = true
			out = append(out, use{row[d.PromptID], model[m], 1})
		}
		for i, m := range d.Models {
			if asked[m] {
				continue
			}
			weight := 1.0
			if d.Use != "combine" {
				weight = float64(d.Weights[i])
			}
			out = append(out, use{row[d.PromptID], model[m], weight})
		}
	}
	return out, nil
}
