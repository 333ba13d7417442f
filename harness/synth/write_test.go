package synth

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/trilemma-bench/trilemma/harness/trace"
	"github.com/trilemma-bench/trilemma/harness/trace/file"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

func TestWriteAndReadBack(t *testing.T) {
	s := generate(t, func(p *Params) { p.Prompts, p.MissingRate = 2500, 0.02 })
	dir := filepath.Join(t.TempDir(), "trace")
	if err := s.Write(dir); err != nil {
		t.Fatal(err)
	}
	if v, n, err := file.Validate(context.Background(), dir, 5); n > 0 || err != nil {
		t.Errorf("the written trace has %d violations: %v, %v", n, v, err)
	}
	got, err := file.Open(context.Background(), dir)
	if err != nil {
		t.Fatal(err)
	}
	want := *s.Trace
	want.Dir = dir
	// Answers are codes into a table of each trace's own.
	if d := cmp.Diff(&want, got, cmpopts.EquateNaNs(), cmpopts.EquateApproxTime(0), cmpopts.IgnoreFields(trace.Outcomes{}, "Answer", "AnswerText")); d != "" {
		t.Errorf("written (-) and read (+) traces differ:\n%s", d)
	}
	for at := range got.Outcomes.Answer {
		if a, b := got.Outcomes.AnswerText[got.Outcomes.Answer[at]], s.Trace.Outcomes.AnswerText[s.Trace.Outcomes.Answer[at]]; a != b {
			t.Fatalf("entry %d: answer %q, want %q", at, a, b)
		}
	}
	truth, ids, p := readTruth(t, dir)
	if d := cmp.Diff(s.Truth, truth); d != "" || p != s.Params || !slices.Equal(ids, s.Trace.Prompts.ID) {
		t.Errorf("the truth changes on its way: %s, parameters %+v", d, p)
	}
	if !slices.Equal(truth.Best(policy.Preference{policy.Cost: 10}), s.Truth.Best(policy.Preference{policy.Cost: 10})) {
		t.Error("the best decisions change on their way")
	}
	if err := s.Write(dir); err == nil {
		t.Error("writing over a trace: no error")
	}
}

func TestSameParametersSameBytes(t *testing.T) {
	p := Default()
	p.Prompts, p.Text = 2*1024+77, "short"
	dirs := [3]string{}
	for i := range dirs {
		dirs[i] = filepath.Join(t.TempDir(), "trace")
		if i < 2 {
			if err := Create(context.Background(), dirs[i], p); err != nil {
				t.Fatal(err)
			}
			continue
		}
		s, err := Generate(p)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Write(dirs[i]); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{trace.ModelsFile, trace.PromptsFile, trace.OutcomesFile, TruthTable, TruthSummary} {
		want := read(t, dirs[0], name)
		for _, dir := range dirs[1:] {
			if !bytes.Equal(want, read(t, dir, name)) {
				t.Errorf("%s differs between runs, or between Create and Write", name)
			}
		}
	}
	entries, err := os.ReadDir(filepath.Dir(dirs[0]))
	if err != nil || len(entries) != 1 {
		t.Errorf("%d entries are left beside the trace: %v, %v", len(entries), entries, err)
	}
}

func read(t *testing.T, dir, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestAbandonedWriteLeavesNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	parent := t.TempDir()
	if err := Create(ctx, filepath.Join(parent, "trace"), Default()); err == nil {
		t.Error("a cancelled simulation: no error")
	}
	p := Default()
	p.Prompts, p.MissingRate = 10, 1
	if err := Create(context.Background(), filepath.Join(parent, "trace"), p); err == nil {
		t.Error("a trace without outcomes: no error")
	}
	if entries, err := os.ReadDir(parent); err != nil || len(entries) > 0 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

// readTruth reads the truth beside a simulated trace, in the order of its prompts and models.
func readTruth(t *testing.T, dir string) (truth *Truth, ids []string, p Params) {
	t.Helper()
	var head truthFile
	if err := json.Unmarshal(read(t, dir, TruthSummary), &head); err != nil {
		t.Fatal(err)
	}
	truth = &Truth{Models: []string{}}
	models := head.Summary.Models
	err := file.Rows(filepath.Join(dir, TruthTable), func(row *truthRow) bool {
		if len(truth.Models) < models {
			truth.Models = append(truth.Models, row.ModelID)
		}
		if len(truth.Chance)%models == 0 {
			ids = append(ids, row.PromptID)
		}
		truth.Chance, truth.ChanceSeen = append(truth.Chance, row.PCorrect), append(truth.ChanceSeen, row.PCorrectSeen)
		truth.CostUSD, truth.LatencySec = append(truth.CostUSD, row.ExpectedCostUSD), append(truth.LatencySec, row.ExpectedLatencySec)
		truth.EnergyWh, truth.CarbonG = append(truth.EnergyWh, row.ExpectedEnergyWh), append(truth.CarbonG, row.ExpectedCarbonG)
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	return truth, ids, head.Params
}

// A trace of ten million outcomes, in bounded memory: TRILEMMA_FULL=1.
func TestTenMillionOutcomes(t *testing.T) {
	if os.Getenv("TRILEMMA_FULL") == "" {
		t.Skip("set TRILEMMA_FULL=1 to write a trace of ten million outcomes")
	}
	p := Default()
	p.Prompts, p.Text, p.Responses = 1_250_000, "short", "none"
	start := time.Now()
	if err := Create(context.Background(), filepath.Join(t.TempDir(), "trace"), p); err != nil {
		t.Fatal(err)
	}
	t.Logf("10,000,000 outcomes written in %v", time.Since(start))
}

func BenchmarkGenerateDefault(b *testing.B) {
	for b.Loop() {
		s := generate(b, nil)
		for i := range s.Trace.Prompts.Len() {
			for j := range s.Trace.Models {
				s.Response(i, j)
			}
		}
	}
}
