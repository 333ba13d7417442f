// Package glossary says what the words of reports mean: one place for the footnotes of report.md, the hovers of report.html
// and the lines below the terminal's tables.
package glossary

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Term is a word and what it means.
type Term struct {
	Name string `json:"name"`
	// Forms are the ways in which it is written; the name among them.
	Forms []string `json:"forms"`
	Text  string   `json:"text"`
}

// Terms are all terms, in the order in which one needs them.
var Terms = []Term{
	{"pool", []string{"Pool", "pool"}, "the models among which a policy may choose; policies are compared within one"},
	{"policy", []string{"Policy", "policy", "policies", "Policies"}, "a way to choose a model for each prompt: a router, or a control such as chance"},
	{"preference", []string{"preference", "preferences"}, "what the user would give up for a better answer: how much 1 point of quality is worth in money, carbon or time"},
	{"point", []string{"1 point", "a point"}, "0.01 of the mean score, which lies between 0 and 1"},
	{"λ", []string{"λ"}, "the score that one unit of cost, carbon or time is worth: a policy looks for the highest score − λ × what it takes"},
	{"setting", []string{"Setting", "setting", "settings", "Settings"}, "a policy under one preference; points.csv knows it by a key"},
	{"AIQ", []string{"AIQ"}, "average improvement in quality: the mean quality over all budgets up to the dearest single model's cost, that is the area under a policy's curve of quality against cost divided by that cost"},
	{"front", []string{"front", "fronts", "Front", "Fronts"}, "the settings of which no other is both better and cheaper (or of less carbon)"},
	{"peak", []string{"Peak", "peak", "peak quality"}, "the quality of the setting that the selection prompts put highest, whatever it costs"},
	{"mix", []string{"mixing", "mix of single models", "zero-router", "Zero router"}, "prompts dealt out to single models by lot, without a look at them: a router that does not beat it has learned nothing"},
	{"baseline", []string{"baseline"}, "what the others are compared with"},
	{"oracle", []string{"oracle"}, "chooses with the test scores before its eyes: a bound that no router can reach"},
	{"selection prompts", []string{"selection prompts"}, "prompts that no policy has learned from: settings and policies are chosen on them, and judged on the test prompts"},
	{"gCO2e", []string{"gCO2e"}, "grams of carbon dioxide, and of other gases as much as they warm"},
	{"coverage", []string{"Coverage", "coverage"}, "the part of the prompts for which it is known what the chosen model makes of them"},
	{"cell", []string{"cell", "cells"}, "one policy with one seed in one pool: what is fitted and judged at once"},
	{"hindsight", []string{"Hindsight", "hindsight"}, "chosen by the very prompts that it is judged on, which nobody can do when deploying"},
	{"nAUC", []string{"nAUC"}, "the area under the curve of quality against cost between the mean costs of each prompt's cheapest and dearest model, divided by that width (ORBIT)"},
	{"PerfGain", []string{"PerfGain"}, "how much better the peak is than the best single model, as a part of the latter's quality"},
	{"CostSave", []string{"CostSave"}, "how much cheaper than the best single model the cheapest setting is that keeps its quality on the selection prompts"},
	{"Hypervolume", []string{"Hypervolume"}, "the part of the volume of quality, cost and carbon below the oracle that a policy's settings dominate"},
	{"Holm", []string{"Holm"}, "a correction of p-values for how many comparisons were made"},
}

// word tells whether a character can be part of a word.
var word = regexp.MustCompile(`[\pL\pN_-]`)

// find is where a term stands in a text as a word of its own, and how long its form is; −1 where it does not.
func (t *Term) find(text string) (at, length int) {
	at = -1
	for _, form := range t.Forms {
		for from := 0; ; {
			i := strings.Index(text[from:], form)
			if i < 0 {
				break
			}
			i += from
			before, after := []rune(text[:i]), []rune(text[i+len(form):])
			alone := (len(before) == 0 || !word.MatchString(string(before[len(before)-1]))) && (len(after) == 0 || !word.MatchString(string(after[0])))
			if alone {
				if at < 0 || i < at || i == at && len(form) > length {
					at, length = i, len(form)
				}
				break
			}
			from = i + len(form)
		}
	}
	return at, length
}

// Used are the terms that occur in a text.
func Used(text string) []Term {
	var out []Term
	for i := range Terms {
		if at, _ := Terms[i].find(text); at >= 0 {
			out = append(out, Terms[i])
		}
	}
	return out
}

// Only are the terms of these names, in their order.
func Only(names ...string) []Term {
	var out []Term
	for _, n := range names {
		i := slices.IndexFunc(Terms, func(t Term) bool { return t.Name == n })
		if i < 0 {
			panic(fmt.Sprintf("glossary: no term %q", n))
		}
		out = append(out, Terms[i])
	}
	return out
}

// Footnote marks the first occurrence of every term in a Markdown text with a footnote, and defines it at the end. Headings,
// code, links and pictures are left as they are.
func Footnote(markdown string) string {
	lines := strings.Split(strings.TrimRight(markdown, "\n"), "\n")
	used := make([]bool, len(Terms))
	for i, line := range lines {
		if strings.HasPrefix(line, "#") || strings.HasPrefix(line, "    ") || strings.HasPrefix(line, "![") || strings.HasPrefix(line, "<") {
			continue
		}
		for k := range Terms {
			if used[k] {
				continue
			}
			if at, length := Terms[k].find(hidden(line)); at >= 0 {
				line = line[:at+length] + "[^" + key(k) + "]" + line[at+length:]
				used[k] = true
			}
		}
		lines[i] = line
	}
	out := strings.Join(lines, "\n") + "\n"
	first := true
	for k, t := range Terms {
		if used[k] {
			if first {
				out += "\n"
				first = false
			}
			out += fmt.Sprintf("[^%s]: %s: %s.\n", key(k), t.Name, t.Text)
		}
	}
	return out
}

// key is a footnote's.
func key(k int) string { return strings.ReplaceAll(Terms[k].Name, " ", "-") }

// literal is what a footnote must not be put into: code, links, and footnotes that are there.
var literal = regexp.MustCompile("`[^`]*`|\\[\\^[^\\]]*\\]|!?\\[[^\\]]*\\]\\([^)]*\\)")

// hidden is a line with what is literal blanked, of the same length.
func hidden(line string) string {
	return literal.ReplaceAllStringFunc(line, func(s string) string { return strings.Repeat("\x00", len(s)) })
}
