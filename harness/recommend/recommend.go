package recommend

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/trilemma-bench/trilemma/harness/stats"
	"github.com/trilemma-bench/trilemma/harness/store"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// minPrompts is the number of selection prompts below which a setting is not chosen.
const minPrompts = 30

// Choice is one policy at one setting.
type Choice struct {
	Ref       store.Ref
	Params    json.RawMessage
	Saved     bool // its cell has a checkpoint
	Selection store.Point
	Test      store.Point
	// Order and Check are the halves of the selection prompts: that by which settings are put in order, and that by which
	// they are tested.
	Order, Check store.Moments
}

// Covered is how many selection prompts the setting has a result for.
func (c *Choice) Covered() int { return int(math.Round(c.Selection.Coverage * float64(c.Selection.N))) }

// all are the moments of a figure over all selection prompts.
func (c *Choice) all(k policy.Quantity) stats.Moments {
	return moments(&c.Order, k).Join(moments(&c.Check, k))
}

func moments(f *store.Moments, k policy.Quantity) stats.Moments { return f[k] }

// Barred are settings that are not chosen from.
type Barred struct {
	Policy   string `json:"policy"`
	Settings int    `json:"settings"`
	Reason   string `json:"reason"`
}

// Choices are what a pool of a run has to choose from.
type Choices struct {
	Run    *store.Run
	Pool   string
	List   []Choice
	Barred []Barred
	// Pools are all pools of the run.
	Pools []string
	// Lacking are the policies of the pool that have cells which failed or were not run yet.
	Lacking []Lack
	// Running tells that a process is still at work on the run.
	Running bool
}

// Lack is a policy that some cells are missing of: what they would have led to cannot be chosen.
type Lack struct {
	Policy  string `json:"policy"`
	Missing int    `json:"missing"`
	Cells   int    `json:"cells"`
	// Failed is why the first of them failed, "" where none did: they were not run yet.
	Failed string `json:"failed,omitempty"`
}

// ErrInfeasible is wrapped where no setting is known to keep the limits.
var ErrInfeasible = errors.New("no setting keeps the limits")

// Open reads the choices of a pool of a run; "" takes the run's first pool. Of an unfinished run they are those of the cells
// that are done: [Choices.Lacking] says what is missing.
func Open(run *store.Run, pool string) (*Choices, error) {
	plan, err := run.Plan()
	if err != nil {
		return nil, err
	}
	c := &Choices{Run: run, Pool: pool, Running: run.Busy()}
	seen := map[string]bool{}
	blind := 0
	for _, ref := range plan {
		if !seen[ref.Pool] {
			seen[ref.Pool] = true
			c.Pools = append(c.Pools, ref.Pool)
		}
		if c.Pool == "" {
			c.Pool = ref.Pool
		}
		if ref.Pool != c.Pool {
			continue
		}
		st, ok := run.Cell(ref.ID)
		c.count(ref.Policy, &st, ok)
		if !ok || st.State != store.Done {
			continue
		}
		if len(st.Halves) == 0 {
			blind++
		}
		c.add(ref, &st)
	}
	c.Lacking = slices.DeleteFunc(c.Lacking, func(l Lack) bool { return l.Missing == 0 })
	switch {
	case !seen[c.Pool]:
		return nil, fmt.Errorf("the run has no pool %q: it has %s", pool, strings.Join(c.Pools, ", "))
	case len(c.List) > 0:
	case len(c.Barred) > 0:
		return nil, fmt.Errorf("no setting of pool %s can be chosen: %s%s", c.Pool, barred(c.Barred), c.lacking(". "))
	case blind > 0:
		return nil, fmt.Errorf("%s keeps no figures of selection prompts: its split has none, or it was made by an older version; give the split a selection or validation share and run its experiment again with --fresh", run.Dir)
	default:
		return nil, fmt.Errorf("%s has no finished cell in pool %s%s", run.Dir, c.Pool, c.lacking(": "))
	}
	return c, nil
}

