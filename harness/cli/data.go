package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"time"

	"github.com/spf13/cobra"

	"github.com/trilemma-bench/trilemma/harness/billing"
	"github.com/trilemma-bench/trilemma/harness/cost"
	"github.com/trilemma-bench/trilemma/harness/importer"
	"github.com/trilemma-bench/trilemma/harness/report"
	"github.com/trilemma-bench/trilemma/harness/synth"
	"github.com/trilemma-bench/trilemma/harness/textfile"
	"github.com/trilemma-bench/trilemma/harness/trace"
	"github.com/trilemma-bench/trilemma/harness/trace/doubt"
	"github.com/trilemma-bench/trilemma/harness/trace/file"
)

func dataCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "data",
		Short: "Describe, check, simulate, import and export traces",
	}
	cmd.AddCommand(describeCommand(), validateCommand(), synthCommand(), importCommand(), dataExportCommand(), encodeCommand())
	return cmd
}

func describeCommand() *cobra.Command {
	var asJSON bool
	var prices, on, usage, tokens string
	var maxAge int
	cmd := &cobra.Command{
		Use:   "describe TRACE",
		Short: "Show counts, coverage, and quality, cost and energy by model and category",
		Long: `Show counts, coverage, and quality, cost and energy by model and category; of outcomes without a known cost, what
they lack. With a price book, bill by it, and say which prices of the trace's models are missing from it or stale.`,
		Example: "  trilemma data describe data/synth",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			t, err := file.OpenLog(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			acc, err := describeAccounting(cmd.Context(), t, usage, tokens)
			if err != nil {
				return err
			}
			if prices == "" {
				if asJSON {
					return report.DescribeJSON(cmd.OutOrStdout(), t, acc)
				}
				return report.Describe(cmd.OutOrStdout(), t, acc)
			}
			book, err := cost.LoadBook(prices)
			if err != nil {
				return err
			}
			date := time.Now().UTC()
			if on != "" {
				if date, err = time.Parse(time.DateOnly, on); err != nil {
					return fmt.Errorf("--prices-on %q: want a date such as 2024-07-01", on)
				}
			}
			found := book.Review(ids(t), date, time.Duration(maxAge)*24*time.Hour)
			if asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(found)
			}
			acc.Prices, acc.PricesOn = book, date
			if err := report.Describe(cmd.OutOrStdout(), t, acc); err != nil {
				return err
			}
			return tellPrices(cmd.OutOrStdout(), found, len(t.Models), date)
		},
	}
	cmd.Flags().StringVar(&usage, "usage", "inclusive", "whether cached and reasoning tokens are part of input and output tokens: inclusive or exclusive")
	cmd.Flags().StringVar(&tokens, "tokens", "logged", "token counts that are missing: logged leaves them unknown, estimate counts them in the texts")
	cmd.Flags().StringVar(&prices, "prices", "", "price book to look the models up in")
	cmd.Flags().StringVar(&on, "prices-on", "", "date that the prices are for; today where left out")
	cmd.Flags().IntVar(&maxAge, "max-age", 180, "days after which a price that nobody checked is stale")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return cmd
}

// describeAccounting is the default accounting with what the flags say, over a trace whose tokens were counted where asked.
func describeAccounting(ctx context.Context, t *trace.Trace, usage, tokens string) (billing.Accounting, error) {
	acc := billing.DefaultAccounting()
	switch usage {
	case "inclusive":
	case "exclusive":
		acc.Usage = billing.Exclusive
	default:
		return acc, fmt.Errorf("--usage %q: want inclusive or exclusive", usage)
	}
	switch tokens {
	case "logged":
	case "estimate":
		if _, err := importer.FillTokens(ctx, t, importer.Estimate{}); err != nil {
			return acc, err
		}
	default:
		return acc, fmt.Errorf("--tokens %q: want logged or estimate", tokens)
	}
	return acc, nil
}

// violationsShown bounds the kinds that validate prints, violationsRead the violations that it groups into kinds; all are
// counted.
const (
	violationsShown = 1000
	violationsRead  = 100_000
)

func ids(t *trace.Trace) []string {
	out := make([]string, len(t.Models))
	for i, m := range t.Models {
		out[i] = m.ID
	}
	return out
}

func tellPrices(w io.Writer, found []cost.Finding, models int, on time.Time) error {
	missing := 0
	for _, f := range found {
		if f.Missing {
			missing++
		}
	}
	fmt.Fprintf(w, "\nPrices on %s: %d of %d models are missing from the book, %d are stale\n", on.Format(time.DateOnly), missing, models, len(found)-missing)
	for _, f := range found {
		state := "stale"
		if f.Missing {
			state = "missing"
		}
		if _, err := fmt.Fprintf(w, "  %s: %s: %s\n", f.Model, state, f.Detail); err != nil {
			return err
		}
	}
	return nil
}

func warnings(n int) string {
	switch n {
	case 0:
		return ""
	case 1:
		return ", 1 warning"
	}
	return fmt.Sprintf(", %d warnings", n)
}

var digits = regexp.MustCompile(`[0-9]+`)

