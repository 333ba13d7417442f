package cli

import (
	"cmp"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
)

// TestPandas runs what docs/python.md shows over a run.
func TestPandas(t *testing.T) {
	page, err := os.ReadFile("../../docs/python.md")
	if err != nil {
		t.Fatal(err)
	}
	snippet := regexp.MustCompile("(?s)```python\n(.*?)```").FindSubmatch(page)
	if snippet == nil {
		t.Fatal("docs/python.md shows no Python")
	}
	python := cmp.Or(os.Getenv("TRILEMMA_PYTHON"), "python3")
	if out, err := exec.Command(python, "-c", "import pandas, pyarrow, matplotlib").CombinedOutput(); err != nil {
		t.Skipf("%s has no pandas, pyarrow and matplotlib (TRILEMMA_PYTHON names another interpreter): %.100s", python, out)
	}
	results, err := ran()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "results", "quickstart"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(results, "small", "latest"), filepath.Join(dir, "results", "quickstart", "latest")); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(python, "-c", string(snippet[1]))
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "MPLBACKEND=agg", "MPLCONFIGDIR="+dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if info, err := os.Stat(filepath.Join(dir, "quality-cost.png")); err != nil || info.Size() < 5000 {
		t.Errorf("the picture: %v, %v", info, err)
	}
}
