package exporter

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/trilemma-bench/trilemma/harness/importer/formats"
	"github.com/trilemma-bench/trilemma/harness/trace"
	"github.com/trilemma-bench/trilemma/harness/trace/file"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// awkward is a trace with everything that a format can stumble over.
func awkward(t *testing.T) string {
	t.Helper()
	ps := trace.Prompts{
		ID:        []string{"sums/1", "q,\"2\"", "[3]"},
		Text:      []string{"2 + 2?\n\tA. it's\r\nB. \\n", "['a', 'b']", "\x01 é 😀 \u0085"},
		Benchmark: []string{"sums", "sums", "talk"}, Category: []string{"easy", "", "small talk"}, Source: []string{"own", "", "own"},
		Reference: []string{"A", "", "yes"}, ArrivedAt: []time.Time{time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), {}, time.Date(2026, 1, 2, 3, 4, 5, 250e6, time.UTC)},
	}
	tr := trace.NewTrace([]policy.Model{policy.NewModel("org/a"), policy.NewModel("b|c")}, ps)
	o := &tr.Outcomes
	for _, q := range []policy.Quantity{policy.Cost, policy.Latency, policy.Energy} {
		o.Logged[q] = trace.NewMatrix(6)
	}
	o.CachedInputTokens = trace.NewMatrix(6)
	o.Answer, o.AnswerText = make([]uint32, 6), []string{"", "A", "B"}
	put := func(p, m int, score, in, out, cost, latency, energy float64, answer uint32) {
		at := o.At(p, m)
		o.Present.Set(at)
		o.Logged[policy.Quality][at], o.InputTokens[at], o.OutputTokens[at] = float32(score), float32(in), float32(out)
		o.Logged[policy.Cost][at], o.Logged[policy.Latency][at], o.Logged[policy.Energy][at] = float32(cost), float32(latency), float32(energy)
		o.Answer[at] = answer
	}
	nan := math.NaN()
	put(0, 0, 1, 12, 3, 1.25e-7, 0.3, nan, 1)
	put(0, 1, 1, 12, 3, 1.2e-7, nan, 0.01, 1)
	put(1, 0, 0.3333333, nan, 3, nan, 0.25, nan, 0)
	put(2, 1, 0, 7.5, 3, 0, 12.5, nan, 2)
	o.CachedInputTokens[0] = 8
	dir := filepath.Join(t.TempDir(), "awkward")
	said := map[[2]int]string{{0, 0}: "It's \"A\".\n", {0, 1}: "A", {2, 1}: "[\"x\"]\\"}
	if err := file.Write(dir, tr, func(p, m int) string { return said[[2]int{p, m}] }); err != nil {
		t.Fatal(err)
	}
	return dir
}

// rows are the outcomes of a trace as text, by prompt and model, with the columns that a format keeps.
func rows(t *testing.T, dir string, columns ...string) map[string]map[string]string {
	t.Helper()
	tr, err := file.Open(context.Background(), dir)
	if err != nil {
		t.Fatal(err)
	}
	said, err := file.Responses(context.Background(), tr, nil)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]map[string]string{}
	for p, id := range tr.Prompts.ID {
		for m, model := range tr.Models {
			at := tr.Outcomes.At(p, m)
			if !tr.Outcomes.Present.Has(at) {
				continue
			}
			row := map[string]string{}
			put := func(name, value string) {
				for _, c := range columns {
					if c == name && value != "" {
						row[name] = value
					}
				}
			}
			for _, c := range trace.Texts {
				put(c.Name, column(*c.Column(&tr.Prompts), p))
			}
			for q := range trace.Figures {
				if x, ok := figure(*trace.Figures[q].Matrix(&tr.Outcomes), at); ok {
					put(trace.Figures[q].Name, decimal(x))
				}
			}
			put("response", said[at])
			if a := tr.Outcomes.Answer; a != nil {
				put("answer", tr.Outcomes.AnswerText[a[at]])
			}
			if ps := tr.Prompts; ps.ArrivedAt != nil && !ps.ArrivedAt[p].IsZero() {
				put("arrived_at", ps.ArrivedAt[p].UTC().Format(time.RFC3339Nano))
			}
			out[id+" "+model.ID] = row
		}
	}
	return out
}

