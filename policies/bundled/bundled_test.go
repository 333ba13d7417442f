package bundled

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/trilemma-bench/trilemma/policies/policy"
)

// quick are parameters that keep the tests short without changing what is tested.
var quick = map[string]string{
	"single":        `{"model": "strong"}`,
	"carbon":        `{"epochs": 3, "members": 2, "neighbours": 20}`,
	"carbon-budget": `{"epochs": 3, "members": 2, "neighbours": 20}`,
	"predict":       `{"epochs": 8, "members": 2, "hidden": 16, "cost_hidden": 8, "learning_rate": 0.005, "neighbours": 30}`,
	"static":        `{"epochs": 8, "learning_rate": 0.01}`,
	"moe":           `{"epochs": 6, "members": 2, "width": 16, "cost_hidden": 8, "learning_rate": 0.005}`,
	"reinforce":     `{"steps": 3072, "slots": 32, "horizon": 16, "checks": 2, "hidden": 16, "scorer": 8}`,
	"ppo":           `{"warm_start": "none", "steps": 1024, "slots": 32, "horizon": 16, "checks": 2, "hidden": 16, "scorer": 8}`,
}

func make1(t *testing.T, d policy.Definition, models []policy.Model) policy.Policy {
	t.Helper()
	raw := quick[d.Description.Name]
	if d.Description.EachModel && len(models) == 1 {
		raw = ""
	}
	p, err := d.New(policy.Setup{Models: models, Params: json.RawMessage(raw), Seed: 3})
	if err != nil {
		t.Fatalf("%s: %v", d.Description.Name, err)
	}
	return p
}

func fit(p policy.Policy, task *policy.Task) error {
	if l, ok := p.(policy.Learner); ok {
		return l.Fit(context.Background(), task, func(policy.Progress) {})
	}
	return nil
}

func route(p policy.Policy, b *policy.Batch, models int) (*policy.Decisions, error) {
	d, err := p.Route(context.Background(), b)
	if err != nil {
		return nil, err
	}
	return d, d.Check(b.Rows(), models)
}

func TestDescriptionsTellTheTruth(t *testing.T) {
	w := newWorld()
	names := make([]string, 0, len(All()))
	for _, d := range All() {
		p := make1(t, d, w.models)
		_, learns := p.(policy.Learner)
		_, saves := p.(policy.Saver)
		_, online := p.(policy.Observer)
		if s := d.Description; learns != s.Learns || saves != s.Saves || online != s.Online {
			t.Errorf("%s: learns %v, saves %v, online %v; described as %v, %v, %v", s.Name, learns, saves, online, s.Learns, s.Saves, s.Online)
		}
		if found, ok := Find(d.Description.Name); !ok || found.Description.Name != d.Description.Name {
			t.Errorf("Find(%q) does not find it", d.Description.Name)
		}
		names = append(names, d.Description.Name)
	}
	if !slices.IsSorted(names) {
		t.Errorf("not sorted: %v", names)
	}
	if _, ok := Find("nobody"); ok {
		t.Error("Find finds a policy that there is not")
	}
}

// Everything that a policy owes whatever it learns: the same decisions from the same seed, whatever the neighbours in
// the batch are, and from a checkpoint.
func TestDecisionsDependOnNothingElse(t *testing.T) {
	w := newWorld()
	test := w.split("test", 60)
	for _, def := range All() {
		t.Run(def.Description.Name, func(t *testing.T) {
			preferences := sweep()
			a, again := make1(t, def, w.models), make1(t, def, w.models)
			if err := errors.Join(fit(a, w.task()), fit(again, w.task())); err != nil {
				t.Fatal(err)
			}
			want, err := route(a, crossed(&test.Prompts, preferences), len(w.models))
			if err != nil {
				t.Fatal(err)
			}
			same := func(what string, p policy.Policy) {
				t.Helper()
				got, err := route(p, crossed(&test.Prompts, preferences), len(w.models))
				if err != nil || !reflect.DeepEqual(got, want) {
					t.Errorf("%s decides otherwise (%v)", what, err)
				}
			}
			same("a second call", a)
			same("a second fit", again)
			for _, rows := range [][]int{{0}, {59}, {7, 3, 41}, {5, 5}} {
				got, err := route(a, crossed(subset(&test.Prompts, rows...), preferences), len(w.models))
				if err != nil {
					t.Fatal(err)
				}
				for k, i := range rows {
					for j := range preferences {
						gu, gm, gw := got.Row(k*len(preferences) + j)
						wu, wm, ww := want.Row(i*len(preferences) + j)
						if gu != wu || !slices.Equal(gm, wm) || !slices.Equal(gw, ww) {
							t.Errorf("prompt %d preference %d: %v %v %v among %d prompts, %v %v %v among all", i, j, gu, gm, gw, len(rows), wu, wm, ww)
						}
					}
				}
			}
			if s, ok := a.(policy.Saver); ok {
				state, err := s.Save()
				if err != nil {
					t.Fatal(err)
				}
				twice, err := again.(policy.Saver).Save()
				if err != nil || !slices.Equal(state, twice) {
					t.Errorf("two fits from one seed save different bytes (%v)", err)
				}
				loaded := make1(t, def, w.models)
				if err := loaded.(policy.Saver).Load(state); err != nil {
					t.Fatal(err)
				}
				same("a loaded policy", loaded)
				for _, bad := range [][]byte{nil, []byte("{}"), state[:len(state)/2], []byte(`{"kind":"other/1","state":{}}`)} {
					if err := loaded.(policy.Saver).Load(bad); err == nil {
						t.Errorf("Load takes %d bytes that are no checkpoint", len(bad))
					}
				}
				smaller := make1(t, def, w.models[1:])
				if err := smaller.(policy.Saver).Load(state); err == nil {
					t.Error("Load takes the checkpoint of another pool")
				}
			}
		})
	}
}

