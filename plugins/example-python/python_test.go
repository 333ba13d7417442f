package examplepython

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/trilemma-bench/trilemma/plugins/host"
	"github.com/trilemma-bench/trilemma/policies/policy"
	"github.com/trilemma-bench/trilemma/policies/policytest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// python puts the Python of TRILEMMA_PYTHON, or else the machine's, first on PATH, where "#!/usr/bin/env python3" finds
// it, and skips the test where it lacks what a plugin needs.
func python(t *testing.T) {
	t.Helper()
	if path := os.Getenv("TRILEMMA_PYTHON"); path != "" {
		abs, err := filepath.Abs(path)
		if err != nil {
			t.Fatal(err)
		}
		bin := t.TempDir()
		launcher := "#!/bin/sh\nexec '" + abs + "' \"$@\"\n"
		if err := os.WriteFile(filepath.Join(bin, "python3"), []byte(launcher), 0o755); err != nil {
			t.Fatal(err)
		}
		t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	}
	check := exec.Command("python3", "-c", "import grpc, numpy, google.protobuf")
	if out, err := check.CombinedOutput(); err != nil {
		t.Skipf("needs a python3 with grpcio, protobuf and numpy; set TRILEMMA_PYTHON to one (%v: %s)", err, out)
	}
}

func source(t *testing.T) host.Source {
	t.Helper()
	for _, f := range host.Discover([]string{"."}) {
		if f.Name == "ridge" {
			if f.Err != nil {
				t.Fatal(f.Err)
			}
			return f.Source()
		}
	}
	t.Fatal("trilemma-policy-ridge is not discovered")
	return host.Source{}
}

func TestConformance(t *testing.T) {
	python(t)
	src := source(t)
	var log strings.Builder
	policytest.RunOpener(t, func(ctx context.Context) (policytest.Subject, error) {
		return host.Start(ctx, src, host.Options{Log: &log})
	}, policytest.Options{})
	if t.Failed() {
		t.Log(log.String())
	}
}

// TestWhatItIsSent compares what arrives in Python with what was sent, number by number.
func TestWhatItIsSent(t *testing.T) {
	python(t)
	dir := t.TempDir()
	for _, name := range []string{"trilemma_policy.py", "policy_pb2.py"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, "trilemma-policy-echo")
	if err := os.WriteFile(path, []byte(echo), 0o755); err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	i, err := host.Start(t.Context(), host.Source{Name: "echo", Executable: path}, host.Options{Log: &log})
	if err != nil {
		t.Fatal(err)
	}
	defer i.Close()
	ctx := t.Context()
	if err := i.Configure(ctx, policy.Setup{Models: []policy.Model{policy.NewModel("a"), policy.NewModel("b")}, Seed: 1 << 63}); err != nil {
		t.Fatal(err)
	}
	n := 30_000 // several parts, and more than gRPC's 4 MiB in all
	prompts := policy.Prompts{Dim: 32, Vector: make([]float32, 32*n)}
	outcomes := policy.Outcomes{Models: 2, Present: make([]bool, 2*n), Figures: policy.NewMatrix(2*n, policy.Quality), Answer: make([]string, 2*n)}
	for p := range n {
		prompts.ID = append(prompts.ID, "p")
		prompts.Text = append(prompts.Text, "größe \xff")
		prompts.Vector[32*p+31] = float32(p)
		outcomes.Present[2*p+1] = p%3 == 0
		outcomes.Figures[policy.Quality][2*p+1] = 0.5
		outcomes.Answer[2*p] = "A"
	}
	split := &policy.Split{Prompts: prompts, Reference: make([]string, n), Outcomes: outcomes}
	var seen []policy.Progress
	task := &policy.Task{Train: split, Preferences: []policy.Preference{{policy.Cost: 3}}}
	if err := i.Fit(ctx, task, func(p policy.Progress) { seen = append(seen, p) }); err != nil {
		t.Fatalf("%v\n%s", err, log.String())
	}
	want := map[string]float64{"rows": float64(n), "sum": float64(n) * float64(n-1) / 2, "present": float64(n / 3),
		"score": float64(n) / 2, "answers": float64(n), "letters": 6, "lambda": 3, "validation": 0}
	if len(seen) != 1 || seen[0].Stage != "count" || seen[0].Step != 1 {
		t.Fatalf("got progress %+v", seen)
	}
	for _, m := range seen[0].Metrics {
		if want[m.Name] != m.Value {
			t.Errorf("%s: got %v, want %v", m.Name, m.Value, want[m.Name])
		}
	}
	routed, err := i.RouteAll(ctx, &prompts, []policy.Preference{{}, {}}, func(p, m int) (host.Revealed, bool) {
		return host.Revealed{Answer: "yes", OutputTokens: float32(p)}, p%2 == 0
	})
	if err != nil {
		t.Fatalf("%v\n%s", err, log.String())
	}
	if got := routed[1].Final.Rows(); got != n || len(routed[0].AskedModel) != n {
		t.Errorf("got %d rows and %d asked, want %d", got, len(routed[0].AskedModel), n)
	}
	for p := range 10 {
		// The echo ends with model 1 where the answer was "yes", that is where there was one.
		if _, models, _ := routed[0].Final.Row(p); models[0] != int32(1-p%2) {
			t.Errorf("prompt %d ends with model %d", p, models[0])
		}
	}
	began := time.Now()
	if err := i.Close(); err != nil || time.Since(began) > 2*time.Second {
		t.Errorf("closing: %v after %v", err, time.Since(began))
	}
	if !strings.Contains(log.String(), "printed from python") {
		t.Errorf("log: %q", log.String())
	}
}

