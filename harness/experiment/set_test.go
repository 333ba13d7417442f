package experiment

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A data set is looked for in the folder of the variable, in data/ of the tree and where the program was started, and in
// shared/data beside the tree; where it is in none of them, the error names all, the variable and the settings.
func TestDataSets(t *testing.T) {
	root := t.TempDir()
	t.Chdir(root)
	env := func(name string) (string, bool) { return filepath.Join(root, "elsewhere"), name == "TRILEMMA_DATA" }
	load := func(sets ...string) *Spec {
		t.Helper()
		s, _, err := Parse([]byte("name: x\ndata: {set: mmlu-pro}\npolicies: [random]\n"), "tree/experiments/x.yaml", sets, env)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	err := load().Data.Missing()
	if err == nil {
		t.Fatal("no error though there is no data")
	}
	dirs := []string{filepath.FromSlash("shared/data/mmlu-pro"), filepath.FromSlash("data/mmlu-pro"), filepath.FromSlash("tree/data/mmlu-pro"), filepath.Join(root, "elsewhere", "mmlu-pro")}
	for _, part := range append(dirs, "eval_results", "data import mmlu-pro", "TRILEMMA_DATA", "--set data.train=DIR --set data.test=DIR") {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%v\ndoes not name %s", err, part)
		}
	}
	for _, dir := range dirs { // the later ones come first
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "models.yaml"), nil, 0o644); err != nil {
			t.Fatal(err)
		}
		if d := load().Data; d.Trace != dir || d.Missing() != nil {
			t.Errorf("found %s, %v; want %s", d.Trace, d.Missing(), dir)
		}
	}
	for _, set := range [][]string{{"data.train=a", "data.test=b"}, {"data.trace=c"}} {
		if d := load(set...).Data; d.Set != "" || d.Trace == dirs[3] || d.Missing() != nil {
			t.Errorf("%v: %+v", set, d)
		}
	}
	if a, b := load(), load("data.trace=elsewhere/mmlu-pro"); a.Data.Trace != dirs[3] {
		t.Error(a.Data.Trace)
	} else if left, _ := a.Canonical(); true {
		if right, _ := b.Canonical(); string(left) != string(right) {
			t.Errorf("the set by its name and by its path are other experiments:\n%s\n%s", left, right)
		}
	}
}
