package cli

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/trilemma-bench/trilemma/harness/provenance"
)

func versionCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "Print the version and the git revision that the program was built from",
		Example: "  trilemma version --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			build := provenance.Build()
			if asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(build)
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "trilemma %s (revision %s, %s)\n", build.Version, build.Revision, build.Go)
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print as JSON, with the versions of all modules")
	return cmd
}
