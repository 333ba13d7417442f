package cli

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/trilemma-bench/trilemma/harness/exporter"
)

func dataExportCommand() *cobra.Command {
	var format, out string
	var about exporter.About
	cmd := &cobra.Command{
		Use:   "export TRACE",
		Short: "Write a trace as RouterBench's wide table or as Every Eval Ever, or describe it as Croissant",
		Long: `Writes a trace for other benchmarks: routerbench is a wide CSV with a row a prompt, every-eval-ever JSON lines with a record an
outcome. croissant writes croissant.json beside the trace's own files: their sizes, SHA-256 and columns. What a format has no
place for is counted and told.`,
		Example: "  trilemma data export data/synth --format routerbench --out synth.csv\n  trilemma data export data/synth --format croissant",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			w := cmd.OutOrStdout()
			if format == "croissant" {
				if out == "" {
					out = filepath.Join(args[0], "croissant.json")
				}
				if err := exporter.Croissant(args[0], out, about); err != nil {
					return err
				}
				fmt.Fprintln(w, out)
				return nil
			}
			if out == "" {
				return fmt.Errorf("name the file to write, with --out FILE")
			}
			left, err := exporter.Write(cmd.Context(), args[0], format, out)
			if err != nil {
				return err
			}
			fmt.Fprintf(w, "%s: %d outcomes\n", out, left.Outcomes)
			if left.NoScore > 0 {
				fmt.Fprintf(w, "%d outcomes without a score were left out: the format demands one\n", left.NoScore)
			}
			if left.NoCost > 0 {
				fmt.Fprintf(w, "%d outcomes have no logged cost: theirs is empty\n", left.NoCost)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&format, "format", "routerbench", "one of "+strings.Join(append(exporter.Formats(), "croissant"), ", "))
	cmd.Flags().StringVar(&out, "out", "", "file to write; croissant.json in the trace's folder for croissant")
	cmd.Flags().StringVar(&about.Name, "name", "", "croissant: name of the data set, else the folder's")
	cmd.Flags().StringVar(&about.Description, "description", "", "croissant: what the data set is")
	cmd.Flags().StringVar(&about.License, "license", "", "croissant: the licence, as a URL or an SPDX id")
	cmd.Flags().StringVar(&about.URL, "url", "", "croissant: where the data set is found")
	return cmd
}
