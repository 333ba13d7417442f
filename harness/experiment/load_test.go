package experiment

import (
	"bytes"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/trilemma-bench/trilemma/harness/encode"
	"github.com/trilemma-bench/trilemma/harness/synth"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

var update = flag.Bool("update", false, "rewrite golden files")

func noEnv(string) (string, bool) { return "", false }

func parse(t testing.TB, text string, sets ...string) (*Spec, []Notice) {
	t.Helper()
	s, notices, err := Parse([]byte(text), "dir/x.yaml", sets, noEnv)
	if err != nil {
		t.Fatalf("%v\nin\n%s", err, text)
	}
	return s, notices
}

const minimal = "name: x\ndata: {trace: t}\npolicies: [random]\n"

func TestProblems(t *testing.T) {
	const golden = "testdata/problems.txtar"
	archive, err := txtar.ParseFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	part := map[string]string{}
	var cases []string
	for _, f := range archive.Files {
		part[f.Name] = string(f.Data)
		if name, ok := strings.CutSuffix(f.Name, "/file"); ok {
			cases = append(cases, name)
		}
	}
	out := &txtar.Archive{Comment: archive.Comment}
	for _, name := range cases {
		var sets []string
		if s := strings.TrimRight(part[name+"/set"], "\n"); s != "" {
			sets = strings.Split(s, "\n")
		}
		_, _, err := Parse([]byte(part[name+"/file"]), "x.yaml", sets, noEnv)
		got := "no error\n"
		if err != nil {
			got = err.Error() + "\n"
		}
		if want := part[name+"/want"]; got != want && !*update {
			t.Errorf("%s: got\n%swant\n%s", name, got, want)
		}
		for _, suffix := range []string{"/file", "/set", "/want"} {
			data := part[name+suffix]
			if suffix == "/want" {
				data = got
			}
			if data != "" || suffix == "/file" {
				out.Files = append(out.Files, txtar.File{Name: name + suffix, Data: []byte(data)})
			}
		}
	}
	if *update {
		if err := os.WriteFile(golden, txtar.Format(out), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestDefaults(t *testing.T) {
	s, notices := parse(t, minimal)
	if len(notices) > 0 {
		t.Errorf("notices %v", notices)
	}
	hash := encode.DefaultHash()
	want := &Spec{
		Name: "x", Coverage: "complete", Backend: "go", Batch: 1024, Timeout: Duration(30 * time.Minute), Seeds: Seeds{1},
		Data:        Data{Trace: filepath.Join("dir", "t"), Split: Split{"hash", 0.6, 0.1, 0.1, 0.2, 1, 0.8}},
		Pools:       Pools{{Name: "all"}},
		Encoders:    Encoders{{Name: "hash", Label: "hash", Hash: &hash}},
		Policies:    Policies{{Name: "random"}},
		Preferences: Preferences{Lambda: [policy.NumQuantities]*Sweep{policy.Cost: {Auto: 24}, policy.Carbon: {Auto: 12}}},
		Metrics:     Metrics{"best-single", 10000, 1, 0.01, "category"},
		Plots:       Plots{Formats: []string{"png", "svg", "pdf"}, LogCost: "auto", Style: "screen"},
		Stream:      Stream{Batch: 32, Seed: 1},
		Accounting:  Accounting{PUE: 1.2, BatchSize: 64, QuantisationBits: 16, Prefill: true, PrefillUtilisation: 0.4},
		File:        "dir/x.yaml",
	}
	ignore := cmp.FilterPath(func(p cmp.Path) bool { return p.String() == "root" || strings.HasSuffix(p.String(), "beside") }, cmp.Ignore())
	if diff := cmp.Diff(want, s, ignore, cmp.AllowUnexported(Spec{}, Encoder{})); diff != "" {
		t.Error(diff)
	}
}

func TestEverythingIsRead(t *testing.T) {
	s, _ := parse(t, `
name: whole
description: all keys
data:
  synth: &world {prompts: 100, seed: 18446744073709551615, missing_rate: 1e-2}
  split: {method: stratified, train: 0.5, near_duplicates: off, seed: 0x10}
pools:
  small: [a, "b*"]
  open: {open_weights: true, exclude: [c], providers: [p]}
coverage: available
encoder:
  - {name: hash, dim: 64, projection: random, label: h64}
  - {name: minilm, precomputed: v.parquet}
  - embedding
policies:
  - random
  - {name: knn, label: near, params: {k: 10}, seeds: 2, timeout: 90}
  - name: predict
    grid: {hidden: [32, 64], kind: [linear, mlp]}
    plugin: ./p
    sha256: `+strings.Repeat("aB", 32)+`
    timeout: 1m30s
preferences:
  lambda_cost: {log: [1, 100, 3]}
  lambda_carbon: {linear: [0, 4, 3]}
  lambda_latency: [0.5, 1e-3]
  lambda_water: 2
  grid: true
seeds: [3, 5]
metrics: {baseline: near, resamples: 500, seed: 9, strata: none}
plots: {formats: [], log_cost: true}
accounting: {zone: FRA, ignore_regions: true, pue: 1.1, batch_size: 8, quantisation_bits: 8, prefill: false}
backend: xla:cpu
timeout: 2h
batch: 16
`)
	if s.Data.Synth.Prompts != 100 || s.Data.Synth.Models != synth.Default().Models || s.Data.Synth.Seed != 1<<64-1 || s.Data.Synth.MissingRate != 0.01 {
		t.Errorf("synth %+v", s.Data.Synth)
	}
	if got, want := s.Data.Split, (Split{"stratified", 0.5, 0.125, 0.125, 0.25, 16, 0}); got != want {
		t.Errorf("split %+v, want %+v: what is left is shared as usual", got, want)
	}
	if s.Data.Split.Trace().NearDuplicates != -1 {
		t.Error("near_duplicates: off does not reach the trace")
	}
	yes := true
	if diff := cmp.Diff(Pools{{Name: "small", Models: []string{"a", "b*"}}, {Name: "open", OpenWeights: &yes, Exclude: []string{"c"}, Providers: []string{"p"}}}, s.Pools); diff != "" {
		t.Error(diff)
	}
	if e := s.Encoders; len(e) != 3 || e[0].Hash.Dim != 64 || e[0].Label != "h64" || e[1].Kind() != FileVectors || e[2].Kind() != ColumnVectors {
		t.Errorf("encoders %+v", e)
	}
	p := s.Policies
	if string(p[1].Params) != `{"k":10}` || len(p[1].Seeds) != 2 || p[1].Timeout.Std() != 90*time.Second {
		t.Errorf("policy %+v", p[1])
	}
	if p[2].Plugin != filepath.Join("dir", "p") || p[2].SHA256 != strings.Repeat("ab", 32) || p[2].Timeout.Std() != 90*time.Second {
		t.Errorf("policy %+v", p[2])
	}
	if g, err := p[2].Grid.MarshalJSON(); err != nil || string(g) != `{"hidden":[32,64],"kind":["linear","mlp"]}` {
		t.Errorf("grid %s %v", g, err)
	}
	a, err := s.Accounting.Billing()
	if err != nil || a.GridGPerKWh <= 0 || a.GridGPerKWh > 100 || !a.IgnoreRegions || a.Energy.PUE != 1.1 || a.Energy.Prefill.On {
		t.Errorf("accounting %+v, %v", a, err)
	}
	if l := s.Preferences.Lambda; l[policy.Cost].Log.N != 3 || l[policy.Carbon].Linear.To != 4 || len(l[policy.Latency].Values) != 2 || l[policy.Water].Values[0] != 2 || l[policy.Energy] != nil {
		t.Errorf("sweeps %+v", l)
	}
	if s.Plots.LogCost != "true" || len(s.Plots.Formats) != 0 || s.Metrics.Strata != "none" || s.Batch != 16 || s.Backend != "xla:cpu" {
		t.Errorf("got %+v", s)
	}
}

func TestAnchorsAndMergeKeys(t *testing.T) {
	s, _ := parse(t, `
name: x
data: {trace: t}
policies:
  - &p {name: knn, label: one, params: &params {k: 5}}
  - {<<: *p, label: two}
  - {name: knn, label: three, params: *params}
`, "policies.two.params.k=7")
	for i, want := range []string{`{"k":5}`, `{"k":7}`, `{"k":5}`} {
		if got := string(s.Policies[i].Params); got != want {
			t.Errorf("policy %d has %s, want %s", i, got, want)
		}
	}
	// Aliases of aliases must not fill the memory.
	bomb := "name: &a [x,x,x,x,x,x,x,x,x,x]\n"
	for c := byte('b'); c < 'k'; c++ {
		bomb += string(c) + ": &" + string(c) + " [" + strings.TrimSuffix(strings.Repeat("*"+string(c-1)+",", 10), ",") + "]\n"
	}
	if _, _, err := Parse([]byte(bomb), "x.yaml", nil, noEnv); err == nil || !strings.Contains(err.Error(), "too many") {
		t.Errorf("alias bomb: %v", err)
	}
	deep := "name: " + strings.Repeat("[", 5000)
	if _, _, err := Parse([]byte(deep), "x.yaml", nil, noEnv); err == nil {
		t.Error("deep nesting gave no error")
	}
}

func TestSetOverridesAnything(t *testing.T) {
	file := `
name: x
data: {trace: t, split: {train: 0.6, validation: 0.2, test: 0.2}}
encoder: hash
policies: [random, knn, {name: predict, label: "my.net"}]
`
	s, notices := parse(t, file,
		"policies.knn.params.k=5", "policies[2].grid.hidden=[8, 16]", `policies."my.net".params={members: 2}`,
		"encoder.dim=64", "coverage=available", "seeds=3", "data.split.train=0.5", "data.split.validation=0.3",
		`name="123"`, "preferences.lambda_cost={log: [1, 10, 2]}", "pools=[{name: p, models: [a]}]", "pools.p.open_weights=false", "timeout=null",
	)
	if len(notices) > 0 {
		t.Errorf("notices %v", notices)
	}
	if string(s.Policies[1].Params) != `{"k":5}` || string(s.Policies[2].Params) != `{"members":2}` || len(s.Policies[2].Grid[0].Values) != 2 {
		t.Errorf("policies %+v", s.Policies)
	}
	if s.Encoders[0].Hash.Dim != 64 || s.Coverage != "available" || len(s.Seeds) != 3 || s.Data.Split.Train != 0.5 || s.Name != "123" {
		t.Errorf("got %+v", s)
	}
	if s.Preferences.Lambda[policy.Cost].Log.N != 2 || s.Preferences.Lambda[policy.Carbon] != nil || *s.Pools[0].OpenWeights || s.Timeout.Std() != 30*time.Minute {
		t.Errorf("got %+v", s)
	}
}

func TestSelectionShare(t *testing.T) {
	for _, tc := range []struct {
		split string
		want  [4]float64 // train, validation, selection, test
	}{
		{"{}", [4]float64{0.6, 0.1, 0.1, 0.2}},
		{"{validation: 0}", [4]float64{0.75, 0, 0, 0.25}},
		{"{selection: 0.2}", [4]float64{0.48, 0.16, 0.2, 0.16}},
		{"{train: 0.6, validation: 0, selection: 0.2}", [4]float64{0.6, 0, 0.2, 0.2}},
		{"{train: 0.5, validation: 0.2, selection: 0, test: 0.3}", [4]float64{0.5, 0.2, 0, 0.3}},
		{"{train: 0.5, validation: 0.1, selection: 0.1, test: 0.3}", [4]float64{0.5, 0.1, 0.1, 0.3}},
	} {
		s, _ := parse(t, "name: x\ndata: {trace: t, split: "+tc.split+"}\npolicies: [random]\n")
		sp := s.Data.Split
		if got := [4]float64{sp.Train, sp.Validation, sp.Selection, sp.Test}; got != tc.want {
			t.Errorf("%s: %v, want %v", tc.split, got, tc.want)
		}
		// What a manifest says of the split gives the same one again.
		again, _ := parse(t, fmt.Sprintf("name: x\ndata: {trace: t, split: {train: %v, validation: %v, selection: %v, test: %v}}\npolicies: [random]\n",
			sp.Train, sp.Validation, sp.Selection, sp.Test))
		if again.Data.Split != sp {
			t.Errorf("%s: %+v, read again %+v", tc.split, sp, again.Data.Split)
		}
	}
	// A test trace of its own: what is said of the train trace's parts is kept in proportion.
	s, _ := parse(t, "name: x\ndata: {trace: t, split: {train: 0.6, validation: 0.05, selection: 0.15, test: 0.2}}\npolicies: [random]\n", "data.train=a", "data.test=b")
	if sp := s.Data.Split; sp.Train != 0.75 || sp.Validation != 0.0625 || sp.Selection != 0.1875 || sp.Test != 0 {
		t.Errorf("beside a test trace: %+v", sp)
	}
}

func TestSetReplacesTheSourceOfData(t *testing.T) {
	file := "name: x\ndata: {trace: t, split: {train: 0.6, validation: 0.2, test: 0.2}}\npolicies: [random]\n"
	s, notices := parse(t, file, "data.train=a", "data.test=/b/")
	if s.Data.Trace != "" || s.Data.Train != "a" || s.Data.Test != "/b" {
		t.Errorf("data %+v, want train from the working directory and test", s.Data)
	}
	if sp := s.Data.Split; sp.Train != 0.75 || sp.Validation != 0.125 || sp.Selection != 0.125 || sp.Test != 0 {
		t.Errorf("split %+v, want 0.75 : 0.125 : 0.125", sp)
	}
	if len(notices) != 2 || notices[0].String() != "data.trace: replaced by data.train and data.test from --set" || notices[1].Path != "data.split" {
		t.Errorf("notices %v", notices)
	}
	// And the reverse.
	s, notices = parse(t, "name: x\ndata: {train: a, test: b, split: {validation: 0.1}}\npolicies: [random]\n", "data.trace=c")
	if s.Data.Train != "" || s.Data.Test != "" || s.Data.Trace != "c" || len(notices) != 2 {
		t.Errorf("data %+v, notices %v", s.Data, notices)
	}
	if sp := s.Data.Split; sp.Train != 0.675 || sp.Validation != 0.05 || sp.Selection != 0.05 || sp.Test != 0.225 {
		t.Errorf("split %+v", sp)
	}
	s, _ = parse(t, "name: x\ndata: {train: a, test: b, split: {validation: 0.1}}\npolicies: [random]\n")
	if sp := s.Data.Split; sp.Train != 0.9 || sp.Validation != 0.05 || sp.Selection != 0.05 || sp.Test != 0 {
		t.Errorf("split %+v", sp)
	}
	s, _ = parse(t, "name: x\ndata: {synth: {prompts: 50}}\npolicies: [random]\n", "data.train=a", "data.test=b")
	if s.Data.Synth != nil || s.Data.Test != "b" {
		t.Errorf("data %+v", s.Data)
	}
	s, _ = parse(t, file, "data.synth.prompts=70")
	if s.Data.Trace != "" || s.Data.Synth.Prompts != 70 {
		t.Errorf("data %+v", s.Data)
	}
}

func TestPathsAndVariables(t *testing.T) {
	env := func(name string) (string, bool) {
		v, ok := map[string]string{"DATA": "/abs", "REL": "rel", "EMPTY": ""}[name]
		return v, ok
	}
	for in, want := range map[string]string{
		"t": "dir/t", "../t": "t", "/t": "/t", "${DATA}/t": "/abs/t", "${NONE:-../d}/t": "d/t", "${EMPTY:-e}/t": "dir/e/t",
		"${REL}/t": "rel/t", "a/${REL}": "dir/a/rel", "${REL:-x}": "rel",
	} {
		s, _, err := Parse([]byte("name: x\ndata: {trace: \""+in+"\"}\npolicies: [random]\n"), "dir/x.yaml", nil, env)
		if err != nil || s.Data.Trace != filepath.FromSlash(want) {
			t.Errorf("%s gave %+v, %v; want %s", in, s, err, want)
		}
	}
}

func TestLocate(t *testing.T) {
	root := t.TempDir()
	for _, name := range []string{"trace/v.parquet", "beside.parquet", "x.yaml"} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("name: x\ndata: {trace: trace}\npolicies: [random]\nencoder: [{precomputed: v.parquet}, {precomputed: beside.parquet}, {precomputed: nowhere.parquet}]\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s, _, err := Load(filepath.Join(root, "x.yaml"), nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"trace/v.parquet", "beside.parquet"} {
		if got, err := s.Encoders[i].Locate(s.Data.Trace); err != nil || got != filepath.Join(root, want) {
			t.Errorf("got %s, %v, want %s", got, err, want)
		}
	}
	if _, err := s.Encoders[2].Locate(s.Data.Trace); err == nil || !strings.Contains(err.Error(), "encoder=hash") {
		t.Errorf("missing vectors: %v", err)
	}
	if _, _, err := Load(filepath.Join(root, "y.yaml"), nil); err == nil || !strings.Contains(err.Error(), "experiments/quickstart.yaml") {
		t.Errorf("missing file: %v", err)
	}
}

func TestSuggest(t *testing.T) {
	for name, want := range map[string]string{"polices": `"policies"`, "dtaa": `"data"`, "Coverage": `"coverage"`, "zzz": "known:"} {
		if got := suggest(name, []string{"policies", "data", "coverage"}); !strings.Contains(got, want) {
			t.Errorf("suggest(%q) = %q, want %s", name, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, name := range []string{"quickstart", "mmlu-pro"} {
		data, err := os.ReadFile("../../experiments/" + name + ".yaml")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, "policies.knn.params.k=5")
	}
	archive, err := txtar.ParseFile("testdata/problems.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, part := range archive.Files {
		if strings.HasSuffix(part.Name, "/file") {
			f.Add(part.Data, "data.train=x")
		}
	}
	f.Add([]byte(minimal), `a."b`)
	f.Add([]byte(minimal), "policies[0].grid={k: [1, 2]}")
	f.Fuzz(func(t *testing.T, data []byte, set string) {
		for _, sets := range [][]string{nil, {set}} {
			s, _, err := Parse(data, "x.yaml", sets, noEnv)
			if err != nil {
				if err.Error() == "" {
					t.Error("an error without a message")
				}
				continue
			}
			// What is accepted has one canonical form, and can be swept.
			a, err := s.Canonical()
			if err != nil {
				t.Fatal(err)
			}
			if b, err := canonicalText(a); err != nil || !bytes.Equal(a, b) {
				t.Errorf("canonical form changes when read again: %s, %s, %v", a, b, err)
			}
			if _, err := s.Preferences.Expand(Scale{policy.Cost: MinMax{1, 2}, policy.Carbon: MinMax{1, 2}}); err != nil {
				t.Error(err)
			}
		}
	})
}

func FuzzSetPath(f *testing.F) {
	for _, s := range []string{"a.b", "a[0].b", `a."x.y"[3]`, "", ".", "[0]", "a[", `"`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		steps, err := parsePath(s)
		if err == nil && len(steps) == 0 {
			t.Errorf("%q is a path without steps", s)
		}
	})
}

func TestModelEncoders(t *testing.T) {
	s, _ := parse(t, `
name: x
data: {synth: {}}
policies: [knn]
encoder:
  - hash
  - minilm
  - {name: minilm, label: cls, pooling: cls, normalise: false, max_tokens: 64}
  - {name: bge, model: ./models/bge}
  - {name: again, model: minilm}
  - {model: /abs/e5}
`)
	want := []string{"", "minilm", "minilm", filepath.Join("dir", "models", "bge"), "minilm", "/abs/e5"}
	for i, e := range s.Encoders {
		if kind := e.Kind(); (kind == ModelVectors) != (i > 0) || e.Model != want[i] {
			t.Errorf("encoder %d: %s %+v, want model %q", i, kind, e, want[i])
		}
	}
	if p := s.Encoders[2].ModelParams(); p.Pooling != "cls" || *p.Normalise || p.MaxTokens != 64 || s.Encoders[5].Label != "e5" {
		t.Errorf("%+v", s.Encoders)
	}
}

func TestCalibratedAccounting(t *testing.T) {
	dir := t.TempDir()
	card := filepath.Join(dir, "card.yaml")
	if err := os.WriteFile(card, []byte("fits: [{hardware: X9, level: 0.5, sd_left_out: 0.2}]"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		acc  Accounting
		sd   float64
		want string
	}{
		{acc: Accounting{Energy: "calibrated"}, sd: 0.5},
		{acc: Accounting{Energy: "calibrated", Hardware: "x9", EnergyCard: card}, sd: 0.2},
		{acc: Accounting{Energy: "calibrated", EnergyCard: card}, want: `no calibration for hardware "H100": want one of X9`},
		{acc: Accounting{EnergyCard: card}, want: "not for energy: regression"},
		{acc: Accounting{Energy: "calibrated", EnergyCard: filepath.Join(dir, "none.yaml")}, want: "none.yaml"},
	} {
		c.acc.PUE, c.acc.BatchSize, c.acc.QuantisationBits = 1.2, 64, 16
		got, err := c.acc.Billing()
		if c.want != "" {
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%+v: %v, want an error with %q", c.acc, err, c.want)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if sd, _, err := got.Method.ErrorSD(); err != nil || math.Abs(sd-c.sd) > 0.005 {
			t.Errorf("%+v: sd %v, %v, want %v", c.acc, sd, err, c.sd)
		}
	}
}

// What stood beside a simulated trace is of its world: it does not go on with a trace that --set puts in its place, unless it is
// set with it.
func TestASimulatedWorldGoesWhole(t *testing.T) {
	grid := filepath.Join(t.TempDir(), "grid.csv")
	if err := os.WriteFile(grid, []byte("datetime,zone,gco2e_per_kwh\n2024-06-01T00:00:00Z,ESP,190\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	text := "name: x\ndata:\n  synth: {prompts: 100}\n  arrivals: {from: \"2024-06-01T00:00:00Z\", span: 48h, replace: true}\n" +
		"  regions: [{models: [summit-400b], zones: [ESP]}]\npolicies: [random]\naccounting: {hourly: " + grid + "}\n"
	parse := func(sets ...string) *Spec {
		t.Helper()
		spec, _, err := Parse([]byte(text), "x.yaml", sets, func(string) (string, bool) { return "", false })
		if err != nil {
			t.Fatal(err)
		}
		return spec
	}
	if spec := parse(); spec.Data.Arrivals == nil || len(spec.Data.Regions) != 1 || spec.Accounting.Hourly == "" {
		t.Errorf("the simulated world lacks something: %+v", spec.Data)
	}
	if spec := parse("data.trace=mine"); spec.Data.Arrivals != nil || len(spec.Data.Regions) != 0 || spec.Accounting.Hourly != "" {
		t.Errorf("of the simulated world is left: %+v, hourly %q", spec.Data, spec.Accounting.Hourly)
	}
	if spec := parse("data.train=mine", "data.test=yours", "accounting.hourly="+grid); spec.Data.Regions != nil || spec.Accounting.Hourly != grid {
		t.Errorf("what was set is gone: %+v, hourly %q", spec.Data, spec.Accounting.Hourly)
	}
}
