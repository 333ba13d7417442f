package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/trilemma-bench/trilemma/harness/encode"
	"github.com/trilemma-bench/trilemma/harness/event"
	"github.com/trilemma-bench/trilemma/harness/trace/file"
)

func encodeCommand() *cobra.Command {
	var f modelFlags
	var name, out string
	var asJSON, quiet bool
	cmd := &cobra.Command{
		Use:   "encode TRACE",
		Short: "Write the vectors of a trace's prompts beside it, as embeddings-ENCODER.parquet",
		Long: `Write the vectors of a trace's prompts beside it. Vectors are cached by model and text as they are computed: the same
command goes on after an interruption, and only new prompts cost anything. An experiment uses the file with
encoder: {name: minilm, precomputed: embeddings-minilm.parquet}; with encoder: minilm it encodes by itself.`,
		Example: `  trilemma encode data/synth --encoder minilm
  trilemma encode data/synth --encoder ./models/bge-small --backend xla:cpu --out vectors.parquet`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			m, err := f.open(cmd, name)
			if err != nil {
				return err
			}
			e, err := m.Encoder(name, f.backend)
			if err != nil {
				return err
			}
			ctx := cmd.Context()
			t, err := file.Open(ctx, args[0])
			if err != nil {
				return err
			}
			if t.Prompts.Text == nil {
				return fmt.Errorf("trace %s has no column prompt in prompts.parquet: there is nothing to encode", args[0])
			}
			if out == "" {
				out = filepath.Join(args[0], vectorFile(name))
			}
			dir, err := encode.DefaultCacheDir()
			if err != nil {
				return err
			}
			cache := &encode.Cache{Dir: dir}
			count := event.NewCount(cmd.ErrOrStderr(), "encoding with "+name)
			if !quiet {
				cache.Progress = count.Set
			}
			start := time.Now()
			vectors, use, err := cache.Encode(ctx, e, t.Prompts.Text)
			count.Close()
			if use.Warning != nil {
				fmt.Fprintf(cmd.ErrOrStderr(), "note: vectors could not be cached: %v\n", use.Warning)
			}
			if err != nil {
				return errors.Join(fmt.Errorf("encoding %s: %w", args[0], err))
			}
			facts := map[string]string{"encoder": name, "fingerprint": m.Fingerprint, "pooling": m.Config.Pooling, "max_tokens": fmt.Sprint(m.Config.MaxTokens)}
			if err := encode.WritePrecomputed(out, t.Prompts.ID, vectors, e.Dim(), facts); err != nil {
				return err
			}
			w := cmd.OutOrStdout()
			if asJSON {
				return json.NewEncoder(w).Encode(struct {
					File     string  `json:"file"`
					Prompts  int     `json:"prompts"`
					Dim      int     `json:"dim"`
					Cached   int     `json:"cached"`
					Computed int     `json:"computed"`
					WallSec  float64 `json:"wall_s"`
				}{out, len(t.Prompts.ID), e.Dim(), use.Hits, use.Computed, time.Since(start).Seconds()})
			}
			_, err = fmt.Fprintf(w, "%d prompts: %d from the cache, %d texts encoded in %s\n%s\n",
				len(t.Prompts.ID), use.Hits, use.Computed, event.Short(time.Since(start)), out)
			return err
		},
	}
	f.add(cmd)
	cmd.Flags().StringVar(&name, "encoder", "minilm", "the name of an installed model, or a model's folder (with a /)")
	cmd.Flags().StringVar(&out, "out", "", "file to write, in place of TRACE/embeddings-ENCODER.parquet")
	cmd.Flags().BoolVar(&quiet, "quiet", false, "no progress")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the summary as JSON")
	return cmd
}
