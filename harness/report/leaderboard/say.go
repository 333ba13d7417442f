package leaderboard

import (
	"fmt"
	"math"
	"strings"

	"github.com/trilemma-bench/trilemma/harness/metrics"
	"github.com/trilemma-bench/trilemma/harness/stats"
	"github.com/trilemma-bench/trilemma/harness/textfile"
)

// Sentences are what a report says of the pool, the first things first: that there are few prompts, the answer, how many
// prompts would tell more, and which policies decide as others do. lead is for the top of a page, more for below its table.
func (t *Table) Sentences(twins []Twin) (lead, more []string) {
	if s := t.few(); s != "" {
		lead = append(lead, s)
	}
	lead = append(lead, t.Answer())
	if b := t.best(); b != nil && !b.Hindsight {
		if s := t.needs(b); s != "" {
			more = append(more, s)
		}
	}
	for _, twin := range twins {
		more = append(more, twin.String())
	}
	return lead, more
}

// Answer is the pool's answer in a sentence; "" where there is none.
func (t *Table) Answer() string {
	b := t.best()
	if b == nil {
		return t.unranked()
	}
	if s := t.noBetterThanMixing(b); s != "" {
		return s
	}
	name := t.headline().Print
	value := withInterval(&b.Value, b.Low, b.High)
	n := textfile.Thousands(t.prompts())
	switch {
	case b.Hindsight:
		return fmt.Sprintf("`%s` had the highest AIQ of the test prompts, %s: in hindsight, by an older version.", b.Policy, value)
	case b.Second == "" || b.Diff == nil:
		s := fmt.Sprintf("`%s` is the only policy that has a rank: %s %s on %s test prompts", b.Policy, name, value, n)
		if l := t.Line(b.Policy); l != nil {
			if v := l.Values[b.Metric]; v.Diff != "" {
				s += fmt.Sprintf("; against `%s` it is %s", v.baseline, signed(v, "−"))
			}
		}
		return s + "."
	case b.Clear:
		return fmt.Sprintf("`%s` is best: %s %s on %s test prompts, %s above `%s`, the next (p = %.2g, Holm over all pairs; both chosen on the selection prompts).",
			b.Policy, name, value, n, withInterval(b.Diff, b.DiffLow, b.DiffHigh), b.Second, *t.holm(b))
	case same(b.Diff, b.DiffLow, b.DiffHigh):
		return fmt.Sprintf("No policy is clearly best: `%s` and `%s`, the first two by the selection prompts, are alike in %s on %s test prompts, %s.", b.Policy, b.Second, name, n, value)
	case b.DiffHigh != nil && *b.DiffHigh < 0:
		return fmt.Sprintf("No policy is clearly best: the selection prompts put `%s` first, but on %s test prompts it is %s behind `%s` in %s (it has %s): they were too few to tell, or the test prompts are of another kind.",
			b.Policy, n, withInterval(minus(b.Diff), minus(b.DiffHigh), minus(b.DiffLow)), b.Second, name, value)
	case *b.Diff < 0:
		return fmt.Sprintf("No policy is clearly best: `%s`, first by the selection prompts, is %s behind `%s`, the second, in %s on %s test prompts (it has %s).",
			b.Policy, withInterval(minus(b.Diff), minus(b.DiffHigh), minus(b.DiffLow)), b.Second, name, n, value)
	}
	return fmt.Sprintf("No policy is clearly best: `%s`, first by the selection prompts, is %s ahead of `%s`, the second, in %s on %s test prompts (it has %s).",
		b.Policy, withInterval(b.Diff, b.DiffLow, b.DiffHigh), b.Second, name, n, value)
}

// shown is the least difference that three decimals can show.
const shown = 0.0005

// same tells whether a difference and its interval are nothing at three decimals.
func same(diff, low, high *float64) bool {
	for _, x := range []*float64{diff, low, high} {
		if x == nil || math.Abs(*x) >= shown {
			return false
		}
	}
	return true
}

