package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/trilemma-bench/trilemma/harness/report/footprint"
	"github.com/trilemma-bench/trilemma/harness/selfmeter"
	"github.com/trilemma-bench/trilemma/harness/store"
)

func carbonCommand() *cobra.Command {
	var results, by, policy, emissions string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "carbon [RUN]",
		Short: "Show the footprint of every policy, what it saves, and what the run itself took",
		Long: `Show the footprint of every policy per 1,000 prompts with bounds, what it saves against the best single model, the
static policy and what was logged, where it comes from, and what the run itself took.

Savings of carbon have two 95 % intervals: over the test prompts (and seeds), and with the error that the estimate of energy has from
model to model. Beside them stand dollars, seconds, the quality difference with a verdict at the margin of metrics.margin, the best
other single model, and the blind mix of single models (carbon-zero-router) that a router has to beat.`,
		Example: "  trilemma carbon quickstart --by model --policy predict",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			run, err := found(results, first(args))
			if err != nil {
				return err
			}
			f, err := footprint.NewFootprint(run)
			if err != nil {
				return err
			}
			if emissions != "" {
				if err := writeEmissions(run, f, emissions, cmd.OutOrStdout()); err != nil {
					return err
				}
				if emissions == "-" {
					return nil
				}
			}
			if asJSON {
				enc := json.NewEncoder(cmd.OutOrStdout())
				enc.SetIndent("", "  ")
				return enc.Encode(f)
			}
			return f.Terminal(cmd.OutOrStdout(), by, policy)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&results, "results", "results", "folder of all results")
	flags.StringVar(&by, "by", "", "break the footprint down by "+strings.Join(footprint.Breakdowns, ", "))
	flags.StringVar(&policy, "policy", "", "only the policy of this label")
	flags.StringVar(&emissions, "emissions-csv", "", "write the footprints in the columns of codecarbon's emissions.csv; - for standard output")
	flags.BoolVar(&asJSON, "json", false, "print as JSON")
	cmd.AddCommand(emissionsCommand(), calibrateCommand())
	return cmd
}

func writeEmissions(run *store.Run, f *footprint.Footprint, path string, stdout io.Writer) error {
	m, err := run.Manifest()
	if err != nil {
		return err
	}
	rows := f.Emissions(&m)
	if path == "-" {
		return selfmeter.WriteEmissions(stdout, rows)
	}
	file, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("writing emissions: %w", err)
	}
	if err := selfmeter.WriteEmissions(file, rows); err != nil {
		_ = file.Close() // the first error is the one to tell
		return fmt.Errorf("writing emissions: %w", err)
	}
	if err := file.Close(); err != nil {
		return fmt.Errorf("writing emissions: %w", err)
	}
	return nil
}

func emissionsCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "import EMISSIONS.csv",
		Short:   "Read an emissions.csv that codecarbon wrote and add it up by project",
		Example: "  trilemma carbon import emissions.csv",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			file, err := os.Open(args[0])
			if err != nil {
				return fmt.Errorf("reading emissions: %w", err)
			}
			defer file.Close()
			rows, err := selfmeter.ReadEmissions(file)
			if err != nil {
				return fmt.Errorf("reading %s: %w", args[0], err)
			}
			return footprint.Emissions(cmd.OutOrStdout(), rows, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return cmd
}
