package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/trilemma-bench/trilemma/harness/dataset"
	"github.com/trilemma-bench/trilemma/harness/experiment"
	"github.com/trilemma-bench/trilemma/harness/trace/file"
	"github.com/trilemma-bench/trilemma/harness/trace/split"
	"github.com/trilemma-bench/trilemma/harness/wholefile"
	"github.com/trilemma-bench/trilemma/harness/worth"
)

func worthCommand() *cobra.Command {
	var encoder, html, backend, tokens string
	var asJSON bool
	opt := worth.Defaults
	cmd := &cobra.Command{
		Use:   "worth TRACE",
		Short: "Say, before anybody trains a router, whether routing over a trace is worth it",
		Long: `Say whether routing over a trace is worth it: which models are on the front, how much of the oracle's lead is luck, how much
of it a nearest-neighbour router gets on prompts that it has not seen, beside the best single model and beside a blind mix of
the same models, and what that means a month in money, time and carbon. Ends in one sentence: route, do not, or how many more
prompts are needed to know.`,
		Example: "  trilemma worth data/synth --volume 100000",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := worthData(cmd.Context(), args[0], encoder, backend, tokens)
			if err != nil {
				return err
			}
			r, err := worth.Measure(cmd.Context(), d, opt)
			if err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			r.Trace = filepath.Base(filepath.Clean(args[0]))
			if html != "" {
				if err := writeWorth(html, r); err != nil {
					return err
				}
			}
			if asJSON {
				enc := json.NewEncoder(cmd.OutOrStdout())
				enc.SetIndent("", "  ")
				return enc.Encode(r)
			}
			if err := r.Markdown(cmd.OutOrStdout()); err != nil || html == "" {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "\nwrote %s\n", html)
			return err
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&encoder, "encoder", "auto", "vectors of the prompts: auto takes the trace's own, else hash; or hash, minilm, embedding, none, or a Parquet file")
	flags.StringVar(&backend, "backend", "go", "what a model encodes prompts with")
	flags.StringVar(&tokens, "tokens", "logged", "token counts that are missing: logged leaves them unknown, estimate counts them in the texts")
	flags.StringVar(&html, "html", "", "file to write the page to")
	flags.Float64Var(&opt.Volume, "volume", opt.Volume, "prompts a month that money, time and carbon are told for")
	flags.Float64Var(&opt.Margin, "margin", opt.Margin, "score by which a quality may be lower and still count as kept")
	flags.IntVar(&opt.Folds, "folds", opt.Folds, "folds of the cross-fitting")
	flags.Uint64Var(&opt.Seed, "seed", opt.Seed, "seed of folds and permutations")
	flags.BoolVar(&asJSON, "json", false, "print as JSON")
	return cmd
}

// worthData reads a trace, bills it and gives its prompts vectors.
func worthData(ctx context.Context, path, encoder, backend, tokens string) (*worth.Data, error) {
	t, err := file.Open(ctx, path)
	if err != nil {
		return nil, err
	}
	acc, err := describeAccounting(ctx, t, "inclusive", tokens)
	if err != nil {
		return nil, err
	}
	d, err := dataset.Of(t, slices.Repeat([]split.Part{split.Train}, t.Prompts.Len()), &experiment.Data{Trace: path}, acc)
	if err != nil {
		return nil, err
	}
	out := &worth.Data{Table: d.Table, Models: d.ModelIDs(), Text: t.Prompts.Text}
	e := vectorsOf(encoder, path, t.Prompts.Embedding != nil, t.Prompts.Text != nil)
	v, err := d.Encode(ctx, e, backend)
	if err == nil {
		err = d.Fill(ctx, &v, nil)
	}
	if err != nil {
		return nil, err
	}
	if v.Data != nil {
		out.Vector, out.Dim, out.Encoder = v.Data, v.Dim, e.Name
	}
	return out, nil
}

// minilmFile is where traces keep vectors of MiniLM.
const minilmFile = "embeddings-minilm.parquet"

// vectorsOf is the encoder that a flag names.
func vectorsOf(name, trace string, embedding, text bool) experiment.Encoder {
	has := func(path string) bool {
		info, err := os.Stat(path)
		return err == nil && !info.IsDir()
	}
	precomputed := func(name, path string) experiment.Encoder {
		return experiment.Encoder{Name: name, Label: name, Precomputed: path}
	}
	switch {
	case name != "auto" && has(name):
		return precomputed(filepath.Base(name), name)
	case name != "auto" && name != "minilm":
		return experiment.Encoder{Name: name, Label: name}
	case has(filepath.Join(trace, minilmFile)):
		return precomputed("minilm", filepath.Join(trace, minilmFile))
	case name == "minilm":
		return experiment.Encoder{Name: name, Label: name, Model: name}
	case embedding:
		return experiment.Encoder{Name: "embedding", Label: "embedding"}
	case text:
		return experiment.Encoder{Name: "hash", Label: "hash"}
	}
	return experiment.Encoder{Name: "none", Label: "none"}
}

func writeWorth(path string, r *worth.Report) error {
	var page bytes.Buffer
	if err := r.HTML(&page); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	if err := wholefile.Write(path, page.Bytes()); err != nil {
		return fmt.Errorf("writing the page: %w", err)
	}
	return nil
}
