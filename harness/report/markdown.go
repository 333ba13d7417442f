package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"path/filepath"
	"slices"
	"strings"

	"github.com/trilemma-bench/trilemma/harness/report/footprint"
	"github.com/trilemma-bench/trilemma/harness/report/glossary"
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
	about, err := m.About()
	if err != nil {
		return "", err
	}
	var split leaderboard.SplitCounts
	if err := json.Unmarshal(m.Data, &split); err != nil {
		return "", fmt.Errorf("reading %s: %w", run.Path(store.ManifestFile), err)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "# %s\n\n", m.Experiment)
	if about != "" {
		fmt.Fprintf(&b, "%s\n\n", about)
	}
	fmt.Fprintf(&b, "%s Brackets are 95 %% intervals on the test prompts.\n", split)
	all, err := Pictures(run)
	if err != nil {
		return "", err
	}
	drawn := images(run, figures)
	differences := leaderboard.EffectsOf(tables)
	choices, err := leaderboard.ReadChoices(run, tables)
	if err != nil {
		return "", err
	}
	twins, err := leaderboard.Twins(run, tables)
	if err != nil {
		return "", err
	}
	seeds, err := leaderboard.SeedRows(run)
	if err != nil {
		return "", err
	}
	cells, err := trained(run)
	if err != nil {
		return "", err
	}
	for i := range tables {
		t, c := &tables[i], &choices[i]
		pictures := slices.DeleteFunc(slices.Clone(all), func(p Picture) bool { return p.Pool != t.Pool || drawn[p.Name] == "" })
		lead, more := t.Sentences(twins[t.Pool])
		fmt.Fprintf(&b, "\n## Pool %s\n", t.Pool)
		paragraphs(&b, strings.Join(lead, " "))
		front := min(1, len(pictures)) // the most telling one stands first
		show(&b, pictures[:front], drawn)
		if short := c.Short(); len(short) > 0 {
			fmt.Fprintf(&b, "\n%s\n", c.Writer(short).RenderMarkdown())
			paragraphs(&b, c.Rule(short))
		}
		paragraphs(&b, more...)
		show(&b, pictures[front:], drawn)
		for k := range differences {
			if differences[k].Pool == t.Pool {
				fmt.Fprintf(&b, "\n%s", differences[k].Markdown())
			}
		}
		fmt.Fprintf(&b, "\n<details>\n<summary>All policies of pool %s: settings, metrics, hindsight, training</summary>\n", html.EscapeString(t.Pool))
		fmt.Fprintf(&b, "\n%s\n\n%s\n\n%s\n", c.Writer(c.Rows).RenderMarkdown(), t.Writer(t.Columns(leaderboard.MainColumns)).RenderMarkdown(), strings.Join(t.Notes(), " "))
		if of := t.Columns(leaderboard.HindsightColumns); len(of) > 0 {
			fmt.Fprintf(&b, "\nHindsight: settings, the best single model and the mix of models chosen on the test prompts themselves, as published tools do.\n\n%s\n", t.Writer(of).RenderMarkdown())
		}
		leaderboard.SeedSection(&b, seeds, t)
		trainingFiguresSection(&b, cells, t.Pool)
		fmt.Fprint(&b, "\n</details>\n")
	}
	if err := footprint.Section(&b, run); err != nil {
		return "", err
	}
	morePictures(&b, all, drawn)
	if len(m.Notices) > 0 {
		fmt.Fprintf(&b, "\n## Notes\n\n")
		for _, n := range m.Notices {
			fmt.Fprintf(&b, "- %s\n", n)
		}
	}
	fmt.Fprintf(&b, "\n## Rebuild\n\n")
	if command := m.Command(); command != "" {
		fmt.Fprintf(&b, "    %s\n\n", command)
	}
	fmt.Fprintf(&b, "Run %s, Trilemma %s (revision %s), %s; inputs, outputs and their SHA-256 are in %s.\n",
		m.Run, m.Build.Version, m.Build.Revision, m.Build.Go, store.ManifestFile)
	if err := run.WriteFile(MarkdownFile, []byte(glossary.Footnote(b.String()))); err != nil {
		return "", err
	}
	return run.Path(MarkdownFile), nil
}

// paragraphs writes texts, those that are not empty.
func paragraphs(b *bytes.Buffer, texts ...string) {
	for _, text := range texts {
		if text != "" {
			fmt.Fprintf(b, "\n%s\n", text)
		}
	}
}

// show writes the pictures that are worth showing at first, each with its caption.
func show(b *bytes.Buffer, pictures []Picture, drawn map[string]string) {
	for _, p := range pictures {
		if p.Shown {
			fmt.Fprintf(b, "\n![%s](%s)\n\n*%s*\n", p.Name, drawn[p.Name], p.Caption)
		}
	}
}

// morePictures links to the plots that the report does not show.
func morePictures(b *bytes.Buffer, pictures []Picture, drawn map[string]string) {
	head := "\n## More pictures\n\n"
	for _, p := range pictures {
		if path, ok := drawn[p.Name]; ok && !p.Shown {
			what, _, _ := strings.Cut(p.Caption, ". ")
			what, _, _ = strings.Cut(what, ": ")
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
