package runner

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/trilemma-bench/trilemma/harness/coverage"
	"github.com/trilemma-bench/trilemma/harness/event"
	"github.com/trilemma-bench/trilemma/harness/store"
)

const few = "policies: [random, single, best-single, {name: knn, params: {k: 9}}]\n"

// What a run writes is what verify computes again, and what was touched afterwards is found.
func TestFinishWritesWhatVerifyComputes(t *testing.T) {
	w := simulated(t, nil)
	p, out := ran(t, fmt.Sprintf("data: {trace: %s}\n", w.store(t))+few)
	v, err := p.Verify(out.Run)
	if err != nil {
		t.Fatal(err)
	}
	metrics := strings.Count(content1(t, out.Run, MetricsCSV), "\n") - 1
	if v.Cells != len(p.Cells) || v.Metrics != metrics || metrics == 0 || v.Points != strings.Count(content1(t, out.Run, store.PointsCSV), "\n")-1 || v.Inputs == 0 {
		t.Errorf("verified %+v of %d cells and %d metrics", v, len(p.Cells), metrics)
	}
	if out.Unmeasured != "" {
		t.Errorf("no metrics: %s", out.Unmeasured)
	}
	if err := os.WriteFile(out.Run.Path(MetricsCSV), []byte(content1(t, out.Run, MetricsCSV)+" "), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Verify(out.Run); err == nil || !strings.Contains(err.Error(), MetricsCSV+" has changed") {
		t.Errorf("a changed %s: %v", MetricsCSV, err)
	}
}

// A run in which nothing can be compared says so, and why.
func TestRunWithoutMetrics(t *testing.T) {
	w := simulated(t, nil)
	w.keep(func(p, m int) bool { return (p+m)%4 > 0 })
	_, out := ran(t, fmt.Sprintf("data: {trace: %s}\ncoverage: available\n", w.store(t))+few)
	if !strings.Contains(out.Unmeasured, "all models answered 0 of") {
		t.Errorf("why there is no metric: %q\n%s", out.Unmeasured, content1(t, out.Run, MetricsCSV))
	}
}

func TestThin(t *testing.T) {
	points := []store.Point{
		{Pool: "a", Policy: "x", N: 100, Coverage: 0.1}, {Pool: "a", Policy: "x", N: 100, Coverage: 0.29}, {Pool: "a", Policy: "y", N: 100, Coverage: 0.3},
		{Pool: "b", Policy: "x", N: 10, Coverage: 1}, {Pool: "b", Policy: "y", N: 10, Coverage: 1},
		{Pool: "c", Policy: "x", N: 30, Coverage: 1},
	}
	want := "[pool a: fewer than 30 test prompts have results of x (29): no rank is given pool b: no policy has results for 30 test prompts or more: nobody is given a rank]"
	if got := fmt.Sprint(thin(points)); got != want {
		t.Errorf("got %s", got)
	}
}

// A run is told by its manifest to be over a bandit log, and one of an older version by its outcomes.
func TestRunsOverALogAreRefused(t *testing.T) {
	one := func(model string) store.Outcome { return store.Outcome{Model: model, Score: 1} }
	for _, c := range []struct {
		name, data string
		prompts    []store.Prompt
		want       coverage.Feedback
	}{
		{"by its manifest", `{"feedback": {"feedback": "bandit", "prompts": 9, "one": 9}}`, nil, coverage.Bandit},
		{"by its outcomes", `{"Prompts": 3}`, []store.Prompt{{ID: "p", Outcomes: []store.Outcome{one("a")}}, {ID: "q", Outcomes: []store.Outcome{one("b")}}}, coverage.Bandit},
		{"full", `{"Prompts": 3}`, []store.Prompt{{ID: "p", Outcomes: []store.Outcome{one("a"), one("b")}}, {ID: "q", Outcomes: []store.Outcome{one("b"), one("a")}}}, coverage.Full},
		{"older still", `{}`, nil, ""},
	} {
		run, err := store.Open(t.TempDir(), "x", "aaaa1111")
		if err != nil {
			t.Fatal(err)
		}
		if err := run.WriteManifest(store.Manifest{Config: []byte("{}"), Data: []byte(c.data), Started: time.Unix(0, 0)}); err != nil {
			t.Fatal(err)
		}
		if c.prompts != nil {
			if err := run.WritePrompts(c.prompts); err != nil {
				t.Fatal(err)
			}
		}
		got, err := Feedback(run)
		if err != nil || got.Feedback != c.want {
			t.Errorf("%s: %q (%v), want %q", c.name, got.Feedback, err, c.want)
		}
		if err := RefuseBandit(run); (err != nil) != (c.want == coverage.Bandit) {
			t.Errorf("%s: %v", c.name, err)
		}
		if err := run.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// The same experiment a second time runs no cell, and an interrupted context none at all.
func TestFinishedCellsAreCached(t *testing.T) {
	w := simulated(t, nil)
	p, err := planned(t, fmt.Sprintf("data: {trace: %s}\n", w.store(t))+few)
	if err != nil {
		t.Fatal(err)
	}
	opt := Options{Results: t.TempDir(), Jobs: 1, InProcess: true, Events: event.Discard}
	for _, want := range []int{0, len(p.Cells)} {
		out, err := p.Run(context.Background(), opt)
		if err != nil || out.Cached != want || out.Done != len(p.Cells)-want {
			t.Errorf("%+v (%v), want %d cached", out, err, want)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	opt.Fresh = true
	if out, err := p.Run(ctx, opt); err == nil || out.Done != 0 {
		t.Errorf("%d cells of an interrupted run are done (%v)", out.Done, err)
	}
}