func TestNothingBeforeFit(t *testing.T) {
	w := newWorld()
	test := w.split("test", 2)
	for _, def := range All() {
		if !def.Description.Learns {
			continue
		}
		p := make1(t, def, w.models)
		if _, err := p.Route(context.Background(), crossed(&test.Prompts, sweep())); err == nil {
			t.Errorf("%s routes before it was fitted", def.Description.Name)
		}
		if _, err := p.(policy.Saver).Save(); err == nil {
			t.Errorf("%s saves before it was fitted", def.Description.Name)
		}
	}
}

// Awkward tasks must work, or be refused in words.
func TestAwkwardTasks(t *testing.T) {
	w := newWorld()
	nan := float32(math.NaN())
	fill := func(column []float32, x float32) {
		for i := range column {
			column[i] = x
		}
	}
	costOnly := sweep()[:4]
	for _, c := range []struct {
		name   string
		change func(*policy.Task)
		keep   []int
		err    string // "" where it must work
	}{
		{name: "no validation", change: func(k *policy.Task) { k.Validation = nil }},
		{name: "empty validation", change: func(k *policy.Task) { k.Validation = &policy.Split{} }},
		{name: "one model", keep: []int{3}},
		{name: "one category", change: func(k *policy.Task) {
			for i := range k.Train.Prompts.Category {
				k.Train.Prompts.Category[i] = "all"
			}
		}},
		{name: "constant scores", change: func(k *policy.Task) {
			fill(k.Train.Outcomes.Figures[policy.Quality], 1)
			fill(k.Validation.Outcomes.Figures[policy.Quality], 1)
		}},
		{name: "zero prices", change: func(k *policy.Task) {
			fill(k.Train.Outcomes.Figures[policy.Cost], 0)
			fill(k.Validation.Outcomes.Figures[policy.Cost], 0)
		}},
		{name: "one prompt", change: func(k *policy.Task) { k.Train, k.Validation = first(k.Train, 1, nil), nil }},
		{name: "constant vectors", change: func(k *policy.Task) { fill(k.Train.Prompts.Vector, 0); fill(k.Validation.Prompts.Vector, 0) }},
		{name: "nothing but scores", change: func(k *policy.Task) {
			for _, s := range []*policy.Split{k.Train, k.Validation} {
				s.Outcomes.Figures[policy.Cost], s.Outcomes.Figures[policy.Carbon], s.Outcomes.Figures[policy.Latency] = nil, nil, nil
			}
			k.Preferences = []policy.Preference{{}}
		}},
		{name: "a model without outcomes", change: func(k *policy.Task) {
			for _, s := range []*policy.Split{k.Train, k.Validation} {
				for i := 3; i < len(s.Outcomes.Present); i += s.Outcomes.Models {
					s.Outcomes.Present[i], s.Outcomes.Figures[policy.Quality][i], s.Outcomes.Figures[policy.Cost][i] = false, nan, nan
				}
			}
		}},
		{name: "empty train", change: func(k *policy.Task) { k.Train = &policy.Split{} }, err: "train split is empty"},
		{name: "no outcomes at all", change: func(k *policy.Task) {
			for _, s := range []*policy.Split{k.Train, k.Validation} {
				clear(s.Outcomes.Present)
			}
		}, err: "no model of the pool has a training outcome"},
		{name: "unknown carbon", change: func(k *policy.Task) {
			k.Preferences = []policy.Preference{{policy.Carbon: 1}}
			for _, s := range []*policy.Split{k.Train, k.Validation} {
				fill(s.Outcomes.Figures[policy.Carbon], nan)
			}
		}, err: "known carbon"},
	} {
		for _, def := range All() {
			name := def.Description.Name
			if name == "single" && c.keep == nil && c.name == "one model" {
				continue
			}
			t.Run(c.name+"/"+name, func(t *testing.T) {
				models, task := w.models, &policy.Task{Train: first(w.split("train", 120), 120, c.keep), Validation: first(w.split("validation", 40), 40, c.keep), Preferences: costOnly}
				if c.keep != nil {
					models = nil
					for _, m := range c.keep {
						models = append(models, w.models[m])
					}
				}
				if c.change != nil {
					c.change(task)
				}
				p := make1(t, def, models)
				err := fit(p, task)
				if c.err != "" && def.Description.Learns {
					if name == "best-single" && c.name == "unknown carbon" {
						return // it ignores the preference
					}
					if err == nil || !strings.Contains(err.Error(), c.err) {
						t.Fatalf("error %v, want one with %q", err, c.err)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				test := first(w.split("test", 10), 10, c.keep)
				d, err := route(p, crossed(&test.Prompts, task.Preferences), len(models))
				if err != nil {
					t.Fatal(err)
				}
				if c.name == "a model without outcomes" && def.Description.Learns && slices.Contains(d.Model, 3) {
					t.Error("asks a model that never answered in training")
				}
			})
		}
	}
}

func TestFitStopsWhenCancelled(t *testing.T) {
	w := newWorld()
	for _, def := range All() {
		if !def.Description.Learns {
			continue
		}
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		p := make1(t, def, w.models)
		if err := p.(policy.Learner).Fit(ctx, w.task(), nil); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: error %v of a cancelled Fit", def.Description.Name, err)
		}
	}
}

// On a world whose truth is known, each learner must come near to the best that can be done.
func TestLearnersBeatTheBaselines(t *testing.T) {
	w := newWorld()
	test := w.split("test", 600)
	quality := map[string]float64{}
	for _, def := range All() {
		p := make1(t, def, w.models)
		if err := fit(p, w.task()); err != nil {
			t.Fatal(err)
		}
		score, utility, err := play(p, test, policy.Preference{})
		if err != nil {
			t.Fatal(err)
		}
		dear, dearUtility, err := play(p, test, policy.Preference{policy.Cost: 300})
		if err != nil {
			t.Fatal(err)
		}
		quality[def.Description.Name] = score
		t.Logf("%-14s score %.3f utility %.3f; at 300 a dollar %.3f, %.3f", def.Description.Name, score, utility, dear, dearUtility)
	}
	for _, name := range []string{"knn", "static", "predict", "category-best", "reinforce"} {
		if quality[name] < 0.85 || quality[name] < quality["best-single"]+0.05 {
			t.Errorf("%s: mean score %.3f, want about the specialists' 0.9; best single has %.3f", name, quality[name], quality["best-single"])
		}
	}
	if q := quality["random"]; math.Abs(q-(0.9+0.4+0.75+0.35)/5) > 0.03 {
		t.Errorf("random: mean score %.3f, want about 0.48", q)
	}
}

func TestParametersAreChecked(t *testing.T) {
	w := newWorld()
	for _, def := range All() {
		for _, raw := range []string{`{"no_such_parameter": 1}`, `[]`, `3`} {
			if _, err := def.New(policy.Setup{Models: w.models, Params: json.RawMessage(raw)}); err == nil {
				t.Errorf("%s takes the parameters %s", def.Description.Name, raw)
			}
		}
		for _, models := range [][]policy.Model{nil, {w.models[0], w.models[0]}} {
			if _, err := def.New(policy.Setup{Models: models, Params: json.RawMessage(quick[def.Description.Name])}); err == nil {
				t.Errorf("%s takes a pool of %d models without names of their own", def.Description.Name, len(models))
			}
		}
	}
	for _, name := range []string{"static", "predict"} {
		def, _ := Find(name)
		if _, err := def.New(policy.Setup{Models: w.models, Backend: "xyz"}); err == nil || !strings.Contains(err.Error(), "want go, xla:cpu") {
			t.Errorf("%s: error %v for an unknown backend", name, err)
		}
	}
}

func ExampleFind() {
	def, ok := Find("knn")
	fmt.Println(ok, def.Description.Summary)
	// Output: true mean outcomes of the k nearest training prompts by cosine
}
