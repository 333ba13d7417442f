package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/trilemma-bench/trilemma/policies/compute"
	"github.com/trilemma-bench/trilemma/policies/nn"
)

func backendCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "backend",
		Short: "List, install and check what networks are computed with: Go, XLA on the CPU, XLA on a GPU",
		Long: `Policies that train and encoders that are networks compute on a backend: go (nothing to install), xla:cpu, xla:cuda, or
the absolute path of a PJRT plugin. Choose it with --backend, or with the key backend of an experiment.`,
	}
	cmd.AddCommand(backendListCommand(), backendInstallCommand(), backendCheckCommand())
	return cmd
}

func backendListCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "Show the backends, which are ready, and what the others miss",
		Example: "  trilemma backend list",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			states := compute.List()
			w := cmd.OutOrStdout()
			if asJSON {
				return json.NewEncoder(w).Encode(states)
			}
			t := plainTable(w, "backend", "ready", "what", "plugin")
			for _, s := range states {
				ready := "yes"
				if !s.Ready {
					ready = "no"
				}
				t.AppendRow(table.Row{s.Name, ready, s.What, s.Plugin})
			}
			t.Render()
			for _, s := range states {
				for _, m := range s.Missing {
					fmt.Fprintf(w, "%s: %s\n", s.Name, m)
				}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return cmd
}

func backendInstallCommand() *cobra.Command {
	var file string
	var again bool
	cmd := &cobra.Command{
		Use:   "install [xla:cpu]",
		Short: "Fetch the CPU plugin of XLA (60 MB) with pip, check its SHA-256, and put it into the user's cache folder",
		Example: `  trilemma backend install xla:cpu
  trilemma backend install xla:cpu --wheel fastatomstruct_xla_cpu-2026.6.23-py3-none-manylinux_2_27_x86_64.whl`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			name := compute.XLACPU
			if len(args) > 0 {
				name = args[0]
			}
			path, fresh, err := installBackend(cmd.Context(), name, file, again, cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			if !fresh {
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s is installed already: %s (--again fetches it anew)\n", name, path)
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s installed: %s\ntry it with `trilemma backend check %s`\n", name, path, name)
			return err
		},
	}
	cmd.Flags().StringVar(&file, "wheel", "", "take it from this wheel in place of fetching it")
	cmd.Flags().BoolVar(&again, "again", false, "install it even where it is installed already")
	return cmd
}

func backendCheckCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "check [BACKEND]",
		Short:   "Multiply matrices and train a small network on a backend; say what is missing where it cannot start",
		Example: "  trilemma backend check go",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			name := compute.Default
			if len(args) > 0 {
				name = args[0]
			}
			for _, s := range compute.List() {
				// CUDA's libraries may lie where only the linker finds them, so only what cannot work at all stops here.
				if s.Name == name && !s.Ready && s.Plugin == "" {
					return fmt.Errorf("backend %s cannot be used: %w", name, errors.New(strings.Join(s.Missing, ";\n  ")))
				}
				if s.Name == name {
					for _, m := range s.Missing {
						fmt.Fprintf(cmd.ErrOrStderr(), "%s: %s\n", name, m)
					}
				}
			}
			trial, err := nn.TryBackend(cmd.Context(), name)
			if err != nil {
				return err
			}
			w := cmd.OutOrStdout()
			if asJSON {
				return json.NewEncoder(w).Encode(trial)
			}
			_, err = fmt.Fprintf(w, "%s works: %s\nmatrix product: %.1f GFLOP/s, largest error %.2g\ntraining: loss 0.69 to %.2f in %.2f s\n",
				name, trial.Description, trial.MatmulGFLOPS, trial.MatmulError, trial.Loss, trial.TrainSec)
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return cmd
}
