package billing

import (
	"fmt"
	"math"
	"strings"

	"github.com/trilemma-bench/trilemma/harness/cost"
	"github.com/trilemma-bench/trilemma/harness/textfile"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// UnknownCost says what becomes of an outcome that has a score but no known cost. Unknown is never zero.
type UnknownCost string

// What becomes of them.
const (
	// Exclude counts them as missing. Where an answer lacks its usage because it failed, the rest is too good.
	Exclude UnknownCost = ""
	// Impute charges them with the mean figures of their model's other outcomes. A model without any is excluded.
	Impute UnknownCost = "impute"
	// QualityOnly takes the cost of every outcome as unknown, so that models are compared by their scores alone.
	QualityOnly UnknownCost = "quality-only"
	// Keep keeps them with an unknown cost beside others with a known one: to describe a trace, not to compare by cost.
	Keep UnknownCost = "keep"
)

// Unbilled tells of one model's outcomes that have a score but no known cost, and why.
type Unbilled struct {
	Answered int // outcomes with a score
	Outcomes int // of them without a known cost
	// Why, an outcome counting for everything that it lacks.
	NoInputTokens, NoOutputTokens int
	NoPrice                       int // models.yaml has none
	NotInBook                     int
	Contradictory                 int // reasoning above output tokens, or cached above input tokens
	NoParts                       int // the book prices cached or reasoning tokens apart, and their number is unknown

	score, squares, keptScore, keptSquares float64 // sums
}

// see counts an answer.
func (u *Unbilled) see(score, price float32) {
	u.Answered++
	x := float64(score)
	if isNaN(price) {
		u.Outcomes++
		u.score, u.squares = u.score+x, u.squares+x*x
	} else {
		u.keptScore, u.keptSquares = u.keptScore+x, u.keptSquares+x*x
	}
}

// why counts what an answer without a known cost lacks.
func (u *Unbilled) why(m *meter, use cost.Usage, contradicts bool) {
	noIn, noOut := math.IsNaN(use.InputTokens), math.IsNaN(use.OutputTokens)
	switch {
	case contradicts:
		u.Contradictory++
	default:
		if noIn {
			u.NoInputTokens++
		}
		if noOut {
			u.NoOutputTokens++
		}
	}
	switch {
	case m.book != nil && !m.book.Has(m.id):
		u.NotInBook++
	case m.book == nil && !m.price.Known():
		u.NoPrice++
	case m.book != nil && !noIn && !noOut:
		u.NoParts++
	}
}

func (u *Unbilled) add(o *Unbilled) {
	for _, p := range []struct{ to, from *int }{
		{&u.Answered, &o.Answered}, {&u.Outcomes, &o.Outcomes}, {&u.NoInputTokens, &o.NoInputTokens}, {&u.NoOutputTokens, &o.NoOutputTokens},
		{&u.NoPrice, &o.NoPrice}, {&u.NotInBook, &o.NotInBook}, {&u.Contradictory, &o.Contradictory}, {&u.NoParts, &o.NoParts},
	} {
		*p.to += *p.from
	}
	u.score, u.squares = u.score+o.score, u.squares+o.squares
	u.keptScore, u.keptSquares = u.keptScore+o.keptScore, u.keptSquares+o.keptSquares
}

// Kept is the number of the others: those with a known cost.
func (u *Unbilled) Kept() int { return u.Answered - u.Outcomes }

// Score is the mean score of the outcomes without a known cost, KeptScore of the others, AllScore of both; NaN over none.
func (u *Unbilled) Score() float64 { return u.score / float64(u.Outcomes) }

// KeptScore is described at [Unbilled.Score].
func (u *Unbilled) KeptScore() float64 { return u.keptScore / float64(u.Kept()) }

// AllScore is described at [Unbilled.Score].
func (u *Unbilled) AllScore() float64 { return (u.score + u.keptScore) / float64(u.Answered) }

// selectiveSE is how many standard errors apart the scores of both parts must be to be called so.
const selectiveSE = 3

// Selective tells whether costs are not missing at random: the outcomes without one score otherwise than the rest, by more
// than three standard errors of the difference of the means.
func (u *Unbilled) Selective() bool {
	n, m := float64(u.Outcomes), float64(u.Kept())
	if n < 2 || m < 2 {
		return false
	}
	// One pooled variance: each part alone may have none (all failed), which would be certainty from a handful.
	mean := u.AllScore()
	variance := ((u.squares+u.keptSquares)/(n+m) - mean*mean) * (n + m) / (n + m - 1)
	return math.Abs(u.Score()-u.KeptScore()) > selectiveSE*math.Sqrt(max(0, variance)*(1/n+1/m))
}

// Beside says how the outcomes without a known cost score beside the others.
func (u *Unbilled) Beside() string {
	return fmt.Sprintf("they score %.3f on average, the other %d score %.3f", u.Score(), u.Kept(), u.KeptScore())
}

// Fate says what becomes of the outcomes without a known cost.
func (u *Unbilled) Fate(how UnknownCost) string {
	switch {
	case how == QualityOnly:
		return fmt.Sprintf("They count with their scores, %.3f in all", u.AllScore())
	case how == Impute && u.Kept() > 0:
		return fmt.Sprintf("They are charged with the mean of the others, an estimate; the model scores %.3f", u.AllScore())
	case u.Kept() == 0:
		return fmt.Sprintf("The model, which scores %.3f, cannot be replayed; accounting.unknown_cost: quality-only compares by scores alone", u.AllScore())
	}
	text := "They count as missing"
	if math.Abs(u.KeptScore()-u.AllScore()) >= 0.0005 {
		text += fmt.Sprintf(", so the model is shown with %.3f instead of %.3f", u.KeptScore(), u.AllScore())
	}
	if u.Selective() {
		text += ": costs are not missing at random"
	}
	return text + "; accounting.unknown_cost: impute charges the mean of the others, quality-only compares by scores alone"
}

// WhyUnbilled names what the outcomes of some of the table's models lack to have a cost, "" where they lack nothing. names are
// those of the table's models.
func (t *Table) WhyUnbilled(names []string, models []int) string {
	var all Unbilled
	var unpriced, unknown []string
	for _, m := range models {
		u := &t.Unbilled[m]
		all.add(u)
		if u.NoPrice > 0 {
			unpriced = append(unpriced, names[m])
		}
		if u.NotInBook > 0 {
			unknown = append(unknown, names[m])
		}
	}
	var why []string
	say := func(n int, format string, args ...any) {
		if n > 0 {
			why = append(why, fmt.Sprintf(format, args...))
		}
	}
	const estimate = ": log them, or set accounting.tokens: estimate to count them from the texts"
	if all.NoInputTokens == all.NoOutputTokens {
		say(all.NoInputTokens, "%s outcomes have no input_tokens/output_tokens"+estimate, textfile.Thousands(all.NoInputTokens))
	} else {
		say(all.NoInputTokens, "%s outcomes have no input_tokens"+estimate, textfile.Thousands(all.NoInputTokens))
		say(all.NoOutputTokens, "%s outcomes have no output_tokens"+estimate, textfile.Thousands(all.NoOutputTokens))
	}
	say(all.Contradictory, "%s outcomes have reasoning_tokens above output_tokens or cached_input_tokens above input_tokens: "+
		"where the provider counts them on top, set accounting.usage: exclusive", textfile.Thousands(all.Contradictory))
	say(all.NoPrice, "models lack prices in models.yaml: %s: give price_input_usd_per_mtok and price_output_usd_per_mtok, log cost_usd, or name a price book",
		few(unpriced))
	say(all.NotInBook, "the price book has no price of %s: add the model or an alias, or leave prices out to take those of models.yaml", few(unknown))
	say(all.NoParts, "%s outcomes lack reasoning_tokens or cached_input_tokens, which the price book prices apart", textfile.Thousands(all.NoParts))
	return strings.Join(why, "; ")
}

func few(names []string) string {
	const most = 8
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}

// impute charges a model's outcomes without a known cost with the means of its other outcomes, and returns how many it
// charged. What of an outcome's energy, carbon and latency is known is kept. Without any other outcome there is no mean, and
// they are left out.
func (t *Table) impute(model int) (charged int) {
	var low, high, n policy.Figures
	for p := range t.Prompts {
		o := t.At(p, model)
		if isNaN(o.Low[policy.Cost]) {
			continue
		}
		for _, q := range policy.Spent {
			if !isNaN(o.Low[q]) {
				low[q], high[q], n[q] = low[q]+float64(o.Low[q]), high[q]+float64(o.High[q]), n[q]+1
			}
		}
	}
	for p := range t.Prompts {
		o := t.At(p, model)
		switch {
		case !o.Present() || !isNaN(o.Low[policy.Cost]):
		case n[policy.Cost] == 0:
			*o = Outcome{Figures: Unknown}
		default:
			charged++
			for _, q := range policy.Spent {
				if isNaN(o.Low[q]) && n[q] > 0 {
					o.Low[q], o.High[q] = float32(low[q]/n[q]), float32(high[q]/n[q])
				}
			}
		}
	}
	return charged
}
