package main

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
)

const module = "github.com/trilemma-bench/trilemma/"

// layer orders the packages of the harness: a package may import only packages of lower layers, or its own folder's.
var layer = map[string]int{
	"harness/coverage": 3,

	"harness/stats": 0, "harness/cost": 0, "harness/energy": 0, "harness/carbon": 0, "harness/event": 0, "harness/provenance": 0, "harness/wheel": 0,
	"harness/footprint": 0,
	"policies/policy":   1,
	"harness/trace":     2,
	"harness/encode":    3, "harness/synth": 3, "harness/importer": 3, "harness/replay": 3, "harness/metrics": 3,
	"harness/experiment": 4, "harness/store": 4, "harness/plot": 4, "plugins/host": 4,
	"harness/runner": 5, "harness/compare": 5, "harness/backend": 5, "harness/choose": 5,
	"harness/report": 6,
	"harness/cli":    7,
}

// gomlx lists the packages that may import GoMLX. A policy is among them where its own update rule, a loss, is to be read
// in its folder; sessions, optimisers and backends stay in policies/learn.
var gomlx = map[string]bool{"policies/learn": true, "harness/encode": true, "policies/moe": true, "policies/ppo": true, "policies/reinforce": true}

// packages lists the module's packages with what each imports.
func packages(t *testing.T) map[string][]string {
	t.Helper()
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
		found[strings.TrimPrefix(p.ImportPath, module)] = p.Imports
	}
}

func TestImportsPointDown(t *testing.T) {
	for pkg, imports := range packages(t) {
		for _, path := range imports {
			dep, ours := strings.CutPrefix(path, module)
			if !ours {
				if strings.HasPrefix(path, "github.com/gomlx/") && !gomlx[pkg] && folder(pkg) != "harness/encode" {
					t.Errorf("%s imports %s: only policies/learn, harness/encode and policies with losses of their own may", pkg, path)
				}
				continue
			}
			if strings.HasPrefix(dep, "harness/") && !strings.HasPrefix(pkg, "harness/") && pkg != strings.TrimSuffix(module, "/") {
				t.Errorf("%s imports %s: a policy or plugin must not be able to see a test outcome", pkg, dep)
			}
			from, okFrom := layerOf(pkg)
			to, okTo := layerOf(dep)
			if okFrom && okTo && from <= to && folder(pkg) != folder(dep) {
				t.Errorf("%s (layer %d) imports %s (layer %d): imports point down", pkg, from, dep, to)
			}
		}
	}
}

func TestPoliciesDoNotImportEachOther(t *testing.T) {
	shared := map[string]bool{"policy": true, "params": true, "learn": true, "env": true, "policytest": true,
		"agent": true} // agents may start from predict, so agent imports it
	for pkg, imports := range packages(t) {
		name, ok := strings.CutPrefix(pkg, "policies/")
		if !ok || shared[name] || name == "bundled" {
			continue
		}
		for _, path := range imports {
			if dep, ok := strings.CutPrefix(path, module+"policies/"); ok && !shared[dep] {
				t.Errorf("%s imports policies/%s: policies share only policy, params, learn and env", pkg, dep)
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
