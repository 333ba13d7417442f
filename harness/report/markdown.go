package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

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
	tables, err := metricTables(run)
	if err != nil {
		return "", err
	}
	var config struct {
		Description string `json:"description"`
	}
	if err := json.Unmarshal(m.Config, &config); err != nil {
		return "", fmt.Errorf("reading %s: %w", run.Path(store.ManifestFile), err)
	}
	var data struct {
		Prompts, Train, Validation, Test int
	}
	if err := json.Unmarshal(m.Data, &data); err != nil {
		return "", fmt.Errorf("reading %s: %w", run.Path(store.ManifestFile), err)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "# %s\n\n", m.Experiment)
	if config.Description != "" {
		fmt.Fprintf(&b, "%s\n\n", strings.TrimSpace(config.Description))
	}
	fmt.Fprintf(&b, "%d prompts: %d to train, %d to validate, %d to test. Brackets are 95 %% intervals on the test prompts.\n",
		data.Prompts, data.Train, data.Validation, data.Test)
	plots := images(run, figures)
	points, err := run.Points()
	if err != nil {
		return "", err
	}
	differences := effectsOf(tables, points)
	seeds, err := seedRows(run)
	if err != nil {
		return "", err
	}
	cells, err := trained(run)
	if err != nil {
		return "", err
	}
	for i := range tables {
		t := &tables[i]
		fmt.Fprintf(&b, "\n## Pool %s\n\n", t.pool)
		if s := t.answer(); s != "" {
			fmt.Fprintf(&b, "%s\n\n", s)
		}
		fmt.Fprintf(&b, "%s\n", t.writer().RenderMarkdown())
		for k := range differences {
			if differences[k].pool == t.pool {
				fmt.Fprintf(&b, "\n%s", differences[k].markdown())
			}
		}
		seedSection(&b, seeds, t.pool)
		foundSection(&b, cells, t.pool)
		for _, p := range plots {
			if base := strings.TrimSuffix(filepath.Base(p), filepath.Ext(p)); poolOf(base, tables) == t.pool {
				fmt.Fprintf(&b, "\n![%s](%s)\n", base, filepath.ToSlash(p))
			}
		}
	}
	if err := footprintSection(&b, run); err != nil {
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

// answer names the policy of the highest AIQ and what sets it apart from the baseline. References and single models are no
// policies that one could have chosen by it.
func (t *poolTable) answer() string {
	best := t.best()
	if best == nil {
		return ""
	}
	v := best.values["aiq"]
	s := fmt.Sprintf("`%s` has the highest AIQ, %s", best.policy, interval(v.value, v.low, v.high))
	if v.baseline != "" && v.baseline != best.policy && v.diff != "" {
		s += fmt.Sprintf("; that is %s more than `%s`", interval(v.diff, v.diffLow, v.diffHigh), v.baseline)
	}
	return s + "."
}

// best is the candidate of the highest AIQ, or nil.
func (t *poolTable) best() *line {
	var best *line
	top := 0.0
	for i := range t.lines {
		l := &t.lines[i]
		if !l.candidate() {
			continue
		}
		if v, err := strconv.ParseFloat(l.values["aiq"].value, 64); err == nil && (best == nil || v > top) {
			best, top = l, v
		}
	}
	return best
}

// Best is the policy of the highest AIQ of a pool.
type Best struct {
	Pool   string   `json:"pool"`
	Policy string   `json:"policy"`
	AIQ    float64  `json:"aiq"`
	Low    *float64 `json:"low"` // 95 % interval, null where unknown
	High   *float64 `json:"high"`
}

// Headlines are the best policies of a finished run, pool by pool.
func Headlines(run *store.Run) ([]Best, error) {
	tables, err := metricTables(run)
	if err != nil {
		return nil, err
	}
	var out []Best
	for i := range tables {
		if l := tables[i].best(); l != nil {
			v := l.values["aiq"]
			out = append(out, Best{tables[i].pool, l.policy, parse(v.value), known(parse(v.low)), known(parse(v.high))})
		}
	}
	return out, nil
}

// poolOf is the pool that a plot, by its name, is of: pools may be called weights and open-weights.
func poolOf(plot string, tables []poolTable) string {
	pool := ""
	for i := range tables {
		if p := tables[i].pool; strings.HasSuffix(plot, "-"+p) && len(p) > len(pool) {
			pool = p
		}
	}
	return pool
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
