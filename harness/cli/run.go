package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/trilemma-bench/trilemma/harness/event"
	"github.com/trilemma-bench/trilemma/harness/experiment"
	"github.com/trilemma-bench/trilemma/harness/report"
	"github.com/trilemma-bench/trilemma/harness/report/page"
	"github.com/trilemma-bench/trilemma/harness/runner"
	"github.com/trilemma-bench/trilemma/harness/store"
)

// runFlags are what run, resume and plan have in common.
type runFlags struct {
	sets  []string
	shard string
	json  bool
	quiet bool
	// backend is that of the experiment, in place of what its file says.
	backend string
	opt     runner.Options
}

func (f *runFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringArrayVar(&f.sets, "set", nil, "override a setting: key=value, such as data.trace=DIR or policies.knn.params.k=50")
	flags.StringVar(&f.backend, "backend", "", "what policies and encoders compute with: go, xla:cpu, xla:cuda, or the absolute path of a PJRT plugin (the same as --set backend=…)")
	flags.StringVar(&f.opt.Results, "results", "results", "folder of all results")
	flags.BoolVar(&f.opt.InProcess, "in-process", false, "run bundled policies without a process of their own (same decisions)")
	flags.BoolVar(&f.json, "json", false, "print the summary as JSON")
}

func (f *runFlags) addRun(cmd *cobra.Command) {
	f.add(cmd)
	flags := cmd.Flags()
	flags.IntVar(&f.opt.Jobs, "jobs", runtime.NumCPU(), "cells at a time")
	flags.StringVar(&f.shard, "shard", "", "run only every n-th cell: i/n, i from 1")
	flags.BoolVar(&f.opt.FailFast, "fail-fast", false, "stop at the first failed cell")
	flags.BoolVar(&f.opt.Fresh, "fresh", false, "run finished cells again")
	flags.BoolVar(&f.quiet, "quiet", false, "no progress")
}

// pluginDirs are where outside policies are looked for: plugins/ here and beside the program.
func pluginDirs() []string {
	dirs := []string{"plugins"}
	if exe, err := os.Executable(); err == nil {
		dirs = append(dirs, filepath.Join(filepath.Dir(exe), "plugins"), filepath.Join(filepath.Dir(exe), "..", "plugins"))
	}
	return dirs
}

// settings are sets with the backend that a flag of its own names.
func (f *runFlags) settings(sets []string) []string {
	if f.backend == "" {
		return sets
	}
	return append(slices.Clip(sets), "backend="+f.backend)
}

// encoding shows how far the prompts are encoded, an encoder at a time.
func encoding(w io.Writer) (progress func(encoder string, done, total int), done func()) {
	var now string
	var count *event.Count
	done = func() {
		if count != nil {
			count.Close()
		}
	}
	return func(encoder string, n, total int) {
		if count == nil || encoder != now {
			done()
			now, count = encoder, event.NewCount(w, "encoding with "+encoder)
		}
		if count.Set(n, total); n == total {
			count.Close()
		}
	}, done
}

func (f *runFlags) finish() error {
	f.opt.PluginDirs = pluginDirs()
	if f.shard == "" {
		return nil
	}
	i, n, ok := strings.Cut(f.shard, "/")
	var err error
	if f.opt.Shard, err = strconv.Atoi(i); err == nil && ok {
		f.opt.Shards, err = strconv.Atoi(n)
	}
	if err != nil || !ok || f.opt.Shards < 1 || f.opt.Shard < 1 || f.opt.Shard > f.opt.Shards {
		return fmt.Errorf("--shard %q: want i/n with i from 1 to n, such as 1/4", f.shard)
	}
	return nil
}

func runCommand() *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "run EXPERIMENT.yaml",
		Short: "Run an experiment: fit and route every policy, replay the decisions, draw the fronts",
		Long: `Run an experiment. Cells that were finished before are shown as cached and not run again, so the same command
resumes a run that was interrupted. Exit code 1 means that some cells failed, or that nothing could be compared; the reasons
are printed and stored.`,
		Example: "  trilemma run experiments/quickstart.yaml --set data.synth.prompts=300 --set metrics.resamples=200",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.run(cmd, args[0], f.sets)
		},
	}
	f.addRun(cmd)
	return cmd
}

func resumeCommand() *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:     "resume [RUN]",
		Short:   "Go on with a run that was interrupted, or run its failed cells again",
		Example: "  trilemma resume quickstart",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			run, err := store.Find(f.opt.Results, first(args))
			if err != nil {
				return err
			}
			m, err := run.Manifest()
			if err != nil {
				return err
			}
			return f.run(cmd, m.File, append(m.Sets, f.sets...))
		},
	}
	f.addRun(cmd)
	return cmd
}

func first(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}

func (f *runFlags) run(cmd *cobra.Command, file string, sets []string) error {
	if err := f.finish(); err != nil {
		return err
	}
	ctx, stderr := cmd.Context(), cmd.ErrOrStderr()
	spec, notices, err := experiment.Load(file, f.settings(sets))
	if err != nil {
		return err
	}
	for _, n := range notices {
		fmt.Fprintln(stderr, n)
	}
	plan, err := runner.Prepare(ctx, spec, f.opt)
	if err != nil {
		return err
	}
	f.opt.Events = event.Discard
	if !f.quiet {
		f.opt.Events = event.Terminal(stderr)
		var done func()
		f.opt.Encoding, done = encoding(stderr)
		defer done()
	}
	out, err := plan.Run(ctx, f.opt)
	if closed := f.opt.Events.Close(); err == nil && closed != nil {
		err = fmt.Errorf("showing progress: %w", closed)
	}
	if err != nil {
		return err
	}
	var files []string
	if !out.Partial {
		if files, err = writeReport(out.Run, spec.Plots); err != nil {
			return err
		}
	}
	if err := f.summary(cmd.OutOrStdout(), out, files); err != nil {
		return err
	}
	switch {
	case out.Failed > 0:
		return errCellsFailed
	case out.Unmeasured != "":
		return fmt.Errorf("%w: %s", errNoMetrics, out.Unmeasured)
	}
	return nil
}

