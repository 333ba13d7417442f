package cli

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/trilemma-bench/trilemma/harness/trace"
)

// Of a log of one choice a prompt no average is an estimate: plan and run refuse it, describe and validate say so.
func TestBanditLogsAreRefused(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	must(t, "data", "synth", "--out", dir, "--prompts", "200", "--models", "4", "--set", "bandit=true")
	for _, args := range [][]string{
		{"plan", "../../experiments/own.yaml", "--set", "data.trace=" + dir},
		{"run", "../../experiments/own.yaml", "--set", "data.trace=" + dir, "--set", "coverage=available", "--results", t.TempDir(), "--in-process"},
	} {
		code, _, stderr := trilemma(args...)
		if want := "this is a bandit log: 200 of 200 prompts have one outcome (propensities are logged)"; code != exitBad || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit %d, %s", args[0], code, stderr)
		}
	}
	for _, command := range []string{"describe", "validate"} {
		if text := must(t, "data", command, dir); !strings.Contains(text, "feedback: bandit: 200 of 200 prompts have the outcome of one model alone, with the propensity") {
			t.Errorf("data %s says nothing of the feedback:\n%.400s", command, text)
		}
	}
}

// A run that can compare nothing is no success.
func TestRunWithoutMetricsFails(t *testing.T) {
	dir := altered(t, func(tr *trace.Trace) {
		for p := range tr.Prompts.Len() {
			forget(tr, p, p%4)
		}
	})
	file := experimentFile(t, "name: none\ndata: {trace: "+dir+"}\ncoverage: available\npolicies: [random, single]\npreferences: {lambda_cost: 2}\nmetrics: {resamples: 100}\nplots: {formats: []}\n")
	code, _, stderr := trilemma("run", file, "--results", t.TempDir(), "--in-process", "--quiet")
	if code != exitFailed || !strings.Contains(stderr, "the run has no metric: pool all: all models answered 0 of") {
		t.Errorf("exit %d, %s", code, stderr)
	}
}
