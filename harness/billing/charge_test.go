package billing

import (
	"math"
	"strings"
	"testing"

	"github.com/trilemma-bench/trilemma/harness/trace"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// oneModel returns a trace of one prompt and one model that answered with 1000 tokens in and 500 out.
func oneModel(m policy.Model) *trace.Trace {
	t := trace.NewTrace([]policy.Model{m}, trace.Prompts{ID: []string{"p"}})
	t.Outcomes.Present.Set(0)
	t.Outcomes.Logged[policy.Quality][0], t.Outcomes.InputTokens[0], t.Outcomes.OutputTokens[0] = 1, 1000, 500
	return t
}

func priced(low, high float64) policy.Model {
	m := policy.NewModel("m")
	m.PriceInputUSDPerMTok, m.PriceOutputUSDPerMTok = 2, 8
	m.ParamsActiveB, m.ParamsTotalB = policy.Range{Low: low, High: high}, policy.Range{Low: low, High: high}
	return m
}

func table(t *testing.T, tr *trace.Trace) *Table {
	t.Helper()
	tab, err := NewTable(tr, []int{0}, DefaultAccounting())
	if err != nil {
		t.Fatal(err)
	}
	return tab
}

func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.IsNaN(got) != math.IsNaN(want) || math.Abs(got-want) > 1e-6*(1+math.Abs(want)) {
		t.Errorf("%s = %v, want %v", what, got, want)
	}
}

func TestDerivedBill(t *testing.T) {
	tab := table(t, oneModel(priced(8, 8)))
	o := tab.At(0, 0)
	near(t, "cost", float64(o.At(policy.Cost)), (1000*2+500*8)/1e6)
	if o.Low[policy.Energy] != o.High[policy.Energy] || o.Low[policy.Carbon] != o.High[policy.Carbon] || !(o.Low[policy.Energy] > 0) || !(o.At(policy.Latency) > 0) {
		t.Errorf("bill of a model of known size = %+v, want equal positive bounds", *o)
	}
	if tab.Logged.Logged[policy.Cost] != 0 || tab.Logged.Known[policy.Carbon] != 1 {
		t.Errorf("shares = %+v, want nothing logged and all carbon known", tab.Logged)
	}
}

func TestRangeOfSizeCarriesBothBounds(t *testing.T) {
	o := table(t, oneModel(priced(10, 100))).At(0, 0)
	low, high := table(t, oneModel(priced(10, 10))).At(0, 0), table(t, oneModel(priced(100, 100))).At(0, 0)
	if o.Low[policy.Energy] != low.Low[policy.Energy] || o.High[policy.Energy] != high.High[policy.Energy] || o.High[policy.Carbon] != high.High[policy.Carbon] {
		t.Errorf("bounds of a range = %+v, want those of its ends %+v and %+v", *o, *low, *high)
	}
}

func TestLoggedFiguresWin(t *testing.T) {
	tr := oneModel(priced(8, 8))
	tr.Outcomes.Logged[policy.Cost], tr.Outcomes.Logged[policy.Energy] = []float32{0.5}, []float32{7}
	tr.Outcomes.Logged[policy.Carbon], tr.Outcomes.Logged[policy.Latency] = []float32{9}, []float32{3}
	tab := table(t, tr)
	o := tab.At(0, 0)
	if o.At(policy.Cost) != 0.5 || o.At(policy.Energy) != 7 || o.At(policy.Carbon) != 9 || o.At(policy.Latency) != 3 {
		t.Errorf("bill = %+v, want what was logged", *o)
	}
	if s := tab.Logged; s.Logged != [policy.NumQuantities]float64{policy.Cost: 1, policy.Energy: 1, policy.Carbon: 1, policy.Latency: 1} {
		t.Errorf("shares = %+v, want all logged", s)
	}
}

func TestUnknownUsageIsMissing(t *testing.T) {
	tr := oneModel(priced(8, 8))
	tr.Outcomes.OutputTokens[0] = nan32
	tab := table(t, tr)
	if tab.At(0, 0).Present() || tab.Logged.Unbilled != 1 {
		t.Errorf("an outcome of unknown usage is billed: %+v", *tab.At(0, 0))
	}
	free := priced(8, 8)
	free.PriceInputUSDPerMTok, free.PriceOutputUSDPerMTok = 0, 0
	if o := table(t, oneModel(free)).At(0, 0); !o.Present() || o.At(policy.Cost) != 0 {
		t.Errorf("a model of price zero: %+v, want it present and free", *o)
	}
	unsized := policy.NewModel("m")
	unsized.PriceInputUSDPerMTok, unsized.PriceOutputUSDPerMTok = 1, 1
	if o := table(t, oneModel(unsized)).At(0, 0); !o.Present() || !math.IsNaN(float64(o.At(policy.Carbon))) {
		t.Errorf("a model of unknown size: %+v, want it present with unknown carbon", *o)
	}
}

