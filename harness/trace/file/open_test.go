package file

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/trilemma-bench/trilemma/policies/policy"
)

// shared finds a folder of ../shared, which not every checkout has.
func shared(t testing.TB, path string) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Fatal("no go.mod above the test")
		}
		dir = up
	}
	path = filepath.Join(dir, "..", "shared", path)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("no shared data at %s", path)
	}
	return path
}

func TestOpenMMLUPro(t *testing.T) {
	tr, err := Open(context.Background(), shared(t, "data/mmlu-pro"))
	if err != nil {
		t.Fatal(err)
	}
	if got := tr.Prompts.Len(); got != 8470 {
		t.Errorf("%d prompts, want 8470", got)
	}
	if got := len(tr.Models); got != 29 {
		t.Errorf("%d models, want 29", got)
	}
	n := 0
	for i := range tr.Outcomes.Logged[policy.Quality] {
		if tr.Outcomes.Present.Has(i) {
			n++
		}
	}
	if n != 244408 {
		t.Errorf("%d outcomes, want 244408", n)
	}
}
