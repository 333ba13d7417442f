package cli

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/trilemma-bench/trilemma/plugins/host"
	"github.com/trilemma-bench/trilemma/plugins/scaffold"
	"github.com/trilemma-bench/trilemma/policies/bundled"
	"github.com/trilemma-bench/trilemma/policies/policytest"
)

func policyNewCommand() *cobra.Command {
	var lang, dir string
	cmd := &cobra.Command{
		Use:     "new NAME",
		Short:   "Write a policy that builds, runs and passes the conformance suite",
		Example: "  trilemma policy new my-router --lang go",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if dir == "" {
				dir = filepath.Join("plugins", args[0])
			}
			written, err := scaffold.Write(dir, args[0], lang)
			if err != nil {
				return err
			}
			w := cmd.OutOrStdout()
			for _, f := range written.Files {
				fmt.Fprintln(w, filepath.Join(written.Dir, f))
			}
			fmt.Fprintln(w, "\nNext:")
			for _, n := range written.Next {
				fmt.Fprintln(w, "  "+n)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&lang, "lang", "go", "go or python")
	cmd.Flags().StringVar(&dir, "dir", "", "folder to write to (default plugins/NAME)")
	return cmd
}

func policyCheckCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "check NAME|EXECUTABLE",
		Short:   "Run the conformance suite on a policy, in a process of its own",
		Example: "  trilemma policy check knn",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			src, err := sourceOf(args[0])
			if err != nil {
				return err
			}
			problems := policytest.Check(cmd.Context(), func(ctx context.Context) (policytest.Subject, error) {
				return host.Start(ctx, src, host.Options{Log: cmd.ErrOrStderr()})
			}, policytest.Options{})
			w := cmd.OutOrStdout()
			for _, p := range problems {
				fmt.Fprintln(w, p)
			}
			if len(problems) > 0 {
				return fmt.Errorf("%s does not conform: %d problems", args[0], len(problems))
			}
			_, err = fmt.Fprintf(w, "%s conforms\n", args[0])
			return err
		},
	}
	return cmd
}

// sourceOf finds a policy by its name, or takes an executable by its path.
func sourceOf(name string) (host.Source, error) {
	if _, ok := bundled.Find(name); ok {
		return host.Self(name)
	}
	for _, f := range host.Discover(pluginDirs()) {
		if f.Name == name {
			return f.Source(), f.Err
		}
	}
	digest, err := host.Digest(name)
	if err != nil {
		return host.Source{}, fmt.Errorf("there is no policy %q (`trilemma policy list` shows those there are), and as an executable: %w", name, err)
	}
	return host.Source{Executable: name, SHA256: digest}, nil
}
