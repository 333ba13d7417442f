package experiment

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/trilemma-bench/trilemma/policies/policy"
)

const knnSchema = `{"type":"object","additionalProperties":false,"properties":{
  "k":{"type":"integer","default":100,"minimum":1,"maximum":1000},"metric":{"type":"string","default":"cosine","enum":["cosine","l2"]}}}`

// policies of the tests: one of each kind that a plan treats in its own way.
var described = map[string]policy.Description{
	"random": {Preference: policy.PreferenceIgnored, Stochastic: true},
	"best":   {Preference: policy.PreferenceIgnored},
	"knn":    {Preference: policy.PreferenceInput, Needs: []policy.Need{policy.NeedVector}, ParamsSchema: []byte(knnSchema), Learns: true},
	"net":    {Preference: policy.PreferenceFixed, Stochastic: true, Learns: true},
	"single": {
		Preference: policy.PreferenceIgnored, EachModel: true,
		ParamsSchema: []byte(`{"type":"object","additionalProperties":false,"properties":{"model":{"type":"string","default":""}}}`),
	},
	"agent": {
		Preference: policy.PreferenceInput, Stochastic: true, Learns: true,
		ParamsSchema: []byte(`{"type":"object","additionalProperties":false,"properties":{
  "mode":{"type":"string","default":"one-shot"},"steps":{"type":"integer","default":100,"minimum":0},"rate":{"type":"number","default":0.1}}}`),
		Untrained: []byte(`{"steps": 0, "rate": 0.1}`),
	},
	"online": {Preference: policy.PreferenceInput, Online: true},
	"broken": {ParamsSchema: []byte(`{"type": 7}`)},
	"leaky":  {ParamsSchema: []byte(`{"$ref": "file:///etc/passwd"}`)},
}

func models(ids ...string) []policy.Model {
	out := make([]policy.Model, len(ids))
	for i, id := range ids {
		out[i] = policy.NewModel(id)
		out[i].Provider, _, _ = strings.Cut(id, "-")
		out[i].OpenWeights = i%2 == 0
	}
	return out
}

func facts() Facts {
	f := Facts{
		Models: models("llama-8b", "gpt-4", "llama-70b", "meta/llama-x"), Trace: "trace", Split: "split", Accounting: "acc",
		Encoders: map[string]string{"hash": "h1", "minilm": "m1"},
		Preferences: func(string, []int) ([]Labelled, error) {
			return []Labelled{{Label: "0"}, {"c01", policy.Preference{policy.Cost: 10}}, {"c02", policy.Preference{policy.Cost: 100}}}, nil
		},
	}
	f.Known = slices.Sorted(maps.Keys(described))
	f.Describe = func(p Policy) (PolicyFacts, bool, error) {
		if p.Name == "unstartable" {
			return PolicyFacts{}, true, errors.New("not executable")
		}
		d, ok := described[p.Name]
		d.Name, d.Version = p.Name, "1"
		out := PolicyFacts{Description: d}
		if p.Plugin != "" {
			out.Digest = strings.Repeat("ab", 32)
		}
		return out, ok, nil
	}
	return f
}

func planOf(t testing.TB, text string, sets ...string) []Cell {
	t.Helper()
	s, _ := parse(t, text, sets...)
	cells, err := Expand(s, facts())
	if err != nil {
		t.Fatal(err)
	}
	return cells
}

func cellNames(cells []Cell) []string {
	out := make([]string, len(cells))
	for i := range cells {
		out[i] = cells[i].Name()
	}
	return out
}

