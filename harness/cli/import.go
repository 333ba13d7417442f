package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/trilemma-bench/trilemma/harness/importer"
	"github.com/trilemma-bench/trilemma/harness/importer/formats"
)

// importFlags are what a user may ask of an import.
type importFlags struct {
	out, models, vocabulary, jq, pick, samples, scale, grade, tokens string
	explain                                                          int
	asJSON                                                           bool
	opt                                                              importer.Options
}

func importCommand() *cobra.Command {
	var f importFlags
	cmd := &cobra.Command{
		Use:   "import FORMAT SOURCE…",
		Short: "Build a trace from result files and gateways' logs",
		Long: `Build a trace from the result files of a benchmark or the log of a gateway. Formats:

` + formats.List() + `
or a folder of your own with card.yaml and map.jq (data import new NAME writes one), or --jq map.jq in place of FORMAT.
Sources are files, folders, patterns, .zip and .tar archives, or - for standard input; gzip and zstd are unpacked. What cannot be
read or mapped is skipped and counted with its file and line; --strict stops there. Nothing half-written stays.

--models is a models.yaml: prices, sizes and, as source, the name that a model has in the files where it is not the id; aliases
are names that meant it between two days. Where it is left out, the models are those that the files name, with what they tell of them.`,
		Example: `  trilemma data import mmlu-pro eval_results --models models.yaml --out data/mmlu-pro
  trilemma data import langfuse observations_v2 scores --option score=correctness --out data/log
  trilemma data import openai logs.jsonl --grade numeric:0.01 --redact --tokens estimate --out data/log
  trilemma data import --jq map.jq 'logs/*.jsonl.gz' --explain 3`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			format, src, err := f.format(args)
			if err != nil {
				return err
			}
			if len(src) == 0 {
				return misused(cmd, "SOURCE… is missing: name files or folders, or - for standard input")
			}
			if f.out == "" && f.explain == 0 {
				return misused(cmd, "--out, the folder that the trace is written to, is needed")
			}
			if err := f.options(); err != nil {
				return err
			}
			f.opt.Stdin = cmd.InOrStdin()
			w := cmd.OutOrStdout()
			if f.explain > 0 {
				e, ok := format.(formats.Explainer)
				if !ok {
					return fmt.Errorf("%s has no map to explain", format.Name())
				}
				return e.Explain(cmd.Context(), w, src, f.explain, f.opt)
			}
			return f.run(cmd.Context(), w, format, src)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.models, "models", "", "models.yaml of the pool")
	flags.StringVar(&f.out, "out", "", "folder of the trace")
	flags.StringVar(&f.jq, "jq", "", "a jq program of your own that maps a record; then there is no FORMAT")
	flags.StringVar(&f.pick, "records", "", "with --jq: a jq expression for the records of a document, such as .data[]")
	flags.IntVar(&f.explain, "explain", 0, "show so many records before and after the map, and write nothing")
	flags.StringVar(&f.scale, "score-range", "", "worst and best score of the log, such as 1,10")
	flags.StringVar(&f.samples, "samples", "mean", "of several samples of an answer: mean (with samples and score_sd), or first")
	flags.StringVar(&f.grade, "grade", "", "score answers without a score against the reference: exact, contains, regex, multiple-choice, numeric[:TOLERANCE], json")
	flags.StringVar(&f.tokens, "tokens", "logged", "estimate: count tokens in the texts where the log has none, marked in tokens_estimated")
	flags.StringVar(&f.vocabulary, "vocab", "", "vocab.txt to count tokens by WordPiece")
	flags.BoolVar(&f.opt.Redact, "redact", false, "mask secrets and e-mail addresses before anything is written")
	flags.StringToStringVar(&f.opt.Format, "option", nil, "an option of the format, as KEY=VALUE")
	flags.BoolVar(&f.opt.Strict, "strict", false, "stop at the first record that cannot be read or mapped, and where files disagree")
	flags.BoolVar(&f.opt.SkipUnknown, "skip-unknown", false, "leave out models that are not in the pool")
	flags.BoolVar(&f.asJSON, "json", false, "print the report as JSON")
	cmd.AddCommand(
		&cobra.Command{
			Use: "list", Short: "List the formats", Args: cobra.NoArgs,
			Example: "  trilemma data import list",
			RunE: func(cmd *cobra.Command, _ []string) error {
				_, err := io.WriteString(cmd.OutOrStdout(), formats.List())
				return err
			},
		},
		&cobra.Command{
			Use: "new NAME", Short: "Write a format to start from: a card, a map and a sample", Args: cobra.ExactArgs(1),
			Example: "  trilemma data import new our-log",
			RunE: func(cmd *cobra.Command, args []string) error {
				if err := formats.Skeleton(args[0]); err != nil {
					return err
				}
				at := args[0]
				if !strings.ContainsRune(at, filepath.Separator) {
					at = "." + string(filepath.Separator) + at
				}
				_, err := fmt.Fprintf(cmd.OutOrStdout(), "wrote %s; try it: trilemma data import %s %s --explain 3\n", args[0], at, filepath.Join(at, "sample"))
				return err
			},
		})
	return cmd
}

// format finds the format, and what is left of the arguments.
func (f *importFlags) format(args []string) (importer.Importer, []string, error) {
	if f.jq != "" {
		format, err := formats.FromMap(f.jq, f.pick)
		return format, args, err
	}
	if f.pick != "" {
		return nil, nil, errors.New("--records goes with --jq; a format's card tells its records")
	}
	if strings.ContainsRune(args[0], filepath.Separator) {
		format, err := formats.FromFolder(args[0])
		return format, args[1:], err
	}
	format, err := formats.Named(args[0])
	if err != nil {
		if _, e := os.Stat(filepath.Join(args[0], "card.yaml")); e == nil {
			format, err = formats.FromFolder(args[0])
		}
	}
	return format, args[1:], err
}

func (f *importFlags) options() (err error) {
	if f.models != "" {
		if f.opt.Models, err = importer.ReadModels(f.models); err != nil {
			return err
		}
	}
	if f.vocabulary != "" {
		if f.opt.Tokens, err = importer.ReadVocabulary(f.vocabulary); err != nil {
			return err
		}
	}
	if f.scale != "" {
		if f.opt.Scale, err = importer.ParseScale(f.scale); err != nil {
			return err
		}
	}
	if f.grade != "" {
		if f.opt.Grade, err = importer.ParseGrader(f.grade); err != nil {
			return err
		}
	}
	switch f.samples {
	case "mean":
	case "first":
		f.opt.FirstSample = true
	default:
		return fmt.Errorf("--samples %q: there are mean and first", f.samples)
	}
	switch f.tokens {
	case "logged":
	case "estimate":
		f.opt.Estimate = true
	default:
		return fmt.Errorf("--tokens %q: there are logged and estimate", f.tokens)
	}
	return nil
}

func (f *importFlags) run(ctx context.Context, w io.Writer, format importer.Importer, src []string) error {
	report, err := format.Import(ctx, src, f.out, f.opt)
	if err != nil {
		return err
	}
	if f.asJSON {
		return json.NewEncoder(w).Encode(report)
	}
	if err := report.Print(w); err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "wrote %s\n", f.out)
	return err
}
