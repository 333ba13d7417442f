package policy

import (
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestUtilityIgnoresWhatCostsNothing(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct {
		p                     Preference
		cost, carbon, latency float64
		want                  float64
	}{
		{Preference{}, nan, nan, nan, 0.75},
		{Preference{Cost: 2}, 0.1, nan, nan, 0.55},
		{Preference{Cost: 2, Carbon: 0.5, Latency: 0.01}, 0.1, 0.2, 5, 0.4},
		{Preference{Carbon: 1}, 0.1, nan, 5, nan},
	} {
		got := c.p.Utility(Figures{Quality: 0.75, Cost: c.cost, Energy: nan, Carbon: c.carbon, Latency: c.latency, Water: nan})
		if math.Abs(got-c.want) > 1e-12 || math.IsNaN(got) != math.IsNaN(c.want) {
			t.Errorf("%+v of %v, %v, %v: %v, want %v", c.p, c.cost, c.carbon, c.latency, got, c.want)
		}
	}
}

// decided are decisions for three rows over four models, all in order.
func decided() *Decisions {
	d := NewDecisions(3)
	d.AppendOne(Select, 2)
	d.Append(Combine, []int32{0, 3}, []float32{0.25, 0.75})
	d.Append(Ask, []int32{1, 2}, []float32{7, 7}) // weights of an Ask are not looked at, but for being numbers
	return d
}

func TestDecisionsAreChecked(t *testing.T) {
	if err := decided().Check(3, 4); err != nil {
		t.Fatal(err)
	}
	nan := float32(math.NaN())
	for want, change := range map[string]func(*Decisions){
		"decisions for 2 rows, want 3":    func(d *Decisions) { d.Use = d.Use[:2] },
		"3 offsets, want 4 starting at 0": func(d *Decisions) { d.Offset = d.Offset[:3] },
		"4 offsets, want 4 starting at 0": func(d *Decisions) { d.Offset[0] = 1 },
		"5 models, 4 weights":             func(d *Decisions) { d.Weight = d.Weight[:4] },
		"a last offset of 4":              func(d *Decisions) { d.Offset[3] = 4 },
		"row 1: offsets 1 to 9":           func(d *Decisions) { d.Offset[2] = 9 },
		"row 1: names no model":           func(d *Decisions) { d.Offset[2] = 1 },
		"row 0: unknown use 3":            func(d *Decisions) { d.Use[0] = 3 },
		"row 0: unknown model 4":          func(d *Decisions) { d.Model[0] = 4 },
		"row 0: unknown model -1":         func(d *Decisions) { d.Model[0] = -1 },
		"row 1: names model 0 twice":      func(d *Decisions) { d.Model[2] = 0 },
		"row 0: weights sum to 0.75":      func(d *Decisions) { d.Weight[0] = 0.75 },
		"row 1: weights sum to":           func(d *Decisions) { d.Weight[1] = 0.5 },
		"row 1: weight 0 of":              func(d *Decisions) { d.Weight[1] = 0 },
		"row 1: weight -0.25 of":          func(d *Decisions) { d.Weight[1] = -0.25 },
		"row 2: weight NaN of":            func(d *Decisions) { d.Weight[3] = nan },
	} {
		d := decided()
		change(d)
		if err := d.Check(3, 4); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
	// The same model in two rows is no mistake.
	d := NewDecisions(2)
	d.AppendOne(Select, 1)
	d.AppendOne(Select, 1)
	if err := d.Check(2, 2); err != nil {
		t.Error(err)
	}
}

// What is appended comes back row by row, and is well-formed where its rows are.
func TestRowsComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const models = 5
		d := NewDecisions(0)
		var want [][]int32
		for range rapid.IntRange(0, 6).Draw(t, "rows") {
			row := rapid.SliceOfNDistinct(rapid.Int32Range(0, models-1), 1, models, rapid.ID[int32]).Draw(t, "models")
			weights := make([]float32, len(row))
			for i := range weights {
				weights[i] = 1 / float32(len(row))
			}
			d.Append(rapid.SampledFrom([]Use{Select, Combine, Ask}).Draw(t, "use"), row, weights)
			want = append(want, row)
		}
		if err := d.Check(len(want), models); err != nil {
			t.Fatal(err)
		}
		for r := range want {
			if _, got, weights := d.Row(r); !slices.Equal(got, want[r]) || len(weights) != len(got) {
				t.Fatalf("row %d is %v, want %v", r, got, want[r])
			}
		}
	})
}

