package coverage

import (
	"fmt"
	"strings"

	"github.com/trilemma-bench/trilemma/harness/textfile"
	"github.com/trilemma-bench/trilemma/policies/forecast"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// How much of what is missing a sentence tells; the data have all of it.
const (
	toldModels     = 3    // at most,
	toldShare      = 0.05 // those that lack this much of what is left out
	toldCategories = 4
)

// Tell says what is left out, whether at random, and what is at fault; "" where nothing is missing.
func (m *Missing) Tell() string {
	if m.Dropped == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s of %s prompts (%s) lack the outcome of some model", textfile.Thousands(m.Dropped), textfile.Thousands(m.Prompts), percent(m.Dropped, m.Prompts))
	switch {
	case m.Random && m.Difference == nil && m.CategoryP == nil:
		b.WriteString("; too few to tell whether at random")
	case m.Random:
		b.WriteString(", at random as far as can be told")
	default:
		b.WriteString(", and not at random")
	}
	if d := m.Difference; d != nil {
		fmt.Fprintf(&b, ": the other models score %.3f on the %s kept and %.3f on the dropped, a difference of %+.3f [%+.3f, %+.3f]",
			d.Kept, textfile.Thousands(m.Kept), d.Dropped, d.Value, d.Low, d.High)
	}
	told := 0
	for _, l := range m.Models {
		if told < toldModels && float64(l.Missing) >= toldShare*float64(m.Dropped) {
			if m.Random {
				fmt.Fprintf(&b, "; %s lacks %s", l.Model, textfile.Thousands(l.Missing))
			} else {
				b.WriteString("; " + l.tell(m.Prompts))
			}
			told++
		}
	}
	if n := len(m.Models) - told; n > 0 {
		fmt.Fprintf(&b, "; %s more %s some", word(n), plural("model lacks", "models lack", n))
	}
	if n := len(m.Without); n > 0 {
		w := m.Without[n-1]
		fmt.Fprintf(&b, ". Without %s %s of %s prompts are kept", strings.Join(w.Models, ", "), textfile.Thousands(w.Kept), textfile.Thousands(m.Prompts))
	}
	return b.String()
}

func (l *Lack) tell(prompts int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s lacks %s of %s prompts (%s)", l.Model, textfile.Thousands(l.Missing), textfile.Thousands(prompts), percent(l.Missing, prompts))
	sep := ": "
	for _, c := range l.Categories[:min(toldCategories, len(l.Categories))] {
		fmt.Fprintf(&b, "%s%s of %s", sep, percent(c.Missing, c.Prompts), c.Category)
		sep = ", "
	}
	if n := len(l.Categories) - toldCategories; n > 0 {
		fmt.Fprintf(&b, "%sless of %s more", sep, word(n))
	}
	if l.Whole > 0 && len(l.Categories) > 0 {
		fmt.Fprintf(&b, "%snone of %s other %s", sep, word(l.Whole), plural("category", "categories", l.Whole))
	}
	if o := l.Own; o != nil {
		fmt.Fprintf(&b, "; where its outcome is logged but cannot be used it scores %.3f itself, against %.3f", o.Dropped, o.Kept)
	}
	if l.OnHas != nil && l.OnLacks != nil {
		fmt.Fprintf(&b, "; %s has %.3f on the kept and %.3f on the dropped", l.Reference, *l.OnHas, *l.OnLacks)
	}
	return b.String()
}

func plural(one, more string, n int) string {
	if n == 1 {
		return one
	}
	return more
}

// percent writes a share without decimals, but never 0 for some nor 100 for less than all.
func percent(part, whole int) string {
	switch x := 100 * float64(part) / float64(whole); {
	case part > 0 && x < 1:
		return "under 1 %"
	case part < whole && x > 99:
		return "over 99 %"
	default:
		return fmt.Sprintf("%.0f %%", x)
	}
}

// Estimate is a model's mean score.
type Estimate struct {
	Model string   `json:"model"`
	N     int      `json:"n"`        // outcomes that can be used
	Own   *float64 `json:"score"`    // over these
	All   *float64 `json:"over_all"` // over all prompts, by [forecast.OverAllPrompts]
}

// Estimates are the mean scores of the models over all prompts, from whatever each was logged to have: a model that lacks
// the hard ones is no better for it. They take a prompt to be as much harder for one model as for another.
func (a *Answers) Estimates() []Estimate {
	logged := a.Logged
	if logged == nil {
		logged = a.Score
	}
	split := &policy.Split{Prompts: policy.Prompts{ID: make([]string, a.prompts())}}
	split.Outcomes = policy.Outcomes{Models: len(a.Models), Figures: policy.Matrix{policy.Quality: logged}, Present: make([]bool, len(logged))}
	n, sum := make([]int, len(a.Models)), make([]float64, len(a.Models))
	for at, x := range a.Score {
		split.Outcomes.Present[at] = logged[at] == logged[at]
		if x == x {
			n[at%len(a.Models)]++
			sum[at%len(a.Models)] += float64(x)
		}
	}
	all := forecast.OverAllPrompts(len(a.Models), split, policy.Quality)
	out := make([]Estimate, len(a.Models))
	for m, name := range a.Models {
		out[m] = Estimate{name, n[m], known(sum[m] / float64(n[m])), known(all[m])}
	}
	return out
}
