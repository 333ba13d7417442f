package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"github.com/trilemma-bench/trilemma/harness/provenance"
)

// completeRuns offers the experiments and runs of the results folder where a command takes the name of a run.
func completeRuns(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	if cmd.Args != nil && cmd.Args(cmd, append(args, "")) != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	results, err := cmd.Flags().GetString("results")
	if err != nil {
		return nil, cobra.ShellCompDirectiveDefault
	}
	var names []string
	for _, pattern := range []string{"*/latest", "*/*/cells"} {
		found, err := filepath.Glob(filepath.Join(results, pattern))
		if err != nil {
			return nil, cobra.ShellCompDirectiveDefault
		}
		for _, path := range found {
			name, err := filepath.Rel(results, filepath.Dir(path))
			if err == nil && filepath.Base(name) != "latest" && strings.HasPrefix(name, begun) {
				names = append(names, name)
			}
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

func manCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "man DIR",
		Short:   "Write a manual page of every command to a folder",
		Example: "  trilemma man ~/.local/share/man/man1",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return fmt.Errorf("making the folder of manual pages: %w", err)
			}
			// Neither date nor tag: the same program writes the same pages.
			none := time.Time{}
			header := &doc.GenManHeader{Title: "TRILEMMA", Section: "1", Date: &none, Source: "Trilemma " + provenance.Version, Manual: "Trilemma"}
			cmd.Root().DisableAutoGenTag = true
			if err := doc.GenManTree(cmd.Root(), header, args[0]); err != nil {
				return fmt.Errorf("writing manual pages to %s: %w", args[0], err)
			}
			return nil
		},
	}
}