// alike tells violations of one kind in one line: the first of them, and how many more there are.
func alike(violations []trace.Violation) []string {
	first, more := map[string]int{}, map[string]int{}
	var order []string
	for i, v := range violations {
		key := v.File + "\x00" + v.Column + "\x00" + digits.ReplaceAllString(v.Problem, "#")
		if _, seen := first[key]; !seen {
			first[key], order = i, append(order, key)
		} else {
			more[key]++
		}
	}
	out := make([]string, len(order))
	for i, key := range order {
		out[i] = violations[first[key]].Error()
		if n := more[key]; n > 0 {
			out[i] += fmt.Sprintf(" (and %d more like it)", n)
		}
	}
	return out
}

func validateCommand() *cobra.Command {
	var asJSON bool
	var limit int
	cmd := &cobra.Command{
		Use:     "validate TRACE",
		Short:   "List what violates the trace format (exit code 2) and what is suspicious: file, row, column, value",
		Example: "  trilemma data validate data/synth",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			violations, total, err := file.Validate(cmd.Context(), args[0], max(limit, violationsRead))
			if err != nil {
				return err
			}
			var sound *trace.Trace
			var doubts []doubt.Doubt
			if total == 0 {
				if sound, err = file.Open(cmd.Context(), args[0]); err != nil {
					return err
				}
				if doubts, err = doubt.Find(cmd.Context(), sound); err != nil {
					return err
				}
			}
			w := cmd.OutOrStdout()
			if asJSON {
				err := json.NewEncoder(w).Encode(struct {
					Total      int               `json:"total"`
					Violations []trace.Violation `json:"violations"`
					Warnings   []doubt.Doubt     `json:"warnings"`
				}{total, violations[:min(limit, len(violations))], doubts})
				if err != nil {
					return err
				}
			}
			kinds := alike(violations)
			if !asJSON {
				for _, k := range kinds[:min(limit, len(kinds))] {
					fmt.Fprintln(w, k)
				}
				for i := range doubts {
					fmt.Fprintln(w, "warning: "+doubts[i].Error())
				}
			}
			switch {
			case total == 0 && !asJSON:
				_, err := fmt.Fprintf(w, "%s: no violation%s\nfeedback: %s\n", args[0], warnings(len(doubts)), report.Feedback(sound))
				return err
			case total > 0:
				return fmt.Errorf("%s: %d violations of %d kinds, %d of them shown", args[0], total, len(kinds), min(limit, len(kinds)))
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	cmd.Flags().IntVar(&limit, "limit", violationsShown, "how many kinds of violations to print")
	return cmd
}

func synthCommand() *cobra.Command {
	var out, params string
	var sets []string
	p := synth.Default()
	cmd := &cobra.Command{
		Use:   "synth --out TRACE",
		Short: "Simulate a trace whose truth is known, and write the truth beside it",
		Long: `Simulate a trace from a multidimensional item-response model. The true success probabilities and best decisions are
written beside it, as truth.parquet and truth.json.`,
		Example: "  trilemma data synth --out data/synth --prompts 500 --seed 7",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if out == "" {
				return misused(cmd, "--out is missing: the folder that the trace is written to")
			}
			if params != "" {
				text, err := textfile.Read(params)
				if err != nil {
					return fmt.Errorf("reading parameters: %w", err)
				}
				if p, err = overlay(p, text, params); err != nil {
					return err
				}
			}
			for _, s := range sets {
				text, err := setting(s)
				if err != nil {
					return err
				}
				if p, err = overlay(p, text, "--set "+s); err != nil {
					return err
				}
			}
			if err := p.Check(); err != nil {
				return err
			}
			if err := synth.Create(cmd.Context(), out, p); err != nil {
				return err
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "wrote %d prompts × %d models to %s, with %s and %s\n",
				p.Prompts, p.Models, out, synth.TruthTable, synth.TruthSummary)
			return err
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&out, "out", "", "folder of the trace")
	flags.StringVar(&params, "params", "", "JSON file of parameters")
	flags.StringArrayVar(&sets, "set", nil, "a parameter: key=value, such as drift=0.5 or bandit=true")
	flags.IntVar(&p.Prompts, "prompts", p.Prompts, "number of prompts")
	flags.IntVar(&p.Models, "models", p.Models, "number of models")
	flags.Uint64Var(&p.Seed, "seed", p.Seed, "seed: the same gives the same bytes")
	return cmd
}

// overlay puts the parameters of a JSON object over p.
func overlay(p synth.Params, text []byte, where string) (synth.Params, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&p); err != nil {
		return p, fmt.Errorf("%s: %w", where, err)
	}
	return p, nil
}

// setting makes a JSON object of key=value.
func setting(s string) ([]byte, error) {
	key, value, ok := bytes.Cut([]byte(s), []byte("="))
	if !ok || len(key) == 0 {
		return nil, fmt.Errorf("--set %q: want key=value", s)
	}
	raw := json.RawMessage(value)
	if !json.Valid(raw) {
		quoted, err := json.Marshal(string(value))
		if err != nil {
			return nil, fmt.Errorf("--set %q: %w", s, err)
		}
		raw = quoted
	}
	return json.Marshal(map[string]json.RawMessage{string(key): raw})
}
