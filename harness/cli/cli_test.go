package cli

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/trilemma-bench/trilemma/plugins/serve"
)

// actAsProgram makes the test binary be the program itself: for killing it, and for policies in their own processes.
const actAsProgram = "TRILEMMA_TEST_MAIN"

func TestMain(m *testing.M) {
	servePlugin(os.Args)
	if filepath.Base(os.Args[0]) == faultyName {
		serve.Policy(faultyDefinition)
	}
	if os.Getenv(actAsProgram) != "" {
		os.Exit(Main(os.Args, os.Stdin, os.Stdout, os.Stderr))
	}
	code := m.Run()
	if dir, _ := ran(); dir != "" {
		os.RemoveAll(dir)
	}
	os.Exit(code)
}

// trilemma runs a command and returns its exit code and output.
func trilemma(args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = Main(append([]string{"trilemma"}, args...), strings.NewReader(""), &out, &errs)
	return code, out.String(), errs.String()
}

// must runs a command that has to succeed.
func must(t *testing.T, args ...string) string {
	t.Helper()
	code, stdout, stderr := trilemma(args...)
	if code != exitOK {
		t.Fatalf("trilemma %s: exit %d\n%s%s", strings.Join(args, " "), code, stdout, stderr)
	}
	return stdout
}

// small is an experiment that takes less than a second in this process.
const small = `
name: small
data: {synth: {prompts: 300, models: 4}, split: {method: stratified, train: 0.6, validation: 0.2, test: 0.2}}
encoder: {name: hash, dim: 32, features: 2048}
policies: [random, single, best-single, category-best, {name: knn, params: {k: 20}}, agreement]
preferences: {lambda_cost: {auto: 4}}
metrics: {baseline: best-single, resamples: 200}
plots: {formats: []}
`

// drawn is small with plots, which take longer than the rest of it.
var drawn = strings.Replace(small, "formats: []", "formats: [svg]", 1)

// ran is where small was run, once for all tests, with its policies in processes of their own. Tests only read it.
var ran = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "trilemma-cli-")
	if err != nil {
		return "", err
	}
	file := filepath.Join(dir, "experiment.yaml")
	if err := os.WriteFile(file, []byte(small), 0o644); err != nil {
		return dir, err
	}
	if code, _, stderr := trilemma("run", file, "--results", dir); code != exitOK {
		return dir, errors.New(stderr)
	}
	return dir, nil
})

// ranSmall is the results folder of [ran].
func ranSmall(t *testing.T) string {
	t.Helper()
	dir, err := ran()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// copySmall is a copy of [ran] that a test may write to.
func copySmall(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(ranSmall(t))); err != nil {
		t.Fatal(err)
	}
	return dir
}

func experimentFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "experiment.yaml")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func read(t *testing.T, dir, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "small", "latest", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestSameInputSameBytes(t *testing.T) {
	file := experimentFile(t, small)
	dirs := []string{copySmall(t), t.TempDir(), t.TempDir()}
	must(t, "run", file, "--results", dirs[1], "--in-process", "--jobs", "1")
	must(t, "run", file, "--results", dirs[2], "--set", "batch=7")
	for _, name := range []string{"points.parquet", "points.csv", "metrics.csv"} {
		want := read(t, dirs[0], name)
		for i, how := range []string{"in process, one job", "in batches of 7"} {
			if !bytes.Equal(want, read(t, dirs[i+1], name)) {
				t.Errorf("%s differs when run %s", name, how)
			}
		}
	}
	out := must(t, "run", file, "--results", dirs[0])
	if !strings.Contains(out, "0 cells done") {
		t.Errorf("a second run says\n%s\nwant every cell cached", out)
	}
	must(t, "run", file, "--results", dirs[0], "--fresh", "--in-process")
	if !bytes.Equal(read(t, dirs[0], "points.parquet"), read(t, dirs[1], "points.parquet")) {
		t.Error("points.parquet differs after --fresh")
	}
}

func TestKilledRunResumes(t *testing.T) {
	file := experimentFile(t, small)
	whole, killed := ranSmall(t), t.TempDir()
	cmd := exec.Command(os.Args[0], "run", file, "--results", killed, "--jobs", "1")
	cmd.Env = append(os.Environ(), actAsProgram+"=1")
	pipe, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// Killed once a few cells are done, wherever it is then.
	seen := ""
	buf := make([]byte, 4096)
	for strings.Count(seen, "done in") < 3 {
		n, err := pipe.Read(buf)
		seen += string(buf[:n])
		if err != nil {
			t.Fatalf("the run ended before it could be killed:\n%s", seen)
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	if _, err := os.Stat(filepath.Join(killed, "small", "latest", "points.parquet")); err == nil {
		t.Fatal("the killed run wrote points.parquet")
	}
	out := must(t, "resume", "small", "--results", killed)
	if strings.Contains(out, " 0 cached") {
		t.Errorf("resuming says\n%s\nwant cells from before cached", out)
	}
	if !bytes.Equal(read(t, whole, "points.parquet"), read(t, killed, "points.parquet")) {
		t.Error("points.parquet of the resumed run differs from that of an uninterrupted one")
	}
}

// A run killed in the middle of a training goes on from its last snapshot, to the same result and the same curve.
func TestKilledTrainingResumes(t *testing.T) {
	text := strings.Replace(small, "[random, single, best-single, category-best, {name: knn, params: {k: 20}}, agreement]",
		"[best-single, {name: ppo, params: {warm_start: none, slots: 16, horizon: 16, steps: 4096, passes: 250, checks: 8}}]", 1)
	file := experimentFile(t, text)
	whole, killed := t.TempDir(), t.TempDir()
	must(t, "run", file, "--results", whole, "--in-process")

	cmd := exec.Command(os.Args[0], "run", file, "--results", killed, "--jobs", "1")
	cmd.Env = append(os.Environ(), actAsProgram+"=1")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	partial := filepath.Join(killed, "small", "*", "checkpoints", "*.partial")
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(5 * time.Millisecond) {
		if found, _ := filepath.Glob(partial); len(found) > 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("no snapshot came")
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	if found, _ := filepath.Glob(partial); len(found) == 0 {
		t.Fatal("the training ended before it was killed: give it more passes")
	}
	must(t, "resume", "small", "--results", killed, "--in-process")
	if !bytes.Equal(read(t, whole, "points.parquet"), read(t, killed, "points.parquet")) {
		t.Error("points.parquet of the resumed training differs from that of an uninterrupted one")
	}
	if found, _ := filepath.Glob(partial); len(found) > 0 {
		t.Errorf("%v stayed behind", found)
	}
	points := func(dir string) int { return strings.Count(string(read(t, dir, "curves.csv")), ",explained_variance,") }
	if a, b := points(whole), points(killed); a != b || a == 0 {
		t.Errorf("the curve has %d points after a break, %d without", b, a)
	}
}

func TestFaultyPluginsFailAlone(t *testing.T) {
	exe := filepath.Join(t.TempDir(), faultyName)
	if err := os.Symlink(os.Args[0], exe); err != nil {
		t.Fatal(err)
	}
	file := experimentFile(t, strings.Replace(small, "policies: [", `policies:
  [{name: faulty, plugin: "`+exe+`", timeout: 3s, grid: {how: [crash, panic, hang, nan, unknown, short]}}, `, 1))
	dir := t.TempDir()
	code, stdout, stderr := trilemma("run", file, "--results", dir)
	if code != exitFailed {
		t.Fatalf("exit %d, want %d\n%s%s", code, exitFailed, stdout, stderr)
	}
	for how, want := range map[string]string{
		"crash": "exit status 7", "panic": "out of cheese", "hang": "3s", "nan": "NaN", "unknown": "unknown model 99", "short": "0 rows",
	} {
		line := ""
		for _, l := range strings.Split(stdout, "failed: ") {
			if strings.Contains(l, "how="+how) {
				line = l
			}
		}
		if !strings.Contains(line, want) {
			t.Errorf("%s: reason %q, want it to say %q", how, line, want)
		}
	}
	if !strings.Contains(string(read(t, dir, "points.csv")), "knn") {
		t.Error("the other policies have no points")
	}
	status := must(t, "status", "small", "--results", dir)
	if !strings.Contains(status, "6 failed") {
		t.Errorf("status says\n%s\nwant 6 failed", status)
	}
}

func TestShards(t *testing.T) {
	file := experimentFile(t, small)
	whole, parts := ranSmall(t), t.TempDir()
	if out := must(t, "run", file, "--results", parts, "--in-process", "--shard", "1/2"); !strings.Contains(out, "other shards are missing") {
		t.Errorf("half a run says\n%s", out)
	}
	must(t, "run", file, "--results", parts, "--in-process", "--shard", "2/2")
	if !bytes.Equal(read(t, whole, "points.parquet"), read(t, parts, "points.parquet")) {
		t.Error("points.parquet of two shards differs from that of one run")
	}
}

func TestBadInput(t *testing.T) {
	dir := t.TempDir()
	file := experimentFile(t, small)
	plain := filepath.Join(dir, "not-executable")
	if err := os.WriteFile(plain, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name string
		args []string
		want []string
	}{
		{"no experiment", []string{"run", filepath.Join(dir, "none.yaml")}, []string{"none.yaml"}},
		{"no trace", []string{"run", file, "--set", "data.trace=" + filepath.Join(dir, "nowhere")}, []string{"nowhere", "missing"}},
		{"unknown policy", []string{"run", file, "--set", "policies=[knm]"}, []string{"knm", "knn"}},
		{"unknown key", []string{"run", file, "--set", "polices=[knn]"}, []string{"polices", "policies"}},
		{"parameter out of range", []string{"run", file, "--set", "policies.knn.params.k=-1"}, []string{"k", "knn"}},
		{"empty pool", []string{"run", file, "--set", "pools={mine: {models: [gpt-9]}}"}, []string{"gpt-9"}},
		{"plugin that cannot be run", []string{"run", file, "--set", "policies=[{name: x, plugin: " + plain + "}]"}, []string{"not-executable"}},
		{"PUE below one", []string{"run", file, "--set", "accounting.pue=0.5"}, []string{"pue"}},
		{"shard", []string{"run", file, "--shard", "3/2"}, []string{"3/2"}},
		{"no run", []string{"status", "--results", filepath.Join(dir, "empty")}, []string{"no runs"}},
		{"no such policy", []string{"policy", "describe", "nope"}, []string{"nope", "policy list"}},
		{"trace to validate", []string{"data", "validate", filepath.Join(dir, "nowhere")}, []string{"models.yaml"}},
		{"synth without a place", []string{"data", "synth"}, []string{"--out"}},
		{"synth out of range", []string{"data", "synth", "--out", dir, "--prompts", "0"}, []string{"prompts"}},
	} {
		code, stdout, stderr := trilemma(append(tc.args, resultsFlag(tc.args, dir)...)...)
		if code != exitBad {
			t.Errorf("%s: exit %d, want %d", tc.name, code, exitBad)
		}
		for _, w := range tc.want {
			if !strings.Contains(stdout+stderr, w) {
				t.Errorf("%s: message %q, want it to say %q", tc.name, stderr, w)
			}
		}
	}
}

func resultsFlag(args []string, dir string) []string {
	if args[0] == "run" {
		return []string{"--results", dir}
	}
	return nil
}

func TestDataCommands(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "trace")
	must(t, "data", "synth", "--out", dir, "--prompts", "120", "--models", "3", "--seed", "5")
	if out := must(t, "data", "validate", dir); !strings.Contains(out, "no violation") {
		t.Errorf("validating says %s", out)
	}
	if out := must(t, "data", "describe", dir); !strings.Contains(out, "120 prompts × 3 models") {
		t.Errorf("describing says %s", out)
	}
	if out := must(t, "data", "describe", dir, "--json"); !strings.Contains(out, `"prompts": 120`) {
		t.Errorf("describing as JSON says %s", out)
	}
	// A trace that was written and read again gives the same run as any other, split into two traces too.
	file := experimentFile(t, small)
	results := t.TempDir()
	must(t, "run", file, "--results", results, "--in-process", "--set", "data.trace="+dir)
	other := filepath.Join(t.TempDir(), "other")
	must(t, "data", "synth", "--out", other, "--prompts", "60", "--models", "3", "--seed", "6")
	must(t, "run", file, "--results", results, "--in-process", "--set", "data.train="+dir, "--set", "data.test="+other)
	if !strings.Contains(string(read(t, results, "points.csv")), ",60,1,") {
		t.Error("the run on separate traces is not judged on the 60 prompts of the test trace")
	}
}

func TestPolicyCommands(t *testing.T) {
	if out := must(t, "policy", "list"); !strings.Contains(out, "predict") {
		t.Errorf("list says %s", out)
	}
	if out := must(t, "policy", "describe", "knn"); !strings.Contains(out, "default") {
		t.Errorf("describe says %s", out)
	}
	if out := must(t, "policy", "check", "category-best"); !strings.Contains(out, "conforms") {
		t.Errorf("check says %s", out)
	}
	if out := must(t, "version", "--json"); !strings.Contains(out, "revision") {
		t.Errorf("version says %s", out)
	}
	if out := must(t, "plan", experimentFile(t, small)); !strings.Contains(out, "cells") {
		t.Errorf("plan says %s", out)
	}
}
