package runner

import (
	"cmp"
	"fmt"
	"math"
	"slices"

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
	case "", energy.Calibrated:
		out = append(out, assumption{"reading prompts (utilisation)", "not counted", "at 20 %", func(a *replay.Accounting, h bool) {
			a.Energy.Prefill.On, a.Energy.Prefill.Utilisation = h, 0.2
		}})
	}
	return out
}

// sensitivity bills one policy's decisions and its baseline's again under each end of each assumption, and moves the
// estimate of each model's energy alone.
func (w *poolWork) sensitivity(c *choice, base *baseline) (*store.Sensitivity, error) {
	keep := w.covered(w.pool, c.answers, base.answers)
	if len(keep) == 0 {
		return nil, nil
	}
	at := func(t *replay.Table) store.Ending {
		return store.Ending{CarbonG: w.emitted(t, c.answers, keep), BaselineG: w.emitted(t, base.answers, keep)}
	}
	now := at(w.data.Table)
	if !known(now) {
		return nil, nil
	}
	out := &store.Sensitivity{Pool: w.pool, Policy: c.label, Preference: c.preference, CarbonG: now.CarbonG, BaselineG: now.BaselineG}
	sizes := store.Factor{Name: "assumed sizes of closed models", Low: store.Ending{Setting: "low end"}, High: store.Ending{Setting: "high end"}}
	sizes.Low.CarbonG, sizes.High.CarbonG = w.sizes(w.pool, c.answers, keep)
	sizes.Low.BaselineG, sizes.High.BaselineG = w.sizes(w.pool, base.answers, keep)
	out.Factors = append(out.Factors, sizes)
	for _, a := range assumptions(w.acc) {
		f := store.Factor{Name: a.name}
		for _, high := range []bool{false, true} {
			acc := w.acc
			a.set(&acc, high)
			table, err := w.data.Bill(acc)
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
	out.Factors = append(out.Factors, w.modelsApart(c, base, keep)...)
	return out, nil
}

func known(e store.Ending) bool { return !math.IsNaN(e.CarbonG + e.BaselineG) }

// shownApart is the number of models whose estimates are shown moved alone: those that move the saving most.
const shownApart = 6

// modelsApart moves the estimate of energy by one standard deviation: of all models together, which leaves the saving as it
// is, and of one model alone, the others as they are.
func (w *poolWork) modelsApart(c *choice, base *baseline, keep []int) []store.Factor {
	if w.doubt.SDLn == 0 {
		return nil
	}
	spent, reference := w.spent(w.pool, c.answers, keep), w.spent(w.pool, base.answers, keep)
	own, ownExact := w.emittedBy(&spent)
	others, othersExact := w.emittedBy(&reference)
	times := math.Exp(w.doubt.SDLn)
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
	for m, row := range w.doubt.of {
		if done[row] || own[row]+others[row] == 0 {
			continue
		}
		done[row] = true
		apart = append(apart, factor("energy of "+w.data.OriginalID(m)+" alone", func(r int) bool { return r == row }))
	}
	moves := func(f store.Factor) float64 { return math.Abs(f.High.Saving() - f.Low.Saving()) }
	slices.SortStableFunc(apart, func(a, b store.Factor) int { return cmp.Compare(moves(b), moves(a)) })
	return append([]store.Factor{factor("energy of all models together", func(int) bool { return true })}, apart[:min(len(apart), shownApart)]...)
}

// emitted is the mean of the central estimates over the rows that are kept.
func (w *poolWork) emitted(t *replay.Table, a *answers, keep []int) float64 {
	kept := make([]bool, len(w.test[w.pool]))
	for _, row := range keep {
		kept[row] = true
	}
	var sum float64
	for _, u := range a.uses {
		if kept[u.row] {
			sum += u.weight * float64(t.At(w.test[w.pool][u.row], int(u.model)).CarbonG())
		}
	}
	return sum / float64(len(keep))
}
