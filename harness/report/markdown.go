package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/trilemma-bench/trilemma/harness/report/footprint"
	"github.com/trilemma-bench/trilemma/harness/report/leaderboard"

	"github.com/trilemma-bench/trilemma/harness/store"
)

// MarkdownFile is the report that [Markdown] writes into the folder of a run.
const MarkdownFile = "report.md"

// Markdown writes the report of a finished run: what was asked, for each pool the answer in a sentence, the metrics and
// the plots, and what it takes to rebuild them. figures are the files that [Figures] wrote. It returns the report's path.
func Markdown(run *store.Run, figures []string) (string, error) {
	m, err := run.Manifest()
	if err != nil {
		return "", err
	}
	tables, err := leaderboard.Read(run)
	if err != nil {
		return "", err
	}
	var config struct {
		Description string `json:"description"`
	}
	if err := json.Unmarshal(m.Config, &config); err != nil {
		return "", fmt.Errorf("reading %s: %w", run.Path(store.ManifestFile), err)
	}
	var split leaderboard.SplitCounts
	if err := json.Unmarshal(m.Data, &split); err != nil {
		return "", fmt.Errorf("reading %s: %w", run.Path(store.ManifestFile), err)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "# %s\n\n", m.Experiment)
	if config.Description != "" {
		fmt.Fprintf(&b, "%s\n\n", strings.TrimSpace(config.Description))
	}
	fmt.Fprintf(&b, "%s Brackets are 95 %% intervals on the test prompts.\n", split)
	plots := images(run, figures)
	differences := leaderboard.EffectsOf(tables)
	seeds, err := leaderboard.SeedRows(run)
	if err != nil {
		return "", err
	}
	cells, err := trained(run)
	if err != nil {
		return "", err
	}
	for i := range tables {
		t := &tables[i]
		fmt.Fprintf(&b, "\n## Pool %s\n\n", t.Pool)
		if s := t.Answer(); s != "" {
			fmt.Fprintf(&b, "%s\n\n", s)
		}
		fmt.Fprintf(&b, "%s\n", t.Writer(t.Columns(leaderboard.MainColumns)).RenderMarkdown())
		fmt.Fprintf(&b, "\n%s\n", strings.Join(t.Notes(), " "))
		if of := t.Columns(leaderboard.HindsightColumns); len(of) > 0 {
			fmt.Fprintf(&b, "\nHindsight: settings, the best single model and the mix of models chosen on the test prompts themselves, as published tools do.\n\n%s\n", t.Writer(of).RenderMarkdown())
		}
		for k := range differences {
			if differences[k].Pool == t.Pool {
				fmt.Fprintf(&b, "\n%s", differences[k].Markdown())
			}
		}
		leaderboard.SeedSection(&b, seeds, t)
		trainingFiguresSection(&b, cells, t.Pool)
		for _, p := range plots {
			if base := strings.TrimSuffix(filepath.Base(p), filepath.Ext(p)); leaderboard.PoolOf(base, tables) == t.Pool {
				fmt.Fprintf(&b, "\n![%s](%s)\n", base, filepath.ToSlash(p))
			}
		}
	}
	if err := footprint.FootprintSection(&b, run); err != nil {
		return "", err
	}
	if len(m.Notices) > 0 {
		fmt.Fprintf(&b, "\n## Notes\n\n")
		for _, n := range m.Notices {
			fmt.Fprintf(&b, "- %s\n", n)
		}
	}
	fmt.Fprintf(&b, "\n## Rebuild\n\n")
	if m.File != "" {
		command := "trilemma run " + m.File
		for _, s := range m.Sets {
			command += " --set " + strconv.Quote(s)
		}
		fmt.Fprintf(&b, "    %s\n\n", command)
	}
	fmt.Fprintf(&b, "Run %s, Trilemma %s (revision %s), %s; inputs, outputs and their SHA-256 are in %s.\n",
		m.Run, m.Build.Version, m.Build.Revision, m.Build.Go, store.ManifestFile)
	if err := run.WriteFile(MarkdownFile, b.Bytes()); err != nil {
		return "", err
	}
	return run.Path(MarkdownFile), nil
}

// images are the plots that a page can show, once each, relative to the run's folder.
func images(run *store.Run, figures []string) []string {
	var out []string
	for _, ext := range []string{".png", ".svg"} {
		for _, f := range figures {
			if rel, err := filepath.Rel(run.Dir, f); err == nil && filepath.Ext(f) == ext {
				out = append(out, rel)
			}
		}
		if len(out) > 0 {
			break
		}
	}
	return out
}
