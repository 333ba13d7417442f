package runner

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/trilemma-bench/trilemma/harness/coverage"
	"github.com/trilemma-bench/trilemma/harness/replay"
	"github.com/trilemma-bench/trilemma/harness/synth"
	"github.com/trilemma-bench/trilemma/harness/trace/split"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// logged keeps the outcome of one model a prompt: mostly of the first.
func logged(prompt, model int) bool { return model == max(0, prompt*7%11-7) }

// What is wrong with the data is told before anything runs, with what to do.
func TestPlanRefuses(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(w *world)
		rest   string
		want   string
	}{
		{"a bandit log", func(w *world) { w.keep(logged) }, "coverage: available\n",
			"data: this is a bandit log: 240 of 240 prompts have one outcome (no propensities are logged); averages over whatever matches are not estimates"},
		{"a bandit log under complete coverage", func(w *world) { w.keep(logged) }, "", "this is a bandit log"},
		{"a pool of a log", func(w *world) { w.keep(func(p, m int) bool { return m > 1 || m == p%2 }) }, "coverage: available\npools: [{name: few, exclude: ['*s', '*l']}]\n",
			""},
		{"a model that nobody bills", func(w *world) {
			for p := range w.Prompts.Len() {
				w.Outcomes.InputTokens[w.Outcomes.At(p, 0)] = float32(math.NaN())
			}
		}, "", "no known cost: 240 outcomes have no input_tokens"},
		{"no test prompt that all answered", func(w *world) { w.keep(func(p, m int) bool { return (p+m)%4 > 0 }) }, "", "no test prompt was answered by all 4 models: use coverage: available"},
		{"a split that names no part", func(w *world) { w.Prompts.Split[7] = "holdout" }, "", `prompts.parquet row 7, column split: "holdout" is no part of a split`},
	} {
		w := simulated(t, nil)
		data := "data: {trace: %s}\n"
		if strings.Contains(c.name, "split") {
			w.Prompts.Split = slices.Repeat([]string{"train", "test"}, w.Prompts.Len()/2)
			data = "data: {trace: %s, split: {method: column}}\n"
		}
		c.change(w)
		rest := c.rest
		if strings.HasPrefix(c.name, "a pool") {
			// The pool is the two models that take turns.
			rest = fmt.Sprintf("coverage: available\npools: [{name: few, models: [%q, %q]}]\n", w.Models[0].ID, w.Models[1].ID)
			c.want = "pool few: this is a bandit log"
		}
		_, err := planned(t, fmt.Sprintf(data, w.store(t))+rest+"policies: [random]\n")
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %s", c.name, err, c.want)
		}
		if strings.Contains(c.want, "bandit") && !strings.HasPrefix(c.name, "a pool") && !errors.Is(err, coverage.ErrBandit) {
			t.Errorf("%s: %v is no ErrBandit", c.name, err)
		}
	}
}

// A log may be learned from: what is tested on is another trace.
func TestLogAsTrainingTrace(t *testing.T) {
	train, test := simulated(t, nil), simulated(t, func(p *synth.Params) { p.Prompts, p.Seed = 120, 4 })
	train.keep(logged)
	for i := range test.Prompts.ID {
		test.Prompts.ID[i] = "test-" + test.Prompts.ID[i]
	}
	p, err := planned(t, fmt.Sprintf("data: {train: %s, test: %s}\npolicies: [random, best-single]\n", train.store(t), test.store(t)))
	if err != nil {
		t.Fatal(err)
	}
	if d := p.feedback(p.pools["all"]); d.Feedback != coverage.Full || d.Prompts != 120 {
		t.Errorf("feedback %s, want that of the test trace", d)
	}
}

// Copies of a model in several places are no second opinion: a log stays a log.
func TestCopiesDoNotHideALog(t *testing.T) {
	w := simulated(t, nil)
	w.keep(logged)
	_, err := planned(t, fmt.Sprintf("data: {trace: %s, regions: [{models: ['*'], zones: [FRA, POL]}]}\ncoverage: available\npolicies: [random]\n", w.store(t)))
	if !errors.Is(err, coverage.ErrBandit) {
		t.Errorf("got %v", err)
	}
}

