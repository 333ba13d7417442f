package compare

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/trilemma-bench/trilemma/harness/store"
)

// acrossRun writes a finished run of which only the metrics and the sizes are there.
func acrossRun(t *testing.T, dir, id, config, metrics string) *store.Run {
	t.Helper()
	r, err := store.Open(dir, "e", id)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	if err := r.WriteFile("metrics.csv", []byte(metrics)); err != nil {
		t.Fatal(err)
	}
	if err := r.WriteManifest(store.Manifest{Config: []byte(config), Data: []byte(`{"Prompts":100,"Test":20}`), Finished: &now}); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestAcrossSplits(t *testing.T) {
	dir := t.TempDir()
	const head = "pool,policy,metric,value,low,high,seeds,baseline,diff,diff_low,diff_high,n,max_cost_usd,diff_se,prompts_for_0.005,role\n"
	var runs []*store.Run
	for i, x := range []float64{0.6, 0.62, 0.7} {
		runs = append(runs, acrossRun(t, dir, fmt.Sprintf("%08d", i), fmt.Sprintf(`{"data":{"split":{"seed":%d}},"k":%d}`, min(i, 1), i/2), head+
			fmt.Sprintf("all,static,aiq_pool,%v,,,1,,,,,20,,,,policy\nall,knn,aiq_pool,%v,,,1,static,%v,,,20,,,,policy\nall,once,aiq_pool,%s,,,1,static,,,,20,,,,policy\n",
				x, x+0.01, 0.01, map[bool]string{true: "0.5"}[i == 0])))
	}
	got, err := Across(runs, []string{"aiq_pool"})
	if err != nil {
		t.Fatal(err)
	}
	// By hand: s² = 0.0028, t(2; 0.975) = 4.302653, √((1/3 + 20/80)·0.0028) = 0.0404145.
	e := got.Rows[0].Value[0]
	if math.Abs(e.Mean-0.64) > 1e-12 || math.Abs(e.High-e.Mean-4.3026527*0.0404145) > 1e-5 || math.Abs(e.Mean-e.Low-(e.High-e.Mean)) > 1e-12 {
		t.Errorf("static: %+v", e)
	}
	if d := got.Rows[1].Diff[0]; math.Abs(d.Mean-0.01) > 1e-12 || got.Rows[1].Baseline != "static" {
		t.Errorf("knn − static: %+v, baseline %q", d, got.Rows[1].Baseline)
	}
	if e := got.Rows[2].Value[0]; !math.IsNaN(e.Mean) {
		t.Errorf("a policy with a value in one split of three has %+v over all", e)
	}
	all := strings.Join(got.Notices, "\n")
	for _, want := range []string{"they differ in more than the seed of the split: k 0 → 1", "only 1 of 3 runs have aiq_pool of: once"} {
		if !strings.Contains(all, want) {
			t.Errorf("notices %q, want %q", got.Notices, want)
		}
	}
	if len(got.Notices) != 2 {
		t.Errorf("notices %q, want two", got.Notices)
	}
	if same, err := Across([]*store.Run{runs[0], acrossRun(t, dir, "00000009", `{"data":{"split":{"seed":0}},"k":0}`, head)}, []string{"aiq_pool"}); err != nil || !strings.Contains(strings.Join(same.Notices, ""), "the same split") {
		t.Errorf("two runs of one split: %+v, %v", same, err)
	}
	if _, err := Across(runs[:1], []string{"aiq_pool"}); err == nil {
		t.Error("one run is compared across splits")
	}
	if _, err := Across([]*store.Run{runs[0], runs[0]}, []string{"aiq_pool"}); err == nil || !strings.Contains(err.Error(), "one run") {
		t.Errorf("the same run twice: %v", err)
	}
}
