package billing

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/trilemma-bench/trilemma/harness/carbon"
	"github.com/trilemma-bench/trilemma/harness/cost"
	"github.com/trilemma-bench/trilemma/harness/energy"
	"github.com/trilemma-bench/trilemma/harness/trace"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// timed is a trace of two prompts, an hour apart, and the copy in France of an open model.
func timed() *trace.Trace {
	m := policy.NewModel("m@FRA")
	m.Region, m.ParamsActiveB, m.ParamsTotalB = "FRA", policy.Exactly(8), policy.Exactly(8)
	m.PriceInputUSDPerMTok, m.PriceOutputUSDPerMTok = 1, 2
	noon := time.Date(2024, 6, 1, 12, 10, 0, 0, time.UTC)
	t := trace.NewTrace([]policy.Model{m}, trace.Prompts{ID: []string{"a", "b"}, ArrivedAt: []time.Time{noon, noon.Add(time.Hour)}})
	t.CopyOf = []string{"m"}
	for p := range 2 {
		at := t.Outcomes.At(p, 0)
		t.Outcomes.Present.Set(at)
		t.Outcomes.Logged[policy.Quality][at], t.Outcomes.InputTokens[at], t.Outcomes.OutputTokens[at] = 1, 1000, 1000
	}
	return t
}

func hourly(t *testing.T, text string) *carbon.Hourly {
	t.Helper()
	h, err := carbon.ReadHourly(strings.NewReader(text), "")
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestPromptsSeeTheGridOfTheirHour(t *testing.T) {
	acc := DefaultAccounting()
	acc.Hourly = hourly(t, "datetime,zone,gco2e_per_kwh\n2024-06-01T12:00:00Z,FRA,100\n2024-06-01T13:00:00Z,FRA,300\n")
	tab, err := NewTable(timed(), []int{0}, acc)
	if err != nil {
		t.Fatal(err)
	}
	a, b := tab.At(0, 0), tab.At(1, 0)
	if got, want := float64(b.At(policy.Carbon)-a.At(policy.Carbon)), float64(a.At(policy.Energy))*0.2; math.Abs(got-want) > 1e-6*want {
		t.Errorf("200 g/kWh more emit %v g more, want %v", got, want)
	}
	if tab.GridGPerKWh(0, 0) != 100 || tab.GridGPerKWh(1, 0) != 300 {
		t.Errorf("grids %v and %v, want 100 and 300", tab.GridGPerKWh(0, 0), tab.GridGPerKWh(1, 0))
	}
	acc.Hourly = hourly(t, "datetime,zone,gco2e_per_kwh\n2024-06-01T12:00:00Z,FRA,100\n")
	if _, err := NewTable(timed(), []int{0}, acc); !errors.Is(err, carbon.ErrHourNotCovered) || !strings.Contains(err.Error(), "2024-06-01 13:10") {
		t.Errorf("an hour that is not covered gives %v", err)
	}
	acc.Hourly = hourly(t, "datetime,zone,gco2e_per_kwh\n2024-06-01T12:00:00Z,DEU,100\n")
	yearly, err := carbon.Intensity("FRA")
	if err != nil {
		t.Fatal(err)
	}
	if tab, err = NewTable(timed(), []int{0}, acc); err != nil || math.Abs(tab.GridGPerKWh(0, 0)-yearly.GPerKWh) > 1e-3 {
		t.Errorf("a zone that the file lacks has %v, %v; want its yearly average", tab, err)
	}
}

func TestPriceBookBillsByTheDay(t *testing.T) {
	book, err := cost.ParseBook([]byte(`models: [{id: m, prices: [{from: 2024-01-01, source: s, input: 10, output: 20, reasoning: 40}]}]`))
	if err != nil {
		t.Fatal(err)
	}
	acc := DefaultAccounting()
	acc.Prices, acc.PricesOn = book, time.Date(2024, 2, 1, 0, 0, 0, 0, time.UTC)
	tr := timed()
	tr.Outcomes.ReasoningTokens = []float32{500, float32(math.NaN())}
	tab, err := NewTable(tr, []int{0}, acc)
	if err != nil {
		t.Fatal(err)
	}
	if got := float64(tab.At(0, 0).At(policy.Cost)); math.Abs(got-0.04) > 1e-6 {
		t.Errorf("billed %v USD, want 0.01 to read, 0.01 to write and 0.02 to reason", got)
	}
	if tab.At(1, 0).Present() || tab.Logged.Unbilled != 1 {
		t.Error("an answer whose reasoning tokens nobody knows was billed")
	}
	tr.Prompts.ArrivedAt[0] = time.Date(2023, 1, 1, 0, 0, 0, 0, time.UTC)
	if _, err := NewTable(tr, []int{0}, acc); !errors.Is(err, cost.ErrNoPrice) {
		t.Errorf("a day before the first price gives %v", err)
	}
}

func TestMethodsOfEnergyReachTheBill(t *testing.T) {
	seen := map[float32]bool{}
	for _, m := range []energy.Method{{}, {Name: energy.Roofline, Hardware: "H100", ComputeUtilisation: .4, BandwidthUtilisation: .6}, {Name: energy.Constant, WhPer1kOutput: 3}} {
		acc := DefaultAccounting()
		acc.Method = m
		tab, err := NewTable(timed(), []int{0}, acc)
		if err != nil {
			t.Fatal(err)
		}
		seen[tab.At(0, 0).At(policy.Energy)] = true
	}
	if len(seen) != 3 || !seen[3] {
		t.Errorf("energies %v, want three, one of them the constant's 3 Wh", seen)
	}
	acc := DefaultAccounting()
	acc.Method.Name = energy.Measured
	if _, err := NewTable(timed(), []int{0}, acc); err == nil || !strings.Contains(err.Error(), "energy_wh") {
		t.Errorf("measured without measurements gives %v", err)
	}
	tr := timed()
	tr.Outcomes.Logged[policy.Energy] = []float32{2, float32(math.NaN())}
	tab, err := NewTable(tr, []int{0}, acc)
	if err != nil {
		t.Fatal(err)
	}
	if tab.At(0, 0).At(policy.Energy) != 2 || !isNaN(tab.At(1, 0).At(policy.Energy)) {
		t.Errorf("measured energies %v and %v, want 2 and unknown", tab.At(0, 0).At(policy.Energy), tab.At(1, 0).At(policy.Energy))
	}
	// What was measured emits by its grid alone.
	if got, want := float64(tab.At(0, 0).At(policy.Carbon)), 2*tab.GridGPerKWh(0, 0)/1000; math.Abs(got-want) > 1e-6 {
		t.Errorf("carbon %v, want %v", got, want)
	}
}
