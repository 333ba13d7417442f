package footprint

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/trilemma-bench/trilemma/harness/store"
)

// Section tells what the policies save, and beside it what the run itself took.
func Section(b *bytes.Buffer, run *store.Run) error {
	f, err := Of(run)
	if errors.Is(err, os.ErrNotExist) {
		return nil // a run of an older version
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(b, "\n## Footprint\n\n")
	for k := range f.Baselines {
		base := &f.Baselines[k]
		if base.CarbonG == nil {
			continue
		}
		fmt.Fprintf(b, "Pool %s, %s (%s; chosen on: %s): score %s, %s gCO2e (%s to %s by the assumed sizes, %s to %s by the estimate), %s USD and %s s per 1,000 prompts. Saved by settings chosen on the selection prompts to keep its score:\n\n",
			base.Pool, base.Name, base.What, base.ChosenOn, digits4(base.Quality), thousand(base.CarbonG), thousand(base.CarbonGLow), thousand(base.CarbonGHigh),
			thousand(base.CarbonGModelLow), thousand(base.CarbonGModelHigh), thousand(base.CostUSD), thousand(base.LatencySec))
		fmt.Fprintf(b, "| %s |\n|%s\n", strings.Join(savedHead, " | "), strings.Repeat(" --- |", len(savedHead)))
		for _, s := range f.Deployed(base) {
			fmt.Fprintf(b, "| %s |\n", strings.Join(f.saved(s), " | "))
		}
		fmt.Fprintln(b)
	}
	fmt.Fprintf(b, "<details>\n<summary>What these figures are, and what pays labels and training back</summary>\n\n")
	for _, line := range append(f.Statements(), f.Notices...) {
		fmt.Fprintf(b, "- %s\n", line)
	}
	fmt.Fprintf(b, "\nThe run itself took %.4g Wh and %.4g gCO2e in %.0f s (processors: %s; graphics: %s).\n\n", f.Own.EnergyWh, f.Own.CarbonG, f.Own.Seconds, f.Own.CPUHow, f.Own.GPUHow)
	for i := range f.PayBack {
		fmt.Fprintf(b, "- %s.\n", f.PayBack[i].Sentence())
	}
	fmt.Fprintf(b, "\n</details>\n")
	return nil
}