// writeReport draws the plots of a finished run and writes its report; the report comes first of the files.
func writeReport(run *store.Run, plots experiment.Plots) ([]string, error) {
	figures, err := report.Figures(run, plots)
	if err != nil {
		return nil, err
	}
	path, err := report.Markdown(run, figures)
	if err != nil {
		return nil, err
	}
	if _, err := report.Tables(run); err != nil {
		return nil, err
	}
	page, err := page.WritePage(run)
	if err != nil {
		return nil, err
	}
	return append([]string{page, path}, figures...), run.Seal()
}

// summary says how the run ended and names what it wrote.
func (f *runFlags) summary(w io.Writer, out *runner.Outcome, files []string) error {
	if f.json {
		return json.NewEncoder(w).Encode(struct {
			Run      string   `json:"run"`
			Done     int      `json:"done"`
			Cached   int      `json:"cached"`
			Failed   int      `json:"failed"`
			Partial  bool     `json:"partial"`
			Files    []string `json:"files"`
			Failures []string `json:"failures,omitempty"`
			// NoMetrics says why nothing could be compared.
			NoMetrics string `json:"no_metrics,omitempty"`
		}{out.Run.Dir, out.Done, out.Cached, out.Failed, out.Partial, files, reasons(out.Failures), out.Unmeasured})
	}
	for _, r := range reasons(out.Failures) {
		fmt.Fprintf(w, "failed: %s\n", r)
	}
	if out.Partial {
		_, err := fmt.Fprintf(w, "%d cells done, %d cached; cells of other shards are missing, so no tables were written yet\n", out.Done, out.Cached)
		return err
	}
	if err := report.Terminal(w, out.Run); err != nil {
		return err
	}
	fmt.Fprintf(w, "\n%d cells done, %d cached, %d failed. Written:\n", out.Done, out.Cached, out.Failed)
	for _, name := range []string{store.PointsCSV, store.PointsParquet, runner.MetricsCSV, runner.MetricsJSON, store.ManifestFile} {
		fmt.Fprintf(w, "  %s\n", out.Run.Path(name))
	}
	listFiles(w, files)
	return nil
}

// listFiles names the reports, and each plot once, whatever formats it was drawn in.
func listFiles(w io.Writer, files []string) {
	if len(files) == 0 {
		return
	}
	var kinds []string
	last := ""
	for _, file := range files {
		kind := strings.TrimPrefix(filepath.Ext(file), ".")
		if filepath.Base(filepath.Dir(file)) == "plots" && !slices.Contains(kinds, kind) {
			kinds = append(kinds, kind)
		}
		if name := strings.TrimSuffix(file, filepath.Ext(file)); name != last || len(kinds) == 0 {
			fmt.Fprintf(w, "  %s\n", file)
			last = name
		}
	}
	if len(kinds) > 1 {
		fmt.Fprintf(w, "  (each plot as %s)\n", strings.Join(kinds, ", "))
	}
}

func reasons(failures []store.Status) []string {
	var out []string
	for _, s := range failures {
		out = append(out, s.Name()+": "+s.Reason)
	}
	return out
}

func planCommand() *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:     "plan EXPERIMENT.yaml",
		Short:   "Check an experiment and its data, and show what a run would do",
		Example: "  trilemma plan experiments/quickstart.yaml --set data.synth.prompts=300",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.finish(); err != nil {
				return err
			}
			spec, notices, err := experiment.Load(args[0], f.settings(f.sets))
			if err != nil {
				return err
			}
			plan, err := runner.Prepare(cmd.Context(), spec, f.opt)
			if err != nil {
				return err
			}
			s := plan.Summarise()
			w := cmd.OutOrStdout()
			if f.json {
				return json.NewEncoder(w).Encode(s)
			}
			for _, n := range notices {
				fmt.Fprintln(w, n)
			}
			for _, n := range s.Notices {
				fmt.Fprintln(w, "note:", n)
			}
			fmt.Fprintf(w, "run %s of %s\n", s.Run, spec.Name)
			fmt.Fprintf(w, "prompts: %d train, %d validation, %d selection, %d test\n", s.Prompts["train"], s.Prompts["validation"], s.Prompts["selection"], s.Prompts["test"])
			for _, p := range spec.Pools {
				fmt.Fprintf(w, "pool %s: %d selection and %d test prompts\n", p.Name, s.Selection[p.Name], s.Pools[p.Name])
			}
			for i := range plan.Cells {
				fmt.Fprintf(w, "  %s\n", plan.Cells[i].Name())
			}
			_, err = fmt.Fprintf(w, "%d cells (%d of them train), %d decisions, about %.1f MB on disk\n",
				s.Cells, s.TrainCells, s.Decisions, float64(s.DiskBytes)/1e6)
			return err
		},
	}
	f.add(cmd)
	return cmd
}