func TestExpand(t *testing.T) {
	cells := planOf(t, `
name: x
data: {trace: t}
pools: [all, {name: llamas, models: ["*llama*", "!meta/*"]}]
policies: [random, best, single, net, {name: knn, grid: {k: [5, 10], metric: [l2]}}]
seeds: 2
`)
	want := []string{
		"all/random seed 1", "all/random seed 2", "all/best",
		"all/single:llama-8b", "all/single:gpt-4", "all/single:llama-70b", "all/single:meta/llama-x",
		"all/net seed 1 0", "all/net seed 1 c01", "all/net seed 1 c02", "all/net seed 2 0", "all/net seed 2 c01", "all/net seed 2 c02",
		"all/knn(k=5,metric=l2)", "all/knn(k=10,metric=l2)",
	}
	for _, name := range want {
		if name = strings.Replace(name, "all/", "llamas/", 1); !strings.HasSuffix(name, "gpt-4") && !strings.HasSuffix(name, "llama-x") {
			want = append(want, name)
		}
	}
	if got := cellNames(cells); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	seen := map[string]bool{}
	for i, c := range cells {
		if len(c.ID) != 64 || seen[c.ID] || c.Index != i || len(c.Preferences) == 0 {
			t.Errorf("cell %s: id %s, index %d, %d preferences", c.Name(), c.ID, c.Index, len(c.Preferences))
		}
		seen[c.ID] = true
		switch c.Policy {
		case "best", "random", "single":
			if c.Preferences[0].Label != "any" || len(c.Preferences) != 1 {
				t.Errorf("%s serves %v", c.Name(), c.Preferences)
			}
		case "knn":
			if c.Encoder != "hash" || c.Seed != 0 || len(c.Preferences) != 3 || !bytes.Contains(c.Params, []byte(`"metric":"l2"`)) {
				t.Errorf("%+v", c)
			}
		}
		if c.Pool == "llamas" && !slices.Equal(c.Models, []int{0, 2}) {
			t.Errorf("pool llamas has models %v", c.Models)
		}
	}
}

// Beside every agent stands what it starts from, once for those that start alike, unless the experiment lists it or says no.
func TestUntrainedStarts(t *testing.T) {
	head := "name: x\ndata: {trace: t}\nseeds: 2\npolicies: "
	for _, c := range []struct {
		name, policies string
		want           []string // labels, but for the agents' own
	}{
		{"one agent", `[agent, best]`, []string{"agent-untrained"}},
		{"a label of its own", `[{name: agent, label: mine}]`, []string{"mine-untrained"}},
		{"agents that learn otherwise start alike", `[{name: agent, grid: {rate: [0.1, 0.2, 0.3]}}]`, []string{"agent(rate=0.1)-untrained"}},
		{"agents that start otherwise", `[agent, {name: agent, label: s, params: {mode: sequential, steps: 5}}]`, []string{"agent-untrained", "s-untrained"}},
		{"listed after it", `[agent, {name: agent, label: start, params: {steps: 0}}]`, []string{"start"}},
		{"listed before it", `[{name: agent, label: start, params: {steps: 0}}, agent]`, []string{"start"}},
		{"not wanted", `[{name: agent, untrained: false}]`, nil},
		{"wanted as ever", `[{name: agent, untrained: true}]`, []string{"agent-untrained"}},
		{"no agent", `[best]`, nil},
	} {
		cells := planOf(t, head+c.policies+"\n")
		var got []string
		ids := map[string]bool{}
		for _, cell := range cells {
			ids[cell.ID] = true
			if strings.Contains(string(cell.Params), `"steps":0`) {
				got = append(got, cell.Label)
				if !strings.Contains(string(cell.Params), `"rate":0.1`) || cell.Policy != "agent" || cell.Family != "agent" {
					t.Errorf("%s: the start is %s %s", c.name, cell.Policy, cell.Params)
				}
			}
		}
		var want []string
		for _, label := range c.want {
			want = append(want, label, label) // two seeds
		}
		if !slices.Equal(got, want) || len(ids) != len(cells) {
			t.Errorf("%s: starts %v, want %v; %d ids of %d cells", c.name, got, want, len(ids), len(cells))
		}
	}
	// Seeds of its own, some of which another agent has too: each start is there once.
	cells := planOf(t, head+`[{name: agent, seeds: [1, 2]}, {name: agent, label: b, params: {rate: 0.2}, seeds: [2, 3]}]`+"\n")
	var names []string
	for _, c := range cells[4:] {
		names = append(names, c.Name())
	}
	if want := []string{"all/agent-untrained seed 1", "all/agent-untrained seed 2", "all/b-untrained seed 3"}; !slices.Equal(names, want) {
		t.Errorf("starts %v, want %v", names, want)
	}
	// A start inherits all but its parameters, and its label is checked like any other.
	cells = planOf(t, head+`[{name: agent, timeout: 7m, label: a}]`+"\n")
	if start := cells[len(cells)-1]; start.Timeout != cells[0].Timeout || start.Seed != 2 || start.Pool != cells[0].Pool {
		t.Errorf("the start is %+v", start)
	}
	spec, _ := parse(t, head+`[{name: agent, label: a}, {name: best, label: a-untrained}]`+"\n")
	if _, err := Expand(spec, facts()); err == nil || !strings.Contains(err.Error(), `a second policy is called "a-untrained"`) {
		t.Errorf("two policies of one label give %v", err)
	}
}

