package compute

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

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
		if _, err := Open(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q in it", name, err, want)
		}
	}
	for _, s := range List() {
		if s.Ready == (len(s.Missing) > 0) || s.What == "" {
			t.Errorf("%+v", s)
		}
	}
}