// What complete coverage leaves out is told in words and as data, with the setting that keeps it.
func TestMissingIsTold(t *testing.T) {
	w := simulated(t, nil)
	lacks := w.Models[2].ID
	category := w.Prompts.Category[0]
	gone := 0
	w.keep(func(p, m int) bool {
		if m == 2 && w.Prompts.Category[p] == category {
			gone++
			return false
		}
		return true
	})
	data := fmt.Sprintf("data: {trace: %s}\n", w.store(t))
	p, err := planned(t, data+"policies: [random]\n")
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Join(p.Notices, "\n")
	for _, want := range []string{
		fmt.Sprintf("%s lacks %d of 240 prompts", lacks, gone), "100 % of " + category, "not at random",
		fmt.Sprintf("Without %s 240 of 240 prompts are kept", lacks), fmt.Sprintf("--set 'pools.all.exclude=[%s]'", lacks), "coverage: complete leaves them out",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("the notices lack %q:\n%s", want, all)
		}
	}
	var about struct {
		Feedback coverage.Density `json:"feedback"`
		Pools    map[string]struct {
			Test    int `json:"test_prompts"`
			Missing *lacking
		}
	}
	if err := json.Unmarshal(p.about, &about); err != nil {
		t.Fatal(err)
	}
	m := about.Pools["all"].Missing
	if about.Feedback.Feedback != coverage.Partial || m == nil || m.Dropped != gone || m.Random || len(m.Estimates) != 4 {
		t.Fatalf("the manifest tells %+v of the data, %+v of what is missing", about.Feedback, m)
	}
	for _, rows := range [][]int{p.test["all"], p.selectionRows("all")} {
		for _, i := range rows {
			if p.data.Trace.Prompts.Category[i] == category {
				t.Fatalf("prompt %s lacks an outcome, but is compared on", p.data.Trace.Prompts.ID[i])
			}
		}
	}
	// Learning goes on with what there is.
	if !slices.ContainsFunc(p.rows("all", split.Train), func(i int) bool { return p.data.Trace.Prompts.Category[i] == category }) {
		t.Error("no training prompt that one model lacks is left")
	}
	// With the setting, as with nothing missing, nothing is said.
	p, err = planned(t, data+fmt.Sprintf("pools: [{name: all, exclude: [%s]}]\npolicies: [random]\n", lacks))
	if err != nil {
		t.Fatal(err)
	}
	if len(p.lacks) != 0 || strings.Contains(strings.Join(p.Notices, ""), "lacks") {
		t.Errorf("without %s something is missing still: %s", lacks, p.Notices)
	}
	// Under available coverage every prompt that some model answered is tested on.
	p, err = planned(t, data+"coverage: available\npolicies: [random]\n")
	if err != nil {
		t.Fatal(err)
	}
	if n := len(p.data.Rows(split.Test)); len(p.test["all"]) != n {
		t.Errorf("%d of %d test prompts", len(p.test["all"]), n)
	}
	if !strings.Contains(strings.Join(p.Notices, ""), "coverage: available keeps them") {
		t.Errorf("notices %s", p.Notices)
	}
}

// answered makes model m right on prompt p where score says so, at one cent.
func answered(w *world, score func(prompt, model int) float32) {
	for p := range w.Prompts.Len() {
		for m := range w.Models {
			at := w.Outcomes.At(p, m)
			w.Outcomes.Logged[policy.Quality][at] = score(p, m)
		}
	}
}

