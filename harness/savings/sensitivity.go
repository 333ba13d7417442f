package savings

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/trilemma-bench/trilemma/harness/billing"
	"github.com/trilemma-bench/trilemma/harness/energy"
	"github.com/trilemma-bench/trilemma/harness/store"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// assumption is one thing that is assumed, at two ends that published figures span.
type assumption struct {
	name      string
	low, high string
	set       func(acc *billing.Accounting, high bool)
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
func assumptions(acc billing.Accounting) []assumption {
	out := []assumption{
		{"PUE", "1.09", "1.56", func(a *billing.Accounting, h bool) { a.Energy.PUE = ends(h, 1.09, 1.56) }},
		{"grid (all models)", "50 g/kWh", "700 g/kWh", func(a *billing.Accounting, h bool) {
			a.GridGPerKWh, a.IgnoreRegions, a.Hourly = ends(h, 50, 700), true, nil
		}},
	}
	if acc.Method.Name != energy.Constant && acc.Method.Name != energy.Measured {
		out = append(out,
			assumption{"batch size", "256", "16", func(a *billing.Accounting, h bool) { a.Energy.BatchSize = ends(h, 256, 16) }},
			assumption{"weights", "8 bits", "16 bits", func(a *billing.Accounting, h bool) { a.Energy.QuantisationBits = ends(h, 8, 16) }},
			assumption{"hardware lifespan", "5 years", "2 years", func(a *billing.Accounting, h bool) { a.Energy.LifespanSec = ends(h, 5, 2) * 365 * 24 * 3600 }},
		)
	}
	switch acc.Method.Name {
	case energy.Roofline:
		out = append(out,
			assumption{"compute utilisation", "60 %", "20 %", func(a *billing.Accounting, h bool) { a.Method.ComputeUtilisation = ends(h, 0.6, 0.2) }},
			assumption{"bandwidth utilisation", "80 %", "30 %", func(a *billing.Accounting, h bool) { a.Method.BandwidthUtilisation = ends(h, 0.8, 0.3) }},
		)
	case "", energy.Calibrated:
		out = append(out, assumption{"reading prompts (utilisation)", "not counted", "at 20 %", func(a *billing.Accounting, h bool) {
			a.Energy.Prefill.On, a.Energy.Prefill.Utilisation = h, 0.2
		}})
	}
	return out
}

// sensitivity bills one policy's decisions and its baseline's again under each end of each assumption, and moves the
// estimate of each model's energy alone.
func (p *poolSavings) sensitivity(c *choice, base *baseline) (*store.Sensitivity, error) {
	keep := p.covered(c.answers, base.answers)
	if len(keep) == 0 {
		return nil, nil
	}
	at := func(t *billing.Table) store.Ending {
		return store.Ending{CarbonG: p.emitted(t, c.answers, keep), BaselineG: p.emitted(t, base.answers, keep)}
	}
	now := at(p.Data.Table)
	if !known(now) {
		return nil, nil
	}
	out := &store.Sensitivity{Pool: p.Name, Policy: c.label, Preference: c.preference, CarbonG: now.CarbonG, BaselineG: now.BaselineG}
	sizes := store.Factor{Name: "assumed sizes of closed models", Low: store.Ending{Setting: "low end"}, High: store.Ending{Setting: "high end"}}
	sizes.Low.CarbonG, sizes.High.CarbonG = p.sizes(c.answers, keep)
	sizes.Low.BaselineG, sizes.High.BaselineG = p.sizes(base.answers, keep)
	out.Factors = append(out.Factors, sizes)
	for _, a := range assumptions(p.Accounting) {
		f := store.Factor{Name: a.name}
		for _, high := range []bool{false, true} {
			acc := p.Accounting
			a.set(&acc, high)
			table, err := p.Data.Bill(acc)
			if err != nil {
				return nil, fmt.Errorf("sensitivity to %s: %w", a.name, err)
			}
			e := at(table)
			if e.Setting = a.low; high {
				e.Setting = a.high
				f.High = e
			} else {
				f.Low = e
			}
		}
		if known(f.Low) && known(f.High) {
			out.Factors = append(out.Factors, f)
		}
	}
	out.Factors = append(out.Factors, p.modelsApart(c, base, keep)...)
	return out, nil
}

func known(e store.Ending) bool { return !math.IsNaN(e.CarbonG + e.BaselineG) }

// shownApart is the number of models whose estimates are shown moved alone: those that move the saving most.
const shownApart = 6

// modelsApart moves the estimate of energy by one standard deviation: of all models together, which leaves the saving as it
// is, and of one model alone, the others as they are.
func (p *poolSavings) modelsApart(c *choice, base *baseline, keep []int) []store.Factor {
	if p.doubt.SDLn == 0 {
		return nil
	}
	spent, reference := p.spent(c.answers, keep), p.spent(base.answers, keep)
	own, ownExact := p.emittedBy(&spent)
	others, othersExact := p.emittedBy(&reference)
	times := math.Exp(p.doubt.SDLn)
	end := func(setting string, by float64, moved func(row int) bool) store.Ending {
		e := store.Ending{Setting: setting, CarbonG: ownExact, BaselineG: othersExact}
		for row := range own {
			f := 1.0
			if moved(row) {
				f = by
			}
			e.CarbonG, e.BaselineG = e.CarbonG+f*own[row], e.BaselineG+f*others[row]
		}
		return e
	}
	factor := func(name string, moved func(row int) bool) store.Factor {
		return store.Factor{Name: name, Low: end(fmt.Sprintf("÷ %.2f", times), 1/times, moved), High: end(fmt.Sprintf("× %.2f", times), times, moved)}
	}
	var apart []store.Factor
	done := map[int]bool{}
	for m, row := range p.doubt.of {
		if done[row] || own[row]+others[row] == 0 {
			continue
		}
		done[row] = true
		apart = append(apart, factor("energy of "+p.Data.OriginalID(m)+" alone", func(r int) bool { return r == row }))
	}
	moves := func(f store.Factor) float64 { return math.Abs(f.High.Saving() - f.Low.Saving()) }
	slices.SortStableFunc(apart, func(a, b store.Factor) int { return cmp.Compare(moves(b), moves(a)) })
	return append([]store.Factor{factor("energy of all models together", func(int) bool { return true })}, apart[:min(len(apart), shownApart)]...)
}

// emitted is the mean of the central estimates over the rows that are kept.
func (p *poolSavings) emitted(t *billing.Table, a *answers, keep []int) float64 {
	kept := make([]bool, len(p.Test))
	for _, row := range keep {
		kept[row] = true
	}
	var sum float64
	for _, u := range a.uses {
		if kept[u.row] {
			sum += u.weight * float64(t.At(p.Test[u.row], int(u.model)).At(policy.Carbon))
		}
	}
	return sum / float64(len(keep))
}
