package footprint

import (
	"math"
	"strings"
	"testing"

	"github.com/trilemma-bench/trilemma/harness/selfmeter"
	"github.com/trilemma-bench/trilemma/harness/store"
)

func TestPayBackChargesLabelsAndRouter(t *testing.T) {
	figure := func(x float64) *float64 { return &x }
	// 4.3 kg and 29 USD of labels; a policy that emits 0.0434 of 0.1 g a prompt, and costs 0.1 of 0.2 mUSD.
	saving := func() store.Saving {
		return store.Saving{Pool: "all", Policy: "p", Cell: "c", Seeds: 1, CarbonG: figure(0.0434), CarbonSaving: figure(0.566), CarbonSavingBothLow: figure(-0.03), CostUSD: new(1e-4), CostSaving: figure(0.5)}
	}
	cells := []store.Status{{Ref: store.Ref{ID: "c", Encoder: "minilm"}, Cost: map[string]float64{"fit_s": 50, "route_s": 10, "decisions": 1000}}}
	own := selfmeter.Usage{CarbonG: 1} // in 100 s
	for _, c := range []struct {
		name                   string
		change                 func(*store.Saving, []store.Status)
		train, labels, dollars float64 // prompts; 0: never
		say                    string
	}{
		{"as it is", func(*store.Saving, []store.Status) {}, 9, 75991, 290000, "the encoder is not in it"},
		{"nothing saved", func(s *store.Saving, _ []store.Status) { s.CarbonSaving, s.CarbonG = figure(0), figure(0.1) }, 0, 0, 290000, "never paid back"},
		{"eaten up by the encoder", func(_ *store.Saving, l []store.Status) { l[0].Cost["encode_s"] = 10 }, 0, 0, 290000, "never paid back"},
		{"dearer", func(s *store.Saving, _ []store.Status) { s.CostSaving = figure(-1) }, 9, 75991, 0, "(29 USD) never"},
	} {
		s, l := saving(), []store.Status{cells[0]}
		l[0].Cost = map[string]float64{"fit_s": 50, "route_s": 10, "decisions": 1000}
		c.change(&s, l)
		f := &Footprint{Labels: []store.Labels{{Pool: "all", CarbonG: figure(4300), CostUSD: figure(29)}}}
		f.payBack(&s, l, own, 100)
		if len(f.PayBack) != 1 {
			t.Fatalf("%s: %d sentences", c.name, len(f.PayBack))
		}
		p := &f.PayBack[0]
		for what, x := range map[string]struct {
			got  *float64
			want float64
		}{"training": {p.Prompts, c.train}, "with labels": {p.PromptsWithLabels, c.labels}, "dollars": {p.PromptsUSD, c.dollars}} {
			if x.want == 0 && x.got != nil || x.want != 0 && (x.got == nil || math.Abs(*x.got-x.want) > 0.005*x.want) {
				t.Errorf("%s: %s is paid back after %v prompts, want %v (0: never)", c.name, what, digits4(x.got), x.want)
			}
		}
		if p.PromptsWithLabelsLow != nil {
			t.Errorf("%s: paid back at the low end, where nothing is saved", c.name)
		}
		if !strings.Contains(p.Sentence(), c.say) {
			t.Errorf("%s: %q, want it to say %q", c.name, p.Sentence(), c.say)
		}
	}
}
