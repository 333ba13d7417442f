package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// green is an experiment with places, hours and a price book.
const green = `
name: green
data:
  synth: {prompts: 300, models: 3}
  split: {method: stratified, train: 0.6, validation: 0.2, test: 0.2}
  arrivals: {from: "2024-06-01T00:00:00Z", span: 4h, seed: 1, replace: true}
  regions: [{zones: [FRA, POL]}]
pools: [{name: places, models: ["*@*"]}]
encoder: {name: hash, dim: 32, features: 2048}
policies: [best-single, {name: knn, params: {k: 20}}, {name: carbon, params: {epochs: 3, members: 2, neighbours: 20}}]
preferences: {lambda_cost: {auto: 3}, lambda_carbon: {auto: 6}}
accounting: {hourly: hours.csv}
metrics: {baseline: best-single, resamples: 200}
plots: {formats: [svg]}
`

const hours = `datetime,zone,gco2e_per_kwh
2024-06-01T00:00:00Z,FRA,40
2024-06-01T01:00:00Z,FRA,900
2024-06-01T02:00:00Z,FRA,40
2024-06-01T03:00:00Z,FRA,900
2024-06-01T00:00:00Z,POL,600
2024-06-01T01:00:00Z,POL,600
2024-06-01T02:00:00Z,POL,600
2024-06-01T03:00:00Z,POL,600
`

func greenFile(t *testing.T, experiment, csv string) string {
	t.Helper()
	file := experimentFile(t, experiment)
	if err := os.WriteFile(filepath.Join(filepath.Dir(file), "hours.csv"), []byte(csv), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestFootprintRecommendationAndBudget(t *testing.T) {
	dir := t.TempDir()
	must(t, "run", greenFile(t, green, hours), "--results", dir, "--quiet", "--in-process")
	for _, by := range []string{"model", "category", "hour", "region"} {
		out := must(t, "carbon", "green", "--results", dir, "--policy", "carbon", "--by", by)
		if !strings.Contains(out, "by "+by) || !strings.Contains(out, "The run itself took") {
			t.Errorf("by %s: %s", by, out)
		}
	}
	if out := must(t, "carbon", "green", "--results", dir, "--json"); !strings.Contains(out, `"carbon_saving"`) {
		t.Errorf("as JSON %s", out)
	}
	for _, plot := range []string{"savings-places.svg", "sensitivity-places.svg", "hours-carbon-places.svg"} {
		if _, err := os.Stat(filepath.Join(dir, "green", "latest", "plots", plot)); err != nil && plot != "hours-carbon-places.svg" {
			t.Error(err)
		}
	}
	csv := filepath.Join(t.TempDir(), "emissions.csv")
	must(t, "carbon", "green", "--results", dir, "--emissions-csv", csv)
	if out := must(t, "carbon", "import", csv); !strings.Contains(out, "green: 1 rows") {
		t.Errorf("imported %s", out)
	}
	out := must(t, "recommend", "green", "--results", dir, "--min-quality", "0.01", "--max-carbon", "1kg/1k")
	for _, want := range []string{"Recommended:", "selection (n = ", "held on test", "# deploy", "policy:", "lambda_carbon"} {
		if !strings.Contains(out, want) {
			t.Errorf("the recommendation lacks %q:\n%s", want, out)
		}
	}
	code, stdout, stderr := trilemma("recommend", "green", "--results", dir, "--min-quality", "0.999")
	if code != exitBad || !strings.Contains(stdout, "too low") || !strings.Contains(stderr, "no setting keeps") {
		t.Errorf("what is infeasible gives %d, %s%s", code, stdout, stderr)
	}
	if out := must(t, "budget", "green", "--results", dir, "--policy", "carbon", "--max-carbon", "1kg/1k", "--streams", "3"); !strings.Contains(out, "3 shuffled streams") {
		t.Errorf("budget says %s", out)
	}
	if code, _, stderr := trilemma("recommend", "green", "--results", dir); code != exitBad || !strings.Contains(stderr, "--max-cost") {
		t.Errorf("sliders without a terminal give %d, %s", code, stderr)
	}
}

func TestRefusalsOfMoneyAndCarbon(t *testing.T) {
	book := filepath.Join(t.TempDir(), "book.yaml")
	if err := os.WriteFile(book, []byte("models: [{id: m, prices: [{from: 2024-01-01, source: s, input: -1, output: 1}]}]"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, csv, set string
		want           []string
	}{
		{"unknown country", hours, "data.regions=[{zones: [Atlantis]}]", []string{"Atlantis", "ISO 3166"}},
		{"hour not covered", strings.Replace(hours, "2024-06-01T03:00:00Z,FRA", "2024-06-02T03:00:00Z,FRA", 1), "batch=7", []string{"not covered", "FRA"}},
		{"negative price", hours, "accounting.prices=" + book, []string{"input is -1"}},
		{"PUE", hours, "accounting.pue=0.9", []string{"pue", "1 or more"}},
		{"hardware", hours, "accounting={energy: roofline, hardware: abacus}", []string{"abacus", "H100"}},
		{"constant of nothing", hours, "accounting.energy=constant", []string{"Wh per 1,000"}},
		{"measured without measurements", hours, "accounting.energy=measured", []string{"energy_wh"}},
		{"arrivals", hours, "data.arrivals.from=noon", []string{"noon", "2024-06-01T00:00:00Z"}},
	} {
		code, stdout, stderr := trilemma("run", greenFile(t, green, tc.csv), "--results", t.TempDir(), "--quiet", "--set", tc.set)
		if code != exitBad {
			t.Errorf("%s: exit %d, want %d\n%s%s", tc.name, code, exitBad, stdout, stderr)
		}
		for _, w := range tc.want {
			if !strings.Contains(stdout+stderr, w) {
				t.Errorf("%s: message %q, want it to say %q", tc.name, stderr, w)
			}
		}
	}
}
