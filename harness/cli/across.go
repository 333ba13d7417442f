package cli

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"github.com/trilemma-bench/trilemma/harness/compare"
	"github.com/trilemma-bench/trilemma/harness/metrics"
	"github.com/trilemma-bench/trilemma/harness/store"
)

func acrossCommand() *cobra.Command {
	var results string
	var names []string
	var singles bool
	cmd := &cobra.Command{
		Use:   "across EXPERIMENT | RUN RUN...",
		Short: "Bring runs of one experiment over several splits together: means with intervals, as Markdown",
		Long: `Reads the metrics of finished runs that differ in the seed of their split, and prints for each pool and policy the mean over
splits with a 95 % interval that allows for the prompts which splits share (Nadeau & Bengio 2003), and the mean difference to
the baseline. The name of an experiment stands for all of its finished runs.`,
		Example: "  trilemma across quickstart --metric aiq_pool,quality_max",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, name := range names {
				if !slices.Contains(metrics.Names, name) {
					return fmt.Errorf("--metric %q: want some of %s", name, strings.Join(metrics.Names, ", "))
				}
			}
			runs, err := finished(results, args)
			if err != nil {
				return err
			}
			t, err := compare.Across(runs, names)
			if err != nil {
				return err
			}
			writeAcross(cmd, t, singles)
			return nil
		},
	}
	cmd.Flags().StringVar(&results, "results", "results", "folder of all results")
	cmd.Flags().StringSliceVar(&names, "metric", []string{metrics.HeadlineMetric, "quality_max"}, "metrics to show, with commas")
	cmd.Flags().BoolVar(&singles, "singles", false, "each single model's row too")
	return cmd
}

// finished are the runs that are named, or all finished ones of an experiment.
func finished(results string, args []string) ([]*store.Run, error) {
	var runs []*store.Run
	if len(args) == 1 && !strings.Contains(args[0], "/") {
		all, err := store.List(results)
		if err != nil {
			return nil, err
		}
		var unfinished []string
		for _, r := range all {
			if r.Experiment != args[0] {
				continue
			}
			if m, err := r.Manifest(); err == nil && m.Finished != nil {
				runs = append(runs, r)
			} else {
				unfinished = append(unfinished, r.Experiment+"/"+r.ID)
			}
		}
		if len(runs) < 2 {
			more := ""
			if len(unfinished) > 0 {
				more = fmt.Sprintf(", and unfinished %s: `trilemma resume` goes on with one", strings.Join(unfinished, ", "))
			}
			return nil, fmt.Errorf("%s has %d finished runs of %s%s; several are brought together, each of another split: --set data.split.seed=2", results, len(runs), args[0], more)
		}
		return runs, nil
	}
	for _, name := range args {
		r, err := store.Find(results, name)
		if err != nil {
			return nil, err
		}
		runs = append(runs, r)
	}
	return runs, nil
}

func writeAcross(cmd *cobra.Command, t *compare.AcrossTable, singles bool) {
	out := cmd.OutOrStdout()
	show := func(e compare.Estimate, format string) string {
		if math.IsNaN(e.Mean) {
			return "-"
		}
		return fmt.Sprintf(format+" ["+format+", "+format+"]", e.Mean, e.Low, e.High)
	}
	pool, prompts := "", 0.0
	var w table.Writer
	flush := func() {
		if w != nil {
			fmt.Fprintf(out, "\n%s: mean of %d splits, about %.0f test prompts each\n\n%s\n", pool, t.Runs, prompts, w.RenderMarkdown())
		}
	}
	for _, row := range t.Rows {
		if strings.HasPrefix(row.Policy, metrics.SinglePrefix) && !singles {
			continue
		}
		if row.Pool != pool {
			flush()
			pool, prompts, w = row.Pool, row.Prompts, table.NewWriter()
			w.Style().Format.Header = text.FormatDefault
			head := table.Row{"policy"}
			for _, m := range t.Metrics {
				head = append(head, m, "− "+baselineOf(t, pool))
			}
			w.AppendHeader(head)
		}
		name := row.Policy
		if row.Role == string(metrics.RoleLabelled) {
			name += " ‡"
		}
		line := table.Row{name}
		for i := range t.Metrics {
			line = append(line, show(row.Value[i], "%.3f"), show(row.Diff[i], "%+.4f"))
		}
		w.AppendRow(line)
	}
	flush()
	for _, n := range t.Notices {
		fmt.Fprintf(out, "\nnote: %s\n", n)
	}
	for _, row := range t.Rows {
		if row.Role == string(metrics.RoleLabelled) {
			fmt.Fprintln(out, "\n‡ uses the data set's label, which no live router has")
			break
		}
	}
}

func baselineOf(t *compare.AcrossTable, pool string) string {
	for _, row := range t.Rows {
		if row.Pool == pool && row.Baseline != "" {
			return row.Baseline
		}
	}
	return "baseline"
}
