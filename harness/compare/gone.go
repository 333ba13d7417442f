package compare

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/trilemma-bench/trilemma/harness/metrics"
	"github.com/trilemma-bench/trilemma/harness/store"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Gone is a policy that one run has results of and the other has not, and why.
type Gone struct {
	Pool   string `json:"pool"`
	Policy string `json:"policy"`
	Reason string `json:"reason"`
}

// Told says who is gone, one sentence for all of a pool that are gone for one reason.
func Told(list []Gone) []string {
	type about struct{ pool, reason string }
	var order []about
	names := map[about][]string{}
	for _, g := range list {
		a := about{g.Pool, g.Reason}
		if names[a] == nil {
			order = append(order, a)
		}
		names[a] = append(names[a], g.Policy)
	}
	var out []string
	for _, a := range order {
		out = append(out, fmt.Sprintf("pool %s: %s: %s", a.pool, strings.Join(names[a], ", "), a.reason))
	}
	return out
}

// ErrNothing is wrapped where two runs have nothing that could be compared.
var ErrNothing = errors.New("nothing to compare")

// nothing is the error of a comparison without rows: it says why, pool by pool.
func (c *Comparison) nothing() error {
	why := slices.Concat(c.Notices, Told(c.Vanished))
	if len(why) == 0 {
		why = Told(c.New)
	}
	return fmt.Errorf("%w in %s and %s:\n  %s", ErrNothing, c.Before, c.After, strings.Join(why, "\n  "))
}

// gone are the policies that a run has results of and another one has not, of one pool where it is named.
func (s *side) gone(other *side, only string) []Gone {
	var out []Gone
	for _, pool := range s.pools() {
		if only != "" && pool != only {
			continue
		}
		there := other.policies(pool)
		for _, name := range s.policies(pool) {
			if !slices.Contains(there, name) {
				out = append(out, Gone{pool, name, other.lacks(pool, name, s)})
			}
		}
	}
	return out
}

// lacks says why a run has no results of a policy that another one has.
func (s *side) lacks(pool, name string, other *side) string {
	var failed string
	var pools, labels []string
	planned := false
	of := map[string]bool{} // the other's cells of the policy
	family := ""
	for i := range other.refs {
		if r := &other.refs[i]; r.Pool == pool && other.name(r) == name {
			of[r.ID], family = true, r.Family
		}
	}
	for i := range s.plan {
		r := &s.plan[i]
		if !slices.Contains(pools, r.Pool) {
			pools = append(pools, r.Pool)
		}
		switch {
		case r.Pool == pool && s.name(r) == name:
			planned = true
			if st, ok := s.run.Cell(r.ID); ok && st.State == store.Failed {
				failed = st.Reason
			}
		case of[r.ID] && r.Pool == pool:
			return fmt.Sprintf("in %s the same cells are called %s", s.called, s.name(r))
		case of[r.ID]:
			return fmt.Sprintf("in %s the same cells are %s of pool %s", s.called, s.name(r), r.Pool)
		case r.Pool == pool && r.Family == family && !slices.Contains(labels, s.name(r)):
			labels = append(labels, s.name(r))
		}
	}
	switch {
	case failed != "":
		return fmt.Sprintf("failed in %s: %s", s.called, failed)
	case planned:
		return fmt.Sprintf("not done in %s", s.called)
	case !slices.Contains(pools, pool):
		return fmt.Sprintf("%s has no such pool: it has %s", s.called, strings.Join(pools, ", "))
	}
	text := "not among the policies of " + s.called
	labels = slices.DeleteFunc(labels, func(l string) bool { return slices.Contains(other.policies(pool), l) })
	if len(labels) > 0 {
		text += fmt.Sprintf(", which has %s of the same kind", strings.Join(labels, ", "))
	}
	return text
}

// failures says which compared policies stand on fewer cells in a run than were planned.
func (s *side) failures(pool string, names []string) (out []string) {
	for _, name := range names {
		failed, all, why := 0, 0, ""
		for i := range s.plan {
			r := &s.plan[i]
			if r.Pool != pool || s.name(r) != name {
				continue
			}
			all++
			if st, ok := s.run.Cell(r.ID); !ok || st.State != store.Done {
				failed++
				why = st.Reason
			}
		}
		if failed > 0 && failed < all {
			out = append(out, fmt.Sprintf("pool %s: %s: %d of %d cells failed in %s (%s): compared by the others", pool, name, failed, all, s.called, why))
		}
	}
	return out
}

// prompts are the test prompts of a pool.
func (s *side) prompts(pool string) map[string]bool {
	out := map[string]bool{}
	for i := range s.refs {
		if r := &s.refs[i]; r.Pool == pool {
			for _, id := range s.cells[r.ID].Prompts {
				out[id] = true
			}
		}
	}
	return out
}

