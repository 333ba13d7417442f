package formats

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/trilemma-bench/trilemma/harness/importer"
	"github.com/trilemma-bench/trilemma/harness/trace/file"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// own is a format of a map of the test's own.
func own(t *testing.T, source, pick string) importer.Importer {
	t.Helper()
	i, err := FromMap(save(t, filepath.Join(t.TempDir(), "own.jq"), []byte(source)), pick)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// rows maps lines that have a trace's columns.
func rows(t *testing.T, opt importer.Options, lines ...string) *importer.Imported {
	t.Helper()
	i, err := Named("trace")
	if err != nil {
		t.Fatal(err)
	}
	return imported(t, i, opt, save(t, filepath.Join(t.TempDir(), "rows.jsonl"), []byte(strings.Join(lines, "\n"))))
}

// gatewayLog is a log of requests and responses as OpenAI's API has them, of about so many bytes.
func gatewayLog(size int) []byte {
	var b bytes.Buffer
	words := strings.Fields("the quick brown fox jumps over a lazy dog while seven wizards box with liquor jugs and quietly pack my vexed zebra")
	text := func(seed, n int) string {
		var t strings.Builder
		for i := range n {
			seed = (seed*1103515245 + 12345) & (1<<31 - 1)
			if i > 0 {
				t.WriteByte(' ')
			}
			t.WriteString(words[(seed>>8)%len(words)])
			fmt.Fprintf(&t, "%d", seed>>20)
		}
		return t.String()
	}
	for i := 0; b.Len() < size; i++ {
		model := []string{"gpt-4o-mini", "llama-3-70b", "claude-3-haiku"}[i%3]
		fmt.Fprintf(&b, `{"id": "r-%d", "created_at": "2026-01-02T03:04:05Z", "latency_ms": %d, "request": {"model": %q, "temperature": 0.2, "messages": [{"role": "system", "content": "You are helpful."}, {"role": "user", "content": %q}]}, `+
			`"response": {"id": "c-%d", "object": "chat.completion", "created": 1767323045, "model": %q, "choices": [{"index": 0, "message": {"role": "assistant", "content": %q}, "finish_reason": "stop", "logprobs": null}], `+
			`"usage": {"prompt_tokens": 80, "completion_tokens": %d, "total_tokens": 300, "prompt_tokens_details": {"cached_tokens": 0}}}}`+"\n",
			i, 100+i%900, model, text(i/3, 60), i, model, text(i, 180)+"\n\"quoted\"", 100+i%200)
	}
	return b.Bytes()
}

func scoreOf(t *testing.T, i *importer.Imported, prompt, model string) float32 {
	t.Helper()
	return i.Trace.Outcomes.Logged[policy.Quality][outcomeAt(t, i, prompt, model)]
}

// Bad records are told with file and line and skipped; --strict stops at the first of them, whichever goroutine saw it, and nothing stays.
func TestBadRecords(t *testing.T) {
	var b strings.Builder
	for n := range 40_000 {
		switch {
		case n >= 20_000 && n%10_000 == 5:
			b.WriteString("{\"cut\n")
		case n >= 20_000 && n%10_000 == 6:
			b.WriteString("[\x00]\n")
		case n >= 20_000 && n%10_000 == 7:
			b.WriteString(`{"id": 1, "m": "a", "s": 3}` + "\n")
		case n >= 20_000 && n%10_000 == 8:
			b.WriteString(`{"id": {"a": 1}, "m": "a", "s": "x"}` + "\n")
		default:
			fmt.Fprintf(&b, `{"id": %d, "m": "a", "s": %d, "text": %q}`+"\n", n, n%2, strings.Repeat("x", 50))
		}
	}
	path := save(t, filepath.Join(t.TempDir(), "log.jsonl"), []byte(b.String()))
	i := own(t, `{outcome: {prompt_id: (.id + 0), model_id: .m, response: .text, score: .s}}`, "")
	got := imported(t, i, importer.Options{}, path)
	if f := got.Report.Files[0]; f.Records != 40_000 || f.Imported != 39_992 || got.Report.Outcomes != 39_992 {
		t.Errorf("%+v", f)
	}
	told := fmt.Sprint(got.Report.Files[0].Skipped)
	for _, want := range []string{
		"{it is no JSON: a text holds the raw control character 0xa 2 20006 line 20006}", "no value begins with \"\\x00]\\n\" 2 20007 line 20007",
		"outcome.score: it is outside 0 to 1: name the range with --score-range, such as 1,10 2 20008 line 20008", "cannot add: object 2 20009 line 20009",
	} {
		if !strings.Contains(told, want) {
			t.Errorf("skipped %s, want %s", told, want)
		}
	}
	for range 3 {
		if err := refused(t, i, importer.Options{Strict: true}, path); !strings.Contains(err, "log.jsonl, line 20006: it is no JSON") {
			t.Errorf("strict: %s", err)
		}
	}
	if err := refused(t, i, importer.Options{}, save(t, filepath.Join(t.TempDir(), "a.jsonl"), []byte("{}\n"))); !strings.Contains(err, "neither model_id nor key") && !strings.Contains(err, "no prompt_id") {
		t.Errorf("nothing mapped: %s", err)
	}
}

// A map that does not end is stopped, and after some records the import is.
func TestEndlessMap(t *testing.T) {
	defer func(d time.Duration) { mapTime = d }(mapTime)
	mapTime = 60 * time.Millisecond
	lines := strings.Repeat("{\"n\": 1}\n", 3) + "{\"n\": 2}\n"
	path := save(t, filepath.Join(t.TempDir(), "log.jsonl"), []byte(lines))
	i := own(t, `def f: f; if .n == 1 then f else {outcome: {prompt_id: "p", model_id: "m", score: 1}} end`, "")
	got := imported(t, i, importer.Options{}, path)
	if s := got.Report.Files[0].Skipped; len(s) != 1 || s[0].Count != 3 || !strings.Contains(s[0].Reason, "did not end within") || got.Report.Outcomes != 1 {
		t.Errorf("%+v", got.Report)
	}
	save(t, path, []byte(strings.Repeat("{\"n\": 1}\n", 1000)))
	if err := refused(t, i, importer.Options{}, path); !strings.Contains(err, "mend the map") {
		t.Error(err)
	}
	for source, want := range map[string]string{`env | {outcome: {prompt_id: "p", model_id: (keys | length | tostring), score: 1}}`: "0"} {
		t.Setenv("TRILEMMA_SECRET", "x")
		if got := imported(t, own(t, source, ""), importer.Options{}, save(t, path, []byte("1\n"))); got.Trace.Models[0].ID != want {
			t.Errorf("a map sees %s variables of the environment", got.Trace.Models[0].ID)
		}
	}
	for _, source := range []string{`input`, `import "lib" as x; import "other" as y; .`, `input_filename | .x`, `$__prog_args`} {
		i := own(t, source, "")
		if err := refused(t, i, importer.Options{}, path); err == "no error" {
			t.Errorf("%s worked", source)
		}
	}
}

// The bytes of a trace depend on the files alone: not on the number of goroutines, nor on what memory holds.
func TestSameFilesSameBytes(t *testing.T) {
	path := save(t, filepath.Join(t.TempDir(), "log.jsonl"), gatewayLog(3<<20))
	more := save(t, filepath.Join(t.TempDir(), "more.jsonl"), gatewayLog(1<<20)) // the same ids again: disagreements in order
	i, _ := Named("openai")
	once := func() string {
		dir := filepath.Join(t.TempDir(), "trace")
		report, err := i.Import(context.Background(), []string{path, more}, dir, importer.Options{Estimate: true})
		if err != nil {
			t.Fatal(err)
		}
		all := fmt.Sprintf("%+v", *report)
		for _, name := range []string{"models.yaml", "prompts.parquet", "outcomes.parquet"} {
			text, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			all += string(text)
		}
		return all
	}
	want := once()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	if once() != want {
		t.Error("one goroutine writes other bytes than several")
	}
	runtime.GOMAXPROCS(7)
	if once() != want {
		t.Error("seven goroutines write other bytes")
	}
}

// Repeats, scales, words, and graders.
func TestScores(t *testing.T) {
	got := rows(t, importer.Options{}, `{"prompt_id": 1, "model_id": "m", "score": "win", "cost_usd": 1}`, `{"prompt_id": 1, "model_id": "m", "score": "tie", "cost_usd": 3}`,
		`{"prompt_id": 1, "model_id": "m", "score": "loss"}`, `{"prompt_id": 2, "model_id": "m", "score": true}`)
	o := &got.Trace.Outcomes
	at := outcomeAt(t, got, "1", "m")
	if o.Logged[policy.Quality][at] != 0.5 || o.Samples[at] != 3 || o.ScoreSD[at] != 0.5 || o.Logged[policy.Cost][at] != 2 {
		t.Errorf("mean %v of %v, spread %v, cost %v", o.Logged[policy.Quality][at], o.Samples[at], o.ScoreSD[at], o.Logged[policy.Cost][at])
	}
	if at := outcomeAt(t, got, "2", "m"); o.Samples[at] == o.Samples[at] || o.Logged[policy.Quality][at] != 1 {
		t.Errorf("one sample: %v, score %v", o.Samples[at], o.Logged[policy.Quality][at])
	}
	got = rows(t, importer.Options{FirstSample: true}, `{"prompt_id": 1, "model_id": "m", "score": 1, "sample": 10}`, `{"prompt_id": 1, "model_id": "m", "score": 0, "sample": 9}`)
	if scoreOf(t, got, "1", "m") != 0 || got.Trace.Outcomes.Samples != nil {
		t.Errorf("first sample: %v", scoreOf(t, got, "1", "m"))
	}
	got = rows(t, importer.Options{Scale: importer.Scale{Worst: 1, Best: 10}}, `{"prompt_id": 1, "model_id": "m", "score": 10}`, `{"prompt_id": 2, "model_id": "m", "score": "5.5"}`, `{"prompt_id": 3, "model_id": "m", "score": 11}`)
	if scoreOf(t, got, "1", "m") != 1 || scoreOf(t, got, "2", "m") != 0.5 || got.Report.Outcomes != 2 {
		t.Errorf("scaled: %+v", got.Report)
	}
	grade, err := importer.ParseGrader("numeric:0.01")
	if err != nil {
		t.Fatal(err)
	}
	got = rows(t, importer.Options{Grade: grade, Estimate: true}, `{"prompt_id": 1, "prompt": "10 × 10?", "reference": "100", "model_id": "m", "response": "It is 100.4."}`,
		`{"prompt_id": 1, "model_id": "n", "response": "1,000"}`, `{"prompt_id": 2, "prompt": "?", "model_id": "m", "response": "1"}`)
	if scoreOf(t, got, "1", "m") != 1 || scoreOf(t, got, "1", "n") != 0 || got.Report.Graded != 2 || fmt.Sprint(got.Report.Unscored) != "[{there is no reference to grade it by 1 0 }]" {
		t.Errorf("graded: %+v", got.Report)
	}
	if o := got.Trace.Outcomes; !(o.InputTokens[0] > 0) || o.TokensEstimated[0] != 1 || !o.Estimated.Has(0) {
		t.Errorf("tokens %v, estimated %v", o.InputTokens, o.TokensEstimated)
	}
}

// Ids are of a benchmark; a prompt that several benchmarks have is theirs by name, and an outcome that names none is nobody's.
func TestIDsOfBenchmarks(t *testing.T) {
	got := rows(t, importer.Options{}, `{"prompt_id": 1, "benchmark": "a", "prompt": "q", "model_id": "m", "score": 1}`, `{"prompt_id": 1, "benchmark": "b", "model_id": "m", "score": 0}`,
		`{"prompt_id": 1, "model_id": "m", "score": 0}`, `{"prompt_id": 2, "benchmark": "a", "model_id": "m", "score": 0}`, `{"prompt_id": 2, "model_id": "n", "score": 1}`)
	if scoreOf(t, got, "a/1", "m") != 1 || scoreOf(t, got, "b/1", "m") != 0 || scoreOf(t, got, "2", "n") != 1 || got.Report.Outcomes != 4 {
		t.Errorf("%+v", got.Report)
	}
	if len(got.Report.LeftOut) != 1 || !strings.Contains(got.Report.LeftOut[0].Reason, `such as "1"`) {
		t.Errorf("%+v", got.Report.LeftOut)
	}
}

// A log without scores, and one without texts, is a log that describe may open.
func TestLogWithoutScores(t *testing.T) {
	i, _ := Named("trace")
	dir := filepath.Join(t.TempDir(), "trace")
	report, err := i.Import(context.Background(), []string{save(t, filepath.Join(t.TempDir(), "rows.jsonl"), []byte(`{"prompt_id": "p", "model_id": "m", "cost_usd": 0.5, "arrived_at": "2026-01-02 03:04:05+02:00"}`))}, dir, importer.Options{})
	if err != nil || !report.Unscorable {
		t.Fatal(report, err)
	}
	if _, err := file.Open(context.Background(), dir); err == nil || !strings.Contains(err.Error(), "data import --grade scores answers") {
		t.Errorf("opened for policies: %v", err)
	}
	got, err := file.OpenLog(context.Background(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if s := got.Outcomes.Logged[policy.Quality][0]; s == s || got.Outcomes.Logged[policy.Cost][0] != 0.5 || got.Prompts.Text != nil || !got.Prompts.ArrivedAt[0].Equal(time.Date(2026, 1, 2, 1, 4, 5, 0, time.UTC)) {
		t.Errorf("%+v, %v", got.Outcomes, got.Prompts.ArrivedAt)
	}
}

// Secrets and addresses are masked in everything that is written, ids among it.
func TestRedact(t *testing.T) {
	secrets := []string{"jane.doe@example.com", "sk-proj-abcdefghijklmnop1234", "AKIAABCDEFGHIJKLMNOP", "ghp_abcdefghijklmnopqrst1234", "hunter2hunter2"}
	line := fmt.Sprintf(`{"prompt_id": %q, "prompt": "mail %s, password: %s", "reference": "%s", "model_id": "m", "response": "use %s or %s", "answer": "%s", "score": 1}`,
		secrets[0], secrets[0], secrets[4], secrets[2], secrets[1], secrets[3], secrets[0])
	path := save(t, filepath.Join(t.TempDir(), "rows.jsonl"), []byte(line))
	i, _ := Named("trace")
	got := imported(t, i, importer.Options{Redact: true}, path)
	var shown bytes.Buffer
	if err := i.(Explainer).Explain(context.Background(), &shown, []string{path}, 1, importer.Options{Redact: true}); err != nil {
		t.Fatal(err)
	}
	all := fmt.Sprintf("%+v %+v %+v %s", got.Trace.Prompts, got.Responses, got.Trace.Outcomes.AnswerText, shown.String())
	for _, s := range secrets {
		if strings.Contains(all, s) {
			t.Errorf("%s is in %s", s, all)
		}
	}
	if got.Trace.Prompts.Text[0] != "mail [e-mail], password: [secret]" || got.Responses[0] != "use [secret] or [secret]" {
		t.Errorf("%q, %q", got.Trace.Prompts.Text, got.Responses)
	}
}

// A name means the model whose alias it was on the day.
func TestAliases(t *testing.T) {
	models, err := importer.ReadModels(save(t, filepath.Join(t.TempDir(), "models.yaml"), []byte(`models:
  - {id: big-05, aliases: [{name: big, until: 2024-10-02}, {name: old-big}]}
  - {id: big-08, aliases: [{name: big, from: 2024-10-02}]}
`)))
	if err != nil {
		t.Fatal(err)
	}
	got := rows(t, importer.Options{Models: models}, `{"prompt_id": 1, "model_id": "big", "score": 1, "prompt": "q", "arrived_at": "2024-10-01T23:59:59Z"}`,
		`{"prompt_id": 2, "model_id": "big", "score": 0, "prompt": "r", "arrived_at": "2024-10-02T00:30:00+01:00"}`, `{"prompt_id": 3, "model_id": "big", "score": 0, "prompt": "s", "arrived_at": 1727913600000}`,
		`{"prompt_id": 4, "model_id": "old-big", "score": 1}`, `{"prompt_id": 5, "model_id": "big", "score": 1}`)
	for id, model := range map[string]string{"1": "big-05", "2": "big-05", "3": "big-08", "4": "big-05"} {
		outcomeAt(t, got, id, model)
	}
	if len(got.Report.LeftOut) != 1 || !strings.Contains(got.Report.LeftOut[0].Reason, "the record has no time") {
		t.Errorf("%+v", got.Report.LeftOut)
	}
}

// A skeleton is a format that works on its sample.
func TestSkeleton(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "our-log")
	if err := Skeleton(dir); err != nil {
		t.Fatal(err)
	}
	i, err := FromFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	got := imported(t, i, importer.Options{Strict: true}, filepath.Join(dir, "sample"))
	if i.Name() != "our-log" || got.Report.Outcomes != 2 || got.Report.Skipped() != 1 || got.Trace.Models[1].Provider != "us" {
		t.Errorf("%s: %+v", i.Name(), got.Report)
	}
	if err := Skeleton(dir); err == nil {
		t.Error("a folder that is there is overwritten")
	}
	var shown bytes.Buffer
	if err := i.(Explainer).Explain(context.Background(), &shown, []string{filepath.Join(dir, "sample")}, 3, importer.Options{}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"log.jsonl, line 1:", `"question": "2 + 2?"`, `"model_id": "tiny"`, `"skip": "failed: timeout"`} {
		if !strings.Contains(shown.String(), want) {
			t.Errorf("%s is not in\n%s", want, shown.String())
		}
	}
}

// Damaged Parquet is told, and does not hang, panic or take all memory.
func TestDamagedParquet(t *testing.T) {
	damaged, _ := filepath.Glob(filepath.Join("..", "..", "..", "..", "shared", "reliability", "*.parquet"))
	if len(damaged) == 0 {
		t.Skip("../shared/reliability is absent")
	}
	i, _ := Named("trace")
	for _, path := range damaged {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := refused(t, i, importer.Options{}, path)
		runtime.ReadMemStats(&after)
		if !strings.Contains(err, filepath.Base(path)) || after.TotalAlloc-before.TotalAlloc > 1<<30 {
			t.Errorf("%s: %s, after allocating %d MB", path, err, (after.TotalAlloc-before.TotalAlloc)>>20)
		}
	}
}

// The cases of people who do this job import without a line of the user's own.
func TestCases(t *testing.T) {
	cases := filepath.Join("..", "..", "..", "..", "shared", "cases")
	if _, err := os.Stat(cases); err != nil {
		t.Skip("../shared/cases is absent")
	}
	i, _ := Named("trace")
	for name, c := range map[string]struct {
		opt      importer.Options
		outcomes int
	}{
		"07-repeats/t": {importer.Options{}, 120}, "08-judge-1-10/t": {importer.Options{Scale: importer.Scale{Worst: 1, Best: 10}}, 120}, "08b-bool-score/t": {importer.Options{}, 120},
		"24-routellm/t": {importer.Options{Estimate: true}, 80}, "12-parquet/e-messages": {importer.Options{}, 120}, "12-parquet/f-hive": {importer.Options{}, 120},
		"12-parquet/g-spark-dirs": {importer.Options{}, 120}, "12-parquet/h-half-float": {importer.Options{}, 120}, "12-parquet/b-duckdb-uuid": {importer.Options{}, 120},
	} {
		got := imported(t, i, c.opt, filepath.Join(cases, filepath.FromSlash(name)))
		if got.Report.Outcomes != c.outcomes {
			t.Errorf("%s: %+v", name, got.Report)
		}
		for at, x := range got.Trace.Outcomes.Logged[policy.Quality] {
			if got.Trace.Outcomes.Present.Has(at) && math.IsNaN(float64(x)) {
				t.Fatalf("%s: an outcome without a score", name)
			}
		}
	}
	if err := refused(t, i, importer.Options{}, filepath.Join(cases, "20-docid", "t")); !strings.Contains(err, "give the benchmark beside it") {
		t.Errorf("outcomes of ids that two benchmarks share: %s", err)
	}
}