// count counts a cell of the pool among those of its policy.
func (c *Choices) count(policy string, st *store.Status, known bool) {
	i := slices.IndexFunc(c.Lacking, func(l Lack) bool { return l.Policy == policy })
	if i < 0 {
		i = len(c.Lacking)
		c.Lacking = append(c.Lacking, Lack{Policy: policy})
	}
	l := &c.Lacking[i]
	l.Cells++
	if !known || st.State != store.Done {
		l.Missing++
	}
	if known && st.State == store.Failed {
		l.Failed = cmp.Or(l.Failed, st.Reason)
	}
}

// Unfinished says what is missing of the pool, and how to go on; "" where nothing is.
func (c *Choices) Unfinished() string { return c.lacking("") }

// lacking says it after some words.
func (c *Choices) lacking(after string) string {
	if len(c.Lacking) == 0 {
		return ""
	}
	var parts []string
	for _, l := range c.Lacking {
		text := l.Policy
		if l.Cells > 1 {
			text += fmt.Sprintf(" (%d of %d cells)", l.Missing, l.Cells)
		}
		if l.Failed != "" {
			text += " (failed: " + l.Failed + ")"
		}
		parts = append(parts, text)
	}
	if len(parts) > maxNamed {
		parts = append(parts[:maxNamed:maxNamed], fmt.Sprintf("%d more", len(parts)-maxNamed))
	}
	state := "the run has not finished pool " + c.Pool
	if c.Running {
		state = "the run is still at work"
	}
	next := fmt.Sprintf("`trilemma resume %s` goes on with it", c.Run.Dir)
	if c.Running {
		next = "ask again when it is done"
	}
	return fmt.Sprintf("%s%s: nothing is known of %s; %s", after, state, strings.Join(parts, ", "), next)
}

// maxNamed is how many policies a sentence names.
const maxNamed = 6

// add adds the settings of a cell, or bars them.
func (c *Choices) add(ref store.Ref, st *store.Status) {
	test := map[string]store.Point{}
	for _, p := range st.Points {
		test[p.Preference] = p
	}
	selection := map[string]store.Point{}
	for _, p := range st.Selection {
		selection[p.Preference] = p
	}
	for _, h := range st.Halves {
		x := Choice{Ref: ref, Params: st.Params, Saved: st.Saved != nil, Selection: selection[h.Preference], Test: test[h.Preference], Order: h.Order, Check: h.Check}
		switch n := x.Covered(); {
		case ref.Labelled || st.Labelled:
			c.bar(ref.Policy, "it is told the data set's label of the prompts that it routes, which no live prompt has")
		case n < minPrompts:
			c.bar(ref.Policy, fmt.Sprintf("results for %d selection prompts, fewer than %d: give the split a larger selection share", n, minPrompts))
		default:
			c.List = append(c.List, x)
		}
	}
}

func (c *Choices) bar(policy, reason string) {
	if last := len(c.Barred) - 1; last >= 0 && c.Barred[last].Policy == policy && c.Barred[last].Reason == reason {
		c.Barred[last].Settings++
		return
	}
	c.Barred = append(c.Barred, Barred{policy, 1, reason})
}

// barred says what is barred, one reason after the other.
func barred(list []Barred) string {
	names := map[string][]string{}
	var reasons []string
	for _, b := range list {
		if names[b.Reason] == nil {
			reasons = append(reasons, b.Reason)
		}
		names[b.Reason] = append(names[b.Reason], b.Policy)
	}
	parts := make([]string, len(reasons))
	for i, r := range reasons {
		who := names[r]
		if len(who) > maxNamed {
			who = append(who[:maxNamed:maxNamed], fmt.Sprintf("%d more", len(who)-maxNamed))
		}
		parts[i] = fmt.Sprintf("%s: %s", strings.Join(who, ", "), r)
	}
	return strings.Join(parts, "; ")
}

func value(p *store.Point, k policy.Quantity) float64 { return p.Figures[k] }

// Called is what a setting is called for people: its policy, its seed where it has one, and what the preference means.
func (c *Choice) Called() string {
	var about []string
	if c.Ref.Seed != 0 {
		about = append(about, fmt.Sprintf("seed %d", c.Ref.Seed))
	}
	if c.Test.Preference != store.AnyPreference { // else it takes none
		about = append(about, c.Test.Setting())
	}
	if about == nil {
		return c.Ref.Policy
	}
	return fmt.Sprintf("%s (%s)", c.Ref.Policy, strings.Join(about, "; "))
}
