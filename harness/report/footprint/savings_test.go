package footprint

import (
	"strings"
	"testing"

	"github.com/trilemma-bench/trilemma/harness/plot"
	"github.com/trilemma-bench/trilemma/harness/savings"
	"github.com/trilemma-bench/trilemma/harness/store"
)

// Savings are drawn of policies whose quality is shown to be kept; the caption names the others.
func TestSavingsAreOfWhoKeepsTheQuality(t *testing.T) {
	b := store.Baseline{Pool: "all", Name: "best single", What: "large"}
	saving := func(policy string, verdict savings.Verdict, share float64) store.Saving {
		return store.Saving{Pool: "all", Policy: policy, Baseline: b.Name, ChosenOn: store.OnSelection, Seeds: 1, N: 600, QualityVerdict: string(verdict), CarbonSaving: &share}
	}
	f := &Footprint{Margin: 0.01, Savings: []store.Saving{
		saving("keeps", savings.NonInferior, 0.5), saving("may", savings.NotShown, 0.9), saving("loses", savings.Worse, 0.95), saving("single:large", savings.NonInferior, 0),
	}}
	bars, caption := savingBars(f, &b, plot.LooksOf(nil, nil))
	if len(bars.Bars) != 1 || !strings.HasPrefix(bars.Bars[0].Label, "keeps") {
		t.Errorf("bars %+v, want that of who keeps the quality and saves something", bars.Bars)
	}
	for _, want := range []string{"600 test prompts", "Not shown to keep it: may, loses."} {
		if !strings.Contains(caption, want) {
			t.Errorf("caption %q lacks %q", caption, want)
		}
	}
}
