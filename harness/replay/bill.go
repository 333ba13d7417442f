package replay

import (
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/trilemma-bench/trilemma/harness/carbon"
	"github.com/trilemma-bench/trilemma/harness/cost"
	"github.com/trilemma-bench/trilemma/harness/energy"
	"github.com/trilemma-bench/trilemma/harness/trace"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// meter derives the energy, carbon and latency of one model's answers, at the low and the high end of its size.
type meter struct {
	sized     bool
	low, high energy.Meter
	gPerKWh   float64
	price     cost.Prices
	// hourly is nil where there is no file; place is what the file is asked for.
	hourly *carbon.Hourly
	place  string
	book   *cost.Book
	id     string
	on     time.Time
}

// rates are what the model cost on the day of a prompt.
func (m *meter) rates(arrived time.Time) (cost.Rates, error) {
	if arrived.IsZero() {
		arrived = m.on
	}
	return m.book.At(m.id, arrived)
}

// costUSD is what an answer cost, NaN where that is unknown.
func (m *meter) costUSD(use cost.Usage, arrived time.Time) (float64, error) {
	switch {
	case m.book == nil:
		return m.price.CostUSD(use.InputTokens, use.OutputTokens), nil
	case !m.book.Has(m.id):
		return math.NaN(), nil
	}
	rates, err := m.rates(arrived)
	if err != nil {
		return 0, fmt.Errorf("prices: %w", err)
	}
	return rates.CostUSD(use), nil
}

// grid is the intensity where the model runs when a prompt arrives.
func (m *meter) grid(arrived time.Time) (float64, error) {
	if m.hourly == nil || arrived.IsZero() {
		return m.gPerKWh, nil
	}
	return m.hourly.GPerKWh(m.place, arrived)
}

// newMeter prepares for the outcomes of a model, which a price book knows as billedAs.
func newMeter(m policy.Model, billedAs string, acc Accounting) (meter, error) {
	mt := meter{
		gPerKWh: acc.GridGPerKWh,
		price:   cost.Prices{InputUSDPerMTok: m.PriceInputUSDPerMTok, OutputUSDPerMTok: m.PriceOutputUSDPerMTok},
	}
	mt.book, mt.id, mt.on = acc.Prices, billedAs, acc.PricesOn
	if m.Region != "" && !acc.IgnoreRegions {
		mt.place = m.Region
		g, err := carbon.Intensity(m.Region)
		// A zone of the hourly file need not be among the yearly averages.
		if err != nil && !hourlyHas(acc.Hourly, m.Region) {
			return mt, fmt.Errorf("models.yaml: region of model %s: %w", m.ID, err)
		}
		if err == nil {
			mt.gPerKWh = g.GPerKWh
		}
		// A zone that the file lacks keeps its yearly average; an hour that a zone lacks is refused.
		if hourlyHas(acc.Hourly, m.Region) {
			mt.hourly = acc.Hourly
		}
	}
	mt.sized = m.ParamsActiveB.Known() && m.ParamsTotalB.Known()
	if mt.sized {
		at := func(active, total float64) (energy.Meter, error) {
			return acc.Method.Meter(acc.Energy, energy.Model{
				ParamsActiveB: active, ParamsTotalB: total,
				TokensPerSec: m.TokensPerSec, TimeToFirstTokenSec: m.TimeToFirstTokenSec,
			})
		}
		var errLow, errHigh error
		mt.low, errLow = at(m.ParamsActiveB.Low, m.ParamsTotalB.Low)
		mt.high, errHigh = at(m.ParamsActiveB.High, m.ParamsTotalB.High)
		return mt, errors.Join(errLow, errHigh)
	}
	return mt, nil
}

func hourlyHas(h *carbon.Hourly, place string) bool {
	if h == nil {
		return false
	}
	_, err := h.Zone(place)
	return !errors.Is(err, carbon.ErrUnknownZone) // an ambiguous one is told when it is asked for
}

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
	tab := &Table{Prompts: n, Models: len(models), cell: make([]Outcome, n*len(models)), estimated: make([]bool, n*len(models)), grid: make([]float32, len(models))}
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
	counts := make([][]shareCount, (n+billBlock-1)/billBlock) // [blocks][models]
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for b := range counts {
		counts[b] = make([]shareCount, len(models))
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
					if err := bill(t, p, m, &meters[i], &tab.cell[p*len(models)+i], &counts[b][i], &acc); err != nil {
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
	var total shareCount
	tab.Unbilled = make([]Unbilled, len(models))
	for i := range models {
		var model shareCount
		for b := range counts {
			model.add(&counts[b][i])
		}
		tab.Unbilled[i] = model.unbilled
		if acc.UnknownCost == Impute && model.unbilled.Outcomes > 0 {
			if model.imputed = tab.impute(i); model.imputed == 0 {
				model = shareCount{unbilled: model.unbilled} // left out
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

// bill fills one outcome.
func bill(t *trace.Trace, prompt, model int, mt *meter, o *Outcome, count *shareCount, acc *Accounting) error {
	*o = noOutcome
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
	count.cost.see(logged, !isNaN(price))
	if src.Estimated != nil && src.Estimated.Has(at) {
		count.estimated++
	}
	o.Score, o.CostUSD = src.Logged[policy.Quality][at], price
	if src.Answer != nil {
		o.answer = src.Answer[at]
	}
	in, out := use.InputTokens, use.OutputTokens

	latency := figure(src.Logged[policy.Latency], at)
	var low, high energy.Impact
	known := mt.sized && out == out
	if known {
		low, high = mt.low.Impact(out, in, float64(latency)), mt.high.Impact(out, in, float64(latency))
	}
	o.LatencySec = latency
	if isNaN(latency) && known {
		o.LatencySec = float32((low.LatencySec + high.LatencySec) / 2)
	}
	count.latency.see(!isNaN(latency), !isNaN(o.LatencySec))

	if wh := figure(src.Logged[policy.Energy], at); !isNaN(wh) {
		o.EnergyWhLow, o.EnergyWhHigh = wh, wh
		count.energy.see(true, true)
	} else if known {
		o.EnergyWhLow, o.EnergyWhHigh = float32(low.EnergyWh()), float32(high.EnergyWh())
		count.energy.see(false, !isNaN(o.EnergyWhLow))
		if isNaN(o.EnergyWhLow) && in != in {
			count.unread++
		}
	}

	if g := figure(src.Logged[policy.Carbon], at); !isNaN(g) {
		o.CarbonGLow, o.CarbonGHigh = g, g
		count.carbon.see(true, true)
	} else if !isNaN(o.EnergyWhLow) {
		g, err := mt.grid(arrived(t, prompt))
		if err != nil {
			return fmt.Errorf("prompts.parquet row %d: %w", prompt, err)
		}
		// Where energy was measured, a method that estimates nothing leaves the embodied share out.
		o.CarbonGLow = float32(carbon.TotalG(float64(o.EnergyWhLow), g, zeroIfNaN(low.EmbodiedG())))
		o.CarbonGHigh = float32(carbon.TotalG(float64(o.EnergyWhHigh), g, zeroIfNaN(high.EmbodiedG())))
		count.carbon.see(false, true)
	}
	return nil
}

func zeroIfNaN(x float64) float64 {
	if x != x {
		return 0
	}
	return x
}

// readReferences notes the reference answers as codes of the trace's answers. A reference that no model ever gave gets
// a code of its own, so that no vote matches it.
func (t *Table) readReferences(tr *trace.Trace) {
	if tr.Outcomes.Answer == nil || tr.Prompts.Reference == nil {
		return
	}
	code := make(map[string]uint32, len(tr.Outcomes.AnswerText))
	for i, text := range tr.Outcomes.AnswerText {
		code[text] = uint32(i)
	}
	never := uint32(len(tr.Outcomes.AnswerText))
	t.reference = make([]uint32, t.Prompts)
	for p, text := range tr.Prompts.Reference {
		if text == "" {
			continue
		}
		c, given := code[text]
		if !given {
			c = never
		}
		t.reference[p] = c
	}
}

// Concat puts tables of the same models under one another: the prompts of separate train and test traces.
func Concat(a, b *Table) (*Table, error) {
	if a.Models != b.Models {
		return nil, fmt.Errorf("joining tables of %d and %d models", a.Models, b.Models)
	}
	na, nb := float64(len(a.cell)), float64(len(b.cell))
	mix := func(x, y float64) float64 {
		if na+nb == 0 {
			return 0
		}
		return (x*na + y*nb) / (na + nb)
	}
	out := &Table{
		Prompts: a.Prompts + b.Prompts, Models: a.Models,
		cell:      append(append(make([]Outcome, 0, len(a.cell)+len(b.cell)), a.cell...), b.cell...),
		estimated: slices.Concat(a.estimated, b.estimated),
		Logged: Shares{
			CostUSD: mix(a.Logged.CostUSD, b.Logged.CostUSD), EnergyWh: mix(a.Logged.EnergyWh, b.Logged.EnergyWh),
			CarbonG: mix(a.Logged.CarbonG, b.Logged.CarbonG), LatencySec: mix(a.Logged.LatencySec, b.Logged.LatencySec),
			KnownEnergyWh:   mix(a.Logged.KnownEnergyWh, b.Logged.KnownEnergyWh),
			KnownCarbonG:    mix(a.Logged.KnownCarbonG, b.Logged.KnownCarbonG),
			KnownLatencySec: mix(a.Logged.KnownLatencySec, b.Logged.KnownLatencySec),
			ImputedCostUSD:  mix(a.Logged.ImputedCostUSD, b.Logged.ImputedCostUSD),
			EstimatedTokens: mix(a.Logged.EstimatedTokens, b.Logged.EstimatedTokens),
			Unbilled:        a.Logged.Unbilled + b.Logged.Unbilled,
			Unread:          a.Logged.Unread + b.Logged.Unread,
		},
		Unbilled: slices.Clone(a.Unbilled),
	}
	for i := range out.Unbilled {
		out.Unbilled[i].add(&b.Unbilled[i])
	}
	if len(a.grid) == a.Models && len(b.grid) == b.Models && slices.Equal(a.grid, b.grid) {
		out.grid = a.grid
	} else {
		for _, t := range []*Table{a, b} {
			for p := range t.Prompts {
				for m := range t.Models {
					out.grid = append(out.grid, float32(t.GridGPerKWh(p, m)))
				}
			}
		}
	}
	if a.reference != nil || b.reference != nil {
		out.reference = make([]uint32, out.Prompts)
		copy(out.reference, a.reference)
		copy(out.reference[a.Prompts:], b.reference)
	}
	return out, nil
}
