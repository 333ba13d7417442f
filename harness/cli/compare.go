package cli

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/trilemma-bench/trilemma/harness/compare"
	"github.com/trilemma-bench/trilemma/harness/metrics"
	"github.com/trilemma-bench/trilemma/harness/report"
	"github.com/trilemma-bench/trilemma/harness/store"
)

func compareCommand() *cobra.Command {
	var results, metric, page string
	var asJSON bool
	threshold := 0.0
	opt := compare.Options{Seed: 1}
	cmd := &cobra.Command{
		Use:   "compare BEFORE AFTER",
		Short: "Compare two runs: what differs in their settings, and what changed in the metrics",
		Long: `Compares two finished runs from their results alone, policy by policy, on the prompts that both cover. Exit code 1
means a regression: --metric of some policy is worse by more than --threshold, at both ends of its paired 95 % interval, or a
policy or its metric is known of the run before and not of the run after. It also means that nothing could be compared, and says why.`,
		Example: "  trilemma compare quickstart/22c578d86b3e quickstart --metric aiq_pool --threshold 0.005",
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !slices.Contains(metrics.Names, metric) {
				return fmt.Errorf("--metric %q: want one of %s", metric, strings.Join(metrics.Names, ", "))
			}
			if threshold < 0 {
				return fmt.Errorf("--threshold %v: want 0 or more", threshold)
			}
			var runs [2]*store.Run
			for i, name := range args {
				var err error
				if runs[i], err = store.Find(results, name); err != nil {
					return err
				}
			}
			c, err := compare.Runs(runs[0], runs[1], opt)
			if err != nil {
				return err
			}
			if page != "" {
				var b bytes.Buffer
				if err := report.ComparisonHTML(&b, c); err != nil {
					return err
				}
				if err := os.WriteFile(page, b.Bytes(), 0o644); err != nil {
					return fmt.Errorf("writing the comparison: %w", err)
				}
			}
			show := report.Comparison
			if asJSON {
				show = report.ComparisonJSON
			}
			if err := show(cmd.OutOrStdout(), c); err != nil {
				return err
			}
			worst := c.Worst(metric, threshold)
			if worst != nil {
				by, atLeast := worst.Worse()
				fmt.Fprintf(cmd.ErrOrStderr(), "regression: %s of %s in pool %s is worse by %.4f, by %.4f at least\n", metric, worst.Policy, worst.Pool, by, atLeast)
			}
			for _, x := range compare.Told(c.Vanished) {
				fmt.Fprintf(cmd.ErrOrStderr(), "regression: vanished: %s\n", x)
			}
			lost := c.Lost(metric)
			for _, r := range lost {
				fmt.Fprintf(cmd.ErrOrStderr(), "regression: %s of %s in pool %s was %.4f and is not known any more\n", metric, r.Policy, r.Pool, r.Before)
			}
			if worst != nil || len(c.Vanished)+len(lost) > 0 {
				return errRegression
			}
			return nil
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&results, "results", "results", "folder of all results")
	flags.StringVar(&metric, "metric", metrics.HeadlineMetric, "the metric that a regression is judged by")
	flags.Float64Var(&threshold, "threshold", 0, "how much worse it may become")
	flags.IntVar(&opt.Resamples, "resamples", 2000, "of the bootstrap")
	flags.StringVar(&page, "html", "", "write the comparison as a page to this file too")
	flags.BoolVar(&asJSON, "json", false, "print as JSON, with every metric")
	return cmd
}