func shared(a, b map[string]bool) (out []string) {
	for id := range a {
		if b[id] {
			out = append(out, id)
		}
	}
	return out
}

// unlike says how the data of a pool differ between two runs: models, test prompts, what models answered.
func (c *Comparison) unlike(pool string, a, b *side) (out []string) {
	say := func(format string, args ...any) {
		out = append(out, "pool "+pool+": "+fmt.Sprintf(format, args...))
	}
	mine, theirs := a.prompts(pool), b.prompts(pool)
	common := len(shared(mine, theirs))
	why := c.ofData()
	if why != "" {
		why = ": " + why
	}
	switch {
	case common == 0:
		say("no test prompt is in both runs, of %d and %d%s", len(mine), len(theirs), why)
		return out
	case common < len(mine) || common < len(theirs):
		say("%d test prompts of %d and %d are in both runs%s", common, len(mine), len(theirs), why)
	}
	models := a.models(pool)
	if lost := without(models, b.models(pool)); len(lost) > 0 {
		say("%s has no model %s", b.called, few(lost))
	}
	if added := without(b.models(pool), models); len(added) > 0 {
		say("%s has no model %s: choices of it count with what they led to, and metrics are normalised by the models that there are", a.called, few(added))
	}
	if other, of := changedScores(pool, a, b); other > 0 {
		say("%d of %d scores that both runs have of a model's answer to a prompt differ: prompts are matched by their ids, but the data are others", other, of)
	}
	return out
}

// ofData names the settings and inputs of the data that differ, what was read first; "" where none does.
func (c *Comparison) ofData() string {
	var first, then []string
	simulated := false
	for _, x := range c.Changes {
		switch text := fmt.Sprintf("%s %s → %s", x.What, orNone(x.Before), orNone(x.After)); {
		case strings.HasPrefix(x.What, "input ") && x.Before != "" && x.After != "":
			first = append(first, x.What+" has other content")
		case strings.HasPrefix(x.What, "data.synth."):
			simulated = true
		case x.What == "data.trace", x.What == "data.train", x.What == "data.test":
			first = append(first, text)
		case strings.HasPrefix(x.What, "data."):
			then = append(then, text)
		}
	}
	if simulated {
		first = append(first, "the simulated data differ (data.synth)")
	}
	return strings.Join(shorten(append(first, then...), 3), "; ")
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// changedScores counts the scores of single models that two runs both have, and those that are not the same.
func changedScores(pool string, a, b *side) (other, of int) {
	theirs := map[string]*store.Results{}
	for i := range b.refs {
		if r := &b.refs[i]; r.Pool == pool && isSingle(r) {
			theirs[r.Policy] = b.cells[r.ID]
		}
	}
	for i := range a.refs {
		r := &a.refs[i]
		if r.Pool != pool || !isSingle(r) || theirs[r.Policy] == nil {
			continue
		}
		mine, their := a.cells[r.ID], theirs[r.Policy]
		if len(mine.Lines) == 0 || len(their.Lines) == 0 {
			continue
		}
		for k, id := range mine.Prompts {
			at := their.Place(id)
			if at < 0 {
				continue
			}
			of++
			x, y := mine.Lines[0].Figures[policy.Quality][k], their.Lines[0].Figures[policy.Quality][at]
			if x != y && (x == x || y == y) {
				other++
			}
		}
	}
	return other, of
}

func without(list, other []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return slices.Contains(other, s) })
}

// few names some of a list.
func few(names []string) string { return strings.Join(shorten(names, 6), ", ") }

// shorten keeps the first entries of a list, and says how many more there are.
func shorten(list []string, most int) []string {
	if len(list) > most {
		return append(list[:most:most], fmt.Sprintf("%d more", len(list)-most))
	}
	return list
}

// uncompared says why a policy of both runs has no prompt to be compared on.
func (s *side) uncompared(pool, name string, models []string, other *side) string {
	switch {
	case len(s.covered(pool, name)) == 0:
		return fmt.Sprintf("it has no result of any prompt in %s", s.called)
	case len(other.covered(pool, name)) == 0:
		return fmt.Sprintf("it has no result of any prompt in %s", other.called)
	case len(s.answered(pool, models)) == 0:
		return fmt.Sprintf("in %s no prompt was answered by all of %s", s.called, few(prefixed(models)))
	}
	return "no prompt that it covers in both runs was answered by every model"
}

func prefixed(models []string) (out []string) {
	for _, m := range models {
		out = append(out, metrics.SinglePrefix+m)
	}
	return out
}
