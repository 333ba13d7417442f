package compare

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/trilemma-bench/trilemma/harness/store"
	"github.com/trilemma-bench/trilemma/harness/store/storetest"
)

// router takes the dear model at any price, and under "c1" the cheap one on the prompts that it is right on.
func router(preference string, prompt int) int {
	if preference == "c1" && prompt%2 == 0 {
		return 0
	}
	return 1
}

func write(t *testing.T, dir string, r storetest.Run) *store.Run {
	t.Helper()
	if r.Choose == nil {
		r.Choose = router
	}
	return storetest.Write(t, dir, r)
}

func row(t *testing.T, c *Comparison, metric string) *Row {
	t.Helper()
	for i := range c.Rows {
		if c.Rows[i].Policy == "router" && c.Rows[i].Metric == metric {
			return &c.Rows[i]
		}
	}
	t.Fatalf("no %s of router in %+v", metric, c.Rows)
	return nil
}

func TestARunDoesNotDifferFromItself(t *testing.T) {
	dir := t.TempDir()
	a, b := write(t, dir, storetest.Run{Experiment: "e", ID: "00000001"}), write(t, dir, storetest.Run{Experiment: "e", ID: "00000002"})
	c, err := Runs(a, b, Options{Resamples: 200, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range c.Rows {
		if !math.IsNaN(r.Diff) && (r.Diff != 0 || r.DiffLow != 0 || r.DiffHigh != 0 || r.Before != r.After) {
			t.Errorf("%+v: want no difference", r)
		}
		if r.Prompts != storetest.Prompts {
			t.Errorf("%s on %d prompts, want %d", r.Metric, r.Prompts, storetest.Prompts)
		}
	}
	if w := c.Worst("aiq_pool", 0); w != nil || len(c.Changes) != 0 || len(c.Notices) != 0 {
		t.Errorf("worst %+v, changes %v, notices %v: want none", w, c.Changes, c.Notices)
	}
	row(t, c, "aiq_pool")
}

func TestAWorsePolicyIsARegression(t *testing.T) {
	dir := t.TempDir()
	before := write(t, dir, storetest.Run{Experiment: "e", ID: "00000001", Config: `{"k":1,"gone":true}`})
	after := write(t, dir, storetest.Run{Experiment: "e", ID: "00000002", Config: `{"k":2}`, Choose: func(string, int) int { return 0 }})
	c, err := Runs(before, after, Options{Resamples: 400, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	// Under "c1" 54 of 60 are right, the cheap model is on 30.
	r := row(t, c, "peak")
	if math.Abs(r.Before-0.9) > 1e-6 || math.Abs(r.After-0.5) > 1e-6 {
		t.Errorf("peak %v → %v", r.Before, r.After)
	}
	by, atLeast := r.Worse()
	if !(by > 0 && atLeast > 0 && atLeast < by) {
		t.Errorf("worse by %v, at least %v: want both above zero, the second smaller", by, atLeast)
	}
	// The threshold is held against the near end of the interval, not against the middle.
	if c.Worst("peak", atLeast-1e-9) == nil || c.Worst("peak", (by+atLeast)/2) != nil || c.Worst("peak", by) != nil {
		t.Errorf("worse by %v, at least %v: a regression only below the latter", by, atLeast)
	}
	var names []string
	for _, x := range c.Changes {
		names = append(names, x.What+" "+x.Before+">"+x.After)
	}
	if got := strings.Join(names, ", "); !strings.Contains(got, "k 1>2") || !strings.Contains(got, "gone true>") {
		t.Errorf("changes %s, want k and gone", got)
	}
	// The other way round it became better.
	c, err = Runs(after, before, Options{Resamples: 400, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	if w := c.Worst("peak", 0); w != nil {
		t.Errorf("worst %+v, want none", w)
	}
}

// What is less is worse for some metrics, and more for others.
func TestWorseKnowsTheDirection(t *testing.T) {
	for metric, want := range map[string][2]float64{"peak": {-0.2, -0.3}, "qnc": {0.2, 0.1}} {
		r := Row{Metric: metric, Diff: 0.2, DiffLow: 0.1, DiffHigh: 0.3}
		if by, atLeast := r.Worse(); by != want[0] || atLeast != want[1] {
			t.Errorf("%s up by 0.2: worse by %v, at least %v; want %v", metric, by, atLeast, want)
		}
	}
}

func TestRunsThatCannotBeCompared(t *testing.T) {
	dir := t.TempDir()
	a := write(t, dir, storetest.Run{Experiment: "e", ID: "00000001"})
	if _, err := Runs(a, write(t, dir, storetest.Run{Experiment: "e", ID: "00000002", Unfinished: true}), Options{}); err == nil || !strings.Contains(err.Error(), "resume") {
		t.Errorf("an unfinished run: %v, want to be told to resume it", err)
	}
	c, err := Runs(a, write(t, dir, storetest.Run{Experiment: "e", ID: "00000003", Older: true}), Options{Resamples: 200})
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Notices) != 1 || !strings.Contains(c.Notices[0], "hindsight") {
		t.Errorf("notices %q, want one about the older run", c.Notices)
	}
	// Neither side is flattered: the same decisions are the same figures.
	if r := row(t, c, "aiq_pool"); r.Diff != 0 {
		t.Errorf("aiq_pool %v → %v, want the same for the same decisions", r.Before, r.After)
	}
}

// What only one run has is said, with the reason: it failed, it is called otherwise, it is not there.
func TestVanishedAndNewPolicies(t *testing.T) {
	dir := t.TempDir()
	before := write(t, dir, storetest.Run{Experiment: "e", ID: "00000001", Others: []string{"other"}})
	for _, tc := range []struct {
		name          string
		after         storetest.Run
		vanished, new string
	}{
		{"failed", storetest.Run{Failed: "out of luck", Others: []string{"other"}}, "pool all: router: failed in the run after: out of luck", ""},
		{"renamed", storetest.Run{Label: "way", Others: []string{"other"}}, "pool all: router: in the run after the same cells are called way", "pool all: way: in the run before the same cells are called router"},
		{"taken out", storetest.Run{}, "pool all: other: not among the policies of the run after", ""},
		{"added", storetest.Run{Others: []string{"other", "third", "fourth"}}, "", "pool all: third, fourth: not among the policies of the run before"},
	} {
		tc.after.Experiment, tc.after.ID = "e", fmt.Sprintf("%x0000002", 10+len(tc.name))
		c, err := Runs(before, write(t, dir, tc.after), Options{Resamples: 200})
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		if v, n := strings.Join(Told(c.Vanished), "; "), strings.Join(Told(c.New), "; "); v != tc.vanished || n != tc.new || len(c.Rows) == 0 {
			t.Errorf("%s: vanished %q, new %q, %d rows; want %q and %q", tc.name, v, n, len(c.Rows), tc.vanished, tc.new)
		}
	}
}

// A metric that became unknown is lost; one that became known, or was never known, is not.
func TestLostMetrics(t *testing.T) {
	nan := math.NaN()
	c := Comparison{Rows: []Row{
		{Policy: "a", Metric: "qnc", Before: 0.5, After: nan}, {Policy: "b", Metric: "qnc", Before: nan, After: 0.5},
		{Policy: "c", Metric: "qnc", Before: nan, After: nan}, {Policy: "d", Metric: "aiq", Before: 0.5, After: nan},
	}}
	if got := c.Lost("qnc"); len(got) != 1 || got[0].Policy != "a" {
		t.Errorf("lost %+v, want that of a", got)
	}
}

// Two runs with nothing in common are told why.
func TestNothingInCommonSaysWhy(t *testing.T) {
	dir := t.TempDir()
	before := write(t, dir, storetest.Run{Experiment: "e", ID: "00000001", Config: `{"data":{"trace":"here","split":{"seed":1}}}`})
	for _, tc := range []struct {
		name  string
		after storetest.Run
		want  []string
	}{
		{"other prompts", storetest.Run{First: 100, Config: `{"data":{"trace":"there","split":{"seed":1}}}`}, []string{"no test prompt is in both runs, of 60 and 60", `data.trace "here" → "there"`}},
		{"another split", storetest.Run{First: 100, Config: `{"data":{"trace":"here","split":{"seed":2}}}`}, []string{"no test prompt is in both runs", "data.split.seed 1 → 2"}},
		{"another pool", storetest.Run{Pool: "some"}, []string{"router: in the run after the same cells are router of pool some"}},
		{"all failed", storetest.Run{Failed: "no disk"}, []string{"router: failed in the run after: no disk"}},
	} {
		tc.after.Experiment, tc.after.ID = "e", fmt.Sprintf("%x0000002", 10+len(tc.name))
		_, err := Runs(before, write(t, dir, tc.after), Options{Resamples: 200})
		if !errors.Is(err, ErrNothing) {
			t.Errorf("%s: %v, want nothing to compare", tc.name, err)
			continue
		}
		for _, want := range tc.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %q", tc.name, err, want)
			}
		}
	}
}

// Prompts are matched by their ids; where the same id has another outcome, that is said.
func TestOtherDataUnderTheSameIDs(t *testing.T) {
	dir := t.TempDir()
	c, err := Runs(write(t, dir, storetest.Run{Experiment: "e", ID: "00000001"}), write(t, dir, storetest.Run{Experiment: "e", ID: "00000002", First: 1}), Options{Resamples: 200})
	if err != nil {
		t.Fatal(err)
	}
	// 59 ids are shared: the cheap model is right on every other prompt, so each of its 59 scores differs; the dear one is wrong
	// on every fifth, and 2 of 5 differ but for the ends: 23.
	all := strings.Join(c.Notices, "\n")
	for _, want := range []string{"59 test prompts of 60 and 60 are in both runs", "82 of 118 scores"} {
		if !strings.Contains(all, want) {
			t.Errorf("notices\n%s\nwant %q", all, want)
		}
	}
}
