package cli

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/trilemma-bench/trilemma/harness/recommend"
	"github.com/trilemma-bench/trilemma/harness/runner"
	"github.com/trilemma-bench/trilemma/harness/store"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

func recommendCommand() *cobra.Command {
	var results, pool, objective string
	var confidence float64
	var asJSON bool
	var limitText [policy.NumQuantities]string
	cmd := &cobra.Command{
		Use:   "recommend [RUN]",
		Short: "Choose the policy and setting that are certain to keep your limits, by the selection prompts",
		Long: `Choose the best policy and setting that keep your limits with the confidence asked for (learn then test). The selection
prompts, of which no policy had seen anything, prove it; the test prompts take no part and tell whether it held. Says what
was infeasible and by how much, and prints a config to deploy. Without limits, on a terminal, sliders move them and the
front is redrawn. Exit code 2 means that nothing is certain to keep the limits: what is nearest is shown, and how many
prompts would prove it.`,
		Example: "  trilemma recommend quickstart --max-cost 1.00/1k --min-quality 0.5",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			limits := recommend.None()
			for q, text := range limitText {
				if text != "" {
					x, err := recommend.ParseLimit(policy.Quantity(q), text)
					if err != nil {
						return err
					}
					limits[q] = x
				}
			}
			if !(confidence > 0 && confidence < 1) {
				return fmt.Errorf("--confidence %v: want more than 0 and less than 1, such as 0.95", confidence)
			}
			goal := recommend.Auto
			if objective != "" {
				var err error
				if goal, err = policy.FindQuantity(objective); err != nil || !slices.Contains(recommend.Limited, goal) {
					return fmt.Errorf("--objective %q: want one of %v", objective, recommend.Limited)
				}
			}
			run, err := found(results, first(args))
			if err != nil {
				return err
			}
			choices, err := recommend.Open(run, pool)
			if err != nil {
				return err
			}
			if !limits.Set() && !asJSON {
				in, out := cmd.InOrStdin(), cmd.OutOrStdout()
				file, isFile := out.(*os.File)
				input, isInput := in.(*os.File)
				if !isFile || !isInput || !term.IsTerminal(int(file.Fd())) || !term.IsTerminal(int(input.Fd())) {
					return errors.New("give a limit: --max-cost 0.30/1k, --max-carbon 2g/1k, --max-latency 3s or --min-quality 0.65; sliders need a terminal")
				}
				var accepted bool
				if limits, accepted, err = recommend.Sliders(cmd.Context(), choices, in, out); err != nil || !accepted {
					return err
				}
			}
			r := choices.Pick(recommend.Request{Limits: limits, Objective: goal, Confidence: confidence})
			if asJSON {
				return choices.JSON(cmd.OutOrStdout(), r)
			}
			return choices.Tell(cmd.OutOrStdout(), r)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&results, "results", "results", "folder of all results")
	flags.StringVar(&pool, "pool", "", "pool to choose from; the run's first where left out")
	for _, q := range recommend.Limited {
		name, example := recommend.Flag(q)
		flags.StringVar(&limitText[q], name, "", fmt.Sprintf("mean %s of a prompt, such as %s", cmp.Or(q.Unit(), "score"), example))
	}
	flags.StringVar(&objective, "objective", "", fmt.Sprintf("what to make best within the limits, one of %v (default: cost or carbon where a quality is asked for, else quality)", recommend.Limited))
	flags.Float64Var(&confidence, "confidence", recommend.DefaultConfidence, "probability with which all limits are kept")
	flags.BoolVar(&asJSON, "json", false, "print as JSON")
	return cmd
}

// found finds a run whose means are estimates: one over a bandit log is refused.
func found(results, name string) (*store.Run, error) {
	run, err := store.Find(results, name)
	if err != nil {
		return nil, err
	}
	return run, runner.RefuseBandit(run)
}
