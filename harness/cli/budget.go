package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/trilemma-bench/trilemma/harness/recommend"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

func budgetCommand() *cobra.Command {
	var results, pool, cost, carbon string
	var asJSON bool
	spec := recommend.StreamSpec{}
	cmd := &cobra.Command{
		Use:   "budget [RUN]",
		Short: "Hold a budget over shuffled streams of the test prompts with a primal-dual controller",
		Long: `Hold a mean budget of USD or grams over shuffled streams of the test prompts: λ follows the spend online, without
looking ahead. Shows how near the spend ends to the budget, and the score beside that of the best fixed λ in hindsight.`,
		Example: "  trilemma budget quickstart --policy predict --max-cost 1.00/1k",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if (cost == "") == (carbon == "") {
				return misused(cmd, "give one budget: --max-cost 0.30/1k or --max-carbon 2g/1k")
			}
			quantity, text := policy.Cost, cost
			if carbon != "" {
				quantity, text = policy.Carbon, carbon
			}
			limit, err := recommend.ParseLimit(quantity, text)
			if err != nil {
				return err
			}
			run, err := found(results, first(args))
			if err != nil {
				return err
			}
			choices, err := recommend.Open(run, pool)
			if err != nil {
				return err
			}
			if text := choices.Unfinished(); text != "" {
				fmt.Fprintf(cmd.ErrOrStderr(), "note: %s\n", text)
			}
			spec.Quantity, spec.Budget = quantity, limit
			streams, err := choices.Hold(spec)
			if err != nil {
				return err
			}
			return recommend.TellStreams(cmd.OutOrStdout(), streams, asJSON)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&results, "results", "results", "folder of all results")
	flags.StringVar(&pool, "pool", "", "pool; the run's first where left out")
	flags.StringVar(&spec.Policy, "policy", "predict", "label of a policy that takes a preference")
	flags.StringVar(&cost, "max-cost", "", "budget of USD, such as 0.30/1k (for 1,000 prompts)")
	flags.StringVar(&carbon, "max-carbon", "", "budget of grams of CO2e, such as 2g/1k")
	flags.IntVar(&spec.Streams, "streams", 20, "how many shuffled streams")
	flags.Uint64Var(&spec.Seed, "seed", 1, "another seed shuffles otherwise")
	flags.Float64Var(&spec.Step, "step", 0.03, "how fast λ follows the spend")
	flags.BoolVar(&asJSON, "json", false, "print as JSON")
	return cmd
}
