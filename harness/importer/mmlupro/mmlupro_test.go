package mmlupro

import (
	"archive/zip"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trilemma-bench/trilemma/harness/importer"
	"github.com/trilemma-bench/trilemma/harness/trace/file"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

func pool(ids ...string) []importer.Model {
	var models []importer.Model
	for _, id := range ids {
		models = append(models, importer.Model{Model: policy.NewModel(id)})
	}
	return models
}

// save writes a result file: zipped if its name says so.
func save(t *testing.T, dir, name, content string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if filepath.Ext(name) != ".zip" {
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	z := zip.NewWriter(f)
	for entry, text := range map[string]string{
		strings.TrimSuffix(name, ".zip") + ".json":                 content,
		"__MACOSX/._" + strings.TrimSuffix(name, ".zip") + ".json": "not JSON",
	} {
		w, err := z.Create(entry)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// rec is a record in JSON: its usual fields, with some of them changed or (nil) left out.
func rec(id int, change map[string]any) string {
	fields := map[string]any{
		"question_id": id, "question": fmt.Sprintf(" Question %d? ", id), "options": []string{"yes", "no"}, "answer": "A",
		"answer_index": 0, "cot_content": "", "category": "law", "src": "test-law", "pred": "A", "model_outputs": " The answer is (A).\n",
	}
	for k, v := range change {
		if fields[k] = v; v == nil {
			delete(fields, k)
		}
	}
	b, err := json.Marshal(fields)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func list(records ...string) string { return "[" + strings.Join(records, ",\n") + "]" }

func run(src []string, opt importer.Options) (*importer.Imported, error) {
	return Importer{}.Read(context.Background(), src, opt)
}

func TestRecordsInTheirVariants(t *testing.T) {
	dir := t.TempDir()
	save(t, dir, "model_outputs_Alpha-7B_5shots.zip", list(
		rec(12, map[string]any{"options": `['it is', "it's not", 'a \\ \'b\' \n \xe9']`}),
		rec(3, map[string]any{"options": `["yes", "no"]`, "pred": "B"}),
		rec(5, map[string]any{"pred": json.RawMessage("null")}),
		`"other"`, `"total"`, `3`,
		rec(6, map[string]any{"model_outputs": nil}),
		rec(7, map[string]any{"question_id": "7", "options": []any{1, 2.50, true}}),
		rec(3, nil),
		rec(8, map[string]any{"options": "['open"}),
		rec(9, map[string]any{"answer": "C"}),
		rec(10, map[string]any{"answer": nil, "answer_index": 1, "pred": " B "}),
		rec(11, map[string]any{"question": 4}),
		rec(13, map[string]any{"question_id": nil}),
	))
	save(t, dir, "model_outputs_beta_5shots.json", "\ufeff"+list(rec(3, map[string]any{"model_outputs": nil, "generated_text": ""})))
	save(t, dir, "README.md", "not a result file")
	got, err := run([]string{dir}, importer.Options{Models: pool("beta", "unused", "alpha-7b")})
	if err != nil {
		t.Fatal(err)
	}
	ps, o := got.Trace.Prompts, got.Trace.Outcomes
	if want := []string{"mmlu-pro-3", "mmlu-pro-5", "mmlu-pro-7", "mmlu-pro-10", "mmlu-pro-12"}; !slices.Equal(ps.ID, want) {
		t.Fatalf("prompts %q, want %q", ps.ID, want)
	}
	if want := []string{
		"Question 3?\nA. yes\nB. no", "Question 5?\nA. yes\nB. no", "Question 7?\nA. 1\nB. 2.5\nC. true",
		"Question 10?\nA. yes\nB. no", "Question 12?\nA. it is\nB. it's not\nC. a \\ 'b' \n é",
	}; !slices.Equal(ps.Text, want) {
		t.Errorf("texts %q, want %q", ps.Text, want)
	}
	if ps.Reference[3] != "B" || ps.Category[0] != "law" || ps.Source[0] != "test-law" || ps.Benchmark[0] != "mmlu-pro" {
		t.Errorf("reference %q, category %q, source %q, benchmark %q", ps.Reference[3], ps.Category[0], ps.Source[0], ps.Benchmark[0])
	}
	if len(got.Trace.Models) != 2 || got.Trace.Models[0].ID != "beta" || got.Trace.Models[1].ID != "alpha-7b" {
		t.Fatalf("models %+v", got.Trace.Models)
	}
	for i, want := range []struct {
		answer string
		score  float32
	}{{"B", 0}, {"", 0}, {"A", 1}, {"B", 1}, {"A", 1}} {
		at := o.At(i, 1)
		if answer := o.AnswerText[o.Answer[at]]; !o.Present.Has(at) || answer != want.answer || o.Logged[policy.Quality][at] != want.score {
			t.Errorf("%s: answer %q, score %v, want %+v", ps.ID[i], answer, o.Logged[policy.Quality][at], want)
		}
	}
	if !o.Present.Has(0) || o.Present.Has(o.At(1, 0)) || got.Response(0, 0) != "" || got.Response(0, 1) != "The answer is (A)." {
		t.Errorf("responses %q", got.Responses)
	}
	if o.OutputTokens[0] != 0 || o.OutputTokens[1] != 7 || o.InputTokens[1] != 9 {
		t.Errorf("tokens %v in, %v out", o.InputTokens[:2], o.OutputTokens[:2])
	}
	wantSkips := []importer.Skip{
		{Reason: "not a record", Count: 3, First: 3},
		{Reason: "no response", Count: 1, First: 6},
		{Reason: "the model answered this question in an earlier record", Count: 1, First: 8},
		{Reason: "unreadable options", Count: 1, First: 9},
		{Reason: "no right answer among the options", Count: 1, First: 10},
		{Reason: "a field of the wrong type: question", Count: 1, First: 12},
		{Reason: "no question_id", Count: 1, First: 13},
	}
	f := got.Report.Files[0]
	if d := cmp.Diff(wantSkips, f.Skipped); d != "" || f.Records != 14 || f.Imported != 5 || f.Model != "alpha-7b" {
		t.Errorf("report %+v\n%s", f, d)
	}
	if !slices.Equal(got.Report.WithoutResults, []string{"unused"}) || got.Report.Outcomes != 6 || got.Report.Skipped() != 9 {
		t.Errorf("report %+v", got.Report)
	}
	var b strings.Builder
	if err := got.Report.Print(&b); err != nil || !strings.Contains(b.String(), "skipped 3: not a record (first: record 3)") || !strings.Contains(b.String(), "no results of: unused") {
		t.Errorf("printed: %v\n%s", err, b.String())
	}
}

// Where files disagree, most decide about the prompt; every score is by its own file's key.
func TestDisagreements(t *testing.T) {
	dir := t.TempDir()
	save(t, dir, "model_outputs_a_5shots.json", list(
		rec(1, map[string]any{"question": "Oneword?"}),
		rec(2, map[string]any{"answer": "B", "pred": "A"}),
		rec(4, map[string]any{"options": []string{"other", "options"}}),
	))
	save(t, dir, "model_outputs_b_5shots.json", list(rec(1, map[string]any{"question": "One word?"}), rec(2, map[string]any{"pred": "A"}), rec(4, nil)))
	save(t, dir, "model_outputs_c_5shots.json", list(rec(2, map[string]any{"pred": "B"}), rec(4, nil)))
	opt := importer.Options{Models: pool("a", "b", "c")}
	got, err := run([]string{dir}, opt)
	if err != nil {
		t.Fatal(err)
	}
	if text := got.Trace.Prompts.Text; !strings.HasPrefix(text[0], "One word?") || !strings.HasSuffix(text[2], "B. no") {
		t.Errorf("texts %q", text)
	}
	o := got.Trace.Outcomes
	if got.Trace.Prompts.Reference[1] != "A" || o.Logged[policy.Quality][o.At(1, 0)] != 0 || o.Logged[policy.Quality][o.At(1, 1)] != 1 || o.Logged[policy.Quality][o.At(1, 2)] != 0 {
		t.Errorf("reference %q, scores %v", got.Trace.Prompts.Reference[1], o.Logged[policy.Quality][3:6])
	}
	file := filepath.Join(dir, "model_outputs_a_5shots.json")
	want := []importer.Disagreement{
		{Field: "question or options", Prompts: 2, Spacing: 1, Examples: []string{file + " record 2: question 4"}},
		{Field: "right answer", Prompts: 1, Examples: []string{file + " record 1: question 2"}},
	}
	if d := cmp.Diff(want, got.Report.Disagreements); d != "" {
		t.Errorf("disagreements:\n%s", d)
	}
	opt.Strict = true
	if _, err := run([]string{dir}, opt); err == nil || !strings.Contains(err.Error(), "disagree about the question or options of 1 questions") || !strings.Contains(err.Error(), "record 2") {
		t.Errorf("strict: %v", err)
	}
}

func TestBadSources(t *testing.T) {
	dir := t.TempDir()
	good := rec(1, nil)
	for name, content := range map[string]string{
		"model_outputs_cut_5shots.json":    list(good)[:len(good)-9],
		"model_outputs_object_5shots.json": `{"a": 1}`,
		"model_outputs_empty_5shots.json":  "",
		"model_outputs_stray_5shots.json":  `["total"]`,
		"model_outputs_none_5shots.json":   `[]`,
		"model_outputs_broken_5shots.zip":  list(good)[:len(good)/2],
		"model_outputs_good_5shots.zip":    list(good),
	} {
		save(t, dir, name, content)
	}
	whole, err := os.ReadFile(filepath.Join(dir, "model_outputs_good_5shots.zip"))
	if err != nil {
		t.Fatal(err)
	}
	save(t, dir, "model_outputs_half_5shots.json", string(whole)) // a zip that is called JSON
	if err := os.WriteFile(filepath.Join(dir, "model_outputs_short_5shots.zip"), whole[:len(whole)/2], 0o644); err != nil {
		t.Fatal(err)
	}
	empty := t.TempDir()
	for _, test := range []struct{ src, model, want string }{
		{"model_outputs_cut_5shots.json", "cut", "record 0: unexpected EOF; the file may be truncated"},
		{"model_outputs_object_5shots.json", "object", "begins with {; it must be a JSON array"},
		{"model_outputs_empty_5shots.json", "empty", "unexpected EOF; it must be a JSON array"},
		{"model_outputs_stray_5shots.json", "stray", "none of its 1 records could be read (not a record)"},
		{"model_outputs_none_5shots.json", "none", "none of its 0 records could be read (it is empty)"},
		{"model_outputs_broken_5shots.zip", "broken", "truncated"},
		{"model_outputs_half_5shots.json", "half", "must be a JSON array"},
		{"model_outputs_short_5shots.zip", "short", "truncated: download it again"},
		{"model_outputs_good_5shots.zip", "bad", `"good" is not a model of the pool; add it to the models file`},
		{"absent.zip", "absent", "no such file"},
		{empty, "x", "holds none; name the folder that does"},
	} {
		src := test.src
		if src != empty {
			src = filepath.Join(dir, src)
		}
		_, err := run([]string{src}, importer.Options{Models: pool(test.model)})
		if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), src) {
			t.Errorf("%s: %v, want an error with %q and the path", test.src, err, test.want)
		}
	}
	if _, err := run(nil, importer.Options{}); err == nil || !strings.Contains(err.Error(), "nothing to import") {
		t.Errorf("no source: %v", err)
	}
	got, err := run([]string{filepath.Join(dir, "model_outputs_good_5shots.zip"), filepath.Join(dir, "model_outputs_stray_5shots.json")},
		importer.Options{Models: pool("good"), SkipUnknown: true})
	if err != nil || len(got.Report.UnknownFiles) != 1 {
		t.Errorf("skipping unknown models: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := (Importer{}).Read(ctx, []string{filepath.Join(dir, "model_outputs_good_5shots.zip")}, importer.Options{Models: pool("good")}); err == nil {
		t.Error("a cancelled import: no error")
	}
}

func TestPythonLists(t *testing.T) {
	for text, want := range map[string][]string{
		`['a', 'b']`:                   {"a", "b"},
		`["it's", 'say "x"']`:          {"it's", `say "x"`},
		`['\u00e9\x41\U0001F600\t']`:   {"éA😀\t"},
		`['$\\alpha$', '\d \% \'']`:    {`$\alpha$`, `\d \% '`},
		"['a' 'b'\n 'c']":              {"a", "b", "c"},
		`[1, 2.5, 'x', ]`:              {"1", "2.5", "x"},
		`['']`:                         {""},
		`[]`:                           nil,
		`['a'`:                         nil,
		`['a]`:                         nil,
		`['a\']`:                       nil,
		`['\x4']`:                      nil,
		`['\UFFFFFFFF']`:               nil,
		`[, 'a']`:                      nil,
		`['a',, 'b']`:                  nil,
		`[a, b]`:                       nil,
		`plain`:                        nil,
		`]`:                            nil,
		"[" + strings.Repeat("1,", 27): nil,
	} {
		got, err := pythonList(text)
		if !slices.Equal(got, want) || (err == nil) != (want != nil) {
			t.Errorf("%s: %q, %v, want %q", text, got, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(rec(1, nil))
	f.Add(rec(2, map[string]any{"options": `['a\u00e9', "b"]`, "pred": nil}))
	f.Add(`{"question_id": 1e99, "options": "[", "answer_index": -1}`)
	f.Add(`"total"`)
	f.Fuzz(func(t *testing.T, element string) {
		r, reason := parse(json.RawMessage(element))
		if reason == "" && (r.question == "" || len(r.options) == 0 || int(r.key[0]-'A') >= len(r.options)) {
			t.Fatalf("%q gives %+v", element, r)
		}
	})
}

// shared finds ../shared/data beside the repository.
func shared(t *testing.T, path ...string) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		dir = filepath.Dir(dir)
	}
	found := filepath.Join(append([]string{dir, "..", "shared", "data"}, path...)...)
	if _, err := os.Stat(found); err != nil {
		t.Skipf("../shared/data/%s is absent", filepath.Join(path...))
	}
	return found
}

// The published files of three models must give what the given trace says of them.
func TestPublishedFilesGiveTheGivenTrace(t *testing.T) {
	models, err := importer.ReadModels(shared(t, "mmlu-pro", "models.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := run([]string{shared(t, "raw", "mmlu-pro")}, importer.Options{Models: models})
	if err != nil {
		t.Fatal(err)
	}
	want, err := file.Open(context.Background(), shared(t, "mmlu-pro"))
	if err != nil {
		t.Fatal(err)
	}
	responses := givenResponses(t, want.Dir, got.Trace.Models)
	if n := got.Report.Outcomes; n != 1800 || got.Report.Prompts != 1698 || got.Report.Skipped() != 3 {
		t.Errorf("%d outcomes of %d prompts, %d records skipped, want 1800, 1698, 3", n, got.Report.Prompts, got.Report.Skipped())
	}
	row, column := map[string]int{}, map[string]int{}
	for i, id := range want.Prompts.ID {
		row[id] = i
	}
	for j, m := range want.Models {
		column[m.ID] = j
	}
	texts := 0
	var inError, outError, inSum, outSum, wantIn, wantOut, n float64
	for i, id := range got.Trace.Prompts.ID {
		k, ok := row[id]
		if !ok {
			t.Fatalf("prompt %s is not in the given trace", id)
		}
		g, w := &got.Trace.Prompts, &want.Prompts
		if g.Text[i] != w.Text[k] {
			texts++
		}
		if g.Category[i] != w.Category[k] || g.Source[i] != w.Source[k] || g.Reference[i] != w.Reference[k] || g.Benchmark[i] != w.Benchmark[k] {
			t.Errorf("prompt %s: %q %q %q, want %q %q %q", id, g.Category[i], g.Source[i], g.Reference[i], w.Category[k], w.Source[k], w.Reference[k])
		}
		for j, m := range got.Trace.Models {
			at, wantAt := got.Trace.Outcomes.At(i, j), want.Outcomes.At(k, column[m.ID])
			if !got.Trace.Outcomes.Present.Has(at) {
				continue
			}
			if !want.Outcomes.Present.Has(wantAt) {
				t.Fatalf("%s by %s is missing in the given trace", id, m.ID)
			}
			a, b := got.Trace.Outcomes.AnswerText[got.Trace.Outcomes.Answer[at]], want.Outcomes.AnswerText[want.Outcomes.Answer[wantAt]]
			if a != b || got.Trace.Outcomes.Logged[policy.Quality][at] != want.Outcomes.Logged[policy.Quality][wantAt] {
				t.Errorf("%s by %s: answer %q, score %v, want %q, %v", id, m.ID, a, got.Trace.Outcomes.Logged[policy.Quality][at], b, want.Outcomes.Logged[policy.Quality][wantAt])
			}
			if r := responses[id+" "+m.ID]; got.Response(i, j) != r {
				t.Fatalf("%s by %s: response %q, want %q", id, m.ID, got.Response(i, j), r)
			}
			gi, wi := float64(got.Trace.Outcomes.InputTokens[at]), float64(want.Outcomes.InputTokens[wantAt])
			gt, wt := float64(got.Trace.Outcomes.OutputTokens[at]), float64(want.Outcomes.OutputTokens[wantAt])
			inError += math.Abs(gi-wi) / max(wi, 1)
			outError += math.Abs(gt-wt) / max(wt, 1)
			inSum, wantIn, outSum, wantOut = inSum+gi, wantIn+wi, outSum+gt, wantOut+wt
			n++
		}
	}
	// Two questions lack spaces in the one file that has them.
	if texts > 2 {
		t.Errorf("%d prompts have another text, want at most 2", texts)
	}
	t.Logf("estimated tokens: mean relative error %.3f of input, %.3f of output; sums off by %+.3f and %+.3f",
		inError/n, outError/n, inSum/wantIn-1, outSum/wantOut-1)
	if inError/n > 0.06 || outError/n > 0.06 || math.Abs(outSum/wantOut-1) > 0.03 || math.Abs(inSum/wantIn-1) > 0.03 {
		t.Error("estimated tokens are too far off")
	}
	dir := filepath.Join(t.TempDir(), "trace")
	if err := got.Write(dir); err != nil {
		t.Fatal(err)
	}
	if v, total, err := file.Validate(context.Background(), dir, 3); total > 0 || err != nil {
		t.Errorf("the written trace has %d violations: %v, %v", total, v, err)
	}
}

// givenResponses reads the responses of some models, by "prompt model".
func givenResponses(t *testing.T, dir string, models []policy.Model) map[string]string {
	t.Helper()
	tr, err := file.Open(context.Background(), dir)
	if err != nil {
		t.Fatal(err)
	}
	wanted := func(_, m int) bool {
		return slices.ContainsFunc(models, func(x policy.Model) bool { return x.ID == tr.Models[m].ID })
	}
	responses, err := file.Responses(context.Background(), tr, wanted)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for at, text := range responses {
		if p, m := at/len(tr.Models), at%len(tr.Models); tr.Outcomes.Present.Has(at) && wanted(p, m) {
			found[tr.Prompts.ID[p]+" "+tr.Models[m].ID] = text
		}
	}
	return found
}
