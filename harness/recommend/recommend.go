package recommend

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
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
}

// ErrInfeasible is wrapped where no setting is known to keep the limits.
var ErrInfeasible = errors.New("no setting keeps the limits")

// Open reads the choices of a pool of a finished run; "" takes the run's first pool.
func Open(run *store.Run, pool string) (*Choices, error) {
	plan, err := run.Plan()
	if err != nil {
		return nil, err
	}
	c := &Choices{Run: run, Pool: pool}
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
		st, ok := run.Cell(ref.ID)
		if ref.Pool != c.Pool || !ok || st.State != store.Done {
			continue
		}
		if len(st.Halves) == 0 {
			blind++
		}
		c.add(ref, &st)
	}
	switch {
	case !seen[c.Pool]:
		return nil, fmt.Errorf("the run has no pool %q: it has %s", pool, strings.Join(c.Pools, ", "))
	case len(c.List) > 0:
	case len(c.Barred) > 0:
		return nil, fmt.Errorf("no setting of pool %s can be chosen: %s", c.Pool, barred(c.Barred))
	case blind > 0:
		return nil, fmt.Errorf("%s keeps no figures of selection prompts: its split has none, or it was made by an older version; give the split a selection or validation share and run its experiment again with --fresh", run.Dir)
	default:
		return nil, fmt.Errorf("%s has no finished cell in pool %s: run its experiment again to go on", run.Dir, c.Pool)
	}
	return c, nil
}

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
			c.bar(ref.Policy, fmt.Sprintf("it has results for %d selection prompts, fewer than %d", n, minPrompts))
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
		if len(who) > 3 {
			who = append(who[:3:3], fmt.Sprintf("%d more", len(who)-3))
		}
		parts[i] = fmt.Sprintf("%s: %s", strings.Join(who, ", "), r)
	}
	return strings.Join(parts, "; ")
}

func value(p *store.Point, k policy.Quantity) float64 { return p.Figures[k] }
