package report

import (
	"fmt"
	"os"
	"testing"

	"github.com/trilemma-bench/trilemma/harness/experiment"
	"github.com/trilemma-bench/trilemma/harness/plot"
	"github.com/trilemma-bench/trilemma/harness/report/leaderboard"
	"github.com/trilemma-bench/trilemma/harness/store"
	"github.com/trilemma-bench/trilemma/harness/store/storetest"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// A grid of many settings of a policy is one line, through what the selection prompts chose among them all.
func TestAGridIsOneLine(t *testing.T) {
	var policies []plot.Policy
	var points []store.Point
	selected := leaderboard.Selections{}
	for k := range 6 {
		label := fmt.Sprintf("knn k=%d", k)
		policies = append(policies, plot.Policy{Label: label, Family: "knn"})
		p := store.Point{Pool: "all", Policy: label, Family: "knn", Preference: "0", N: 100}
		p.Figures = policy.Unknown()
		p.Figures[policy.Quality], p.Figures[policy.Cost] = 0.5, 0.01*float64(k+1)
		points = append(points, p)
		chosen := p
		chosen.Figures[policy.Quality] = []float64{0.5, 0.4, 0.7, 0.6, 0.65, 0.3}[k]
		selected[leaderboard.KeyOf(&p)] = chosen
	}
	quality, cost, _ := quantities(experiment.Plots{})
	f := front("t", "", points, selected, cost, quality, plot.LooksOf(policies, nil))
	if len(f.Series) != 1 || f.Series[0].Label != "knn (6 variants)" || len(f.Series[0].Points) != 6 {
		t.Fatalf("series %+v, want one of six points", f.Series)
	}
	for k, want := range []bool{true, false, true, false, false, false} {
		if got := f.Series[0].Points[k].Chosen; got != want {
			t.Errorf("setting %d is chosen: %v, want %v", k, got, want)
		}
	}
}

// A report shows no more than eight pictures, the fronts first, each with a caption; what was drawn before and is no longer goes.
func TestPicturesOfAReport(t *testing.T) {
	run := storetest.Write(t, t.TempDir(), storetest.Run{Experiment: "e", ID: "00000001", Choose: func(p string, n int) int { return map[bool]int{true: 1}[p == "q" && n%3 == 0] }})
	stale := run.Path(plotsDir, "hours-knn-all.svg")
	if err := os.MkdirAll(run.Path(plotsDir), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{stale, run.Path(plotsDir, "notes.txt")} {
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Figures(run, experiment.Plots{Formats: []string{"svg"}}); err != nil {
		t.Fatal(err)
	}
	pictures, err := Pictures(run)
	if err != nil || len(pictures) == 0 || pictures[0].Name != "quality-cost-all" {
		t.Fatalf("pictures %+v, %v", pictures, err)
	}
	shown := 0
	for _, p := range pictures {
		if p.Shown {
			shown++
		}
		if len(p.Caption) < 40 {
			t.Errorf("%s has the caption %q", p.Name, p.Caption)
		}
		if _, err := os.Stat(run.Path(plotsDir, p.Name+".svg")); err != nil {
			t.Error(err)
		}
	}
	if shown > picturesShown {
		t.Errorf("%d pictures are shown", shown)
	}
	if _, err := os.Stat(stale); err == nil {
		t.Error("a plot that is no longer drawn is still there")
	}
	if _, err := os.Stat(run.Path(plotsDir, "notes.txt")); err != nil {
		t.Error("a file that is no plot is gone")
	}
}
