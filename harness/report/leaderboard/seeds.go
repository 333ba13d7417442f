package leaderboard

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strings"

	"github.com/trilemma-bench/trilemma/harness/store"
)

// overSeedsRow is a policy with several seeds.
type overSeedsRow struct {
	Pool, Policy, Metric string
	Seeds                int
	IQM                  *float64
	IQMLow               *float64   `json:"iqm_low"`
	IQMHigh              *float64   `json:"iqm_high"`
	PerSeed              []*float64 `json:"per_seed"`
}

// SeedRows reads how the metrics of policies with several seeds spread over them.
func SeedRows(run *store.Run) ([]overSeedsRow, error) {
	path := run.Path(metricsDetail)
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading metrics: %w", err)
	}
	var file struct{ Rows []overSeedsRow }
	if err := json.Unmarshal(text, &file); err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	var out []overSeedsRow
	for _, r := range file.Rows {
		if r.Seeds > 1 && r.IQM != nil {
			out = append(out, r)
		}
	}
	return out, nil
}

// SeedSection tells the interquartile mean of the headline metric over seeds, its interval over prompts and seeds, and the extremes.
func SeedSection(b *bytes.Buffer, rows []overSeedsRow, t *Table) {
	first := true
	for _, r := range rows {
		if r.Pool != t.Pool || r.Metric != t.headline().Metric {
			continue
		}
		if first {
			fmt.Fprintf(b, "\n%s over seeds (IQM is the interquartile mean, with a 95 %% interval over prompts and seeds):\n\n"+
				"| policy | seeds | IQM | least | most |\n| --- | ---: | ---: | ---: | ---: |\n", t.headline().Print)
			first = false
		}
		least, most := math.Inf(1), math.Inf(-1)
		for _, x := range r.PerSeed {
			if x != nil {
				least, most = min(least, *x), max(most, *x)
			}
		}
		iqm := ThreeDigits(*r.IQM)
		if r.IQMLow != nil && r.IQMHigh != nil {
			iqm += fmt.Sprintf(" [%s, %s]", ThreeDigits(*r.IQMLow), ThreeDigits(*r.IQMHigh))
		}
		fmt.Fprintf(b, "| %s | %d | %s | %s | %s |\n", strings.ReplaceAll(r.Policy, "|", `\|`), r.Seeds, iqm, ThreeDigits(least), ThreeDigits(most))
	}
}
