package cli

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/trilemma-bench/trilemma/data"
	"github.com/trilemma-bench/trilemma/experiments"
	"github.com/trilemma-bench/trilemma/harness/wholefile"
)

func initCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "init [DIR]",
		Short: "Write the experiments and sample data that the program brings with it, to work without a checkout",
		Long: `Write experiments/ and data/ as they are in the repository to a folder, the current one where none is named. Files that
are there already and differ are left as they are, and named.`,
		Example: "  trilemma init my-project",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := "."
			if len(args) > 0 {
				dir = args[0]
			}
			var kept []string
			for _, part := range []struct {
				name  string
				files embed.FS
			}{{"experiments", experiments.Files}, {"data", data.Files}} {
				theirs, err := carry(part.files, filepath.Join(dir, part.name))
				if err != nil {
					return fmt.Errorf("writing %s: %w", part.name, err)
				}
				kept = append(kept, theirs...)
			}
			w := cmd.OutOrStdout()
			for _, path := range kept {
				fmt.Fprintf(w, "left as it is: %s\n", path)
			}
			_, err := fmt.Fprintf(w, "%s has experiments/ and data/. Next: trilemma run %s\n", dir, filepath.Join(dir, "experiments", "quickstart.yaml"))
			return err
		},
	}
}

// carry writes files to a folder, and tells which others were in their places.
func carry(files fs.FS, dir string) (kept []string, err error) {
	err = fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		to := filepath.Join(dir, filepath.FromSlash(name))
		switch {
		case err != nil:
			return err
		case d.IsDir():
			return os.MkdirAll(to, 0o755)
		}
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		there, err := os.ReadFile(to)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return wholefile.Write(to, text)
		case err == nil && !bytes.Equal(there, text):
			kept = append(kept, to)
		}
		return err
	})
	return kept, err
}
