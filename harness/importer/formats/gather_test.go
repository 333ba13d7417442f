package formats

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/trilemma-bench/trilemma/harness/importer"
	"github.com/trilemma-bench/trilemma/harness/importer/gather"
	"github.com/trilemma-bench/trilemma/harness/trace/file"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// read imports, and reads what was written.
func read(t *testing.T, format string, opt importer.Options, src ...string) *importer.Imported {
	t.Helper()
	i, err := Named(format)
	if err != nil {
		t.Fatal(err)
	}
	return imported(t, i, opt, src...)
}

func imported(t *testing.T, i importer.Importer, opt importer.Options, src ...string) *importer.Imported {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "trace")
	report, err := i.Import(context.Background(), src, dir, opt)
	if err != nil {
		t.Fatal(err)
	}
	got, err := file.Open(context.Background(), dir)
	if err != nil {
		t.Fatal(err)
	}
	responses, err := file.Responses(context.Background(), got, nil)
	if err != nil {
		t.Fatal(err)
	}
	return &importer.Imported{Trace: got, Responses: responses, Report: *report}
}

// refused is the error of an import, which leaves nothing behind.
func refused(t *testing.T, i importer.Importer, opt importer.Options, src ...string) string {
	t.Helper()
	at := t.TempDir()
	_, err := i.Import(context.Background(), src, filepath.Join(at, "trace"), opt)
	if err == nil {
		return "no error"
	}
	if left, e := os.ReadDir(at); e != nil || len(left) > 0 {
		t.Errorf("%v left %v behind, %v", err, left, e)
	}
	return err.Error()
}

func save(t *testing.T, path string, content []byte) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// unscored are the formats that never have a score.
var unscored = map[string]bool{"litellm": true, "openai": true, "openrouter": true, "portkey": true}

