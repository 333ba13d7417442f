package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCompletionNamesRuns(t *testing.T) {
	results := t.TempDir()
	if err := os.MkdirAll(filepath.Join(results, "small", "0123456789ab", "cells"), 0o755); err != nil {
		t.Fatal(err)
	}
	for begun, want := range map[string]bool{"": true, "sm": true, "small/01": true, "x": false} {
		out := must(t, "__complete", "report", "--results", results, begun)
		if got := strings.Contains(out, "small/0123456789ab\n"); got != want {
			t.Errorf("completing %q gives %q, names the run: %v, want %v", begun, out, got, want)
		}
	}
	if out := must(t, "__complete", "compare", "a", "b", "--results", results, ""); strings.Contains(out, "small") {
		t.Errorf("a third run is offered: %q", out)
	}
}

func TestManualPages(t *testing.T) {
	dirs := []string{t.TempDir(), t.TempDir()}
	for _, dir := range dirs {
		must(t, "man", dir)
	}
	one, err := os.ReadFile(filepath.Join(dirs[0], "trilemma-run.1"))
	if err != nil {
		t.Fatal(err)
	}
	two, err := os.ReadFile(filepath.Join(dirs[1], "trilemma-run.1"))
	if err != nil || string(one) != string(two) || !strings.Contains(string(one), "--in-process") && !strings.Contains(string(one), `\-\-in\-process`) {
		t.Errorf("pages differ or lack a flag: %v\n%s", err, one)
	}
}
