package file

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"go.uber.org/goleak"

	"github.com/trilemma-bench/trilemma/harness/trace"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// badRow is an outcome as a careless tool might write it.
type badRow struct {
	PromptID     *string  `parquet:"prompt_id"`
	ModelID      *string  `parquet:"model_id"`
	Score        *float64 `parquet:"score"`
	InputTokens  *int64   `parquet:"input_tokens"`
	OutputTokens *int64   `parquet:"output_tokens"`
	CostUSD      *float64 `parquet:"cost_usd"`
	LatencySec   *float64 `parquet:"latency_s"`
	EnergyWh     *float64 `parquet:"energy_wh"`
	CarbonG      *float64 `parquet:"carbon_g"`
	Propensity   *float64 `parquet:"propensity"`
}

type badPrompt struct {
	ID   *string `parquet:"prompt_id"`
	Text string  `parquet:"prompt"`
}

func ptr[T any](x T) *T { return &x }

// lay writes a trace of 30 prompts × 2 models that spoil may damage.
func lay(t testing.TB, spoil func(models *string, prompts *[]badPrompt, rows *[]badRow)) string {
	t.Helper()
	dir := t.TempDir()
	models := "models:\n  - id: a\n    price_input_usd_per_mtok: 1\n  - id: b\n"
	var prompts []badPrompt
	var rows []badRow
	for i := range 30 {
		id := fmt.Sprintf("p%d", i)
		prompts = append(prompts, badPrompt{&id, "text of " + id})
		for _, m := range []string{"a", "b"} {
			rows = append(rows, badRow{PromptID: &id, ModelID: &m, Score: ptr(0.5), InputTokens: ptr(int64(7)), OutputTokens: ptr(int64(7)),
				CostUSD: ptr(0.1), LatencySec: ptr(0.1), EnergyWh: ptr(0.1), CarbonG: ptr(0.1), Propensity: ptr(0.5)})
		}
	}
	if spoil != nil {
		spoil(&models, &prompts, &rows)
	}
	if err := os.WriteFile(filepath.Join(dir, trace.ModelsFile), []byte(models), 0o644); err != nil {
		t.Fatal(err)
	}
	store(t, filepath.Join(dir, trace.PromptsFile), prompts)
	store(t, filepath.Join(dir, trace.OutcomesFile), rows)
	return dir
}

