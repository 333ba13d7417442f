package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"path/filepath"
	"slices"
	"strconv"
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
	plots := images(run, figures)
	first := foremost(plots)
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
		own := slices.DeleteFunc(slices.Clone(plots), func(p string) bool { return leaderboard.PoolOf(baseOf(p), tables) != t.Pool })
		lead, more := t.Sentences(twins[t.Pool])
		fmt.Fprintf(&b, "\n## Pool %s\n", t.Pool)
		paragraphs(&b, strings.Join(lead, " "))
		show(&b, own, func(p string) bool { return first[p] && isFront(p) })
		if short := c.Short(); len(short) > 0 {
			fmt.Fprintf(&b, "\n%s\n", c.Writer(short).RenderMarkdown())
			paragraphs(&b, c.Rule(short))
		}
		paragraphs(&b, more...)
		show(&b, own, func(p string) bool { return first[p] && !isFront(p) })
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
		if slices.ContainsFunc(own, func(p string) bool { return !first[p] }) {
			fmt.Fprintf(&b, "\n<details>\n<summary>More pictures of pool %s</summary>\n", html.EscapeString(t.Pool))
			show(&b, own, func(p string) bool { return !first[p] })
			fmt.Fprint(&b, "\n</details>\n")
		}
	}
	if err := footprint.Section(&b, run); err != nil {
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

// show writes the pictures that are wanted.
func show(b *bytes.Buffer, plots []string, want func(string) bool) {
	for _, p := range plots {
		if want(p) {
			fmt.Fprintf(b, "\n![%s](%s)\n", baseOf(p), filepath.ToSlash(p))
		}
	}
}

func baseOf(plot string) string { return strings.TrimSuffix(filepath.Base(plot), filepath.Ext(plot)) }

// mostPictures is how many a report shows at first; the rest is behind a link.
const mostPictures = 8

// pictureOrder is what pictures are worth showing first, by the beginnings of their names.
var pictureOrder = []string{"quality-cost-", "quality-carbon-", "savings-", "effects-", "cost-carbon-"}

// isFront tells whether a picture is the one for the top.
func isFront(plot string) bool { return strings.HasPrefix(baseOf(plot), pictureOrder[0]) }

// foremost are the plots that a report shows at first: of each pool one after the other, in the order of what they tell.
func foremost(plots []string) map[string]bool {
	out := map[string]bool{}
	for _, kind := range pictureOrder {
		for _, p := range plots {
			if len(out) < mostPictures && strings.HasPrefix(baseOf(p), kind) {
				out[p] = true
			}
		}
	}
	return out
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