// A cell's id changes with what determines its result and with nothing else.
func TestCellIDs(t *testing.T) {
	const base = "name: x\ndata: {trace: t}\npolicies: [{name: knn, params: {k: 10}}, {name: net, label: n}]\n"
	id := func(text string, change func(*Facts), sets ...string) string {
		s, _ := parse(t, text, sets...)
		f := facts()
		if change != nil {
			change(&f)
		}
		cells, err := Expand(s, f)
		if err != nil {
			t.Fatal(err)
		}
		return cells[0].ID
	}
	first := id(base, nil)
	// Written down so that an accidental change of identity, which would orphan every stored result, is seen.
	if want := "9b8a7eab40"; !strings.HasPrefix(first, want) {
		t.Errorf("id %s, want %s…: raise CellSchema and change this when identity changes on purpose", first, want)
	}
	same := map[string]string{
		"default spelled out": id(base, nil, "policies.knn.params.metric=cosine"),
		"number form":         id(base, nil, "policies.knn.params.k=1.0e1"),
		"label":               id(base, nil, "policies.knn.label=mine"),
		"other place":         id(base, nil, "data.trace=/elsewhere"),
		"name":                id(base, nil, "name=y"),
		"batch":               id(base, nil, "batch=7"),
		"timeout":             id(base, nil, "timeout=1h"),
		"stream":              id(base, nil, "stream.batch=7"),
		"plots":               id(base, nil, "plots.formats=[]"),
		"seeds":               id(base, nil, "seeds=[7, 8]"),
		"other policy":        id(base, nil, "policies.n.seeds=3"),
		"unused encoder":      id(base, func(f *Facts) { f.Encoders["minilm"] = "m2" }),
	}
	for what, got := range same {
		if got != first {
			t.Errorf("%s: the id of a cell that it does not touch changes", what)
		}
	}
	ids := map[string]string{first: "base"}
	for what, got := range map[string]string{
		"parameter": id(base, nil, "policies.knn.params.k=11"), "coverage": id(base, nil, "coverage=available"),
		"trace": id(base, func(f *Facts) { f.Trace = "other" }), "split": id(base, func(f *Facts) { f.Split = "other" }),
		"accounting": id(base, func(f *Facts) { f.Accounting = "other" }), "encoder": id(base, func(f *Facts) { f.Encoders["hash"] = "h2" }),
		"models": id(base, nil, "pools=[{name: all, models: [gpt-4]}]"), "backend": id(base, nil, "backend=xla:cpu"),
		"digest": id(base, nil, "policies.knn.plugin=./p"),
		"preferences": id(base, func(f *Facts) {
			f.Preferences = func(string, []int) ([]Labelled, error) { return []Labelled{{Label: "0"}}, nil }
		}),
		"version": id(base, func(f *Facts) {
			describe := f.Describe
			f.Describe = func(p Policy) (PolicyFacts, bool, error) {
				d, ok, err := describe(p)
				d.Version = "2"
				return d, ok, err
			}
		}),
	} {
		if other, taken := ids[got]; taken {
			t.Errorf("%s: the id is that of %s", what, other)
		}
		ids[got] = what
	}
}

