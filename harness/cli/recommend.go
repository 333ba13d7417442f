package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io"
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
	var asJSON, audit bool
	var resplits int
	var limitText [policy.NumQuantities]string
	cmd := &cobra.Command{
		Use:   "recommend [RUN...]",
		Short: "Choose the policy and setting that are certain to keep your limits, by the selection prompts",
		Long: `Choose the best policy and setting that keep your limits with the confidence asked for (learn then test). The selection
prompts, of which no policy had seen anything, prove it; the test prompts take no part and tell whether it held. Says what
was infeasible and by how much, and prints a config to deploy. Without limits, on a terminal, sliders move them and the
front is redrawn. Exit code 2 means that nothing is certain to keep the limits: what is nearest is shown, and how many
prompts would prove it.

--audit asks twenty questions of each pool of some runs instead, and counts how often the test prompts keep the limits. It
splits the test prompts again, too, --resplits times: one half chooses, the other judges, and nothing is trained again.`,
		Example: "  trilemma recommend quickstart --max-cost 1.00/1k --min-quality 0.5\n  trilemma recommend --audit quickstart mmlu-pro",
		RunE: func(cmd *cobra.Command, args []string) error {
			if audit {
				return auditRuns(cmd.OutOrStdout(), results, pool, args, resplits)
			}
			if len(args) > 1 {
				return misused(cmd, "a recommendation is of one run, not of %d; --audit looks at several", len(args))
			}
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
			request := recommend.Request{Limits: limits, Objective: goal, Confidence: confidence}
			if !limits.Set() && !asJSON {
				in, out := cmd.InOrStdin(), cmd.OutOrStdout()
				file, isFile := out.(*os.File)
				input, isInput := in.(*os.File)
				if !isFile || !isInput || !term.IsTerminal(int(file.Fd())) || !term.IsTerminal(int(input.Fd())) {
					return misused(cmd, "give a limit: --max-cost 0.30/1k, --max-carbon 2g/1k, --max-latency 3s or --min-quality 0.65; sliders need a terminal")
				}
				var accepted bool
				if request.Limits, accepted, err = recommend.Sliders(cmd.Context(), choices, request, in, out); err != nil || !accepted {
					return err
				}
			}
			r := choices.Pick(request)
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
	flags.BoolVar(&audit, "audit", false, "ask twenty questions of each pool, and count how often test keeps the limits")
	flags.IntVar(&resplits, "resplits", 200, "how often an audit splits the test prompts again; 0 for never")
	return cmd
}

// auditRuns asks the questions of an audit of every pool of the runs, of one where it is named.
func auditRuns(out io.Writer, results, only string, names []string, resplits int) error {
	if resplits < 0 {
		return fmt.Errorf("--resplits %d: want 0 or more", resplits)
	}
	if names == nil {
		names = []string{""} // the run that was last worked on
	}
	var all, again, unproved recommend.Tally
	for _, name := range names {
		run, err := found(results, name)
		if err != nil {
			return err
		}
		choices, err := recommend.Open(run, only)
		if err != nil {
			return err
		}
		pools := choices.Pools
		if only != "" {
			pools = []string{only}
		}
		for _, pool := range pools {
			if pool != choices.Pool {
				if choices, err = recommend.Open(run, pool); err != nil {
					return err
				}
			}
			answers, err := choices.Audit()
			if err != nil {
				return err
			}
			choices.TellAudit(out, answers)
			tally := recommend.TallyOf(answers)
			all.Add(tally)
			fmt.Fprintf(out, "%v\n", tally)
			if resplits > 0 {
				proved, naive, err := choices.Resplit(resplits, 1)
				if errors.Is(err, recommend.ErrFewPrompts) {
					fmt.Fprintf(out, "%v\n\n", err)
					continue
				}
				if err != nil {
					return err
				}
				again.Add(proved)
				unproved.Add(naive)
				fmt.Fprintf(out, "test prompts split again %d times, half to choose and half to judge: %v\n", resplits, proved.Rates())
			}
			fmt.Fprintln(out)
		}
	}
	fmt.Fprintf(out, "All together: %v\n", all)
	if again.Asked > 0 {
		fmt.Fprintf(out, "All resplits: %v\nWithout proof, the best of those that keep the limits by their means: %v\n", again.Rates(), unproved.Rates())
	}
	return nil
}

// found finds a run whose means are estimates: one over a bandit log is refused.
func found(results, name string) (*store.Run, error) {
	run, err := store.Find(results, name)
	if err != nil {
		return nil, err
	}
	return run, runner.RefuseBandit(run)
}
