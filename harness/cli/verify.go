package cli

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/trilemma-bench/trilemma/harness/experiment"
	"github.com/trilemma-bench/trilemma/harness/runner"
	"github.com/trilemma-bench/trilemma/harness/store"
)

func verifyCommand() *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "verify [RUN]",
		Short: "Compute every number of a run again from its decisions and data, and check every hash",
		Long: `Reads the experiment and the data of a finished run again, replays its stored decisions, and compares results, points
and metrics to the last bit, and the SHA-256 of every input and output. Names the first difference and exits with 2.
No policy runs: whether a policy decides the same again is what "run --fresh" shows.`,
		Example: "  trilemma verify quickstart",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			run, err := store.Find(f.opt.Results, first(args))
			if err != nil {
				return err
			}
			m, err := run.Manifest()
			if err != nil {
				return err
			}
			if err := f.finish(); err != nil {
				return err
			}
			spec, _, err := experiment.Load(m.File, append(m.Sets, f.sets...))
			if err != nil {
				return fmt.Errorf("the experiment of run %s: %w", run.ID, err)
			}
			plan, err := runner.Prepare(cmd.Context(), spec, f.opt)
			if err != nil {
				return fmt.Errorf("the data of run %s: %w", run.ID, err)
			}
			v, err := plan.Verify(run)
			if err != nil {
				return fmt.Errorf("run %s does not verify: %w", run.Dir, err)
			}
			if f.json {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(v)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s verifies: %d inputs, %d outputs, %d cells, %d decisions, %d points, %d metrics, %d savings\n",
				run.Dir, v.Inputs, v.Outputs, v.Cells, v.Decisions, v.Points, v.Metrics, v.Savings)
			return err
		},
	}
	f.add(cmd)
	return cmd
}