// What an online policy decides depends on how it meets the prompts.
func TestTheStreamIsPartOfAnOnlineCell(t *testing.T) {
	ids := map[string]string{}
	for _, set := range []string{"stream.batch=32", "stream.batch=33", "stream.seed=2", "batch=7"} {
		ids[set] = planOf(t, "name: x\ndata: {trace: t}\npolicies: [online]\n", set)[0].ID
	}
	if ids["stream.batch=32"] != ids["batch=7"] {
		t.Error("the batch of a call, or a default spelled out, changes the id")
	}
	if ids["stream.batch=32"] == ids["stream.batch=33"] || ids["stream.batch=32"] == ids["stream.seed=2"] {
		t.Error("another batch or another order of the stream has the same id")
	}
}

func TestPlanProblems(t *testing.T) {
	for _, c := range []struct{ change, want string }{
		{"policies=[knm]", `--set policies=[knm]: policies[0]: unknown policy "knm", did you mean "knn"?`},
		{"policies=[{name: knn, params: {K: 5, metric: l3}}]", `policies[0].params.K: policy knn: parameter "K": unknown, did you mean "k"? (known: k, metric)`},
		{"policies=[{name: knn, params: {K: 5, metric: l3}}]", `policies[0].params.metric: policy knn: parameter "metric": "l3" is not one of them, did you mean "l2"? (known: cosine, l2)`},
		{"policies=[{name: knn, grid: {k: [5, 0]}}]", `policies[0].grid.k: policy knn: parameter "k": 0 is out of range, want 1 to 1000`},
		{"policies=[{name: knn, params: {k: many}}]", `parameter "k": got "many", want a whole number, 1 to 1000`},
		{"policies=[{name: best, params: {a: 1}}]", `parameter "a": unknown, there are none`},
		{"policies=[broken]", "policy broken: its parameter schema cannot be used"},
		{"policies=[leaky]", "must not refer to other files"},
		{"policies=[unstartable]", "policy unstartable: not executable"},
		{"policies=[{name: best, sha256: " + strings.Repeat("f", 64) + "}]", "is bundled with the program"},
		{"policies=[{name: best, plugin: x, sha256: " + strings.Repeat("f", 64) + "}]", "its SHA-256 is abab"},
		{"policies=[{name: knn, params: {k: 5}}, {name: knn, params: {k: 5}}]", `a second policy is called "knn(k=5)", as is policies[0]: give one of them a label`},
		{"policies=[{name: knn, label: a}, {name: knn, label: b}]", "all/b is the same as all/a"},
		{"policies=[{name: single, params: {model: gpt-5}}]", `no pool has a model "gpt-5", did you mean "gpt-4"?`},
		{"pools=[{name: p, models: [gpt-5]}]", `pools[0]: pool p: no model of the trace matches "gpt-5", did you mean "gpt-4"?`},
		{"pools=[{name: p, models: [mistral-*]}]", `matches "mistral-*"`},
		{"pools=[{name: p, exclude: ['*']}]", "pool p is empty"},
		{"pools=[{name: p, providers: [gpd]}]", `no model of the trace has provider "gpd", did you mean "gpt"?`},
		{"encoder=none", "policy knn needs prompt vectors, and the encoder is none"},
		{"metrics.baseline=knm", `metrics.baseline: no policy is called "knm", did you mean "knn"?`},
	} {
		s, _ := parse(t, "name: x\ndata: {trace: t}\npolicies: [knn, best]\n", c.change)
		cells, err := Expand(s, facts())
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %d cells, error %v, want one with %q", c.change, len(cells), err, c.want)
		}
	}
	// Every mistake at once, with its line.
	s, _ := parse(t, "name: x\ndata: {trace: t}\npools: [{name: p, models: [gpt-5]}]\npolicies:\n  - knm\n  - {name: knn, params: {k: 0}}\n")
	_, err := Expand(s, facts())
	want := `dir/x.yaml:3:10: pools[0]: pool p: no model of the trace matches "gpt-5", did you mean "gpt-4"? (known: llama-8b, gpt-4, llama-70b, meta/llama-x)
dir/x.yaml:5:5: policies[0]: unknown policy "knm", did you mean "knn"? (known: agent, best, broken, knn, leaky, net, online, random, single)
dir/x.yaml:6:29: policies[1].params.k: policy knn: parameter "k": 0 is out of range, want 1 to 1000`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