// imported are the outcomes of a file as the format of that name maps them, in the same form.
func imported(t *testing.T, format, path string) map[string]map[string]string {
	t.Helper()
	_, program, err := formats.Load(format)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]map[string]string{}
	each(t, format, text, func(record any) {
		pieces, err := program.Map(context.Background(), record, formats.Place{Path: "x"})
		if err != nil {
			t.Fatal(err)
		}
		for _, piece := range pieces {
			row := map[string]string{}
			for _, kind := range []string{"prompt", "outcome"} {
				for name, v := range piece[kind].(map[string]any) {
					switch v := v.(type) {
					case string:
						if v != "" {
							row[name] = v
						}
					default:
						x, err := json.Marshal(v)
						if err != nil {
							t.Fatal(err)
						}
						var f float32
						if err := json.Unmarshal(x, &f); err != nil {
							t.Fatal(err)
						}
						row[name] = decimal(f)
					}
				}
			}
			key := row["prompt_id"] + " " + row["model_id"]
			delete(row, "model_id")
			if out[key] != nil {
				t.Errorf("%s stands there twice", key)
			}
			out[key] = row
		}
	})
	return out
}

func each(t *testing.T, format string, text []byte, fn func(any)) {
	t.Helper()
	if format == "routerbench" {
		table, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range table[1:] {
			record := map[string]any{}
			for i, h := range table[0] {
				record[h] = row[i]
			}
			fn(record)
		}
		return
	}
	for d := json.NewDecoder(bytes.NewReader(text)); ; {
		d.UseNumber()
		var v any
		if err := d.Decode(&v); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
		fn(v)
	}
}

// What is exported and imported again is what there was, in every column that the format has.
func TestRoundTrip(t *testing.T) {
	dir := awkward(t)
	for format, columns := range map[string][]string{
		"routerbench": {"prompt_id", "prompt", "score", "cost_usd", "response"},
		"every-eval-ever": {"prompt_id", "benchmark", "category", "source", "prompt", "reference", "arrived_at", "response", "answer", "score",
			"input_tokens", "output_tokens", "cached_input_tokens", "cost_usd", "energy_wh", "latency_s"},
	} {
		path := filepath.Join(t.TempDir(), "out")
		left, err := Write(context.Background(), dir, format, path)
		if err != nil {
			t.Fatal(err)
		}
		got, want := imported(t, format, path), rows(t, dir, columns...)
		for _, row := range got {
			if format == "routerbench" {
				delete(row, "benchmark") // its only name of a benchmark is eval_name
				delete(row, "category")
			}
		}
		if d := cmp.Diff(want, got); d != "" || left.Outcomes != len(want) {
			t.Errorf("%s, %+v: (-want +got)\n%s", format, left, d)
		}
	}
}

