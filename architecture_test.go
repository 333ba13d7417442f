package main

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const module = "github.com/trilemma-bench/trilemma/"

// layer orders the folders of packages: a package may import only packages of lower layers, or its own folder's. Every
// package of the module is in it, so that a new one gets its place when it is made.
var layer = map[string]int{
	"harness/textfile": -1, "harness/wholefile": -1, "experiments": -1, "data": -1, "policies/spelling": -1, "policies/checkpoint": -1, "policies/compute": -1,
	"harness/stats": 0, "harness/pareto": 2, "harness/cost": 0, "harness/energy": 0, "harness/carbon": 0, "harness/event": 0, "harness/provenance": 0, "harness/pypi": 0,
	"harness/selfmeter": 0,
	"policies/policy":   1, "plugins/proto": 1, "plugins/schema": 1,
	"harness/trace": 2, "plugins/wire": 2, "policies/params": 2, "policies/env": 2, "policies/policytest": 2, "policies/nn": 2,
	"policies/forecast": 3,
	"harness/encode":    3, "harness/synth": 3, "harness/billing": 3, "harness/metrics": 3,
	"plugins/serve": 3, "plugins/example-python": 3,
	"policies/agreement": 4, "policies/bestsingle": 4, "policies/carbon": 4, "policies/categorybest": 4, "policies/knn": 4, "policies/moe": 4,
	"policies/predict": 4, "policies/rl": 4, "policies/random": 4, "policies/single": 4, "policies/static": 4, "harness/coverage": 4, "harness/importer": 4, "harness/exporter": 4,
	"harness/replay": 4, "harness/store": 4, "harness/plot": 4, "plugins/host": 4, "plugins/example-go": 4, "plugins/scaffold": 4,
	"policies/agent": 5, "harness/experiment": 5,
	"harness/dataset": 6, "policies/ppo": 6, "policies/reinforce": 6,
	"policies/bundled": 7, "harness/savings": 7, "harness/worth": 7,
	"harness/runner": 8, "harness/compare": 8, "harness/recommend": 8, "harness/interop": 8,
	"harness/report": 9,
	"harness/browse": 10,
	"harness/cli":    11,
	"":               12, // the program itself
}

// gomlx lists the packages that may import GoMLX. A policy is among them where its own update rule, a loss, is to be read
// in its folder; sessions and optimisers stay in policies/nn, backends in policies/compute.
var gomlx = map[string]bool{"policies/compute": true, "policies/nn": true, "policies/nn/actor": true, "harness/encode": true, "policies/moe": true, "policies/ppo": true, "policies/reinforce": true}

// packages lists the module's packages with what each imports.
func packages(t *testing.T) map[string][]string {
	t.Helper()
	// A cached result would not know of a new package: what go list reads is no file that this test opens.
	for _, root := range []string{"harness", "policies", "plugins"} {
		if err := filepath.WalkDir(root, func(string, fs.DirEntry, error) error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports", "./...")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	found := map[string][]string{}
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return found
		} else if err != nil {
			t.Fatal(err)
		}
		found[strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, strings.TrimSuffix(module, "/")), "/")] = p.Imports
	}
}

func TestImportsPointDown(t *testing.T) {
	gone := maps.Clone(layer)
	for pkg, imports := range packages(t) {
		delete(gone, folder(pkg))
		if _, ok := layerOf(pkg); !ok {
			t.Errorf("%s is not in the map of layers: give %s a place in it", pkg, folder(pkg))
		}
		for _, path := range imports {
			dep, ours := strings.CutPrefix(path, module)
			if !ours {
				if strings.HasPrefix(path, "github.com/gomlx/") && !gomlx[pkg] && folder(pkg) != "harness/encode" {
					t.Errorf("%s imports %s: only policies/nn, harness/encode and policies with losses of their own may", pkg, path)
				}
				continue
			}
			if strings.HasPrefix(dep, "harness/") && !strings.HasPrefix(pkg, "harness/") && pkg != "" {
				t.Errorf("%s imports %s: a policy or plugin must not be able to see a test outcome", pkg, dep)
			}
			from, okFrom := layerOf(pkg)
			to, okTo := layerOf(dep)
			if okFrom && okTo && from <= to && folder(pkg) != folder(dep) {
				t.Errorf("%s (layer %d) imports %s (layer %d): imports point down", pkg, from, dep, to)
			}
		}
	}
	for name := range gone {
		t.Errorf("the map of layers has %s, which is no package: take it out", name)
	}
}

func TestPoliciesDoNotImportEachOther(t *testing.T) {
	shared := map[string]bool{"policy": true, "params": true, "compute": true, "nn": true, "nn/actor": true, "forecast": true, "checkpoint": true, "env": true, "policytest": true,
		"rl": true, "agent": true}
	for pkg, imports := range packages(t) {
		name, ok := strings.CutPrefix(pkg, "policies/")
		if !ok || shared[name] || name == "bundled" {
			continue
		}
		for _, path := range imports {
			if dep, ok := strings.CutPrefix(path, module+"policies/"); ok && !shared[dep] {
				t.Errorf("%s imports policies/%s: policies share only policy, params, nn, forecast and env", pkg, dep)
			}
		}
	}
}

// folder is the first two elements of a package's path: harness/importer for harness/importer/mmlupro.
func folder(pkg string) string {
	parts := strings.SplitN(pkg, "/", 3)
	return strings.Join(parts[:min(2, len(parts))], "/")
}

func layerOf(pkg string) (int, bool) {
	n, ok := layer[folder(pkg)]
	return n, ok
}