// noBetterThanMixing is the answer where no ranked policy is clear of the mix of single models; "" where one is, or where
// nothing is known of it. Of a run of an older version the values alone are compared.
func (t *Table) noBetterThanMixing(b *Best) string {
	name, n := t.headline().Print, textfile.Thousands(t.prompts())
	if b.Hindsight {
		return ""
	}
	if t.mixing == nil {
		mix := t.Line(metrics.ZeroRouter)
		if mix == nil || math.IsNaN(Parse(mix.Values[b.Metric].Value)) {
			return ""
		}
		for i := range t.Lines {
			if l := &t.Lines[i]; l.candidate() && Parse(l.Values[b.Metric].Value) >= Parse(mix.Values[b.Metric].Value)+shown {
				return ""
			}
		}
		v, than, other := mix.Values[b.Metric], "mixing single models", "the mix"
		if b.Metric == metrics.QualityMetric { // at any price the mix is the best model alone
			than, other = "the best single model", "the model"
		}
		return fmt.Sprintf("No policy is better than %s: `%s`, first by the selection prompts, has %s in %s on %s test prompts, %s %s.",
			than, b.Policy, withInterval(&b.Value, b.Low, b.High), name, n, other, Interval(v.Value, v.Low, v.High))
	}
	var of *pair
	ahead := false // of some policy more than nothing is left when chance is taken away
	for i := range t.mixing {
		x := &t.mixing[i]
		switch {
		case x.Metric != b.Metric || x.Diff == nil:
			continue
		case *x.Diff > 0 && (x.clear() || x.HolmP == nil):
			return "" // clear, or without an interval by which to deny it
		}
		ahead = ahead || x.High == nil || *x.High >= shown
		if x.A == b.Policy {
			of = x
		}
	}
	if of == nil {
		return ""
	}
	said := "No policy is better than mixing single models"
	if ahead {
		said = "No policy is shown to be better than mixing single models"
	}
	first := fmt.Sprintf("`%s`, first by the selection prompts,", b.Policy)
	switch {
	case same(of.Diff, of.Low, of.High):
		return fmt.Sprintf("%s: %s does as the mix does in %s on %s test prompts.", said, first, name, n)
	case *of.Diff < 0:
		return fmt.Sprintf("%s: %s is %s behind the mix in %s on %s test prompts.", said, first, withInterval(minus(of.Diff), minus(of.High), minus(of.Low)), name, n)
	}
	return fmt.Sprintf("%s: %s is %s ahead of the mix in %s on %s test prompts.", said, first, withInterval(of.Diff, of.Low, of.High), name, n)
}

// few says that there are few test prompts: fewer than [stats.FewPrompts], so that intervals are too short, or so few that
// even the two policies that differ most differ by less than could be shown. "" where neither is so.
func (t *Table) few() string {
	n := t.prompts()
	if n == 0 || t.Older {
		return ""
	}
	metric := t.headline()
	var most *pair
	for i := range t.pairs {
		x := &t.pairs[i]
		if x.Metric != paired(metric.Metric) || x.Diff == nil || x.SE == nil {
			continue
		}
		if x.clear() && n >= stats.FewPrompts || math.Abs(*x.Diff) >= stats.ZPower**x.SE && *x.SE > 0 && n >= stats.FewPrompts {
			return ""
		}
		if most == nil || math.Abs(*x.Diff) > math.Abs(*most.Diff) {
			most = x
		}
	}
	switch {
	case most != nil && *most.SE > 0:
		if math.Abs(*most.Diff) < stats.ZPower**most.SE {
			return fmt.Sprintf("Few prompts: on %s test prompts even `%s` and `%s`, the two policies that differ most, are %.3f apart in %s, where a power of 80 %% takes %.3f.",
				textfile.Thousands(n), most.A, most.B, math.Abs(*most.Diff), metric.Print, stats.ZPower**most.SE)
		}
		return fmt.Sprintf("Few prompts: there are %s to test on, so that intervals are rather too short, and policies must differ by %.3f in %s to be told apart with a power of 80 %%.", textfile.Thousands(n), stats.ZPower**most.SE, metric.Print)
	case n < stats.FewPrompts:
		return fmt.Sprintf("Few prompts: there are %s to test on, so that intervals are rather too short.", textfile.Thousands(n))
	}
	return ""
}

func minus(x *float64) *float64 {
	if x == nil {
		return nil
	}
	return new(-*x)
}

func (t *Table) holm(b *Best) *float64 {
	if p := t.pair(b.Metric, b.Policy, b.Second); p != nil && p.HolmP != nil {
		return p.HolmP
	}
	nan := math.NaN()
	return &nan
}

// needs says how many prompts would show a small difference between the first two.
func (t *Table) needs(b *Best) string {
	p := t.pair(b.Metric, b.Policy, b.Second)
	if p == nil || p.SE == nil {
		return ""
	}
	n := metrics.PromptsFor(*p.SE, t.prompts())
	if !(n > float64(t.prompts())) || n > math.MaxInt32 {
		return "" // these prompts would do
	}
	return fmt.Sprintf("A difference of 0.005 between `%s` and `%s` would be seen, at a power of 80 %%, with about %s test prompts.", b.Policy, b.Second, textfile.Thousands(roundUp(n)))
}

// roundUp keeps two digits.
func roundUp(n float64) int {
	unit := math.Pow(10, max(0, math.Floor(math.Log10(n))-1))
	return int(math.Ceil(n/unit) * unit)
}

// unranked says why no policy has a rank.
func (t *Table) unranked() string {
	if len(t.Lines) == 0 {
		return "No policy has any metric: the notes say why."
	}
	thin, labelled := 0, []string(nil)
	for i := range t.Lines {
		switch l := &t.Lines[i]; l.Role {
		case metrics.RoleThin:
			thin = max(thin, l.N)
		case metrics.RoleLabelled:
			labelled = append(labelled, "`"+l.policy+"`")
		}
	}
	var why []string
	if thin > 0 {
		why = append(why, fmt.Sprintf("%d test prompts are too few, a rank takes %d", thin, metrics.MinRanked))
	}
	if len(labelled) > 0 {
		why = append(why, strings.Join(labelled, ", ")+" uses the data set's label")
	}
	if len(why) == 0 {
		return ""
	}
	return "No policy has a rank: " + strings.Join(why, "; ") + "."
}
