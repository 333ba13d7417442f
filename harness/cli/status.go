package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/trilemma-bench/trilemma/harness/event"
	"github.com/trilemma-bench/trilemma/harness/experiment"
	"github.com/trilemma-bench/trilemma/harness/plot"
	"github.com/trilemma-bench/trilemma/harness/report"
	"github.com/trilemma-bench/trilemma/harness/report/page"
	"github.com/trilemma-bench/trilemma/harness/report/paper"
	"github.com/trilemma-bench/trilemma/harness/store"
)

// watchEvery is how often --watch looks.
const watchEvery = time.Second

func statusCommand() *cobra.Command {
	var results string
	var asJSON, watch bool
	cmd := &cobra.Command{
		Use:     "status [RUN]",
		Short:   "Show how far a run is, from another terminal too",
		Example: "  trilemma status quickstart --watch",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			run, err := store.Find(results, first(args))
			if err != nil {
				return err
			}
			for {
				s, err := run.Summarise(time.Now())
				if err != nil {
					return err
				}
				if asJSON {
					err = json.NewEncoder(cmd.OutOrStdout()).Encode(s)
				} else {
					printStatus(cmd.OutOrStdout(), s)
				}
				if err != nil || !watch || !s.Running {
					return err
				}
				select {
				case <-cmd.Context().Done():
					return nil
				case <-time.After(watchEvery):
				}
			}
		},
	}
	cmd.Flags().StringVar(&results, "results", "results", "folder of all results")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	cmd.Flags().BoolVar(&watch, "watch", false, "until the run ends")
	return cmd
}

func printStatus(w io.Writer, s store.Summary) {
	state := "stopped"
	switch {
	case s.Running:
		state = "running"
	case s.Complete:
		state = "complete"
	}
	fmt.Fprintf(w, "%s: %s; %d of %d cells done, %d failed, %d to do", s.Run, state, s.Done, s.Total, s.Failed, s.Pending)
	if s.ETASec != nil {
		fmt.Fprintf(w, "; about %s left", event.Short(time.Duration(*s.ETASec*float64(time.Second))))
	}
	fmt.Fprintln(w)
	for _, e := range s.Active {
		fmt.Fprintf(w, "  %s\n", event.Describe(e))
	}
	for _, f := range s.Failures {
		fmt.Fprintf(w, "  failed %s: %s\n", f.Name(), f.Reason)
	}
}

func reportCommand() *cobra.Command {
	var results, article, artifact, html, style string
	cmd := &cobra.Command{
		Use:     "report [RUN…]",
		Short:   "Write the plots and the report of a run again, from its results alone; or several runs into one page",
		Example: "  trilemma report quickstart\n  trilemma report quickstart --paper paper/quickstart --style neurips\n  trilemma report quickstart --artifact artifact/quickstart\n  trilemma report quickstart mmlu-pro --html report.html",
		RunE: func(cmd *cobra.Command, args []string) error {
			if html != "" {
				return writeHTML(cmd.OutOrStdout(), results, args, html)
			}
			if len(args) > 1 {
				return fmt.Errorf("%d runs: name one, or the page that is to hold them all with --html FILE", len(args))
			}
			run, err := store.Find(results, first(args))
			if err != nil {
				return err
			}
			m, err := run.Manifest()
			if err != nil {
				return err
			}
			var config struct {
				Plots experiment.Plots `json:"plots"`
			}
			if err := json.Unmarshal(m.Config, &config); err != nil {
				return fmt.Errorf("reading %s: %w", run.Path(store.ManifestFile), err)
			}
			if style != "" {
				if _, err := plot.StyleNamed(style); err != nil {
					return fmt.Errorf("--style: %w", err)
				}
				config.Plots.Style = style
			}
			files, err := writeReport(run, config.Plots)
			if err != nil {
				return err
			}
			if err := report.Terminal(cmd.OutOrStdout(), run); err != nil {
				return err
			}
			listFiles(cmd.OutOrStdout(), files)
			if article != "" {
				path, err := paper.Write(run, article, config.Plots)
				if err != nil {
					return err
				}
				listFiles(cmd.OutOrStdout(), []string{path})
			}
			if artifact != "" {
				paths, err := paper.Artifact(run, artifact, License)
				if err != nil {
					return err
				}
				listFiles(cmd.OutOrStdout(), paths)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&results, "results", "results", "folder of all results")
	cmd.Flags().StringVar(&html, "html", "", "write one interactive page about all the runs to this file, and nothing else")
	cmd.Flags().StringVar(&style, "style", "", "draw plots for screen, single, double, neurips, acm, acm-double, ieee or ieee-double columns, in place of what the experiment says")
	cmd.Flags().StringVar(&artifact, "artifact", "", "copy the run to this folder with what reviewers of artifacts ask for: README, environment, licence, and claims with the command for each")
	cmd.Flags().StringVar(&article, "paper", "", "write a LaTeX article with figures, tables and bibliography to this folder too")
	return cmd
}

// writeHTML writes one page about several runs.
func writeHTML(w io.Writer, results string, names []string, path string) error {
	if len(names) == 0 {
		names = []string{""}
	}
	var runs []*store.Run
	for _, name := range names {
		run, err := store.Find(results, name)
		if err != nil {
			return err
		}
		runs = append(runs, run)
	}
	page, err := page.Render(runs...)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path, page, 0o644); err != nil { //nolint:gosec // a report is to be read by anybody
		return fmt.Errorf("writing the report: %w", err)
	}
	_, err = fmt.Fprintln(w, path)
	return err
}
