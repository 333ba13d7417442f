package formats

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/itchyny/gojq"

	"github.com/trilemma-bench/trilemma/harness/importer"
	"github.com/trilemma-bench/trilemma/harness/importer/records"
)

var update = flag.Bool("update", false, "write want.jsonl anew")

// Every format maps its sample to what is wanted of it.
func TestSamples(t *testing.T) {
	cards, err := Cards()
	if err != nil {
		t.Fatal(err)
	}
	for _, card := range cards {
		t.Run(card.Name, func(t *testing.T) {
			_, program, err := Load(card.Name)
			if err != nil {
				t.Fatal(err)
			}
			var got bytes.Buffer
			kinds := map[string]int{}
			eachRecord(t, &card, filepath.Join(card.Name, "sample"), func(record any, at Place) {
				pieces, err := program.Map(context.Background(), record, at)
				if err != nil {
					t.Fatalf("%s record %d: %v", at.Path, at.Line, err)
				}
				for _, piece := range pieces {
					for k := range piece {
						kinds[k]++
					}
					known(t, piece)
					text, err := gojq.Marshal(piece)
					if err != nil {
						t.Fatal(err)
					}
					got.Write(append(text, '\n'))
				}
			})
			if kinds["outcome"] == 0 || kinds["prompt"] == 0 {
				t.Errorf("the sample shows %v: want prompts and outcomes", kinds)
			}
			want := filepath.Join(card.Name, "want.jsonl")
			if *update {
				if err := os.WriteFile(want, got.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			text, err := os.ReadFile(want)
			if err != nil {
				t.Fatal(err)
			}
			gotLines, wantLines := strings.Split(got.String(), "\n"), strings.Split(string(text), "\n")
			for i := range max(len(gotLines), len(wantLines)) {
				g, w := at(gotLines, i), at(wantLines, i)
				if g != w {
					t.Errorf("piece %d:\n got %s\nwant %s", i+1, g, w)
				}
			}
		})
	}
}

func at(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return "(nothing)"
}

// fields are what pieces may have: the trace's columns, and how pieces find each other.
var fields = map[string][]string{
	"prompt": {"prompt_id", "benchmark", "category", "source", "prompt", "reference", "arrived_at", "split"},
	"model": {"id", "provider", "open_weights", "params_total_b", "params_active_b", "price_input_usd_per_mtok",
		"price_output_usd_per_mtok"},
	"outcome": {"prompt_id", "model_id", "response", "answer", "score", "input_tokens", "output_tokens", "cached_input_tokens", "reasoning_tokens",
		"cost_usd", "latency_s", "energy_wh", "carbon_g", "water_ml", "propensity", "sample", "key", "otherwise"},
}

// known tells of keys that are no column, of nulls, and of pieces that belong nowhere.
func known(t *testing.T, piece map[string]any) {
	t.Helper()
	for kind, v := range piece {
		if kind == "skip" || kind == "fact" {
			if _, ok := v.(string); !ok {
				t.Errorf("%s is %v, want a text", kind, v)
			}
			continue
		}
		object, ok := v.(map[string]any)
		if !ok || fields[kind] == nil {
			t.Errorf("a piece has %s: %v", kind, v)
			continue
		}
		for name, x := range object {
			if !slices.Contains(fields[kind], name) || x == nil {
				t.Errorf("%s has %s: %v", kind, name, x)
			}
		}
	}
	if o, ok := piece["outcome"].(map[string]any); ok && o["key"] == nil {
		p, _ := piece["prompt"].(map[string]any)
		if o["model_id"] == nil || o["prompt_id"] == nil && p["prompt_id"] == nil && p["prompt"] == nil {
			t.Errorf("an outcome of nobody: %v", piece)
		}
	}
}

// eachRecord hands on the records of all files of a sample, in the order of their paths.
func eachRecord(t testing.TB, card *Card, dir string, fn func(record any, at Place)) {
	t.Helper()
	source, err := embedded.ReadFile(card.Name + "/map.jq")
	if err != nil {
		t.Fatal(err)
	}
	r, err := mapped{card, string(source)}.open(context.Background(), []string{dir}, t.TempDir(), &importer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := r.sources.Close(); err != nil {
			t.Error(err)
		}
	}()
	elements, err := card.elementwise(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	var decoder records.Decoder
	for _, m := range r.own {
		base, _, _ := strings.Cut(path.Base(m.Path), ".")
		where := Place{File: base, Path: m.Path, Beside: near(r.besides, m.Path)}
		err := r.sources.Each(context.Background(), m, elements, func(docs []records.Doc) error {
			for i := range docs {
				document, err := docs[i].Decode(&decoder)
				if err != nil {
					t.Fatal(err)
				}
				picked := []any{document}
				if !docs[i].Element {
					if picked, err = card.Pick(context.Background(), document); err != nil {
						t.Fatal(err)
					}
					where.Meta = document
				}
				for _, r := range picked {
					where.Line++
					fn(r, where)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// Cards are whole, their options are those that the maps look at, and so are their files beside.
func TestCards(t *testing.T) {
	cards, err := Cards()
	if err != nil {
		t.Fatal(err)
	}
	if len(cards) < 23 {
		t.Errorf("%d formats", len(cards))
	}
	for _, c := range cards {
		for what, text := range map[string]string{"title": c.Title, "what": c.What, "writer": c.Writer, "licence": c.Licence, "versions": strings.Join(c.Versions.Seen, "") + c.Versions.Documented} {
			if strings.TrimSpace(text) == "" {
				t.Errorf("%s: the card has no %s", c.Name, what)
			}
		}
		if !strings.HasPrefix(c.Example, "trilemma data import "+c.Name+" ") {
			t.Errorf("%s: example %q", c.Name, c.Example)
		}
		source, err := os.ReadFile(filepath.Join(c.Name, "map.jq"))
		if err != nil {
			t.Fatal(err)
		}
		for prefix, told := range map[string][]string{"options": slices.Collect(maps.Keys(c.Options)), "beside": slices.Collect(maps.Keys(c.Beside))} {
			used := map[string]bool{}
			for _, m := range regexp.MustCompile(`\$`+prefix+`\.(\w+)`).FindAllStringSubmatch(string(source), -1) {
				used[m[1]] = true
			}
			if got := slices.Sorted(maps.Keys(used)); !slices.Equal(got, slices.Sorted(slices.Values(told))) {
				t.Errorf("%s: the map uses %s %v, the card tells %v", c.Name, prefix, got, told)
			}
		}
	}
}

// docs/importing-formats.md has a row for each format, as its card says.
func TestTableOfFormats(t *testing.T) {
	cards, err := Cards()
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "<!-- formats: written by `go test ./harness/importer/formats -update` -->\n", "<!-- end of formats -->"
	var b strings.Builder
	b.WriteString("| name | what | written by | tried on | licence |\n| --- | --- | --- | --- | --- |\n")
	for _, c := range cards {
		seen := strings.Join(c.Versions.Seen, "; ")
		if seen == "" {
			seen = "its documentation only"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", c.Name, cell(c.What), cell(c.Writer), cell(seen), cell(c.Licence))
	}
	for _, c := range cards {
		fmt.Fprintf(&b, "\n`%s`", c.Example)
		if c.Convert != "" {
			fmt.Fprintf(&b, ", after `%s`", c.Convert)
		}
		for _, name := range slices.Sorted(maps.Keys(c.Options)) {
			fmt.Fprintf(&b, "\n- `--option %s=…`: %s", name, c.Options[name])
		}
		b.WriteString("\n")
	}
	name := filepath.Join("..", "..", "..", "docs", "importing-formats.md")
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(text), begin)
	table, tail, closed := strings.Cut(rest, end)
	if !ok || !closed {
		t.Fatalf("%s has no place for the table: want %s", name, begin)
	}
	if *update {
		if err := os.WriteFile(name, []byte(head+begin+"\n"+b.String()+"\n"+end+tail), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if table != "\n"+b.String()+"\n" {
		t.Errorf("%s does not say what the cards say; run go test ./harness/importer/formats -update", name)
	}
}

func cell(s string) string { return strings.ReplaceAll(s, "|", "\\|") }

// What no map should do is told, and does not hang.
func TestBadMaps(t *testing.T) {
	for source, want := range map[string]string{
		"{":              "unexpected EOF",
		"nothing(1)":     "function not defined",
		`include "x"; .`: "a map may include lib",
	} {
		if _, err := Compile(source); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", source, err, want)
		}
	}
	for source, want := range map[string]string{
		".a.b.c":              "expected an object",
		"3":                   "must emit objects",
		"def f: f; f":         "deadline",
		"[range(infinite)]":   "deadline",
		"error(\"no model\")": "no model",
	} {
		p, err := Compile(source)
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithTimeout(context.Background(), 50*time.Millisecond)
		if _, err := p.Map(ctx, map[string]any{"a": "text"}, Place{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", source, err, want)
		}
		stop()
	}
	if _, _, err := Load("nothing"); err == nil || !strings.Contains(err.Error(), "there are alpaca-eval, bfcl") {
		t.Errorf("an unknown format: %v", err)
	}
}

// The shared definitions, by cases.
func TestLibrary(t *testing.T) {
	for program, want := range map[string]string{
		`"[\"it's\", 'a\\n\\x41\\u00e9', 'b']" | python_list`: `["it's","a\nAé","b"]`,
		`"['a', b]" | python_list`:                            `null`,
		`"[]" | python_list`:                                  `null`,
		`"2026-01-02T03:04:05.5+01:30" | instant`:             `1767317645.5`,
		`"2026-01-02 03:04:05" | zoned`:                       `"2026-01-02T03:04:05Z"`,
		`elapsed("2026-01-02T03:04:05Z"; 1767323046250)`:      `1.25`,
		`elapsed("2026-01-02T03:04:05Z"; "no time")`:          `null`,
		`["True", "0", "yes", null, 2, true] | map(boolean)`:  `[true,false,null,null,true,true]`,
		`["0.5", "False", "x", 1, false] | map(score)`:        `[0.5,false,null,1,false]`,
		`{usage: {prompt_tokens: 5, completion_tokens: 2, prompt_tokens_details: {cached_tokens: 3}}} | usage`:                  `{"cached_input_tokens":3,"input_tokens":5,"output_tokens":2}`,
		`{usageMetadata: {promptTokenCount: 5, candidatesTokenCount: 2, thoughtsTokenCount: 4}} | usage`:                        `{"input_tokens":5,"output_tokens":6,"reasoning_tokens":4}`,
		`{candidates: [{content: {parts: [{text: "a"}, {functionCall: {name: "f", args: {x: 1}}}]}}]} | replies`:                `["a\nf({\"x\":1})"]`,
		`{systemInstruction: {parts: [{text: "s"}]}, contents: [{role: "user", parts: [{text: "q"}]}]} | asked | map(.content)`: `["s","q"]`,
		`"q" | lettered(["a", 2])`: `"q\nA. a\nB. 2"`,
	} {
		p, err := Compile(`include "lib"; {v: (` + program + `)}`)
		if err != nil {
			t.Fatalf("%s: %v", program, err)
		}
		out, err := p.Map(context.Background(), nil, Place{})
		if err != nil {
			t.Errorf("%s: %v", program, err)
			continue
		}
		got, err := gojq.Marshal(out[0]["v"])
		if err != nil || string(got) != want {
			t.Errorf("%s: %s, %v, want %s", program, got, err, want)
		}
	}
}

// Whatever a record looks like, a map answers or fails with a reason; it does not panic or hang.
func FuzzMaps(f *testing.F) {
	all, err := Cards()
	if err != nil {
		f.Fatal(err)
	}
	programs := make([]*Program, len(all))
	for i, c := range all {
		if _, programs[i], err = Load(c.Name); err != nil {
			f.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join(c.Name, "want.jsonl"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(i, string(text[:min(len(text), 400)]))
	}
	f.Add(0, `{"prompt": {"a": [null]}, "messages": 3, "usage": [], "metadata": "{", "stats": {}, "samples": null}`)
	f.Fuzz(func(t *testing.T, which int, text string) {
		var record any
		d := json.NewDecoder(strings.NewReader(text))
		d.UseNumber()
		if d.Decode(&record) != nil {
			return
		}
		ctx, stop := context.WithTimeout(context.Background(), 10*time.Second)
		defer stop()
		i := ((which % len(all)) + len(all)) % len(all)
		if _, err := programs[i].Map(ctx, record, Place{File: "f", Path: "a/b/f.json", Line: 1}); err != nil && ctx.Err() != nil {
			t.Fatalf("%s: %v", all[i].Name, err)
		}
	})
}

// BenchmarkMap is how fast maps go through decoded records, in bytes of their JSON.
func BenchmarkMap(b *testing.B) {
	cards, err := Cards()
	if err != nil {
		b.Fatal(err)
	}
	for _, card := range cards {
		_, program, err := Load(card.Name)
		if err != nil {
			b.Fatal(err)
		}
		var records []any
		var places []Place
		var size int64
		eachRecord(b, &card, filepath.Join(card.Name, "sample"), func(record any, at Place) {
			records, places = append(records, record), append(places, at)
			text, err := gojq.Marshal(record)
			if err != nil {
				b.Fatal(err)
			}
			size += int64(len(text))
		})
		b.Run(card.Name, func(b *testing.B) {
			b.SetBytes(size)
			for b.Loop() {
				for i, r := range records {
					if _, err := program.Map(context.Background(), r, places[i]); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*len(records)), "µs/record")
		})
	}
}
