package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCompare(t *testing.T) {
	results := copySmall(t)
	file := experimentFile(t, small)
	before, err := filepath.EvalSymlinks(filepath.Join(results, "small", "latest"))
	if err != nil {
		t.Fatal(err)
	}
	must(t, "run", file, "--results", results, "--in-process", "--set", "policies.knn.params.k=1", "--set", "name=worse")
	page := filepath.Join(t.TempDir(), "page.html")
	args := []string{"compare", before, "worse", "--results", results, "--resamples", "300"}

	code, stdout, stderr := trilemma(append(args, "--html", page)...)
	if code != exitFailed || !strings.Contains(stderr, "regression: aiq_pool of knn") {
		t.Errorf("knn of one neighbour: exit %d and %q, want a regression\n%s", code, stderr, stdout)
	}
	for _, want := range []string{"policies.knn.params.k", "│ knn", "the same in both runs"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("want %q in\n%s", want, stdout)
		}
	}
	if strings.Contains(stdout, "│ random") {
		t.Errorf("a policy that did not change is listed:\n%s", stdout)
	}
	if html, err := os.ReadFile(page); err != nil || !strings.Contains(string(html), "knn") {
		t.Errorf("the page: %v\n%s", err, html)
	}
	if code, _, stderr := trilemma(append(args, "--threshold", "0.9")...); code != exitOK {
		t.Errorf("within the threshold: exit %d %s", code, stderr)
	}
	// A policy that is gone is a regression however much may change; the other way round it is new.
	must(t, "run", file, "--results", results, "--in-process", "--set", "policies=[random, single, best-single, category-best, agreement]", "--set", "name=fewer")
	gone := "pool all: knn"
	if code, _, stderr := trilemma("compare", before, "fewer", "--results", results, "--resamples", "300", "--threshold", "0.9"); code != exitFailed || !strings.Contains(stderr, "regression: vanished: "+gone) {
		t.Errorf("knn is gone: exit %d and %q, want a regression", code, stderr)
	}
	if code, stdout, stderr := trilemma("compare", "fewer", before, "--results", results, "--resamples", "300", "--threshold", "0.9"); code != exitOK || !strings.Contains(stdout, "note: new: "+gone) {
		t.Errorf("knn is new: exit %d, %s\n%s", code, stderr, stdout)
	}
	if _, out, _ := trilemma("compare", before, "fewer", "--results", results, "--resamples", "300", "--json"); !strings.Contains(out, `"vanished":[{"pool":"all","policy":"knn"`) {
		t.Errorf("JSON lacks who vanished: %s", out)
	}
	// The other way round it is no regression, and the figures are those of the runs' own tables.
	out := must(t, "compare", "worse", before, "--results", results, "--resamples", "300", "--json")
	var c struct {
		Rows []struct {
			Policy, Metric string
			Before, After  *float64
			Diff           *float64
			DiffLow        *float64 `json:"diff_low"`
		}
	}
	if err := json.Unmarshal([]byte(out), &c); err != nil {
		t.Fatal(err)
	}
	table := string(read(t, results, "metrics.csv"))
	found := false
	for _, r := range c.Rows {
		if r.Policy != "knn" || r.Metric != "aiq_pool" {
			continue
		}
		found = true
		text, err := json.Marshal(*r.After)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(table, "all,knn,aiq_pool,"+string(text)+",") {
			t.Errorf("aiq_pool of knn is %s, the run's own table has another\n%s", text, table)
		}
		if *r.Diff <= 0 || *r.DiffLow <= 0 {
			t.Errorf("aiq_pool of knn changed by %v, at least %v, want a clear gain", *r.Diff, *r.DiffLow)
		}
	}
	if !found {
		t.Errorf("no aiq_pool of knn in %s", out)
	}
	if code, _, stderr := trilemma("compare", before, "worse", "--results", results, "--metric", "nope"); code != exitBad || !strings.Contains(stderr, "aiq") {
		t.Errorf("an unknown metric: exit %d, %s", code, stderr)
	}
}
