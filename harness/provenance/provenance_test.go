package provenance

import (
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"testing"
	"time"
)

func TestBuildNamesGoAndRevision(t *testing.T) {
	b := Build()
	if b.Go == "" || b.Platform == "" || b.Revision == "" || b.Version == "" {
		t.Errorf("got %+v, want no empty field", b)
	}
}

func TestEnvironmentKeepsNoSecret(t *testing.T) {
	got := Environment([]string{
		"GOMLX_BACKEND=go", "HOME=/x", "TRILEMMA_DATA=d", "TRILEMMA_API_KEY=s", "GOMAXPROCS=2", "GOMAXPROCSX=3", "broken", "AAA=1",
	})
	want := map[string]string{"GOMLX_BACKEND": "go", "TRILEMMA_DATA": "d", "GOMAXPROCS": "2"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestHashTreeIsSortedAndRelative(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"b", "a/c", "skip"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("abc"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := HashTree(dir, func(p string) bool { return p != "skip" })
	if err != nil {
		t.Fatal(err)
	}
	const abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
	want := []File{{"a/c", 3, abc}, {"b", 3, abc}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if _, err := HashFile(filepath.Join(dir, "none")); err == nil {
		t.Error("a missing file gave no error")
	}
}

func TestCheckoutSeesChangesOfThisModuleOnly(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("no git on PATH")
	}
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	run := func(args ...string) {
		if out, err := git(dir, append([]string{"-c", "user.name=t", "-c", "user.email=t@example.org"}, args...)...); err != nil {
			t.Fatalf("git %v: %v %s", args, err, out)
		}
	}
	write("go.mod", "module example.org/other\n")
	run("init", "-q")
	run("add", "go.mod")
	run("commit", "-qm", "x")
	if got := Checkout(dir); got != (Tree{}) {
		t.Errorf("another module's checkout gave %+v, want nothing", got)
	}
	write("go.mod", "module "+modulePath+"\n")
	run("commit", "-qam", "y")
	clean := Checkout(dir)
	if len(clean.Revision) != 40 || clean.DiffSHA256 != "" {
		t.Errorf("clean checkout gave %+v", clean)
	}
	write("go.mod", "module "+modulePath+"\n\ngo 1.26\n")
	if dirty := Checkout(dir); dirty.Revision != clean.Revision || len(dirty.DiffSHA256) != 64 {
		t.Errorf("changed checkout gave %+v", dirty)
	}
}

func TestHostAndCall(t *testing.T) {
	if h := Host(); h.Cores < 1 || h.OS == "" {
		t.Errorf("got %+v", h)
	}
	if got := cpuModel("processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\n"); got != "Some CPU @ 2 GHz" {
		t.Errorf("cpu model %q", got)
	}
	if got := memTotal("MemTotal:       1024 kB\n"); got != 1<<20 {
		t.Errorf("memory %d", got)
	}
	if c := Call(time.Unix(0, 0)); len(c.Command) == 0 || c.PID == 0 || c.Started.Year() != 1970 {
		t.Errorf("got %+v", c)
	}
}