func TestOneModelAndModelOfOnePool(t *testing.T) {
	cells := planOf(t, "name: x\ndata: {trace: t}\npools: [{name: one, models: [gpt-4]}, {name: two, models: ['llama-*']}]\npolicies: [{name: single, params: {model: gpt-4}}, best]\n")
	if got, want := cellNames(cells), []string{"one/single", "one/best", "two/best"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestSeveralEncoders(t *testing.T) {
	cells := planOf(t, "name: x\ndata: {trace: t}\nencoder: [hash, {name: minilm, precomputed: v.parquet}]\npolicies: [knn, best]\n")
	if got, want := cellNames(cells), []string{"all/knn@hash", "all/knn@minilm", "all/best"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestPreferences(t *testing.T) {
	scale := Scale{policy.Cost: MinMax{1e-5, 1e-3}, policy.Carbon: MinMax{math.NaN(), math.NaN()}, policy.Latency: MinMax{0, 0}}
	auto := Preferences{Lambda: [policy.NumQuantities]*Sweep{policy.Cost: {Auto: 3}, policy.Carbon: {Auto: 3}, policy.Latency: {Values: []float64{0, 2, 2, 1}}}}
	got, err := auto.Expand(scale)
	if err != nil {
		t.Fatal(err)
	}
	want := []Labelled{
		{Label: "0"}, {"c01", policy.Preference{policy.Cost: 10}}, {"c02", policy.Preference{policy.Cost: 1732}}, {"c03", policy.Preference{policy.Cost: 3e5}},
		{"l01", policy.Preference{policy.Latency: 2}}, {"l03", policy.Preference{policy.Latency: 1}},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	grid := Preferences{Lambda: [policy.NumQuantities]*Sweep{policy.Cost: {Log: &Span{1, 100, 3}}, policy.Carbon: {Linear: &Span{0, 4, 3}}}, Grid: true}
	if got, err = grid.Expand(Scale{}); err != nil || len(got) != 12 || got[5].Label != "c01g02" || got[5].Preference[policy.Cost] != 1 || got[5].Preference[policy.Carbon] != 4 {
		t.Errorf("grid gave %d %v, %v", len(got), got, err)
	}
}

// Cells are called what they were before water could be weighed.
func TestWeightsOfOldCells(t *testing.T) {
	for want, p := range map[string]policy.Preference{
		"[0 0 0]": {}, "[1 0 2]": {policy.Cost: 1, policy.Latency: 2}, "[0 0 0 3]": {policy.Water: 3},
	} {
		if got := fmt.Sprint(Labelled{Preference: p}.weights()); got != want {
			t.Errorf("%v: %s, want %s", p, got, want)
		}
	}
}

func TestPreferencesProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		least := rapid.Float64Range(1e-9, 1).Draw(t, "min")
		scale := MinMax{least, least * rapid.Float64Range(1, 1e4).Draw(t, "ratio")}
		n := rapid.IntRange(1, 150).Draw(t, "n")
		got, err := Preferences{Lambda: [policy.NumQuantities]*Sweep{policy.Cost: {Auto: n}}}.Expand(Scale{policy.Cost: scale})
		if err != nil {
			t.Fatal(err)
		}
		labels := map[string]bool{}
		for i, l := range got {
			if labels[l.Label] {
				t.Fatalf("label %s is there twice", l.Label)
			}
			labels[l.Label] = true
			if i > 0 && !(l.Preference[policy.Cost] > got[i-1].Preference[policy.Cost]) {
				t.Fatalf("%v does not rise", got)
			}
		}
		if n > 1 {
			first, last := got[1].Preference[policy.Cost]*scale.Max, got[len(got)-1].Preference[policy.Cost]*scale.Min
			if first < 0.0099 || first > 0.0101 || last < 2.99 || last > 3.01 {
				t.Fatalf("the sweep covers %v to %v, want 0.01 to 3", first, last)
			}
		}
	})
}

// The canonical form of a value does not depend on how the value was written.
func TestCanonicalIsStable(t *testing.T) {
	leaf := rapid.OneOf(
		rapid.Just[any](nil), rapid.Map(rapid.Bool(), func(b bool) any { return b }), rapid.Map(rapid.String(), func(s string) any { return s }),
		rapid.Map(rapid.Int64(), func(i int64) any { return i }), rapid.Map(rapid.Float64Range(-1e300, 1e300), func(x float64) any { return x }),
	)
	value := rapid.Custom(func(t *rapid.T) any {
		m := map[string]any{}
		for _, k := range rapid.SliceOfN(rapid.StringN(0, 4, -1), 0, 6).Draw(t, "keys") {
			m[k] = rapid.SliceOfN(leaf, 0, 4).Draw(t, "values")
		}
		return m
	})
	rapid.Check(t, func(t *rapid.T) {
		v := value.Draw(t, "value")
		a, err := canonical(v)
		if err != nil {
			t.Fatal(err)
		}
		spaced, err := json.MarshalIndent(v, " ", "\t")
		if err != nil {
			t.Fatal(err)
		}
		b, err := canonicalText(spaced)
		if err != nil || !bytes.Equal(a, b) {
			t.Fatalf("%s and %s, %v", a, b, err)
		}
		if again, err := canonicalText(a); err != nil || !bytes.Equal(a, again) {
			t.Fatalf("canonical form of %s is %s, %v", a, again, err)
		}
	})
	for in, want := range map[string]string{
		`{"b":1.0,"a":1e1}`: `{"a":10,"b":1}`, `18446744073709551615`: `18446744073709551615`, `0.10`: `0.1`, `"<&>"`: `"<&>"`, `{} 1`: "",
	} {
		got, err := canonicalText([]byte(in))
		if (err != nil) != (want == "") || want != "" && string(got) != want {
			t.Errorf("canonical form of %s is %s, %v; want %s", in, got, err, want)
		}
	}
}

func TestRunID(t *testing.T) {
	const text = "name: x\ndata: {trace: t}\npolicies: [knn, best]\n"
	id := func(inputs map[string]string, sets ...string) string {
		s, _ := parse(t, text, sets...)
		cells, err := Expand(s, facts())
		if err != nil {
			t.Fatal(err)
		}
		id, err := RunID(s, cells, inputs)
		if err != nil || len(id) != 12 {
			t.Fatalf("%q %v", id, err)
		}
		return id
	}
	first := id(nil)
	for _, same := range []string{"data.trace=/other", "description=d", "plots.formats=[png]", "batch=1", "timeout=1s"} {
		if id(nil, same) != first {
			t.Errorf("--set %s starts another run", same)
		}
	}
	for _, other := range []string{"policies=[best]", "metrics.resamples=100", "policies.knn.params.k=3", "policies.knn.label=z"} {
		if id(nil, other) == first {
			t.Errorf("--set %s does not start another run", other)
		}
	}
	if id(map[string]string{"prompts": "abc"}) == first {
		t.Error("another input does not start another run")
	}
}

func TestGlob(t *testing.T) {
	for _, c := range []struct {
		glob, id string
		want     bool
	}{
		{"a", "a", true}, {"a", "ab", false}, {"*", "meta/x", true}, {"a?c", "abc", true}, {"a?c", "ac", false}, {"llama-3.1*", "llama-3x1", false}, {"*/x", "meta/x", true},
	} {
		if got := matcher(c.glob)(c.id); got != c.want {
			t.Errorf("%q matches %q: %v", c.glob, c.id, got)
		}
	}
}
