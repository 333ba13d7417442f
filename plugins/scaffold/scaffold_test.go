package scaffold

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/trilemma-bench/trilemma/plugins/host"
	"github.com/trilemma-bench/trilemma/policies/policytest"
)

// passes discovers the policy in dir as a run would, and runs the conformance suite over it.
func passes(t *testing.T, dir, name string) {
	t.Helper()
	found := host.Discover([]string{filepath.Dir(dir)})
	at := slices.IndexFunc(found, func(f host.Found) bool { return f.Name == name })
	if at < 0 || found[at].Err != nil {
		t.Fatalf("discovered %+v", found)
	}
	policytest.RunOpener(t, func(ctx context.Context) (policytest.Subject, error) {
		return host.Start(ctx, found[at].Source(), host.Options{})
	}, policytest.Options{Params: map[string]any{"margin": 2}})
}

func run(t *testing.T, dir, command string) {
	t.Helper()
	cmd := exec.Command("sh", "-c", command)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOPROXY=off") // what is written needs nothing that is not here
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", command, err, out)
	}
}

func TestGo(t *testing.T) {
	inside, err := os.MkdirTemp("testdata", "made")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(inside)
	for where, parent := range map[string]string{"inside the checkout": inside, "elsewhere": t.TempDir()} {
		t.Run(where, func(t *testing.T) {
			w, err := Write(filepath.Join(parent, "my-router"), "my-router", "go")
			if err != nil {
				t.Fatal(err)
			}
			if own := slices.Contains(w.Files, "go.mod"); own != (where == "elsewhere") {
				t.Errorf("files %q", w.Files)
			}
			run(t, ".", w.Next[0])
			run(t, w.Dir, "go vet . && test -z \"$(gofmt -l .)\"")
			passes(t, w.Dir, "my-router")
		})
	}
}

func TestPython(t *testing.T) {
	if path := os.Getenv("TRILEMMA_PYTHON"); path != "" {
		bin := t.TempDir()
		if err := os.WriteFile(filepath.Join(bin, "python3"), []byte("#!/bin/sh\nexec '"+path+"' \"$@\"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	}
	if out, err := exec.Command("python3", "-c", "import grpc, numpy, google.protobuf").CombinedOutput(); err != nil {
		t.Skipf("needs a python3 with grpcio, protobuf and numpy; set TRILEMMA_PYTHON to one (%v: %s)", err, out)
	}
	w, err := Write(filepath.Join(t.TempDir(), "mine"), "py-router", "python")
	if err != nil {
		t.Fatal(err)
	}
	passes(t, w.Dir, "py-router")
}

func TestOutsideAnyCheckout(t *testing.T) {
	t.Chdir(t.TempDir())
	w, err := Write("new", "mine", "go")
	if err != nil {
		t.Fatal(err)
	}
	if want := "cd new && go get " + Module + "@latest"; w.Next[0] != want {
		t.Errorf("next: got %q, want %q first", w.Next, want)
	}
}

func TestWhatIsRefused(t *testing.T) {
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "x"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ dir, name, lang, want string }{
		{"d", "No Name", "go", "is no name for a policy"},
		{"d", "1st", "go", "is no name for a policy"},
		{"d", "a/../b", "go", "is no name for a policy"},
		{"d", "mine", "rust", `go or python, not in "rust"`},
		{full, "mine", "go", "is not empty"},
		{filepath.Join(full, "x"), "mine", "go", "cannot take the policy"},
	} {
		if _, err := Write(c.dir, c.name, c.lang); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: got %v", c, err)
		}
	}
}
