package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/trilemma-bench/trilemma/harness/store"
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
	if _, err := os.Stat(filepath.Join(dir, "green", "latest", "plots", "sensitivity-places.svg")); err != nil {
		t.Error(err)
	}
	csv := filepath.Join(t.TempDir(), "emissions.csv")
	must(t, "carbon", "green", "--results", dir, "--emissions-csv", csv)
	if out := must(t, "carbon", "import", csv); !strings.Contains(out, "green: 1 rows") {
		t.Errorf("imported %s", out)
	}
	out := must(t, "recommend", "green", "--results", dir, "--min-quality", "0.01", "--max-carbon", "1kg/1k")
	for _, want := range []string{"Recommended for the least carbon:", "selection (n = ", "test prompts it kept every limit", "# deploy", "policy:", "lambda_carbon"} {
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
	out = must(t, "recommend", "green", "--results", dir, "--audit", "--resplits", "5")
	for _, want := range []string{"pool places: chosen on ", "20 questions, ", "All together: "} {
		if !strings.Contains(out, want) {
			t.Errorf("the audit lacks %q:\n%s", want, out)
		}
	}
	if code, _, stderr := trilemma("recommend", "green", "green", "--results", dir, "--max-cost", "1"); code != exitBad || !strings.Contains(stderr, "--audit") {
		t.Errorf("two runs: exit %d, %s", code, stderr)
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

// savingsOf reads savings.json of the newest run.
func savingsOf(t *testing.T, dir, name string) store.Savings {
	t.Helper()
	run, err := store.Find(dir, name)
	if err != nil {
		t.Fatal(err)
	}
	s, err := run.Savings()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const seeded = `
name: seeded
data: {synth: {prompts: 500, models: 4}, split: {method: stratified, train: 0.5, validation: 0.2, test: 0.3}}
encoder: {name: hash, dim: 16, features: 2048}
policies: [best-single, single, static, {name: knn, params: {k: 20}}, {name: predict, params: {epochs: 2}}]
preferences: {lambda_cost: {auto: 3}, lambda_carbon: {auto: 6}}
seeds: [1, 2]
metrics: {resamples: 300}
plots: {formats: []}
`

func TestSavingsStandBesideWhatAReaderNeeds(t *testing.T) {
	dir := t.TempDir()
	must(t, "run", experimentFile(t, seeded), "--results", dir, "--quiet", "--in-process")
	s := savingsOf(t, dir, "seeded")
	if s.Objective == "" || s.Margin != 0.01 || s.Estimate.SDLn < 0.5 || !s.Estimate.Prefill || s.Estimate.Method != "regression" {
		t.Errorf("savings say of themselves %+v", s.Estimate)
	}
	if l := s.Labels[0]; l.Outcomes != 4*l.Prompts || l.Prompts != 350 || l.CostUSD == nil || *l.CostUSD <= 0 || l.CarbonG == nil {
		t.Errorf("labels %+v, want four answers to each of the 350 prompts outside of test", l)
	}
	on := map[string]bool{}
	for _, b := range s.Baselines {
		if b.ChosenOn == "" || b.LatencySec == nil || b.CarbonGModelLow == nil || *b.CarbonGModelLow >= *b.CarbonG || *b.CarbonGModelHigh <= *b.CarbonG {
			t.Errorf("baseline %+v", b)
		}
		if b.Name == "best single (hindsight)" && b.ChosenOn != store.Hindsight {
			t.Errorf("%s is chosen on %s", b.Name, b.ChosenOn)
		}
	}
	var roles, summaries int
	for i := range s.Savings {
		x := &s.Savings[i]
		on[x.ChosenOn] = true
		if x.N != 150 || x.QualityVerdict == "" || x.LatencySaving == nil || x.CostSavingLow == nil || x.CarbonSavingBothLow == nil {
			t.Errorf("a saving lacks its company: %+v", *x)
		}
		if *x.CarbonSavingBothHigh-*x.CarbonSavingBothLow < *x.CarbonSavingHigh-*x.CarbonSavingLow-1e-9 {
			t.Errorf("with the estimate's error the interval of %s is narrower", x.Policy)
		}
		if x.Role != store.RolePolicy {
			roles++
		}
		if x.Seeds > 1 {
			summaries++
		}
		if x.Baseline == "best single (hindsight)" && x.ChosenOn != store.Hindsight {
			t.Errorf("a setting for the hindsight baseline is chosen on %s", x.ChosenOn)
		}
	}
	if !on[store.OnSelection] || !on[store.Hindsight] || on["validation"] || on["test"] || roles == 0 || summaries == 0 {
		t.Errorf("savings are chosen on %v, %d of them references, %d over seeds", on, roles, summaries)
	}
	out := must(t, "carbon", "seeded", "--results", dir)
	for _, want := range []string{"carbon-zero-router", "with the estimate's error", "seconds saved", "non-inferior", "2 seeds", "Labels of pool all: 1400 answers", "and labels (", "the reading of prompts counts"} {
		if !strings.Contains(out, want) {
			t.Errorf("carbon lacks %q:\n%s", want, out)
		}
	}
}

func TestEveryMethodHasItsError(t *testing.T) {
	dir := t.TempDir()
	must(t, "run", experimentFile(t, seeded), "--results", dir, "--quiet", "--in-process", "--set", "policies=[best-single, random]", "--set", "seeds=[1]", "--set", "accounting={energy: constant, wh_per_1k_output: 1}")
	if s := savingsOf(t, dir, "seeded"); s.Estimate.SDLn < 0.9 {
		t.Errorf("a constant a token is off by %v in ln, want what was measured of it", s.Estimate.SDLn)
	}
	must(t, "run", experimentFile(t, seeded), "--results", dir, "--quiet", "--in-process", "--set", "policies=[best-single, random]", "--set", "seeds=[1]", "--set", "accounting={energy: calibrated, hardware: B200}", "--set", "name=b200")
	if s := savingsOf(t, dir, "b200"); s.Estimate.Method != "calibrated" || s.Estimate.SDLn < 0.6 || s.Estimate.SDLn > 0.65 {
		t.Errorf("calibrated estimates are %+v", s.Estimate)
	}
}

func TestCalibrate(t *testing.T) {
	file := filepath.Join(t.TempDir(), "measured.csv")
	text := "model_id,gpu_model,activated_params_billions,total_params_billions,avg_batch_size,weight_precision,energy_per_token_joules\n"
	for i, size := range []string{"1", "3", "8", "14", "32", "70"} {
		for _, batch := range []string{"8", "64", "256"} {
			text += "m" + size + ",X9," + size + "," + size + "," + batch + ",bf16,0." + string(rune('1'+i)) + batch + "\n"
		}
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	card := filepath.Join(filepath.Dir(file), "card.yaml")
	out := must(t, "carbon", "calibrate", file, "--out", card, "--date", "2026-01-31")
	for _, want := range []string{"X9", "sd of a model left out", "mean of ln(estimated/measured)"} {
		if !strings.Contains(out, want) {
			t.Errorf("calibrate lacks %q:\n%s", want, out)
		}
	}
	written, err := os.ReadFile(card)
	if err != nil || !strings.Contains(string(written), "date: \"2026-01-31\"") || !strings.Contains(string(written), "sha256: ") {
		t.Errorf("the card is %s, %v", written, err)
	}
	if code, _, stderr := trilemma("carbon", "calibrate", file, "--date", "today"); code != exitBad || !strings.Contains(stderr, "2026-01-31") {
		t.Errorf("a date that is none gives %d, %s", code, stderr)
	}
	must(t, "plan", experimentFile(t, seeded), "--set", "accounting={energy: calibrated, hardware: X9, energy_card: "+card+"}")
}
