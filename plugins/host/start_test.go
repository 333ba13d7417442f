package host_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/trilemma-bench/trilemma/plugins/host"
	"github.com/trilemma-bench/trilemma/plugins/wire"
)

// script writes an executable shell script.
func script(t *testing.T, name, body string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+body+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestWhatCannotBeStarted(t *testing.T) {
	dir := t.TempDir()
	plain := filepath.Join(dir, "plain")
	if err := os.WriteFile(plain, []byte("text"), 0o644); err != nil {
		t.Fatal(err)
	}
	garbage := filepath.Join(dir, "garbage")
	if err := os.WriteFile(garbage, []byte("\x00\x01 no program"), 0o755); err != nil {
		t.Fatal(err)
	}
	self, err := host.Self("good")
	if err != nil {
		t.Fatal(err)
	}
	pinned := self
	pinned.SHA256 = strings.Repeat("0", 64)
	cert := strings.Repeat("A", 60)
	for name, c := range map[string]struct {
		src   host.Source
		parts []string
	}{
		"missing":        {host.Source{Executable: filepath.Join(dir, "gone")}, []string{"there is no file", "build the plugin"}},
		"none":           {host.Source{}, []string{"neither an executable nor a definition"}},
		"folder":         {host.Source{Executable: dir}, []string{"is a folder"}},
		"not executable": {host.Source{Executable: plain}, []string{"is not executable: chmod +x"}},
		"not a program":  {host.Source{Executable: garbage}, []string{"exec format error", "built for this machine"}},
		"no interpreter": {host.Source{Executable: rewrite(t, "#!/no/such/interpreter\n")}, []string{"interpreter"}},
		"not a plugin":   {host.Source{Executable: script(t, "x", "echo hello; echo world >&2; exit 4")}, []string{"did not greet as a plugin", "exit status 4", "hello"}},
		"no numpy": {host.Source{Executable: script(t, "x", "echo Traceback >&2; echo \"ModuleNotFoundError: No module named 'numpy'\" >&2; exit 1")},
			[]string{"lacks a package", "pip install", "No module named 'numpy'"}},
		"silent":         {host.Source{Executable: script(t, "x", "sleep 60")}, []string{"did not greet as a plugin within 400ms"}},
		"wrong pin":      {pinned, []string{"is pinned", "has SHA-256"}},
		"no such policy": {host.Source{Name: "nobody", Executable: self.Executable, Args: []string{wire.BundledArg, "nobody"}}, []string{"exit status 2", `no policy "nobody"`}},
		"newer version":  {host.Source{Executable: script(t, "x", "echo '1|99|unix|/tmp/none|grpc|"+cert+"'; sleep 60")}, []string{"version 99", "speaks 2", "rebuild"}},
		"newer core":     {host.Source{Executable: script(t, "x", "echo '7|2|unix|/tmp/none|grpc|"+cert+"'; sleep 60")}, []string{"did not greet"}},
		"no TLS":         {host.Source{Executable: script(t, "x", "echo '1|2|unix|/tmp/none|grpc|'; sleep 60")}, []string{"carries no certificate"}},
		"not gRPC":       {host.Source{Executable: script(t, "x", "echo '1|2|unix|/tmp/none|netrpc|"+cert+"'; sleep 60")}, []string{"does not speak gRPC"}},
		"bad certificate": {host.Source{Executable: script(t, "x", "echo '1|2|unix|/tmp/none|grpc|"+cert+"'; sleep 60")},
			[]string{"did not greet", "cert"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := host.Start(t.Context(), c.src, host.Options{StartTimeout: 400 * time.Millisecond})
			if name == "no such policy" {
				_, err = host.Start(t.Context(), c.src, host.Options{}) // a race detector's program starts slowly
			}
			wants(t, err, host.KindStart, c.parts...)
		})
	}
}

func rewrite(t *testing.T, text string) string {
	t.Helper()
	path := script(t, "x", "")
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestPrintingBeforeTheGreeting(t *testing.T) {
	src := inChild(t, "good")
	var log safeBuffer
	launcher := script(t, "x", "echo warming up; exec '"+src.Executable+"' "+strings.Join(src.Args, " "))
	i := ready(t, host.Source{Name: "good", Executable: launcher}, host.Options{Log: &log})
	_ = i.Close()
	if !strings.Contains(log.String(), "warming up\n") {
		t.Errorf("log: %q", log.String())
	}
}

func TestStartIsCancelled(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, err := host.Start(ctx, host.Source{Name: "x", Executable: script(t, "x", "sleep 60")}, host.Options{})
	wants(t, err, host.KindCanceled)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the context's error in it", err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
}

func TestPinnedExecutableStarts(t *testing.T) {
	src := inChild(t, "good")
	var err error
	if src.SHA256, err = host.Digest(src.Executable); err != nil {
		t.Fatal(err)
	}
	src.SHA256 = strings.ToUpper(src.SHA256)
	ready(t, src, host.Options{})
}

func TestDiscover(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	write := func(path, text string, mode os.FileMode) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	write(filepath.Join(dir, "trilemma-policy-one"), "1", 0o755)
	write(filepath.Join(dir, "trilemma-policy-plain"), "1", 0o644)
	write(filepath.Join(dir, "trilemma-policy-No_Name"), "1", 0o755)
	write(filepath.Join(dir, "README.md"), "1", 0o644)
	write(filepath.Join(dir, "two", "trilemma-policy-two"), "#!/bin/sh\n", 0o755)
	write(filepath.Join(dir, "two", "main.go"), "1", 0o644)
	write(filepath.Join(dir, "deep", "deeper", "trilemma-policy-three"), "1", 0o755)
	write(filepath.Join(other, "trilemma-policy-one"), "2", 0o755)
	if err := os.MkdirAll(filepath.Join(dir, "trilemma-policy-folder"), 0o755); err != nil {
		t.Fatal(err)
	}
	gone := filepath.Join(other, "gone")
	t.Setenv(wire.PathEnv, strings.Join([]string{other, dir, gone}, string(os.PathListSeparator)))
	type row struct{ name, problem string }
	want := []row{
		{"No_Name", "is no name"}, {"one", ""}, {"plain", "chmod +x"}, {"two", ""}, {"one", "hidden by"}, {"", "looking for plugins"},
	}
	got := host.Discover([]string{dir, filepath.Join(dir, "none")})
	if len(got) != len(want) {
		t.Fatalf("got %+v", got)
	}
	for i, f := range got {
		if f.Name != want[i].name || (f.Err == nil) != (want[i].problem == "") || f.Err != nil && !strings.Contains(f.Err.Error(), want[i].problem) {
			t.Errorf("row %d: got %q %v, want %+v", i, f.Name, f.Err, want[i])
		}
		if f.Err == nil && len(f.SHA256) != 64 {
			t.Errorf("%s has digest %q", f.Name, f.SHA256)
		}
	}
	// A script's digest covers what it may import.
	before := got[3].SHA256
	write(filepath.Join(dir, "two", "sdk.py"), "x = 1", 0o644)
	if after := host.Discover([]string{dir})[3].SHA256; after == before {
		t.Error("a changed module beside a script leaves its digest as it was")
	}
}

func TestRunByHand(t *testing.T) {
	src := inChild(t, "good")
	cmd := exec.Command(src.Executable, src.Args...)
	out, err := cmd.CombinedOutput()
	if err == nil || cmd.ProcessState.ExitCode() != 2 || !strings.Contains(string(out), "not to be run by hand") || !strings.Contains(string(out), "good 1: a test") {
		t.Errorf("got %v: %s", err, out)
	}
}
