package main

import (
	"context"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/trilemma-bench/trilemma/plugins/host"
	"github.com/trilemma-bench/trilemma/policies/policytest"
)

func TestConformanceWithin(t *testing.T) { policytest.Run(t, definition()) }

// TestConformanceAsPlugin builds the executable, discovers it, and drives it as a run would.
func TestConformanceAsPlugin(t *testing.T) {
	dir := t.TempDir()
	build := exec.Command("go", "build", "-o", filepath.Join(dir, "trilemma-policy-by-length"), ".")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	found := host.Discover([]string{dir})
	if len(found) != 1 || found[0].Err != nil || found[0].Name != "by-length" {
		t.Fatalf("discovered %+v", found)
	}
	policytest.RunOpener(t, func(ctx context.Context) (policytest.Subject, error) {
		return host.Start(ctx, found[0].Source(), host.Options{})
	}, policytest.Options{})
}