const echo = `#!/usr/bin/env python3
from trilemma_policy import *

class Echo(Policy):
    NAME, VERSION, SUMMARY = "echo", "1", "says what it was sent"
    NEEDS, SEQUENTIAL = ["text", "vector", "answer"], True

    def fit(self, task, report):
        print("printed from python")
        assert self.seed == 1 << 63 and [m.id for m in self.models] == ["a", "b"]
        p, o = task.train.prompts, task.train.outcomes
        assert p.category is None and o.cost_usd is None and o.response is None
        report("count", 1, rows=len(p.id), sum=p.vector.sum(dtype=np.float64), present=o.present[:, 1].sum(),
               score=o.score[:, 1].sum(dtype=np.float64), answers=sum(a == "A" for a in o.answer), letters=len(p.text[0]) - 1,
               **{"lambda": task.preferences[0, 0]}, validation=task.validation is not None)

    def route(self, batch):
        d = Decisions()
        for r in range(batch.rows):
            if batch.asked is None:
                d.append(ASK, [0], [1])
            else:
                e = batch.asked.offset[r]
                assert batch.asked.offset[r + 1] == e + 1 and batch.round == 1
                assert batch.asked.missing[e] == (batch.asked.answer[e] == "")
                d.append(SELECT, [int(batch.asked.answer[e] == "yes")], [1])
        return d

serve(Echo)
`

func TestWhatGoesWrongInPython(t *testing.T) {
	python(t)
	dir := t.TempDir()
	for _, c := range []struct{ body, want string }{
		{"raise SystemExit('no, thanks')", "its log ends: no, thanks"},
		{"import no_such_module", "No module named 'no_such_module'"},
	} {
		path := filepath.Join(dir, "trilemma-policy-bad")
		if err := os.WriteFile(path, []byte("#!/usr/bin/env python3\n"+c.body+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		_, err := host.Start(t.Context(), host.Source{Name: "bad", Executable: path}, host.Options{})
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "exit status 1") {
			t.Errorf("got %v, want %q in it", err, c.want)
		}
	}
	i, err := host.Start(t.Context(), source(t), host.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer i.Close()
	if err := i.Configure(t.Context(), policy.Setup{Models: []policy.Model{policy.NewModel("a")}}); err != nil {
		t.Fatal(err)
	}
	p := &policy.Prompts{ID: []string{"p"}, Vector: []float32{1}, Dim: 1}
	_, err = i.RouteAll(t.Context(), p, []policy.Preference{{}}, nil)
	if err == nil || !strings.Contains(err.Error(), "AttributeError") {
		t.Errorf("got %v, want the Python error", err)
	}
}
