package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/trilemma-bench/trilemma/harness/event"
	"github.com/trilemma-bench/trilemma/harness/experiment"
	"github.com/trilemma-bench/trilemma/harness/runner"
)

// predicting trains one predict on the quickstart's trace.
const predicting = `
name: small
data: {synth: {prompts: 6000, models: 8}, split: {method: stratified, train: 0.6, validation: 0.2, test: 0.2}}
policies: [predict]
metrics: {baseline: "", resamples: 100}
plots: {formats: []}
`

// BenchmarkBoundary runs the same cell with its policy in this process and in one of its own, in turn, and reports how
// much longer the second takes. The goal is less than 1.10.
func BenchmarkBoundary(b *testing.B) {
	file := filepath.Join(b.TempDir(), "experiment.yaml")
	if err := os.WriteFile(file, []byte(predicting), 0o644); err != nil {
		b.Fatal(err)
	}
	spec, _, err := experiment.Load(file, nil)
	if err != nil {
		b.Fatal(err)
	}
	best := [2]time.Duration{time.Hour, time.Hour} // of several runs: whatever else the machine does only adds
	var plans [2]*runner.Plan
	opt := runner.Options{Results: b.TempDir(), Jobs: 1, Fresh: true, Events: event.Discard}
	for way := range plans {
		opt.InProcess = way == 0
		if plans[way], err = runner.Prepare(b.Context(), spec, opt); err != nil {
			b.Fatal(err)
		}
	}
	b.ResetTimer()
	for b.Loop() {
		for way, plan := range plans {
			opt.InProcess = way == 0
			start := time.Now()
			out, err := plan.Run(b.Context(), opt)
			if err != nil || out.Failed > 0 {
				b.Fatal(err, out.Failures)
			}
			best[way] = min(best[way], time.Since(start))
		}
	}
	b.ReportMetric(best[1].Seconds()/best[0].Seconds(), "process/within")
}

// Benchmark10M loads a simulated trace of 1,250,000 prompts × 8 models and replays policies over it, in a process of its
// own, and reports the most memory that it held. The goal is less than 4,096 MB.
func Benchmark10M(b *testing.B) {
	kept := os.Getenv("TRILEMMA_10M")
	if kept == "" {
		b.Skip("set TRILEMMA_10M to a folder with 2 GB of room")
	}
	file := filepath.Join(b.TempDir(), "experiment.yaml")
	dir := filepath.Join(kept, "synth-10m")
	text := "name: small\ndata: {trace: " + dir + "}\npolicies: [random, single, best-single, category-best]\n" +
		"preferences: {lambda_cost: {auto: 8}}\nmetrics: {resamples: 200}\n"
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		b.Fatal(err)
	}
	child := func(args ...string) *os.ProcessState {
		cmd := exec.Command(os.Args[0], args...)
		cmd.Env = append(os.Environ(), actAsProgram+"=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			b.Fatalf("trilemma %v: %v\n%s", args, err, out)
		}
		return cmd.ProcessState
	}
	if _, err := os.Stat(dir); err != nil {
		child("data", "synth", "--out", dir, "--prompts", "1250000", "--models", "8")
	}
	results := b.TempDir()
	peak := 0.0
	b.ResetTimer()
	for b.Loop() {
		if use, ok := child("run", file, "--results", results, "--fresh").SysUsage().(*syscall.Rusage); ok {
			peak = max(peak, float64(use.Maxrss)/1024)
		}
	}
	b.ReportMetric(peak, "peak-MB")
}
