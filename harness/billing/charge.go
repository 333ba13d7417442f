package billing

import (
	"errors"
	"fmt"
	"runtime"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/trilemma-bench/trilemma/harness/carbon"
	"github.com/trilemma-bench/trilemma/harness/energy"
	"github.com/trilemma-bench/trilemma/harness/trace"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// billBlock is the number of prompts that one goroutine bills at a time.
const billBlock = 4096

// NewTable bills every outcome of a trace for the given models of it (indexes into t.Models, the table's columns).
// Of an outcome that has a score but neither a logged cost nor tokens and prices to derive it from, acc.UnknownCost says
// what becomes; [Table.Unbilled] tells how many there are and how they score. Where energy was logged but the model's size is
// unknown, carbon leaves the embodied share out.
func NewTable(t *trace.Trace, models []int, acc Accounting) (*Table, error) {
	if err := acc.Energy.Check(); err != nil {
		return nil, fmt.Errorf("accounting: %w", err)
	}
	n := t.Prompts.Len()
	tab := &Table{Prompts: n, Models: len(models), Outcomes: make([]Outcome, n*len(models)), estimated: make([]bool, n*len(models)), grid: make([]float32, len(models))}
	meters := make([]meter, len(models))
	for i, m := range models {
		var err error
		if meters[i], err = newMeter(t.Models[m], t.BilledAs(m), acc); err != nil {
			return nil, err
		}
		tab.grid[i] = float32(meters[i].gPerKWh)
	}
	if acc.Hourly != nil {
		tab.grid = make([]float32, n*len(models))
	}
	if acc.Method.Name == energy.Measured && t.Outcomes.Logged[policy.Energy] == nil {
		return nil, errors.New("accounting: energy: measured, but no outcome has energy_wh: choose regression, roofline or constant")
	}
	if err := acc.covered(t, meters); err != nil {
		return nil, err
	}
	counts := make([][]count, (n+billBlock-1)/billBlock) // [blocks][models]
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for b := range counts {
		counts[b] = make([]count, len(models))
		g.Go(func() error {
			for p := b * billBlock; p < min((b+1)*billBlock, n); p++ {
				for i, m := range models {
					if acc.Hourly != nil {
						g, err := meters[i].grid(arrived(t, p))
						if err != nil {
							return fmt.Errorf("prompts.parquet row %d, model %s: %w", p, t.Models[m].ID, err)
						}
						tab.grid[p*len(models)+i] = float32(g)
					}
					if err := bill(t, p, m, &meters[i], &tab.Outcomes[p*len(models)+i], &counts[b][i], &acc); err != nil {
						return err
					}
					at := t.Outcomes.At(p, m)
					tab.estimated[p*len(models)+i] = isNaN(figure(t.Outcomes.Logged[policy.Energy], at)) && isNaN(figure(t.Outcomes.Logged[policy.Carbon], at))
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	var total count
	tab.Unbilled = make([]Unbilled, len(models))
	for i := range models {
		var model count
		for b := range counts {
			model.add(&counts[b][i])
		}
		tab.Unbilled[i] = model.unbilled
		if acc.UnknownCost == Impute && model.unbilled.Outcomes > 0 {
			if model.imputed = tab.impute(i); model.imputed == 0 {
				model = count{unbilled: model.unbilled} // left out
			}
		}
		total.add(&model)
	}
	tab.Logged = total.shares()
	tab.readReferences(t)
	return tab, nil
}

// figure is entry i of a trace's matrix, NaN where the trace lacks the column.
func figure(matrix []float32, i int) float32 {
	if matrix == nil {
		return nan32
	}
	return matrix[i]
}

// arrived is when a prompt arrived, the zero time where that is not known.
func arrived(t *trace.Trace, prompt int) time.Time {
	if t.Prompts.ArrivedAt == nil {
		return time.Time{}
	}
	return t.Prompts.ArrivedAt[prompt]
}

// covered tells first whether what depends on the date is there for the first and the last prompt, so that the message
// does not depend on which goroutine fails first.
func (acc *Accounting) covered(t *trace.Trace, meters []meter) error {
	var first, last time.Time
	for _, at := range t.Prompts.ArrivedAt {
		if at.IsZero() {
			continue
		}
		if first.IsZero() || at.Before(first) {
			first = at
		}
		if at.After(last) {
			last = at
		}
	}
	for i := range meters {
		for _, at := range []time.Time{first, last} {
			if _, err := meters[i].grid(at); err != nil {
				return fmt.Errorf("hourly intensities for model %s: %w; give a file that covers all prompts, or leave hourly out to take yearly averages", meters[i].id, err)
			}
			if meters[i].book == nil || !meters[i].book.Has(meters[i].id) {
				continue
			}
			if _, err := meters[i].rates(at); err != nil {
				return fmt.Errorf("prices: %w", err)
			}
		}
	}
	return nil
}

// bill fills one outcome. A logged figure wins over a derived one.
func bill(t *trace.Trace, prompt, model int, mt *meter, o *Outcome, count *count, acc *Accounting) error {
	*o = Outcome{Figures: Unknown}
	src := &t.Outcomes
	at := src.At(prompt, model)
	if !src.Present.Has(at) || isNaN(src.Logged[policy.Quality][at]) {
		return nil
	}
	use, contradicts := acc.Usage.tokens(src, at)
	price := figure(src.Logged[policy.Cost], at)
	logged := !isNaN(price)
	if !logged {
		derived, err := mt.costUSD(use, arrived(t, prompt))
		if err != nil {
			return err
		}
		price = float32(derived)
	}
	count.unbilled.see(src.Logged[policy.Quality][at], price)
	if isNaN(price) {
		count.unbilled.why(mt, use, contradicts)
		if acc.UnknownCost == Exclude {
			return nil
		}
	}
	if acc.UnknownCost == QualityOnly {
		price = nan32
	}
	count.present++
	if src.Estimated != nil && src.Estimated.Has(at) {
		count.estimated++
	}
	if src.Answer != nil {
		o.Answer = src.Answer[at]
	}
	o.Set(policy.Quality, src.Logged[policy.Quality][at])
	set := func(q policy.Quantity, logged bool, low, high float32) {
		o.Low[q], o.High[q] = low, high
		if logged {
			count.logged[q]++
		}
		if !isNaN(low) {
			count.known[q]++
		}
	}
	set(policy.Cost, logged, price, price)

	in, out, latency := use.InputTokens, use.OutputTokens, figure(src.Logged[policy.Latency], at)
	var low, high energy.Impact
	derived := mt.sized && out == out
	if derived {
		low, high = mt.low.Impact(out, in, float64(latency)), mt.high.Impact(out, in, float64(latency))
	}
	logged = !isNaN(latency)
	if !logged && derived {
		latency = float32((low.LatencySec + high.LatencySec) / 2)
	}
	set(policy.Latency, logged, latency, latency)

	if wh := figure(src.Logged[policy.Energy], at); !isNaN(wh) {
		set(policy.Energy, true, wh, wh)
	} else if derived {
		set(policy.Energy, false, float32(low.EnergyWh()), float32(high.EnergyWh()))
		if isNaN(o.Low[policy.Energy]) && in != in {
			count.unread++
		}
	}
	lowWh, highWh := float64(o.Low[policy.Energy]), float64(o.High[policy.Energy])

	if g := figure(src.Logged[policy.Carbon], at); !isNaN(g) {
		set(policy.Carbon, true, g, g)
	} else if lowWh == lowWh {
		g, err := mt.grid(arrived(t, prompt))
		if err != nil {
			return fmt.Errorf("prompts.parquet row %d: %w", prompt, err)
		}
		// Where energy was measured, a method that estimates nothing leaves the embodied share out.
		set(policy.Carbon, false, float32(carbon.TotalG(lowWh, g, zeroIfNaN(low.EmbodiedG()))), float32(carbon.TotalG(highWh, g, zeroIfNaN(high.EmbodiedG()))))
	}

	// Of what comes after carbon only water can be derived; the rest is what the log has.
	for q := policy.Carbon + 1; q < policy.NumQuantities; q++ {
		switch x := figure(src.Logged[q], at); {
		case q == policy.Latency: // above
		case isNaN(x) && q == policy.Water:
			set(q, false, float32(lowWh*mt.waterMLPerWh), float32(highWh*mt.waterMLPerWh))
		default:
			set(q, !isNaN(x), x, x)
		}
	}
	return nil
}

func zeroIfNaN(x float64) float64 {
	if x != x {
		return 0
	}
	return x
}
