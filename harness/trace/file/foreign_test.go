package file

import (
	"context"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/trilemma-bench/trilemma/harness/trace"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// python finds an interpreter: $TRILEMMA_PYTHON, else python3.
func python(t *testing.T) string {
	t.Helper()
	name := os.Getenv("TRILEMMA_PYTHON")
	if name == "" {
		name = "python3"
	}
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skip("no python; set TRILEMMA_PYTHON to one with pyarrow, polars and duckdb")
	}
	return path
}

// TestForeignWriters reads what pyarrow, Polars and DuckDB write, in many codecs, encodings and types.
func TestForeignWriters(t *testing.T) {
	py := python(t)
	root := t.TempDir()
	out, err := exec.Command(py, "testdata/foreign.py", root).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
	dirs, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	if len(dirs) == 0 {
		t.Skipf("%s has neither pyarrow, polars nor duckdb", py)
	}
	for _, d := range dirs {
		t.Run(d.Name(), func(t *testing.T) {
			dir := filepath.Join(root, d.Name())
			tr, err := Open(context.Background(), dir)
			if err != nil {
				t.Fatal(err)
			}
			checkForeign(t, tr, strings.HasSuffix(d.Name(), "minimal"))
			if list, total, err := Validate(context.Background(), dir, 3); err != nil || total != 0 {
				t.Errorf("Validate: %v, %d violations %v", err, total, list)
			}
		})
	}
}

// checkForeign holds the trace against what testdata/foreign.py writes.
func checkForeign(t *testing.T, tr *trace.Trace, minimal bool) {
	t.Helper()
	p, o := &tr.Prompts, &tr.Outcomes
	same := func(what string, got, want any) {
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: got %v, want %v", what, got, want)
		}
	}
	same("prompts", p.Len(), 40)
	if !minimal {
		same("category", p.Category[:4], []string{"cat0", "cat1", "cat2", ""})
		same("text", p.Text[11], "What is 11 plus 11? Ünïcode 世界")
		same("reference", p.Reference[:5], []string{"A", "B", "C", "D", ""})
		same("arrived_at", p.ArrivedAt[30], time.Date(2025, 1, 2, 6, 0, 0, 0, time.UTC))
		same("null arrived_at", p.ArrivedAt[5].IsZero(), true)
		same("split", p.Split[29]+p.Split[30], "traintest")
		same("dim", p.Dim, 3)
		same("embedding", p.Embedding[3*21:3*22], []float32{21, 10.5, -1})
	}
	nan := float32(math.NaN())
	for i := range 40 {
		for j := range 3 {
			at := o.At(i, j)
			if there := (i+j)%9 != 8; o.Present.Has(at) != there {
				t.Fatalf("outcome (%d, %d) present: %v, want %v", i, j, !there, there)
			} else if !there {
				continue
			}
			output, cost, answer := float32(100*j+i), 0.25*float32(j), string("ABCD"[(i+j)%4])
			if j == 2 {
				output = nan
			}
			if i == 0 {
				cost = nan
			}
			if i%6 == 5 {
				answer = ""
			}
			same("score", o.Logged[policy.Quality][at], float32((i*3+j)%5)/4)
			if minimal {
				continue
			}
			same("input_tokens", o.InputTokens[at], 10+i)
			same("output_tokens", o.OutputTokens[at], output)
			same("cost_usd", o.Logged[policy.Cost][at], cost)
			same("latency_s", o.Logged[policy.Latency][at], 1.5)
			same("propensity", o.Propensity[at], 0.5)
			same("answer", o.AnswerText[o.Answer[at]], answer)
		}
	}
	if o.Logged[policy.Energy] != nil || o.Logged[policy.Carbon] != nil {
		t.Error("there are matrices for columns without a value")
	}
	texts, err := Responses(context.Background(), tr, func(prompt, model int) bool { return prompt%4 == 3 })
	if err != nil {
		t.Fatal(err)
	}
	for at, text := range texts {
		i, j := at/3, at%3
		want := ""
		if !minimal && i%4 == 3 && i != 7 && o.Present.Has(at) {
			want = fmt.Sprintf("response %d %d ", i, j) + strings.Repeat("lorem ", 20)
		}
		if text != want {
			t.Fatalf("response (%d, %d) is %q, want %q", i, j, text, want)
		}
	}
}
