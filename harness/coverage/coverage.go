// Package coverage tells which models answered which prompts, and what that does to averages. The way of the data:
//
//  1. [Answers] are the scores of a pool's models, with holes.
//  2. [Answers.Density] says whether every model answered, or some, or the one that a log chose for the prompt.
//  3. [Answers.Missing] says what a comparison on common prompts leaves out, by model and category, whether it is missing
//     at random, and which models to leave out instead; [Answers.Estimates] what the models come to over all prompts.
package coverage

import (
	"errors"
	"fmt"
	"strings"

	"github.com/trilemma-bench/trilemma/harness/textfile"
)

// Answers are the scores of models on prompts.
type Answers struct {
	Models []string
	Score  []float32 // [prompts × models], NaN where there is no outcome
	// Logged has, beside these, the scores of outcomes that cannot be used, for want of a cost; nil where there are none.
	Logged   []float32
	Category []string // [prompts]; nil where the trace has none
	// Propensity tells that outcomes carry the probability with which a log chose the model.
	Propensity bool
}

// prompts is the number of prompts.
func (a *Answers) prompts() int { return len(a.Score) / max(len(a.Models), 1) }

// has tells whether a model answered a prompt.
func (a *Answers) has(prompt, model int) bool {
	x := a.Score[prompt*len(a.Models)+model]
	return x == x
}

// Feedback says of how many models the outcome of a prompt is known.
type Feedback string

// The kinds of feedback.
const (
	Full    Feedback = "full"    // of all
	Partial Feedback = "partial" // of some
	Bandit  Feedback = "bandit"  // of the one that a log chose
)

// Density counts outcomes by prompt.
type Density struct {
	Feedback Feedback `json:"feedback"`
	Prompts  int      `json:"prompts"` // with any outcome
	One      int      `json:"one"`     // with the outcome of one model alone, of several in the pool
	All      int      `json:"all"`     // with that of every model
	// Propensity is as in [Answers].
	Propensity bool `json:"propensity"`
}

// A log of choices has one outcome a prompt. With almostAll of the prompts so it is taken for one, with most of them where
// it tells the propensity of its choices. A benchmark in which one model answered everything and the others little is none:
// there, most of what the others answered does not stand alone.
const (
	almostAll = 0.9
	most      = 0.5
)

// Density counts the outcomes and says what kind of feedback they are.
func (a *Answers) Density() Density {
	d := Density{Propensity: a.Propensity}
	answers, alone := make([]int, len(a.Models)), make([]int, len(a.Models))
	for i := range a.prompts() {
		n, last := 0, 0
		for m := range a.Models {
			if a.has(i, m) {
				answers[m]++
				n, last = n+1, m
			}
		}
		if n == 0 {
			continue
		}
		d.Prompts++
		if n == len(a.Models) {
			d.All++
		} else if n == 1 {
			d.One++
			alone[last]++
		}
	}
	usual := 0
	for m := range answers {
		if answers[m] > answers[usual] {
			usual = m
		}
	}
	others, apart := 0, 0
	for m := range answers {
		if m != usual {
			others, apart = others+answers[m], apart+alone[m]
		}
	}
	need := almostAll
	if d.Propensity {
		need = most
	}
	switch {
	case d.All == d.Prompts:
		d.Feedback = Full
	case float64(d.One) >= need*float64(d.Prompts) && others > 0 && float64(apart) >= most*float64(others):
		d.Feedback = Bandit
	default:
		d.Feedback = Partial
	}
	return d
}

// String describes the feedback in a line.
func (d Density) String() string {
	propensity := "no propensities are logged"
	if d.Propensity {
		propensity = "with the propensity of the choice"
	}
	switch d.Feedback {
	case Full:
		return fmt.Sprintf("full: every model answered each of %s prompts", textfile.Thousands(d.Prompts))
	case Bandit:
		return fmt.Sprintf("bandit: %s of %s prompts have the outcome of one model alone, %s", textfile.Thousands(d.One), textfile.Thousands(d.Prompts), propensity)
	}
	return fmt.Sprintf("partial: %s of %s prompts were answered by all models, %s by one alone", textfile.Thousands(d.All), textfile.Thousands(d.Prompts), textfile.Thousands(d.One))
}

// ErrBandit is what [Density.Check] wraps.
var ErrBandit = errors.New("this is a bandit log")

// Check refuses a bandit log. Which outcomes it has depends on what the log chose: an average over those that match a
// policy's choices estimates nothing.
func (d Density) Check() error {
	if d.Feedback != Bandit {
		return nil
	}
	return fmt.Errorf("%w: %s of %s prompts have one outcome (%s); averages over whatever matches are not estimates, and off-policy "+
		"estimates are not built yet: give test prompts that several models answered, as data.trace, or as data.test beside this log as data.train",
		ErrBandit, textfile.Thousands(d.One), textfile.Thousands(d.Prompts), map[bool]string{true: "propensities are logged", false: "no propensities are logged"}[d.Propensity])
}

var words = strings.Fields("no one two three four five six seven eight nine ten eleven twelve")

// word writes a small count in letters.
func word(n int) string {
	if n < len(words) {
		return words[n]
	}
	return textfile.Thousands(n)
}
