package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/trilemma-bench/trilemma/harness/energy"
	"github.com/trilemma-bench/trilemma/harness/provenance"
	"github.com/trilemma-bench/trilemma/harness/report"
	"github.com/trilemma-bench/trilemma/harness/wholefile"
)

func calibrateCommand() *cobra.Command {
	var out, date string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "calibrate FILE…",
		Short: "Fit the estimate of energy to measurements, and write a card that experiments read",
		Long: `Fit the level and the batch of the published estimate of GPU energy to measurements, hardware by hardware, and tell how far
a model that was not among them is off. Files are JSON of the ML.ENERGY leaderboard, or CSV with its names: model_id, gpu_model,
activated_params_billions, total_params_billions, avg_batch_size, weight_precision, energy_per_token_joules.

An experiment uses the card with accounting: {energy: calibrated, hardware: H100, energy_card: CARD.yaml}; without energy_card it
uses the built-in one, fitted on the ML.ENERGY leaderboard.`,
		Example: "  trilemma carbon calibrate ml-energy-lm-arena-chat.json ml-energy-gpqa.json --out card.yaml",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, err := time.Parse(time.DateOnly, date); err != nil {
				return fmt.Errorf("--date %q is not a date: want one such as 2026-01-31", date)
			}
			card, err := calibrated(args)
			if err != nil {
				return err
			}
			card.Date, card.Command = date, "trilemma carbon calibrate"
			for _, s := range card.Sources {
				card.Command += " " + s.File
			}
			if out != "" {
				if err := writeCard(&card, out, cmd.OutOrStdout()); err != nil || out == "-" {
					return err
				}
			}
			if asJSON {
				enc := json.NewEncoder(cmd.OutOrStdout())
				enc.SetIndent("", "  ")
				return enc.Encode(card)
			}
			return report.Card(cmd.OutOrStdout(), &card)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&out, "out", "", "write the card here; - for standard output")
	flags.StringVar(&date, "date", time.Now().Format(time.DateOnly), "date that the card bears")
	flags.BoolVar(&asJSON, "json", false, "print as JSON")
	return cmd
}

// calibrated reads the measurements of all files and fits them together.
func calibrated(files []string) (energy.Card, error) {
	var all []energy.Measurement
	var sources []energy.CardSource
	for _, path := range files {
		found, err := energy.ReadMeasurements(path)
		if err != nil {
			return energy.Card{}, err
		}
		sum, err := provenance.HashFile(path)
		if err != nil {
			return energy.Card{}, err
		}
		all = append(all, found...)
		sources = append(sources, energy.CardSource{File: filepath.Base(path), SHA256: sum.SHA256, Configurations: len(found)})
	}
	card, err := energy.Calibrate(all)
	card.Sources = sources
	card.Covers = "GPU energy alone, in joules for a token of output; the reading of the prompts that were measured is part of it"
	return card, err
}

func writeCard(card *energy.Card, path string, stdout io.Writer) error {
	text, err := card.Text()
	if err != nil {
		return fmt.Errorf("writing the card: %w", err)
	}
	if path == "-" {
		_, err = stdout.Write(text)
	} else {
		err = wholefile.Write(path, text)
	}
	if err != nil {
		return fmt.Errorf("writing the card: %w", err)
	}
	return nil
}