// The bar is the model that is best on the prompts outside of test that all answered: neither one that lacks the hard ones,
// nor one that is good at the test prompts.
func TestBestSingleIsTheBarFromKnownPrompts(t *testing.T) {
	w := simulated(t, nil)
	w.Prompts.Split = slices.Repeat([]string{"train", "train", "validation", "test"}, w.Prompts.Len()/4)
	answered(w, func(p, m int) float32 {
		test, hard := w.Prompts.Split[p] == "test", p/4%3 == 0
		switch m {
		case 0: // the best
			return map[bool]float32{true: 0.5, false: 0.9}[hard]
		case 1: // looks best, for it lacks what is hard
			return 0.85
		case 2: // knows the test
			return map[bool]float32{true: 1, false: 0.1}[test]
		}
		return 0
	})
	w.keep(func(p, m int) bool { return m != 1 || p/4%3 > 0 })
	p, err := planned(t, fmt.Sprintf("data: {trace: %s, split: {method: column}}\ncoverage: available\npolicies: [best-single]\n", w.store(t)))
	if err != nil {
		t.Fatal(err)
	}
	if got := p.data.Trace.Models[p.pools["all"][p.bestSingle("all")]].ID; got != w.Models[0].ID {
		t.Errorf("the bar is %s, want %s", got, w.Models[0].ID)
	}
	for _, i := range p.known("all") {
		if p.data.Part[i] == split.Test || len(replay.Of(p.data.Table, p.pools["all"]).Complete([]int{i})) == 0 {
			t.Fatalf("prompt %d of part %s is known to all", i, p.data.Part[i])
		}
	}
	// The policy of that name finds the same model.
	_, out := ran(t, fmt.Sprintf("data: {trace: %s, split: {method: column}}\ncoverage: available\npolicies: [best-single]\n", w.store(t)))
	points, err := out.Run.Points()
	if err != nil {
		t.Fatal(err)
	}
	for _, pt := range points {
		if pt.Policy == "best-single" && pt.Shares[0].Model != w.Models[0].ID {
			t.Errorf("best-single asks %s, want %s", pt.Shares[0].Model, w.Models[0].ID)
		}
	}
}

// Of equal scores the cheaper is the bar; where no prompt is common, all that was answered counts.
func TestBestSingleTies(t *testing.T) {
	w := simulated(t, nil)
	answered(w, func(int, int) float32 { return 0.5 })
	for p := range w.Prompts.Len() {
		for m := range w.Models {
			w.Outcomes.InputTokens[w.Outcomes.At(p, m)], w.Outcomes.OutputTokens[w.Outcomes.At(p, m)] = 100, 100
		}
	}
	for m := range w.Models {
		w.Models[m].PriceInputUSDPerMTok = []float64{3, 1, 2, 3}[m]
		w.Models[m].PriceOutputUSDPerMTok = w.Models[m].PriceInputUSDPerMTok
	}
	w.Outcomes.Logged[policy.Cost] = nil
	w.keep(func(p, m int) bool { return p%4 != m })
	p, err := planned(t, fmt.Sprintf("data: {trace: %s}\ncoverage: available\npolicies: [random]\n", w.store(t)))
	if err != nil {
		t.Fatal(err)
	}
	if got := p.data.Trace.Models[p.pools["all"][p.bestSingle("all")]].ID; got != w.Models[1].ID {
		t.Errorf("the bar is %s, want the cheapest, %s", got, w.Models[1].ID)
	}
}

// The references are what the best and the blindest decisions lead to.
func TestReferences(t *testing.T) {
	w := simulated(t, nil)
	p, err := planned(t, fmt.Sprintf("data: {trace: %s}\npolicies: [single]\n", w.store(t)))
	if err != nil {
		t.Fatal(err)
	}
	points, err := p.references("all")
	if err != nil {
		t.Fatal(err)
	}
	oracle := 0
	for _, pt := range points {
		if pt.Policy != "oracle" {
			continue
		}
		oracle++
		var want float64
		for _, i := range p.test["all"] {
			best := -1e9
			for m := range w.Models {
				o := p.data.Table.At(i, m)
				best = max(best, pt.Lambda.Utility(o.Central()))
			}
			want += best / float64(len(p.test["all"]))
		}
		if got := pt.Lambda.Utility(pt.Figures); got < want-1e-6 || got > want+1e-6 {
			t.Errorf("the oracle has utility %v at %s, the best decisions have %v", got, pt.Preference, want)
		}
	}
	if oracle != len(p.prefs["all"]) || p.prefs["all"][0].Preference != (policy.Preference{}) {
		t.Errorf("%d points of the oracle, %d preferences", oracle, len(p.prefs["all"]))
	}
}
