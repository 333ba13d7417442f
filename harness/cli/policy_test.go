package cli

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/trilemma-bench/trilemma/plugins/wire"
)

// outside puts an executable policy on the path of plugins: sh runs the lines, of which the last may become the bundled
// policy random.
func outside(t *testing.T, name string, lines ...string) string {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("needs sh")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, wire.ExecutablePrefix+name)
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+strings.Join(lines, "\n")+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv(wire.PathEnv, dir)
	return path
}

func asRandom(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return "exec '" + self + "' " + wire.BundledArg + " random"
}

// A policy that ends before it greets, such as a Python without numpy, is said to by every command that starts it.
func TestAPolicyThatDoesNotStart(t *testing.T) {
	path := outside(t, "broken", "echo \"ModuleNotFoundError: No module named 'numpy'\" >&2", "exit 1")
	file := filepath.Join(t.TempDir(), "x.yaml")
	if err := os.WriteFile(file, []byte(strings.Replace(small, "policies: [", "policies: [broken, ", 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, line := range [][]string{
		{"policy", "check", "broken"}, {"policy", "check", path}, {"policy", "describe", "broken"},
		{"plan", file}, {"run", file, "--results", t.TempDir()},
	} {
		code, stdout, stderr := trilemma(line...)
		if code != exitBad || !strings.Contains(stdout+stderr, "No module named 'numpy'") || !strings.Contains(stdout+stderr, "pip install") {
			t.Errorf("%v: exit %d\n%s%s", line, code, stdout, stderr)
		}
	}
	if list := must(t, "policy", "list"); !strings.Contains(list, "cannot be used: ") {
		t.Errorf("the list does not say that it cannot be used:\n%s", list)
	}
}

// What a policy prints while it is checked is shown where a check fails, and on demand.
func TestTheLogOfACheckedPolicy(t *testing.T) {
	path := outside(t, "random", "echo Traceback >&2", asRandom(t))
	code, stdout, stderr := trilemma("policy", "check", path)
	if code != exitOK || !strings.Contains(stdout, "conforms") || stderr != "" {
		t.Errorf("exit %d, prints %q and %q; want a quiet success", code, stdout, stderr)
	}
	code, stdout, stderr = trilemma("policy", "check", "-v", path)
	if code != exitOK || !strings.Contains(stderr, "Traceback") || !strings.Contains(stdout, "save and load") && !strings.Contains(stdout, "parameters: ok") {
		t.Errorf("-v: exit %d, prints %q and %q", code, stdout, stderr)
	}
	many := outside(t, "random", "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25; do echo line $i >&2; done", "exit 1")
	code, _, stderr = trilemma("policy", "check", many)
	if code != exitBad || !strings.Contains(stderr, "… 5 lines before these") || !strings.Contains(stderr, "| line 25\n") {
		t.Errorf("a failure: exit %d, prints %q", code, stderr)
	}
}

func TestTheListSaysWhatOutsidePoliciesDo(t *testing.T) {
	path := outside(t, "random", asRandom(t))
	if list := must(t, "policy", "list"); strings.Count(list, "every model with the same probability") != 2 || !strings.Contains(list, path) {
		t.Errorf("want the summary of %s too:\n%s", path, list)
	}
}
