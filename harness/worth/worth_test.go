package worth

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/trilemma-bench/trilemma/harness/billing"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// world is a trace of n prompts in as many topics as there are models, each prompt's vector telling its topic. right is the
// probability that a model is right about a prompt of a topic, cost what it takes.
func world(n int, seed uint64, cost []float64, right func(topic, model int) float64) *Data {
	models := len(cost)
	r := policy.Stream(seed, "world")
	d := &Data{Table: &billing.Table{Prompts: n, Models: models, Outcomes: make([]billing.Outcome, n*models)}, Dim: models, Encoder: "topics"}
	for m := range models {
		d.Models = append(d.Models, string(rune('a'+m)))
	}
	for i := range n {
		topic := r.IntN(models)
		for k := range models {
			x := 0.1 * r.NormFloat64()
			if k == topic {
				x++
			}
			d.Vector = append(d.Vector, float32(x))
		}
		for m := range models {
			o := &d.Table.Outcomes[i*models+m]
			o.Figures = billing.Unknown
			o.Set(policy.Quality, 0)
			if r.Float64() < right(topic, m) {
				o.Set(policy.Quality, 1)
			}
			o.Set(policy.Cost, float32(cost[m]))
		}
	}
	return d
}

func measure(t *testing.T, d *Data) *Report {
	t.Helper()
	r, err := Measure(context.Background(), d, Defaults)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Each verdict is that of a world in which it is the truth.
func TestVerdictsOfWorldsThatAreKnown(t *testing.T) {
	for _, c := range []struct {
		name string
		data *Data
		want Decision
		says string
	}{
		{"specialists", world(1500, 1, []float64{1, 1, 1}, func(topic, model int) float64 {
			if topic == model {
				return 0.9
			}
			return 0.4
		}), Route, "Route for quality"},
		{"easy topics that a cheap model can do", world(3000, 2, []float64{0.1, 1}, func(topic, model int) float64 {
			if topic == 0 || model == 1 {
				return 0.97
			}
			return 0.2
		}), Route, "saves"},
		{"a cheaper model as good", world(4000, 3, []float64{0.1, 1}, func(_, m int) float64 { return 0.99 + 0.003*float64(m) }), Switch, "switch"},
		{"one model is best at everything", world(2000, 4, []float64{0.9, 1}, func(_, model int) float64 { return 0.3 + 0.6*float64(model) }), Stay, "send everything to b"},
		{"too few prompts", world(120, 5, []float64{0.5, 1}, func(topic, model int) float64 { return 0.6 + 0.05*float64(model) }), Unknown, "more prompts"},
	} {
		r := measure(t, c.data)
		if r.Verdict.Decision != c.want || !strings.Contains(r.Verdict.Sentence, c.says) {
			t.Errorf("%s: %s: %s", c.name, r.Verdict.Decision, r.Verdict.Sentence)
		}
		if (r.Verdict.MorePrompts > 0) != (c.want == Unknown) {
			t.Errorf("%s: %d more prompts", c.name, r.Verdict.MorePrompts)
		}
	}
}

// Where prompts say nothing of who is right, the router must not be said to gain: in at most a few of many worlds does the
// interval of its gain over a shuffle lie above zero.
func TestNothingIsFoundWhereThereIsNothing(t *testing.T) {
	found := 0
	const worlds = 40
	for seed := range uint64(worlds) {
		r := measure(t, world(300, 100+seed, []float64{1, 1, 1}, func(_, _ int) float64 { return 0.6 }))
		if r.Peak.GainOverShuffle.Low > 0 {
			found++
		}
	}
	// 2.5 % are expected; of 40, 5 or more have a probability of 0.3 %.
	if found >= 5 {
		t.Errorf("a gain over the shuffle in %d of %d worlds without one", found, worlds)
	}
}

// The interval of the best single model's quality holds what it is worth, and the best is chosen without the prompts it is
// measured on: of equal models the maximum in hindsight is too high.
func TestBestSingleIsMeasuredWhereItWasNotChosen(t *testing.T) {
	sum, hindsight := 0.0, 0.0
	const worlds = 30
	for seed := range uint64(worlds) {
		r := measure(t, world(200, 500+seed, []float64{1, 1, 1, 1, 1}, func(_, _ int) float64 { return 0.5 }))
		sum += r.BestQuality.Mean / worlds
		top := 0.0
		for _, m := range r.Models {
			top = max(top, m.Quality.Mean)
		}
		hindsight += top / worlds
	}
	if math.Abs(sum-0.5) > 0.02 || hindsight < 0.52 {
		t.Errorf("the best of five equal models has %.3f, want 0.5; in hindsight %.3f", sum, hindsight)
	}
}

func TestWhatCannotBeMeasured(t *testing.T) {
	few := world(10, 1, []float64{1, 1}, func(_, _ int) float64 { return 0.5 })
	alone := world(100, 1, []float64{1}, func(_, _ int) float64 { return 0.5 })
	for name, c := range map[string]struct {
		data *Data
		want string
	}{"few prompts": {few, "fewer than 20"}, "one model": {alone, "nothing to route between"}} {
		if _, err := Measure(context.Background(), c.data, Defaults); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	// Without vectors, costs and with a model that answered little there is still an answer, and it says what it lacks.
	d := world(200, 2, []float64{1, 2, 3}, func(_, m int) float64 { return 0.3 + 0.2*float64(m) })
	d.Vector = nil
	for i := range 200 {
		for m := range 3 {
			d.Table.At(i, m).Set(policy.Cost, float32(math.NaN()))
		}
		if i > 10 {
			d.Table.Outcomes[i*3+1].Figures = billing.Unknown
		}
	}
	r := measure(t, d)
	var text, html bytes.Buffer
	if err := r.Markdown(&text); err != nil {
		t.Fatal(err)
	}
	if err := r.HTML(&html); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"No router could be tried", "left out: [b]", "send everything to c"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the report lacks %q:\n%s", want, text.String())
		}
	}
	if r.Prompts != 200 || strings.Contains(text.String(), "NaN") || strings.Contains(html.String(), "NaN") {
		t.Errorf("%d prompts:\n%s", r.Prompts, text.String())
	}
	if _, err := json.Marshal(r); err != nil {
		t.Error(err)
	}
}
