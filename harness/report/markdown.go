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
	pictures, err := Pictures(run)
	if err != nil {
		return "", err
	}
	drawn := images(run, figures)
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
		for _, p := range pictures {
			if path, ok := drawn[p.Name]; ok && p.Shown && p.Pool == t.Pool {
				fmt.Fprintf(&b, "\n![%s](%s)\n\n*%s*\n", p.Name, path, p.Caption)
			}
		}
	}
	if err := footprint.Section(&b, run); err != nil {
		return "", err
	}
	morePictures(&b, pictures, drawn)
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

// morePictures links to the plots that the report does not show.
func morePictures(b *bytes.Buffer, pictures []Picture, drawn map[string]string) {
	head := "\n## More pictures\n\n"
	for _, p := range pictures {
		if path, ok := drawn[p.Name]; ok && !p.Shown {
			what, _, _ := strings.Cut(p.Caption, ": ")
			fmt.Fprintf(b, "%s- [%s](%s): %s\n", head, p.Name, path, what)
			head = ""
		}
	}
}

// images are the files of the plots that a page can show, relative to the run's folder, by the names of the plots.
func images(run *store.Run, figures []string) map[string]string {
	out := map[string]string{}
	for _, ext := range []string{".svg", ".png"} { // the latter where there are both
		for _, f := range figures {
			if rel, err := filepath.Rel(run.Dir, f); err == nil && filepath.Ext(f) == ext {
				out[strings.TrimSuffix(filepath.Base(f), ext)] = filepath.ToSlash(rel)
			}
		}
	}
	return out
}
