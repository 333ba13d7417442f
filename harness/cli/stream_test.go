package cli

import (
	"bytes"
	"encoding/csv"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// held is an experiment whose budgets bind: carbon spends 0.0025 USD a prompt at any price.
const held = `
name: held
data: {synth: {prompts: 900, models: 4}, split: {method: stratified, train: 0.4, validation: 0.2, test: 0.4}}
encoder: {name: hash, dim: 32, features: 2048}
policies:
  - category-best
  - {name: carbon, params: {epochs: 3, members: 2, neighbours: 20}}
  - {name: carbon-budget, label: tight, params: {epochs: 3, members: 2, neighbours: 20, budget_usd: 0.0005}}
  - {name: carbon-budget, label: wide, params: {epochs: 3, members: 2, neighbours: 20, budget_usd: 0.001}}
preferences: {lambda_cost: {auto: 3}}
metrics: {baseline: best-single, resamples: 200}
plots: {formats: []}
`

// spends are the mean costs of a run's policies, by label and preference.
func spends(t *testing.T, dir string) map[[2]string]float64 {
	t.Helper()
	file, err := os.Open(filepath.Join(dir, "held", "latest", "points.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	column := map[string]int{}
	for i, name := range rows[0] {
		column[name] = i
	}
	out := map[[2]string]float64{}
	for _, r := range rows[1:] {
		if out[[2]string{r[column["policy"]], r[column["preference"]]}], err = strconv.ParseFloat(r[column["cost_usd"]], 64); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// An online policy is shown in a run what it spent: its budgets hold under every preference, in the process or out of it, in
// calls of any size, and the same twice.
func TestBudgetsHoldInARun(t *testing.T) {
	file := experimentFile(t, held)
	dirs := []string{t.TempDir(), t.TempDir()}
	must(t, "run", file, "--results", dirs[0], "--quiet")
	must(t, "run", file, "--results", dirs[1], "--quiet", "--in-process", "--jobs", "1", "--set", "batch=7")
	spent := spends(t, dirs[0])
	for label, budget := range map[string]float64{"tight": 0.0005, "wide": 0.001} {
		n := 0
		for at, cost := range spent {
			if at[0] == label {
				n++
				// Mirror descent with a step of 0.03 over 358 prompts leaves a few hundredths.
				if cost > 1.03*budget {
					t.Errorf("%s under %s spends %v of %v", label, at[1], cost, budget)
				}
			}
		}
		if n < 4 {
			t.Errorf("%s has %d points", label, n)
		}
		if free := spent[[2]string{"carbon", "0"}]; free < 2*budget {
			t.Errorf("without a budget carbon spends %v: a budget of %v does not bind", free, budget)
		}
		if cost := spent[[2]string{label, "0"}]; cost < 0.9*budget {
			t.Errorf("%s spends %v of %v at any price: the budget is not used", label, cost, budget)
		}
	}
	for _, name := range []string{"points.parquet", "metrics.csv"} {
		want, err := os.ReadFile(filepath.Join(dirs[0], "held", "latest", name))
		if err != nil {
			t.Fatal(err)
		}
		for _, dir := range dirs[1:] {
			if got, err := os.ReadFile(filepath.Join(dir, "held", "latest", name)); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s differs between processes and call sizes (%v)", name, err)
			}
		}
	}
	// How often the policy looks is another experiment: other cells, other decisions. Policies that do not look stay cached.
	out := must(t, "run", file, "--results", dirs[0], "--in-process", "--set", "stream.batch=100", "--set", "name=held2")
	if !strings.Contains(out, "4 cells done") {
		t.Errorf("another stream says\n%s", out)
	}
	held2, err := os.ReadFile(filepath.Join(dirs[0], "held2", "latest", "points.csv"))
	if err != nil || bytes.Contains(held2, []byte(strconv.FormatFloat(spent[[2]string{"tight", "0"}], 'g', -1, 64))) {
		t.Errorf("a look every 100 decisions changes nothing (%v)", err)
	}
	// The run says how the prompts came, and who was told their label.
	plan, err := os.ReadFile(filepath.Join(dirs[0], "held", "latest", "plan.json"))
	if err != nil || bytes.Count(plan, []byte(`"labelled": true`)) != 1 {
		t.Errorf("plan.json marks %d cells as labelled, want category-best alone (%v)", bytes.Count(plan, []byte(`"labelled": true`)), err)
	}
	cells, err := filepath.Glob(filepath.Join(dirs[0], "held", "latest", "cells", "*.json"))
	streams := 0
	for _, path := range cells {
		if text, err := os.ReadFile(path); err == nil && bytes.Contains(text, []byte(`"order": "arrival"`)) {
			streams++
		}
	}
	if err != nil || streams != 2 {
		t.Errorf("%d cells say that their prompts came as they arrived, want 2 (%v)", streams, err)
	}
	must(t, "verify", "held", "--results", dirs[0])
}