// A stream is its seed and names, and the names are kept apart.
func TestStreams(t *testing.T) {
	draw := func(seed uint64, names ...string) [4]uint64 {
		r := Stream(seed, names...)
		return [4]uint64{r.Uint64(), r.Uint64(), r.Uint64(), r.Uint64()}
	}
	if first := draw(1, "a", "b"); first != draw(1, "a", "b") {
		t.Error("one stream gives two sequences")
	}
	seen := map[[4]uint64]string{}
	for what, d := range map[string][4]uint64{
		"1 a b": draw(1, "a", "b"), "1 ab": draw(1, "ab"), "1 b a": draw(1, "b", "a"), "2 a b": draw(2, "a", "b"), "1": draw(1), "1 a": draw(1, "a"), `1 a ""`: draw(1, "a", ""),
	} {
		if other, taken := seen[d]; taken {
			t.Errorf("streams %q and %q are the same", what, other)
		}
		seen[d] = what
	}
	// Written down: another sequence would change every result there is.
	if got := Stream(1, "predict", "init").Uint64(); got != 6008550667314157375 {
		t.Errorf("the first draw of (1, predict, init) is %d", got)
	}
	// A source goes on where it stood.
	s := Source(3, "x")
	s.Uint64()
	state, err := s.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	again := Source(0)
	if err := again.UnmarshalBinary(state); err != nil || again.Uint64() != s.Uint64() {
		t.Errorf("a source restored goes on otherwise (%v)", err)
	}
}

func TestFactsOfModels(t *testing.T) {
	m := NewModel("x")
	if m.Priced() || m.ParamsTotalB.Known() || m.TokensPerSec == m.TokensPerSec {
		t.Errorf("of a model of which only the name is known: %+v", m)
	}
	m.PriceInputUSDPerMTok = 0
	if m.Priced() {
		t.Error("one price is both")
	}
	if m.PriceOutputUSDPerMTok = 0; !m.Priced() {
		t.Error("a free model has prices")
	}
	if r := (Range{Low: 20, High: 40}); !r.Known() || r.Mid() != 30 || Exactly(7) != (Range{Low: 7, High: 7}) {
		t.Errorf("range %+v has middle %v", r, r.Mid())
	}
}

func TestNeeds(t *testing.T) {
	d := Description{Needs: []Need{NeedCategory}}
	if !d.Wants(NeedCategory) || d.Wants(NeedLiveCategory) {
		t.Error("the label of training prompts is not that of prompts to be routed")
	}
	if n := len(slices.Compact(slices.Sorted(slices.Values(Needs)))); n != len(Needs) || n != 7 {
		t.Errorf("%d different needs of %d", n, len(Needs))
	}
}

func TestRowsOfVectorsAreViews(t *testing.T) {
	p := &Prompts{ID: []string{"a", "b"}, Vector: []float32{1, 2, 3, 4}, Dim: 2}
	row := p.Row(0)
	if row = append(row, 9); p.Vector[2] != 3 {
		t.Errorf("appending to a row of %v writes into the next", row[:2])
	}
	if p.Row(1)[0] = 7; p.Vector[2] != 7 || p.Len() != 2 {
		t.Error("a row is a copy")
	}
}

func TestPreferencesSayWhatTheyMean(t *testing.T) {
	for _, c := range []struct {
		p                 Preference
		meaning, inATable string
	}{
		{Preference{}, "quality at any price", "any price"},
		{Preference{Cost: 500}, "1 point of quality is worth 0.02 USD per 1,000 prompts", "0.02 USD"},
		{Preference{Cost: 2.702}, "1 point of quality is worth 3.7 USD per 1,000 prompts", "3.7 USD"},
		{Preference{Cost: 100, Carbon: 0.1}, "1 point of quality is worth 0.1 USD or 100 gCO2e per 1,000 prompts", "0.1 USD or 100 gCO2e"},
		{Preference{Cost: 100, Latency: 0.5}, "1 point of quality is worth 0.1 USD per 1,000 prompts or 0.02 s a prompt", "0.1 USD or 0.02 s"},
		{Preference{Latency: 1e-6}, "1 point of quality is worth 10000 s a prompt", "10000 s"},
		{Preference{Cost: 3e8}, "1 point of quality is worth 0.0000000333 USD per 1,000 prompts", "0.0000000333 USD"},
	} {
		if got := c.p.Meaning(); got != c.meaning {
			t.Errorf("%v means %q, want %q", c.p, got, c.meaning)
		}
		if got := c.p.PointWorth(); got != c.inATable {
			t.Errorf("%v: a point is worth %q, want %q", c.p, got, c.inATable)
		}
	}
	// Every quantity that can be weighed has an amount to be told in.
	for _, q := range Weighed {
		p := Preference{}
		p[q] = 1
		if quantities[q].told.unit == "" || !strings.Contains(p.Meaning(), quantities[q].told.unit) {
			t.Errorf("a preference for less %v is told as %q", q, p.Meaning())
		}
	}
}
