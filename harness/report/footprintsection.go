package report

import (
	"bytes"
	"errors"
	"fmt"
	"os"

	"github.com/trilemma-bench/trilemma/harness/store"
)

// footprintSection tells what the policies save, and beside it what the run itself took.
func footprintSection(b *bytes.Buffer, run *store.Run) error {
	f, err := NewFootprint(run)
	if errors.Is(err, os.ErrNotExist) {
		return nil // a run of an older version
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(b, "\n## Footprint\n\n")
	for _, base := range f.Baselines {
		if base.CarbonG == nil {
			continue
		}
		fmt.Fprintf(b, "Pool %s, %s (%s): score %s, %s gCO2e (%s to %s by the assumed sizes) and %s USD per 1,000 prompts. Saved by settings chosen on validation to keep its score:\n\n",
			base.Pool, base.Name, base.What, digits4(base.Quality), thousand(base.CarbonG), thousand(base.CarbonGLow), thousand(base.CarbonGHigh), thousand(base.CostUSD))
		fmt.Fprintf(b, "| policy | setting | score difference | gCO2e saved | USD saved |\n| --- | --- | --- | --- | --- |\n")
		for i := range f.Savings {
			s := &f.Savings[i]
			if s.Pool != base.Pool || s.Baseline != base.Name || s.ChosenOn != "validation" {
				continue
			}
			fmt.Fprintf(b, "| %s | %s | %+.4f [%s, %s] | %s [%s, %s] | %s [%s, %s] |\n", s.Policy, s.Preference, s.QualityDiff, digits4(s.QualityDiffLow), digits4(s.QualityDiffHigh),
				percent(s.CarbonSaving), percent(s.CarbonSavingLow), percent(s.CarbonSavingHigh), percent(s.CostSaving), percent(s.CostSavingLow), percent(s.CostSavingHigh))
		}
		fmt.Fprintln(b)
	}
	fmt.Fprintf(b, "The run itself took %.4g Wh and %.4g gCO2e in %.0f s (processors: %s; graphics: %s).\n", f.Own.EnergyWh, f.Own.CarbonG, f.Own.Seconds, f.Own.CPUHow, f.Own.GPUHow)
	for _, p := range f.PayBack {
		if p.Prompts > 0 {
			fmt.Fprintf(b, "Training `%s` in pool %s is paid back after %.0f prompts.\n", p.Policy, p.Pool, p.Prompts)
		}
	}
	return nil
}
