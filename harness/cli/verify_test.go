package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/trilemma-bench/trilemma/harness/store"
	"github.com/trilemma-bench/trilemma/harness/trace"
)

func TestVerify(t *testing.T) {
	data, results := altered(t, func(*trace.Trace) {}), t.TempDir()
	file := experimentFile(t, drawn)
	must(t, "run", file, "--results", results, "--in-process", "--set", "data.trace="+data)
	if out := must(t, "verify", "small", "--results", results); !strings.Contains(out, "verifies") {
		t.Errorf("verifying says %s", out)
	}
	run, err := store.Find(results, "small")
	if err != nil {
		t.Fatal(err)
	}
	first := func(pattern string) string {
		found, err := filepath.Glob(run.Path(pattern))
		if err != nil || len(found) == 0 {
			t.Fatalf("no %s in the run: %v", pattern, err)
		}
		return found[0]
	}
	for _, tc := range []struct {
		name, file string
		want       string
		seal       bool // the manifest is made to agree with what was changed
	}{
		{"a plot", first("plots/*.svg"), "output plots/", false},
		{"a metric", run.Path("metrics.csv"), "metrics.csv, line", true},
		{"a saving", run.Path("savings.json"), "savings.json: stored is", true},
		{"the trace's models", filepath.Join(data, "models.yaml"), "input", false},
	} {
		before, err := os.ReadFile(tc.file)
		if err != nil {
			t.Fatal(err)
		}
		after := []byte(strings.Replace(string(before), "5", "6", 1))
		if err := os.WriteFile(tc.file, after, 0o644); err != nil {
			t.Fatal(err)
		}
		if tc.seal {
			if err := run.Seal(); err != nil {
				t.Fatal(err)
			}
		}
		code, _, stderr := trilemma("verify", "small", "--results", results)
		if code != exitBad || !strings.Contains(stderr, tc.want) {
			t.Errorf("%s changed: exit %d and %q, want %d and %q", tc.name, code, stderr, exitBad, tc.want)
		}
		if err := os.WriteFile(tc.file, before, 0o644); err != nil {
			t.Fatal(err)
		}
		if tc.seal {
			if err := run.Seal(); err != nil {
				t.Fatal(err)
			}
		}
	}

	// Decisions of another policy in the place of one's own lead elsewhere.
	cells, err := filepath.Glob(run.Path("decisions/*.parquet"))
	if err != nil || len(cells) < 2 {
		t.Fatalf("%d cells with decisions: %v", len(cells), err)
	}
	other, err := os.ReadFile(cells[1])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(cells[0], other, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := run.Seal(); err != nil {
		t.Fatal(err)
	}
	if code, stdout, stderr := trilemma("verify", "small", "--results", results); code != exitBad {
		t.Errorf("decisions exchanged: exit %d, want %d\n%s%s", code, exitBad, stdout, stderr)
	}
}