func store[T any](t testing.TB, path string, rows []T) {
	t.Helper()
	var b bytes.Buffer
	w := parquet.NewGenericWriter[T](&b, parquet.MaxRowsPerRowGroup(10))
	if _, err := w.Write(rows); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestOpenRefuses(t *testing.T) {
	type rows = *[]badRow
	row := func(f func(r *badRow)) func(*string, *[]badPrompt, rows) {
		return func(_ *string, _ *[]badPrompt, r rows) { f(&(*r)[17]) }
	}
	for _, c := range []struct {
		name  string
		spoil func(models *string, prompts *[]badPrompt, r rows)
		want  trace.Violation // Fix only has to be there
	}{
		{"score 1.7", row(func(r *badRow) { r.Score = ptr(1.7) }), violation(trace.OutcomesFile, 17, "score", "1.7", "is outside [0,1]")},
		{"score -0.1", row(func(r *badRow) { r.Score = ptr(-0.1) }), violation(trace.OutcomesFile, 17, "score", "-0.1", "is outside [0,1]")},
		{"score NaN", row(func(r *badRow) { r.Score = ptr(math.NaN()) }), violation(trace.OutcomesFile, 17, "score", "NaN", "is not a number")},
		{"score null", row(func(r *badRow) { r.Score = nil }), violation(trace.OutcomesFile, 17, "score", "", "is null")},
		{"input tokens", row(func(r *badRow) { r.InputTokens = ptr(int64(-3)) }), violation(trace.OutcomesFile, 17, "input_tokens", "-3", "is negative")},
		{"output tokens", row(func(r *badRow) { r.OutputTokens = ptr(int64(-3)) }), violation(trace.OutcomesFile, 17, "output_tokens", "-3", "is negative")},
		{"cost", row(func(r *badRow) { r.CostUSD = ptr(-0.5) }), violation(trace.OutcomesFile, 17, "cost_usd", "-0.5", "is negative")},
		{"infinite cost", row(func(r *badRow) { r.CostUSD = ptr(math.Inf(1)) }), violation(trace.OutcomesFile, 17, "cost_usd", "+Inf", "is not finite")},
		{"latency", row(func(r *badRow) { r.LatencySec = ptr(-0.5) }), violation(trace.OutcomesFile, 17, "latency_s", "-0.5", "is negative")},
		{"energy", row(func(r *badRow) { r.EnergyWh = ptr(-0.5) }), violation(trace.OutcomesFile, 17, "energy_wh", "-0.5", "is negative")},
		{"carbon", row(func(r *badRow) { r.CarbonG = ptr(-0.5) }), violation(trace.OutcomesFile, 17, "carbon_g", "-0.5", "is negative")},
		{"propensity 0", row(func(r *badRow) { r.Propensity = ptr(0.0) }), violation(trace.OutcomesFile, 17, "propensity", "0", "is outside (0,1]")},
		{"propensity 2", row(func(r *badRow) { r.Propensity = ptr(2.0) }), violation(trace.OutcomesFile, 17, "propensity", "2", "is outside (0,1]")},
		{"unknown model", row(func(r *badRow) { r.ModelID = ptr("c") }), violation(trace.OutcomesFile, 17, "model_id", `"c"`, "is not in models.yaml")},
		{"unknown prompt", row(func(r *badRow) { r.PromptID = ptr("q") }), violation(trace.OutcomesFile, 17, "prompt_id", `"q"`, "is not in prompts.parquet")},
		{"null model", row(func(r *badRow) { r.ModelID = nil }), violation(trace.OutcomesFile, 17, "model_id", "", "is null")},
		{"null prompt", row(func(r *badRow) { r.PromptID = nil }), violation(trace.OutcomesFile, 17, "prompt_id", "", "is null")},
		{"duplicate outcome", func(_ *string, _ *[]badPrompt, r rows) { (*r)[43] = (*r)[2] },
			violation(trace.OutcomesFile, 43, "prompt_id, model_id", `("p1", "a")`, "has an outcome in an earlier row already")},
		{"the first of two", func(_ *string, _ *[]badPrompt, r rows) { (*r)[55].Score, (*r)[12].CostUSD = ptr(3.0), ptr(-1.0) },
			violation(trace.OutcomesFile, 12, "cost_usd", "-1", "is negative")},
		{"duplicate prompt", func(_ *string, p *[]badPrompt, _ rows) { (*p)[9].ID = ptr("p3") },
			violation(trace.PromptsFile, 9, "prompt_id", `"p3"`, "is the id of row 3 already")},
		{"prompt without id", func(_ *string, p *[]badPrompt, _ rows) { (*p)[9].ID = nil }, violation(trace.PromptsFile, 9, "prompt_id", "", "is null")},
		{"empty prompt id", func(_ *string, p *[]badPrompt, _ rows) { (*p)[9].ID = ptr("") }, violation(trace.PromptsFile, 9, "prompt_id", "", "is empty")},
		{"text that is not UTF-8", func(_ *string, p *[]badPrompt, _ rows) { (*p)[4].Text = "a\xff" },
			violation(trace.PromptsFile, 4, "prompt", `"a�"`, "is not valid UTF-8")},
		{"no prompts", func(_ *string, p *[]badPrompt, _ rows) { *p = nil }, violation(trace.PromptsFile, -1, "", "", "has no prompts")},
		{"no outcomes", func(_ *string, _ *[]badPrompt, r rows) { *r = nil }, violation(trace.OutcomesFile, -1, "", "", "has no outcomes")},
		{"no models", func(m *string, _ *[]badPrompt, _ rows) { *m = "models: []\n" }, violation(trace.ModelsFile, -1, "models", "", "names no models")},
		{"empty models.yaml", func(m *string, _ *[]badPrompt, _ rows) { *m = "" }, violation(trace.ModelsFile, -1, "models", "", "names no models")},
		{"model twice", func(m *string, _ *[]badPrompt, _ rows) { *m += "  - id: a\n" },
			violation(trace.ModelsFile, 5, "id", `"a"`, "is the id of the model in line 2 already")},
		{"model without id", func(m *string, _ *[]badPrompt, _ rows) { *m += "  - provider: x\n" }, violation(trace.ModelsFile, 5, "id", "", "a model has no id")},
		{"price in words", func(m *string, _ *[]badPrompt, _ rows) { *m += "    price_output_usd_per_mtok: cheap\n" },
			violation(trace.ModelsFile, 5, "price_output_usd_per_mtok", `"cheap"`, "is not a number")},
		{"negative price", func(m *string, _ *[]badPrompt, _ rows) { *m += "    price_output_usd_per_mtok: -1\n" },
			violation(trace.ModelsFile, 5, "price_output_usd_per_mtok", "-1", "is negative")},
		{"range upside down", func(m *string, _ *[]badPrompt, _ rows) { *m += "    params_active_b: [30, 20]\n" },
			violation(trace.ModelsFile, 5, "params_active_b", "[30 20]", "has its low end above its high end")},
	} {
		t.Run(c.name, func(t *testing.T) {
			expect(t, lay(t, c.spoil), c.want)
		})
	}
}

// expect holds that Open and Validate tell the one thing that is wrong, and what to do.
func expect(t *testing.T, dir string, want trace.Violation) {
	t.Helper()
	_, err := Open(context.Background(), dir)
	var got *trace.Violation
	if !errors.As(err, &got) {
		t.Fatalf("Open: got %v, want a violation", err)
	}
	if got.Fix == "" {
		t.Errorf("%v does not say what to do", got)
	}
	blank := *got
	blank.Fix = ""
	if strings.HasSuffix(want.Problem, "…") && strings.HasPrefix(got.Problem, strings.TrimSuffix(want.Problem, "…")) {
		blank.Problem = want.Problem
	}
	if blank != want {
		t.Errorf("Open: got %+v\nwant %+v", blank, want)
	}
	list, total, err := Validate(context.Background(), dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	if total != len(list) || total == 0 || list[0] != *got {
		t.Errorf("Validate: %d violations %v, want first %v", total, list, got)
	}
}

func TestOpenRefusesFiles(t *testing.T) {
	missing := func(name string) string {
		dir := lay(t, nil)
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	for _, name := range []string{trace.ModelsFile, trace.PromptsFile, trace.OutcomesFile} {
		expect(t, missing(name), trace.Violation{File: name, Row: -1, Problem: "is missing"})
	}
	if _, err := Open(context.Background(), filepath.Join(t.TempDir(), "nowhere")); err == nil || !strings.Contains(err.Error(), "nowhere") {
		t.Errorf("a folder that is not there: %v", err)
	}
	both := lay(t, nil)
	store(t, filepath.Join(both, trace.OutcomesDir, "part-0.parquet"), []badRow{{}})
	expect(t, both, trace.Violation{File: trace.OutcomesFile, Row: -1, Problem: "stands beside outcomes/part-0.parquet"})

	type words struct {
		PromptID string `parquet:"prompt_id"`
		ModelID  string `parquet:"model_id"`
		Score    string `parquet:"score"`
	}
	wrong := lay(t, nil)
	store(t, filepath.Join(wrong, trace.OutcomesFile), []words{{"p0", "a", "good"}})
	expect(t, wrong, trace.Violation{File: trace.OutcomesFile, Row: -1, Column: "score", Value: "STRING", Problem: "is the wrong type, want a number"})

	type numbered struct {
		PromptID int64   `parquet:"prompt_id"`
		ModelID  string  `parquet:"model_id"`
		Score    float32 `parquet:"score"`
	}
	store(t, filepath.Join(wrong, trace.OutcomesFile), []numbered{{0, "a", 1}})
	expect(t, wrong, trace.Violation{File: trace.OutcomesFile, Row: -1, Column: "prompt_id", Value: "INT(64,true)", Problem: "is the wrong type, want a string"})

	type scoreless struct {
		PromptID string `parquet:"prompt_id"`
		ModelID  string `parquet:"model_id"`
	}
	store(t, filepath.Join(wrong, trace.OutcomesFile), []scoreless{{"p0", "a"}})
	expect(t, wrong, trace.Violation{File: trace.OutcomesFile, Row: -1, Column: "score", Problem: "is missing…"})

	shard := lay(t, nil)
	if err := os.Remove(filepath.Join(shard, trace.OutcomesFile)); err != nil {
		t.Fatal(err)
	}
	store(t, filepath.Join(shard, trace.OutcomesDir, "part-0.parquet"), []badRow{{PromptID: ptr("p0"), ModelID: ptr("a"), Score: ptr(1.0)}})
	store(t, filepath.Join(shard, trace.OutcomesDir, "part-1.parquet"), []badRow{{PromptID: ptr("p0"), ModelID: ptr("b"), Score: ptr(1.0)},
		{PromptID: ptr("p0"), ModelID: ptr("a"), Score: ptr(1.0)}})
	expect(t, shard, trace.Violation{File: "outcomes/part-1.parquet", Row: 1, Column: "prompt_id, model_id", Value: `("p0", "a")`,
		Problem: "has an outcome in an earlier row already"})

	broken := lay(t, func(m *string, _ *[]badPrompt, _ *[]badRow) { *m = "models:\n  - id: [a\n" })
	if _, err := Open(context.Background(), broken); err == nil || !strings.Contains(err.Error(), "models.yaml") {
		t.Errorf("broken YAML: %v", err)
	}
}

func TestVectorsRefuse(t *testing.T) {
	type vector struct {
		ID  string    `parquet:"prompt_id"`
		Vec []float32 `parquet:"embedding,list"`
	}
	nan := float32(math.NaN())
	for name, c := range map[string]struct {
		rows []vector
		row  int64
	}{
		"another length": {[]vector{{"a", []float32{1, 2}}, {"b", []float32{1}}}, 1},
		"none":           {[]vector{{"a", []float32{1, 2}}, {"b", nil}}, 1},
		"first none":     {[]vector{{"a", nil}, {"b", []float32{1, 2}}}, 0},
		"NaN":            {[]vector{{"a", []float32{1, 2}}, {"b", []float32{1, nan}}}, 1},
		"all none":       {[]vector{{"a", nil}}, -1},
	} {
		path := filepath.Join(t.TempDir(), "v.parquet")
		store(t, path, c.rows)
		_, _, _, err := ReadVectors(context.Background(), path)
		var v *trace.Violation
		if !errors.As(err, &v) || v.Row != c.row || v.Column != "embedding" {
			t.Errorf("%s: got %v, want a violation in row %d", name, err, c.row)
		}
	}
}

// Validate tells everything, in the order of the files and their rows, and stops listing at its limit.
func TestValidateListsAll(t *testing.T) {
	dir := lay(t, func(m *string, p *[]badPrompt, r *[]badRow) {
		*m += "    price_output_usd_per_mtok: -1\n"
		(*p)[9].ID = ptr("p3")
		for i := range *r {
			(*r)[i].Score = ptr(2.0)
		}
		(*r)[30].CostUSD = ptr(-1.0)
		(*r)[31].ModelID = ptr("z")
	})
	all, total, err := Validate(context.Background(), dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	// 1 price, 1 prompt, 60 scores, 1 cost, 1 model, 2 outcomes of p9, which is no prompt now
	if want := 66; total != want || len(all) != want {
		t.Errorf("%d violations, %d listed, want %d", total, len(all), want)
	}
	order := map[string]int{trace.ModelsFile: 0, trace.PromptsFile: 1, trace.OutcomesFile: 2}
	for i := range all[1:] {
		a, b := all[i], all[i+1]
		if order[a.File] > order[b.File] || a.File == b.File && a.Row > b.Row {
			t.Errorf("%v stands before %v", &a, &b)
		}
	}
	for _, limit := range []int{1, 2, 3, 17, 65, 66, 100} {
		some, n, err := Validate(context.Background(), dir, limit)
		if err != nil || n != total {
			t.Fatalf("limit %d: %d violations, %v", limit, n, err)
		}
		if want := min(limit, total); len(some) != want {
			t.Fatalf("limit %d: %d listed, want %d", limit, len(some), want)
		}
		for i := range some {
			if some[i] != all[i] {
				t.Errorf("limit %d: violation %d is %v, want %v", limit, i, &some[i], &all[i])
			}
		}
	}
}

// A file cut off anywhere is refused with its name, never taken for a whole one.
func TestTruncated(t *testing.T) {
	for _, name := range []string{trace.PromptsFile, trace.OutcomesFile} {
		dir := lay(t, nil)
		path := filepath.Join(dir, name)
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for cut := 0; cut < len(whole); cut += 1 + len(whole)/97 {
			if err := os.WriteFile(path, whole[:cut], 0o644); err != nil {
				t.Fatal(err)
			}
			_, err := Open(context.Background(), dir)
			var v *trace.Violation
			if !errors.As(err, &v) || v.File != name || v.Fix == "" {
				t.Fatalf("%s cut at %d of %d bytes: %v", name, cut, len(whole), err)
			}
		}
	}
}

func TestOpenCancelled(t *testing.T) {
	dir := lay(t, nil)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Open(ctx, dir); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context canceled", err)
	}
}

// Bytes changed at random: an error that names the file, or a trace, but no panic and no endless reading.
func TestFlippedBytes(t *testing.T) {
	dir := lay(t, nil)
	for _, name := range []string{trace.PromptsFile, trace.OutcomesFile} {
		path := filepath.Join(dir, name)
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		r := policy.Stream(1, "flip", name)
		for range 300 {
			b := bytes.Clone(whole)
			for range 1 + r.IntN(3) {
				b[r.IntN(len(b))] = byte(r.IntN(256))
			}
			if err := os.WriteFile(path, b, 0o644); err != nil {
				t.Fatal(err)
			}
			if _, err := Open(context.Background(), dir); err != nil && !strings.Contains(err.Error(), name) {
				t.Errorf("%v does not name %s", err, name)
			}
		}
		if err := os.WriteFile(path, whole, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// FuzzOpen feeds any bytes to the reader as outcomes and as prompts: it may refuse them, with the file's name, but not crash.
func FuzzOpen(f *testing.F) {
	dir := lay(f, nil)
	for _, name := range []string{trace.OutcomesFile, trace.PromptsFile} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		f.Add(b[:len(b)/2])
		f.Add(append(append([]byte("PAR1"), b[len(b)/2:]...), "PAR1"...))
	}
	f.Add([]byte("PAR1"))
	dirs := map[string]string{trace.OutcomesFile: lay(f, nil), trace.PromptsFile: lay(f, nil)}
	f.Fuzz(func(t *testing.T, b []byte) {
		for name, dir := range dirs {
			if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
				t.Fatal(err)
			}
			_, err := Open(context.Background(), dir)
			if err != nil && !strings.Contains(err.Error(), ".parquet") {
				t.Errorf("%v does not name the file", err)
			}
		}
	})
}

func violation(file string, row int64, column, value, problem string) trace.Violation {
	return trace.Violation{File: file, Row: row, Column: column, Value: value, Problem: problem}
}

// Outcomes in several files are those of one.
func TestShardsAreOneTrace(t *testing.T) {
	var all []badRow
	dir := lay(t, func(_ *string, _ *[]badPrompt, r *[]badRow) { all = *r })
	want, err := Open(context.Background(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, trace.OutcomesFile)); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		store(t, filepath.Join(dir, trace.OutcomesDir, fmt.Sprintf("part-%d.parquet", i)), all[20*i:20*(i+1)])
	}
	got, err := Open(context.Background(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := sameTrace(want, got); diff != "" {
		t.Errorf("one file (-) and three (+) differ:\n%s", diff)
	}
	places, err := Locate(context.Background(), got, []int{45})
	if want := (Place{"outcomes/part-2.parquet", 5}); err != nil || places[45] != want {
		t.Errorf("outcome 45 is at %v, %v, want %v", places, err, want)
	}
}

// Rows tells the file and the column that is damaged, and takes no file for whole that was cut.
func TestRowsRefuses(t *testing.T) {
	dir := lay(t, nil)
	path := filepath.Join(dir, trace.OutcomesFile)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	count := func() (n int, err error) {
		err = Rows(path, func(*badRow) bool { n++; return true })
		return n, err
	}
	if n, err := count(); n != 60 || err != nil {
		t.Fatalf("%d rows, %v, want 60", n, err)
	}
	r := policy.Stream(1, "rows")
	columns := map[string]bool{}
	for range 300 {
		b := bytes.Clone(whole)
		b[r.IntN(len(b))] ^= byte(1 + r.IntN(255))
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
		var v *trace.Violation
		if _, err := count(); err != nil && (!errors.As(err, &v) || v.File != trace.OutcomesFile) {
			t.Errorf("%v is no violation of %s", err, trace.OutcomesFile)
		} else if err != nil {
			columns[v.Column] = true
		}
	}
	if !columns["score"] || !columns["model_id"] {
		t.Errorf("columns named: %v, want score and model_id among them", columns)
	}
	for cut := 0; cut < len(whole); cut += 1 + len(whole)/41 {
		if err := os.WriteFile(path, whole[:cut], 0o644); err != nil {
			t.Fatal(err)
		}
		if n, err := count(); err == nil {
			t.Errorf("%d of %d bytes: %d rows and no error", cut, len(whole), n)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := count(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
}