func TestRouterBenchTable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.csv")
	left, err := Write(context.Background(), awkward(t), "routerbench", path)
	if err != nil || left.NoCost != 1 {
		t.Fatalf("%+v, %v", left, err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	table, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	want := [][]string{
		{"sample_id", "prompt", "eval_name", "org/a", "b|c", "org/a|model_response", "b|c|model_response", "org/a|total_cost", "b|c|total_cost", "oracle_model_to_route_to"},
		{"sums/1", `['2 + 2?\n\tA. it\'s\r\nB. \\n']`, "easy", "1", "1", `['It\'s "A".\n']`, `['A']`, "1.25e-07", "1.2e-07", "b|c"},
		{`q,"2"`, `['[\'a\', \'b\']']`, "sums", "0.3333333", "", "", "", "", "", "org/a"},
		{"[3]", `['\x01 é 😀 \x85']`, "small talk", "", "0", "", `['["x"]\\']`, "", "0", "no_model_correct"},
	}
	if d := cmp.Diff(want, table); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

// schema compiles the schema of Every Eval Ever that lies beside the repository.
func schema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	path := filepath.Join("..", "..", "..", "shared", "data", "raw", "every-eval-ever", "instance_level_eval.schema.json")
	if _, err := os.Stat(path); err != nil {
		t.Skip("the schema of Every Eval Ever is absent")
	}
	s, err := jsonschema.NewCompiler().Compile(path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestEveryEvalEverKeepsItsSchema(t *testing.T) {
	s, path := schema(t), filepath.Join(t.TempDir(), "out.jsonl")
	if _, err := Write(context.Background(), awkward(t), "every-eval-ever", path); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	each(t, "every-eval-ever", text, func(v any) {
		n++
		if err := s.Validate(v); err != nil {
			t.Errorf("record %d: %v", n, err)
		}
	})
	if n != 4 {
		t.Errorf("%d records", n)
	}
}

// A trace larger than a block is written as a smaller one would be.
func TestBlocks(t *testing.T) {
	const n = blockCells + 100
	ps := trace.Prompts{ID: make([]string, n)}
	for i := range ps.ID {
		ps.ID[i] = fmt.Sprintf("p%d", i)
	}
	tr := trace.NewTrace([]policy.Model{policy.NewModel("m")}, ps)
	for i := range n {
		tr.Outcomes.Present.Set(i)
		tr.Outcomes.Logged[policy.Quality][i] = float32(i%2) / 2
	}
	dir, path := filepath.Join(t.TempDir(), "many"), filepath.Join(t.TempDir(), "out.csv")
	if err := file.Write(dir, tr, func(p, _ int) string { return fmt.Sprint(p) }); err != nil {
		t.Fatal(err)
	}
	left, err := Write(context.Background(), dir, "routerbench", path)
	if err != nil || left.Outcomes != n {
		t.Fatalf("%+v, %v", left, err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if len(lines) != n+1 || !strings.Contains(lines[n], fmt.Sprintf("['%d']", n-1)) || !strings.Contains(lines[blockCells+1], fmt.Sprintf("['%d']", blockCells)) {
		t.Errorf("%d lines, last %s", len(lines), lines[len(lines)-1])
	}
}

func TestCroissant(t *testing.T) {
	dir := awkward(t)
	path := filepath.Join(dir, "croissant.json")
	if err := Croissant(dir, path, About{License: "MIT", URL: "https://example.org"}); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Name         string `json:"name"`
		ConformsTo   string `json:"conformsTo"`
		License      string `json:"license"`
		Distribution []struct {
			ID     string `json:"@id"`
			SHA256 string `json:"sha256"`
			Size   string `json:"contentSize"`
		} `json:"distribution"`
		RecordSet []struct {
			ID    string `json:"@id"`
			Field []struct {
				ID       string `json:"@id"`
				DataType string `json:"dataType"`
				Source   struct {
					FileObject struct {
						ID string `json:"@id"`
					} `json:"fileObject"`
				} `json:"source"`
			} `json:"field"`
		} `json:"recordSet"`
	}
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	sums, err := file.Files(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got.Name != "awkward" || got.ConformsTo != "http://mlcommons.org/croissant/1.0" || got.License != "MIT" || len(got.Distribution) != len(sums) {
		t.Errorf("%+v", got)
	}
	for i, sum := range sums {
		if d := got.Distribution[i]; d.ID != sum.Name || d.SHA256 != sum.SHA256 || d.Size != fmt.Sprintf("%d B", sum.Bytes) {
			t.Errorf("%+v, want %+v", d, sum)
		}
	}
	types := map[string]string{}
	for _, set := range got.RecordSet {
		for _, f := range set.Field {
			types[f.ID] = f.DataType + " " + f.Source.FileObject.ID
		}
	}
	for id, want := range map[string]string{
		"prompts/arrived_at": "sc:Date prompts.parquet", "prompts/prompt": "sc:Text prompts.parquet", "outcomes/score": "sc:Float outcomes.parquet",
		"outcomes/input_tokens": "sc:Integer outcomes.parquet", "outcomes/energy_wh": "sc:Float outcomes.parquet", "outcomes/model_id": "sc:Text outcomes.parquet",
	} {
		if types[id] != want {
			t.Errorf("%s is %q, want %q", id, types[id], want)
		}
	}
	again := filepath.Join(t.TempDir(), "again.json")
	if err := Croissant(dir, again, About{License: "MIT", URL: "https://example.org"}); err != nil {
		t.Fatal(err)
	}
	if other, err := os.ReadFile(again); err != nil || !bytes.Equal(other, text) {
		t.Errorf("the same trace is described otherwise: %v", err)
	}
}

// A failed export says what to do, and leaves no file.
func TestBadExports(t *testing.T) {
	dir := awkward(t)
	for _, test := range []struct{ dir, format, want string }{
		{dir, "excel", "there are every-eval-ever, routerbench, and croissant"},
		{filepath.Join(dir, "absent"), "routerbench", "models.yaml"},
	} {
		path := filepath.Join(t.TempDir(), "out")
		if _, err := Write(context.Background(), test.dir, test.format, path); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", test.format, err, test.want)
		}
		if entries, _ := os.ReadDir(filepath.Dir(path)); len(entries) > 0 {
			t.Errorf("%s left %v", test.format, entries)
		}
	}
	ctx, stop := context.WithCancel(context.Background())
	stop()
	path := filepath.Join(t.TempDir(), "out")
	if _, err := Write(ctx, dir, "routerbench", path); err == nil {
		t.Error("a cancelled export: no error")
	}
	if entries, _ := os.ReadDir(filepath.Dir(path)); len(entries) > 0 {
		t.Errorf("a cancelled export left %v", entries)
	}
	if err := Croissant(filepath.Join(dir, "absent"), path, About{}); err == nil {
		t.Error("describing what is not there: no error")
	}
}
