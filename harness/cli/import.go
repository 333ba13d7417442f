package cli

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/trilemma-bench/trilemma/harness/importer"
	"github.com/trilemma-bench/trilemma/harness/importer/formats"
)

func importCommand() *cobra.Command {
	var out, models, vocabulary string
	var asJSON bool
	var opt importer.Options
	cmd := &cobra.Command{
		Use:   "import FORMAT SOURCE…",
		Short: "Build a trace from result files and gateways' logs",
		Long: `Build a trace from the result files of a benchmark or the log of a gateway. Formats:

` + formats.List() + `
--models is a models.yaml: prices, sizes and, as source, the name that a model has in the files where it is not the id. Where it
is left out, the models are those that the files name, with what they tell of them.
Tokens are estimated from the text, or counted by WordPiece where --vocab names a vocab.txt.`,
		Example: `  trilemma data import mmlu-pro eval_results --models models.yaml --out data/mmlu-pro
  trilemma data import langfuse observations_v2 scores --option score=correctness --out data/log`,
		Args: cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			format, err := formats.Named(args[0])
			if err != nil {
				return err
			}
			if out == "" || models == "" && format.Name() == "mmlu-pro" {
				return errors.New("--models names the models.yaml of the pool, --out the folder that the trace is written to")
			}
			if models != "" {
				if opt.Models, err = importer.ReadModels(models); err != nil {
					return err
				}
			}
			if vocabulary != "" {
				if opt.Tokens, err = importer.ReadVocabulary(vocabulary); err != nil {
					return err
				}
			}
			imported, err := format.Import(cmd.Context(), args[1:], opt)
			if err != nil {
				return err
			}
			if err := imported.Write(out); err != nil {
				return err
			}
			w, r := cmd.OutOrStdout(), &imported.Report
			if asJSON {
				return json.NewEncoder(w).Encode(r)
			}
			for _, f := range r.Files {
				of := ""
				if f.Model != "" {
					of = "model " + f.Model + ", "
				}
				fmt.Fprintf(w, "%s: %s%d of %d records\n", f.Path, of, f.Imported, f.Records)
				for _, s := range f.Skipped {
					fmt.Fprintf(w, "  skipped %d, first is record %d: %s\n", s.Count, s.First, s.Reason)
				}
			}
			for _, d := range r.Disagreements {
				fmt.Fprintf(w, "files differ on %s of %d prompts (%d in spacing or case only), such as %v\n", d.Field, d.Prompts, d.Spacing, d.Examples)
			}
			for _, f := range r.UnknownFiles {
				fmt.Fprintf(w, "left out, not in the pool: %s\n", f)
			}
			for _, m := range r.WithoutResults {
				fmt.Fprintf(w, "no results of model %s\n", m)
			}
			_, err = fmt.Fprintf(w, "wrote %d prompts × %d models, %d outcomes to %s; tokens: %s\n", r.Prompts, r.Models, r.Outcomes, out, r.TokenCounter)
			return err
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&models, "models", "", "models.yaml of the pool")
	flags.StringVar(&out, "out", "", "folder of the trace")
	flags.StringVar(&vocabulary, "vocab", "", "vocab.txt to count tokens by WordPiece")
	flags.StringToStringVar(&opt.Format, "option", nil, "an option of the format, as KEY=VALUE")
	flags.BoolVar(&opt.Strict, "strict", false, "files that disagree about a prompt are an error")
	flags.BoolVar(&opt.SkipUnknown, "skip-unknown", false, "leave out files of models that are not in the pool")
	flags.BoolVar(&asJSON, "json", false, "print the report as JSON")
	return cmd
}
