package recommend

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/trilemma-bench/trilemma/harness/store"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// finished is a run of four cells of which two cannot be deployed.
func finished(t *testing.T) *store.Run {
	t.Helper()
	run, err := store.Open(t.TempDir(), "x", "0123456789ab")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = run.Close() })
	var refs []store.Ref
	add := func(ref store.Ref, n int, quality, cost float64) {
		ref.Pool, ref.ID = "all", strings.Repeat(string("abcd"[len(refs)]), 16)
		figures := policy.Figures{quality, cost, math.NaN(), math.NaN(), 1, math.NaN()}
		p := store.Point{
			Pool: "all", Policy: ref.Policy, Preference: "any", N: 100, Coverage: float64(n) / 100, Figures: figures,
		}
		half := store.Moments{
			policy.Quality: {N: n / 2, Mean: quality, SD: 0.3}, policy.Cost: {N: n / 2, Mean: cost, SD: cost},
			policy.Carbon: {N: n / 2, Mean: math.NaN(), SD: math.NaN(), Skewness: math.NaN()}, policy.Latency: {N: n / 2, Mean: 1},
		}
		err := run.SaveCell(store.CellResult{
			Ref: ref, Points: []store.Point{p}, Selection: []store.Point{p}, Halves: []store.Halves{{Preference: "any", Order: half, Check: half}},
			Decisions: func(yield func(store.Decision) bool) {
				for range 20 {
					d := store.Decision{PromptID: "p", Preference: "any"}
					d.SetFigures(figures)
					yield(d)
				}
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		refs = append(refs, ref)
	}
	add(store.Ref{Policy: "knower", Labelled: true}, 100, 0.9, 1)
	add(store.Ref{Policy: "lucky"}, 28, 1, 1)
	add(store.Ref{Policy: "good"}, 100, 0.7, 2)
	add(store.Ref{Policy: "cheap"}, 100, 0.5, 1)
	if err := run.WritePlan(refs); err != nil {
		t.Fatal(err)
	}
	if err := run.WriteManifest(store.Manifest{}); err != nil {
		t.Fatal(err)
	}
	return run
}

func TestOpenBars(t *testing.T) {
	c, err := Open(finished(t), "")
	if err != nil {
		t.Fatal(err)
	}
	if len(c.List) != 2 || len(c.Barred) != 2 || c.Barred[0].Policy != "knower" || !strings.Contains(c.Barred[0].Reason, "label") ||
		c.Barred[1].Policy != "lucky" || !strings.Contains(c.Barred[1].Reason, "28 selection prompts") {
		t.Fatalf("%d settings, barred %+v", len(c.List), c.Barred)
	}
	l := None()
	l[policy.Quality] = 0.55
	r := c.Pick(Request{Limits: l, Objective: Auto})
	if r.Choice == nil || r.Choice.Ref.Policy != "good" {
		t.Fatalf("picked %+v, want good", r.Choice)
	}
	var text, js bytes.Buffer
	if err := c.Tell(&text, r); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Recommended for the least cost: good\n", "Asked: the least cost with quality at least 0.55", "selection (n = 100) 0.7", "test (n = 20) 0.7", "50 prompts prove at least 0.6", "On the 20 test prompts it kept the limit.", "label", "28 selection prompts", "policy: "} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("it lacks %q:\n%s", want, text.String())
		}
	}
	if err := c.JSON(&js, r); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Policy string
		Claims []struct {
			Prompts int     `json:"selection_prompts"`
			Bound   float64 `json:"bound"`
		}
		Barred []Barred
	}
	if err := json.Unmarshal(js.Bytes(), &got); err != nil || got.Policy != "good" || len(got.Claims) != 1 || got.Claims[0].Prompts != 100 ||
		!(got.Claims[0].Bound > 0.55 && got.Claims[0].Bound < 0.7) || len(got.Barred) != 2 {
		t.Errorf("JSON %+v, %v:\n%s", got, err, js.String())
	}
}

func TestOpenTellsWhatIsNearest(t *testing.T) {
	c, err := Open(finished(t), "all")
	if err != nil {
		t.Fatal(err)
	}
	l := None()
	l[policy.Quality] = 0.68
	r := c.Pick(Request{Limits: l, Objective: Auto})
	var text bytes.Buffer
	err = c.Tell(&text, r)
	if !errors.Is(err, ErrInfeasible) || r.Choice != nil || !strings.Contains(text.String(), "NOT CERTIFIED, but nearest: good") ||
		!strings.Contains(text.String(), "selection prompts (there are 100) would prove it") || strings.Contains(text.String(), "# deploy") {
		t.Errorf("%v:\n%s", err, text.String())
	}
	l[policy.Quality], l[policy.Carbon] = math.NaN(), 1 // not known of any
	r = c.Pick(Request{Limits: l, Objective: Auto})
	text.Reset()
	if err := c.Tell(&text, r); !errors.Is(err, ErrInfeasible) || r.Nearest != nil || !strings.Contains(text.String(), "2 of them because it is not known") {
		t.Errorf("where carbon is not known: %v:\n%s", err, text.String())
	}
	if err := c.JSON(&text, r); !errors.Is(err, ErrInfeasible) {
		t.Error(err)
	}
}

// Of a run that has not finished the choices are those of the cells that are done, and it is said what is missing.
func TestOpenTellsWhatIsUnfinished(t *testing.T) {
	run := finished(t)
	plan, err := run.Plan()
	if err != nil {
		t.Fatal(err)
	}
	broken := store.Ref{ID: strings.Repeat("e", 16), Pool: "all", Policy: "broken"}
	waiting := []store.Ref{{ID: strings.Repeat("f", 16), Pool: "all", Policy: "good", Seed: 2}, {ID: strings.Repeat("9", 16), Pool: "else", Policy: "good"}}
	if err := run.FailCell(broken, 0, errors.New("no disk")); err != nil {
		t.Fatal(err)
	}
	if err := run.WritePlan(append(append(plan, broken), waiting...)); err != nil {
		t.Fatal(err)
	}
	for _, at := range []struct {
		running bool
		want    string
	}{
		{true, "NOTE: the run is still at work: nothing is known of good (1 of 2 cells), broken (failed: no disk); ask again"},
		{false, "NOTE: the run has not finished pool all: nothing is known of good (1 of 2 cells), broken (failed: no disk); `trilemma resume"},
	} {
		if !at.running {
			if err := run.Close(); err != nil {
				t.Fatal(err)
			}
			if run, err = store.Read(run.Dir); err != nil {
				t.Fatal(err)
			}
		}
		c, err := Open(run, "all")
		if err != nil {
			t.Fatal(err)
		}
		l := None()
		l[policy.Quality] = 0.55
		var text, js bytes.Buffer
		r := c.Pick(Request{Limits: l, Objective: Auto})
		if err := errors.Join(c.Tell(&text, r), c.JSON(&js, r)); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(text.String(), at.want) || !strings.Contains(text.String(), "(--pool chooses another: else)") {
			t.Errorf("running %v: want %q in\n%s", at.running, at.want, text.String())
		}
		if !strings.Contains(js.String(), `"unfinished"`) || !strings.Contains(js.String(), `"limits_on_test": "kept"`) {
			t.Errorf("JSON\n%s", js.String())
		}
	}
	if _, err := Open(run, "else"); err == nil || !strings.Contains(err.Error(), "no finished cell in pool else") || !strings.Contains(err.Error(), "resume") {
		t.Errorf("a pool without a finished cell: %v", err)
	}
}