// Every sample becomes a trace that can be opened; one without scores as a log only.
func TestSamplesBecomeTraces(t *testing.T) {
	for _, i := range All() {
		if i.Name() == "mmlu-pro" {
			continue // its own package
		}
		t.Run(i.Name(), func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "trace")
			report, err := i.Import(context.Background(), []string{filepath.Join(i.Name(), "sample")}, dir, importer.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if report.Unscorable != unscored[i.Name()] {
				t.Errorf("unscorable: %v", report.Unscorable)
			}
			_, err = file.Open(context.Background(), dir)
			if err != nil && unscored[i.Name()] {
				if !strings.Contains(err.Error(), "tells cost, time and carbon only") {
					t.Error(err)
				}
				_, err = file.OpenLog(context.Background(), dir)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
}

// outcomeAt is the place of an outcome by its ids.
func outcomeAt(t *testing.T, i *importer.Imported, prompt, model string) int {
	t.Helper()
	for p, id := range i.Trace.Prompts.ID {
		for m := range i.Trace.Models {
			if id == prompt && i.Trace.Models[m].ID == model && i.Trace.Outcomes.Present.Has(i.Trace.Outcomes.At(p, m)) {
				return i.Trace.Outcomes.At(p, m)
			}
		}
	}
	t.Fatalf("no outcome of %s by %s", prompt, model)
	return 0
}

// Pieces of one row come from several records: by id, by key, and by what holds if nothing else is told.
func TestPiecesFindEachOther(t *testing.T) {
	b := read(t, "bfcl", importer.Options{}, "bfcl/sample")
	for id, want := range map[string]float32{"simple_0 tiny-FC": 1, "simple_1 tiny-FC": 0, "live_simple_0-0-0 other": 1} {
		prompt, model, _ := strings.Cut(id, " ")
		if got := b.Trace.Outcomes.Logged[policy.Quality][outcomeAt(t, b, prompt, model)]; got != want {
			t.Errorf("%s scores %v, want %v", id, got, want)
		}
	}
	dir := t.TempDir()
	all, err := os.ReadFile("bfcl/sample/tiny-FC.simple.result.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	save(t, filepath.Join(dir, "tiny-FC.simple.result.jsonl"), all)
	i, _ := Named("bfcl")
	if err := refused(t, i, importer.Options{}, dir); !strings.Contains(err, "none of 2 answers has a score") {
		t.Errorf("without a score file nothing may be assumed: %v", err)
	}
	// By observation, by trace, and within a trace's own document; the fourth observation has no score.
	if l := read(t, "langfuse", importer.Options{}, "langfuse/sample"); l.Report.Outcomes != 3 {
		t.Errorf("%d observations have a score, want 3", l.Report.Outcomes)
	}
}

// Several samples of an answer become their mean; what is told twice and differently is counted.
func TestSamplesAndDisagreements(t *testing.T) {
	line := func(id string, epoch int, score string, seconds float64, question string) string {
		return fmt.Sprintf(`{"id": %q, "epoch": %d, "input": %q, "target": "x", "output": {"completion": "answer %d"}, "scores": {"s": {"value": %q}}, "working_time": %g}`,
			id, epoch, question, epoch, score, seconds)
	}
	log := func(samples ...string) []byte {
		return []byte(`{"eval": {"task": "t", "model": "m"}, "samples": [` + strings.Join(samples, ",") + `]}`)
	}
	path := save(t, filepath.Join(t.TempDir(), "log.json"), log(line("1", 2, "I", 3, "q"), line("1", 1, "C", 1, "q"), line("1", 3, "P", 2, "another q")))
	got := read(t, "inspect", importer.Options{}, path)
	at := outcomeAt(t, got, "t/1", "m")
	if s, l := got.Trace.Outcomes.Logged[policy.Quality][at], got.Trace.Outcomes.Logged[policy.Latency][at]; s != 0.5 || l != 2 || got.Responses[at] != "answer 1" {
		t.Errorf("score %v, latency %v, response %q", s, l, got.Responses[at])
	}
	if d := got.Report.Disagreements; len(d) != 1 || d[0].Field != "prompt" || d[0].Prompts != 1 || !strings.Contains(d[0].Examples[0], "log.json record 1, piece 3: t/1") {
		t.Errorf("disagreements %+v", d)
	}
	i, _ := Named("inspect")
	if err := refused(t, i, importer.Options{Strict: true}, path); !strings.Contains(err, "tell the prompt of 1 records differently") {
		t.Errorf("strict: %v", err)
	}
}

// The same records are read from whatever holds them.
func TestContainers(t *testing.T) {
	dir := t.TempDir()
	plain, err := os.ReadFile("embedllm/sample/train.csv")
	if err != nil {
		t.Fatal(err)
	}
	var gz bytes.Buffer
	w := gzip.NewWriter(&gz)
	if _, err := w.Write(plain); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	type answered struct {
		PromptID  int32  `parquet:"prompt_id"`
		Label     bool   `parquet:"label"`
		Prompt    string `parquet:"prompt"`
		ModelName string `parquet:"model_name"`
	}
	var table bytes.Buffer
	if err := parquet.Write(&table, []answered{{0, true, "2 + 2?", "org/tiny-7b"}, {0, false, "2 + 2?", "org/other"}}); err != nil {
		t.Fatal(err)
	}
	var archive bytes.Buffer
	z := zip.NewWriter(&archive)
	for name, content := range map[string][]byte{"in/train.csv": plain, "../up.csv": []byte("nothing"), "__MACOSX/in/._train.csv": []byte("nothing")} {
		e, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{
		"bom.csv": append([]byte("\ufeff"), plain...), "a.csv.gz": gz.Bytes(), "a.tsv": bytes.ReplaceAll(plain, []byte(","), []byte("\t")),
		"a.parquet": table.Bytes(), "a.zip": archive.Bytes(),
	} {
		got := read(t, "embedllm", importer.Options{}, save(t, filepath.Join(dir, name), content))
		at := outcomeAt(t, got, "embedllm-0", "org/tiny-7b")
		if got.Report.Outcomes != 2 || got.Trace.Outcomes.Logged[policy.Quality][at] != 1 || got.Trace.Prompts.Text[0] != "2 + 2?" {
			t.Errorf("%s: %+v", name, got.Report)
		}
	}
}

// What cannot be imported is told with its file and record, and what to do.
func TestBadSources(t *testing.T) {
	dir := t.TempDir()
	for _, test := range []struct {
		format, name, content, want string
		opt                         importer.Options
	}{
		{"inspect", "cut.json", `{"eval": {"task": "t"`, "cut.json, line 1: it is no JSON: the text ends within an object, after field task: it is cut off (1 records)", importer.Options{}},
		{"inspect", "other.json", `{"a": 1}`, "no answer was found in 1 files", importer.Options{}},
		{"embedllm", "ragged.csv", "prompt_id,label\n1\n", "ragged.csv, line 2: line 2 has 1 fields, the heading 2", importer.Options{}},
		{"embedllm", "none.csv", "", "the file is empty", importer.Options{}},
		{"litellm", "failed.jsonl", `{"request_id": "r", "status": "failure"}`, "failed: no reason given (1 records)", importer.Options{}},
		{"lm-eval", "samples_t.jsonl", `1`, "line 1: expected an object", importer.Options{Strict: true}},
		{"inspect", "x.json", `{}`, `no option "metrik"`, importer.Options{Format: map[string]string{"metrik": "f1"}}},
		{"embedllm", "pool.csv", "prompt_id,label,prompt,model_name\n1,1,q,tiny\n", `"tiny" is not a model of the pool`, importer.Options{Models: []importer.Model{{Model: policy.NewModel("big")}}}},
		{"embedllm", "absent.csv", "", "no such file", importer.Options{}},
	} {
		path := filepath.Join(dir, test.name)
		if test.name != "absent.csv" {
			save(t, path, []byte(test.content))
		}
		i, err := Named(test.format)
		if err != nil {
			t.Fatal(err)
		}
		if err := refused(t, i, test.opt, path); !strings.Contains(err, test.want) {
			t.Errorf("%s: %v, want %q", test.name, err, test.want)
		}
	}
	i, _ := Named("inspect")
	if err := refused(t, i, importer.Options{}, t.TempDir()); !strings.Contains(err, "no file of the format") {
		t.Errorf("an empty folder: %v", err)
	}
}

// A file that is named alone is understood by what lies beside it; where nothing tells the model, that is said.
func TestFilesBeside(t *testing.T) {
	got := read(t, "lm-eval", importer.Options{}, "lm-eval/sample/org__tiny-7b/samples_choose.jsonl")
	if m := got.Trace.Models[0]; m.ID != "org/tiny-7b" || m.ParamsTotalB != policy.Exactly(7) {
		t.Errorf("model %+v", m)
	}
	text, err := os.ReadFile("lm-eval/sample/org__tiny-7b/samples_choose.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	path := save(t, filepath.Join(t.TempDir(), "samples_choose.jsonl"), text)
	i, _ := Named("lm-eval")
	if err := refused(t, i, importer.Options{}, path); !strings.Contains(err, "--option model=ID") {
		t.Errorf("no model: %v", err)
	}
	got = read(t, "lm-eval", importer.Options{Format: map[string]string{"model": "mine"}}, path)
	if got.Trace.Models[0].ID != "mine" {
		t.Errorf("model %+v", got.Trace.Models[0])
	}
}

// A chat becomes one text: a lone question is its text, anything else stands under its roles.
func TestPromptText(t *testing.T) {
	for messages, want := range map[string]string{
		`"plain"`:                              "plain",
		`[{"role": "user", "content": "q"}]`:   "q",
		`[{"role": "system", "content": "s"}]`: "system: s",
		`[{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "image_url"}, {"type": "text", "text": "b"}]}]`: "a\nb",
		`[{"role": "user", "content": "q"}, {"role": "assistant", "content": null}]`:                                           "user: q\n\nassistant: ",
	} {
		var v any
		if err := json.Unmarshal([]byte(messages), &v); err != nil {
			t.Fatal(err)
		}
		if got := gather.Chat(v); got != want {
			t.Errorf("%s: %q, want %q", messages, got, want)
		}
	}
}

// The raw files beside the repository rebuild the traces beside it, as far as the raw part goes.
func TestRawFilesRebuildTraces(t *testing.T) {
	shared := filepath.Join("..", "..", "..", "..", "shared", "data")
	for format, src := range map[string]string{"bfcl": "raw/bfcl", "openhands-index": "raw/openhands/results"} {
		name := strings.TrimSuffix(format, "-index")
		if _, err := os.Stat(filepath.Join(shared, src)); err != nil {
			t.Skipf("../shared/data/%s is absent", src)
		}
		want, err := file.Open(context.Background(), filepath.Join(shared, name))
		if err != nil {
			t.Fatal(err)
		}
		got := read(t, format, importer.Options{}, filepath.Join(shared, src))
		row, column, compared := map[string]int{}, map[string]int{}, 0
		for p, id := range got.Trace.Prompts.ID {
			row[id] = p
		}
		for m := range got.Trace.Models {
			column[got.Trace.Models[m].ID] = m
		}
		for p, id := range want.Prompts.ID {
			for m := range want.Models {
				gp, known := row[id]
				gm, has := column[want.Models[m].ID]
				if w := want.Outcomes.At(p, m); known && has && want.Outcomes.Present.Has(w) && got.Trace.Outcomes.Present.Has(got.Trace.Outcomes.At(gp, gm)) {
					compared++
					for q := range policy.NumQuantities {
						x, y := at32(got.Trace.Outcomes.Logged[q], got.Trace.Outcomes.At(gp, gm)), at32(want.Outcomes.Logged[q], w)
						if x != y && (x == x || y == y) {
							t.Errorf("%s of %s: %s %v, want %v", id, want.Models[m].ID, q, x, y)
						}
					}
				}
			}
		}
		if compared < 800 {
			t.Errorf("%s: %d outcomes compared", name, compared)
		}
		t.Logf("%s: %d outcomes are the same", name, compared)
	}
}

func at32(m []float32, at int) float32 {
	if m == nil {
		return float32(math.NaN())
	}
	return m[at]
}
