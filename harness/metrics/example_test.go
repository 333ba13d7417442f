package metrics_test

import (
	"fmt"

	"github.com/trilemma-bench/trilemma/harness/metrics"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Two models on three prompts, each prompt's models side by side: what one model alone reaches, and what hindsight would.
func Example() {
	table, err := metrics.Evaluate(metrics.Input{
		Pool:   "all",
		Models: []string{"small", "large"},
		Outcomes: metrics.Outcomes{Models: 2, Figures: policy.Matrix{
			policy.Quality: {1, 1, 0, 1, 1, 0},
			policy.Cost:    {0.01, 0.10, 0.01, 0.10, 0.01, 0.10},
		}},
		Resamples: 100, Seed: 1,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, row := range table.Rows {
		if row.Metric == "quality_max" {
			fmt.Printf("%s %.2f\n", row.Policy, row.Value)
		}
	}
	// Output:
	// single:small 0.67
	// single:large 0.67
	// zero-router 0.67
	// oracle 1.00
}
