package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Without a checkout there are the experiments that init writes, and they find what they name.
func TestInit(t *testing.T) {
	t.Chdir(t.TempDir())
	must(t, "init")
	must(t, "plan", "experiments/quickstart.yaml", "--set", "data.synth.prompts=300")
	mine := []byte("name: mine\n")
	path := filepath.Join("experiments", "quickstart.yaml")
	if err := os.WriteFile(path, mine, 0o644); err != nil {
		t.Fatal(err)
	}
	if out := must(t, "init"); !strings.Contains(out, "left as it is: "+path) {
		t.Errorf("says %q", out)
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != string(mine) {
		t.Errorf("a changed file was written over: %q, %v", got, err)
	}
}

// experiments/own.yaml compares policies over any trace.
func TestOwnTrace(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "trace")
	must(t, "data", "synth", "--out", dir, "--prompts", "200", "--models", "4")
	must(t, "run", "../../experiments/own.yaml", "--set", "data.trace="+dir, "--results", t.TempDir(), "--set", "metrics.resamples=100", "--set", "plots.formats=[]")
	if code, _, stderr := trilemma("plan", "../../experiments/own.yaml"); code != exitBad || !strings.Contains(stderr, "--set data.trace=DIR") {
		t.Errorf("without a trace: exit %d, %s", code, stderr)
	}
}