func TestRegionSetsTheGrid(t *testing.T) {
	france, poland, nowhere := priced(8, 8), priced(8, 8), priced(8, 8)
	france.Region, poland.Region, nowhere.Region = "FRA", "POL", "atlantis"
	if f, p := table(t, oneModel(france)).At(0, 0), table(t, oneModel(poland)).At(0, 0); !(f.At(policy.Carbon) < p.At(policy.Carbon)) || f.At(policy.Energy) != p.At(policy.Energy) {
		t.Errorf("France %v g, Poland %v g: want France lower at equal energy", f.At(policy.Carbon), p.At(policy.Carbon))
	}
	if _, err := NewTable(oneModel(nowhere), []int{0}, DefaultAccounting()); err == nil || !strings.Contains(err.Error(), "atlantis") {
		t.Errorf("an unknown region gives error %v, want one that names it", err)
	}
}

func TestConcat(t *testing.T) {
	small, large := priced(8, 8), priced(70, 70)
	small.Region, large.Region = "aws/us-east-1", "aws/us-east-1" // so that every figure is known
	a, b := table(t, oneModel(small)), table(t, oneModel(large))
	both, err := Concat(a, b)
	if err != nil {
		t.Fatal(err)
	}
	if *both.At(0, 0) != *a.At(0, 0) || *both.At(1, 0) != *b.At(0, 0) {
		t.Errorf("joined tables hold other outcomes")
	}
}

func TestReadingPromptsNeedsTheirTokens(t *testing.T) {
	tr := oneModel(priced(8, 8))
	with := table(t, tr)
	acc := DefaultAccounting()
	acc.Energy.Prefill.On = false
	without, err := NewTable(tr, []int{0}, acc)
	if err != nil {
		t.Fatal(err)
	}
	if w, o := with.At(0, 0).At(policy.Energy), without.At(0, 0).At(policy.Energy); !(w > o) {
		t.Errorf("with the reading of 1,000 tokens %v Wh, without %v", w, o)
	}
	tr.Outcomes.Logged[policy.Cost], tr.Outcomes.InputTokens[0] = []float32{0.5}, nan32
	if with = table(t, tr); with.Logged.Unread != 1 || !isNaN(with.At(0, 0).At(policy.Energy)) || !with.At(0, 0).Present() {
		t.Errorf("unknown input tokens give %+v and %d unread outcomes", *with.At(0, 0), with.Logged.Unread)
	}
	if without, err = NewTable(tr, []int{0}, acc); err != nil || without.Logged.Unread != 0 || isNaN(without.At(0, 0).At(policy.Energy)) {
		t.Errorf("with prefill off, input tokens matter: %+v, %v", *without.At(0, 0), err)
	}
}

func TestLoggedEnergyIsNoEstimate(t *testing.T) {
	tr := oneModel(priced(8, 8))
	if !table(t, tr).Estimated(0, 0) {
		t.Error("derived energy does not count as an estimate")
	}
	tr.Outcomes.Logged[policy.Energy] = []float32{7}
	logged := table(t, tr)
	joined, err := Concat(table(t, oneModel(priced(8, 8))), logged)
	if err != nil {
		t.Fatal(err)
	}
	if logged.Estimated(0, 0) || !joined.Estimated(0, 0) || joined.Estimated(1, 0) {
		t.Error("logged energy counts as an estimate")
	}
}

func TestWaterFollowsServersEnergy(t *testing.T) {
	here := priced(8, 8)
	here.Region = "aws/us-east-1"
	o := table(t, oneModel(here)).At(0, 0)
	acc := DefaultAccounting()
	near(t, "water by the operator's figure", float64(o.At(policy.Water)), 0.18*float64(o.At(policy.Energy))/acc.Energy.PUE)
	if w := table(t, oneModel(priced(8, 8))).At(0, 0).At(policy.Water); !isNaN(w) {
		t.Errorf("without a region water is %v, want unknown", w)
	}
	litres := 2.0
	acc.WaterLPerKWh = &litres
	tab, err := NewTable(oneModel(priced(8, 8)), []int{0}, acc)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "water by the accounting", float64(tab.At(0, 0).At(policy.Water)), 2*float64(tab.At(0, 0).At(policy.Energy))/acc.Energy.PUE)
	tr := oneModel(here)
	tr.Outcomes.Logged[policy.Water] = []float32{5}
	if tab = table(t, tr); tab.At(0, 0).At(policy.Water) != 5 || tab.Logged.Logged[policy.Water] != 1 {
		t.Errorf("logged water gives %+v, want 5 mL", *tab.At(0, 0))
	}
}
