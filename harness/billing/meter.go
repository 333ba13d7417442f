package billing

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/trilemma-bench/trilemma/harness/carbon"
	"github.com/trilemma-bench/trilemma/harness/cost"
	"github.com/trilemma-bench/trilemma/harness/energy"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// meter derives the energy, carbon, latency and water of one model's answers, at the low and the high end of its size.
type meter struct {
	sized     bool
	low, high energy.Meter
	gPerKWh   float64
	// waterMLPerWh is what the operator of the model's region evaporates for a Wh; NaN where nothing is known.
	waterMLPerWh float64
	price        cost.Prices
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
		gPerKWh: acc.GridGPerKWh, waterMLPerWh: acc.waterMLPerWh(m.Region),
		price: cost.Prices{InputUSDPerMTok: m.PriceInputUSDPerMTok, OutputUSDPerMTok: m.PriceOutputUSDPerMTok},
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

// waterMLPerWh of a region. A litre a kWh is a millilitre a Wh. Operators state it for the energy of servers, so the
// overhead of the building is taken off.
func (acc *Accounting) waterMLPerWh(region string) float64 {
	litres, _, ok := carbon.WaterLPerKWh(region)
	switch {
	case ok:
	case acc.WaterLPerKWh == nil:
		return math.NaN()
	default:
		litres = *acc.WaterLPerKWh
	}
	return litres / acc.Energy.PUE
}

func hourlyHas(h *carbon.Hourly, place string) bool {
	if h == nil {
		return false
	}
	_, err := h.Zone(place)
	return !errors.Is(err, carbon.ErrUnknownZone) // an ambiguous one is told when it is asked for
}
