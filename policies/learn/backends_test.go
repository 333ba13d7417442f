package learn

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTryGoBackend(t *testing.T) {
	trial, err := TryBackend(context.Background(), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", trial)
	if trial.MatmulError != 0 || trial.MatmulGFLOPS <= 0 || trial.Loss > 0.3 {
		t.Errorf("%+v", trial)
	}
}

// Every backend that this machine says is ready works.
func TestTryReadyBackends(t *testing.T) {
	for _, s := range Backends() {
		if !s.Ready {
			t.Logf("%s: %s", s.Name, strings.Join(s.Missing, "; "))
			continue
		}
		if trial, err := TryBackend(context.Background(), s.Name); err != nil {
			t.Errorf("%s is ready and fails: %v", s.Name, err)
		} else {
			t.Logf("%+v", trial)
		}
	}
}

func TestBackendErrorsSayWhatToDo(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	dir := t.TempDir()
	noPlugin := filepath.Join(dir, "libpjrt.so")
	if err := os.WriteFile(noPlugin, []byte("no library"), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"xla":                      "unknown backend",
		"gpu":                      "want go, xla:cpu",
		"relative/plugin.so":       "unknown backend",
		filepath.Join(dir, "none"): "there is no PJRT plugin at that path",
		dir:                        "not a folder",
		noPlugin:                   "the backend \"go\" needs nothing installed",
		"xla:tpu":                  "pjrt_c_api_tpu_plugin.so",
	} {
		if _, err := OpenBackend(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q in it", name, err, want)
		}
	}
	for _, s := range Backends() {
		if s.Ready == (len(s.Missing) > 0) || s.What == "" {
			t.Errorf("%+v", s)
		}
	}
}
