package choose

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"sort"
	"strings"

	"github.com/trilemma-bench/trilemma/harness/store"
)

// Choice is one policy at one setting.
type Choice struct {
	Ref        store.Ref
	Params     json.RawMessage
	Saved      bool // its cell has a checkpoint
	Validation store.Point
	Test       store.Point
}

// Choices are what a pool of a run has to choose from.
type Choices struct {
	Run  *store.Run
	Pool string
	List []Choice
	// Pools are all pools of the run.
	Pools []string
}

// ErrInfeasible is wrapped where nothing keeps the limits.
var ErrInfeasible = errors.New("no setting keeps all limits on the validation prompts")

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
		if len(st.Selection) == 0 {
			blind++
		}
		for _, v := range st.Selection {
			for _, t := range st.Points {
				if t.Preference == v.Preference && v.Coverage > 0 {
					c.List = append(c.List, Choice{Ref: ref, Params: st.Params, Saved: st.Saved != nil, Validation: v, Test: t})
				}
			}
		}
	}
	switch {
	case !seen[c.Pool]:
		return nil, fmt.Errorf("the run has no pool %q: it has %s", pool, strings.Join(c.Pools, ", "))
	case len(c.List) == 0 && blind > 0:
		return nil, fmt.Errorf("%s keeps no figures of validation prompts: its split has none, or it was made by an older version; give the split a validation share and run its experiment again with --fresh", run.Dir)
	case len(c.List) == 0:
		return nil, fmt.Errorf("%s has no finished cell in pool %s: run its experiment again to go on", run.Dir, c.Pool)
	}
	return c, nil
}

// Miss is how often a limit stood in the way, and how near anybody came.
type Miss struct {
	Kind    Kind    `json:"kind"`
	Limit   float64 `json:"limit"`
	Missed  int     `json:"missed"`  // settings that miss it
	Nearest float64 `json:"nearest"` // the best figure of any setting on its own; NaN where unknown of all
	// NearestOthers is the best figure among the settings that keep all other limits; NaN where there are none.
	NearestOthers float64 `json:"nearest_with_the_others_kept"`
	Unknown       int     `json:"unknown"` // settings of which the figure is not known
}

// Recommendation is what to deploy, or why there is nothing.
type Recommendation struct {
	Choice   *Choice // nil where nothing is feasible
	Feasible int
	Total    int
	Misses   []Miss
	// Broken lists the limits that the choice keeps on validation but not on test.
	Broken []string
}

func (l Limits) limit(k Kind) float64 {
	switch k {
	case Cost:
		return l.MaxCostUSD
	case Carbon:
		return l.MaxCarbonG
	case Latency:
		return l.MaxLatencySec
	}
	return l.MinQuality
}

func value(p *store.Point, k Kind) float64 {
	switch k {
	case Cost:
		return p.CostUSD
	case Carbon:
		return p.CarbonG
	case Latency:
		return p.LatencySec
	}
	return p.Quality
}

// keeps tells whether a point keeps a limit. What is not known keeps none.
func (l Limits) keeps(p *store.Point, k Kind) bool {
	limit, x := l.limit(k), value(p, k)
	switch {
	case math.IsNaN(limit):
		return true
	case k == Quality:
		return x >= limit
	}
	return x <= limit
}

var kinds = []Kind{Cost, Carbon, Latency, Quality}

func (l Limits) all(p *store.Point, but Kind) bool {
	for _, k := range kinds {
		if k != but && !l.keeps(p, k) {
			return false
		}
	}
	return true
}

// Pick chooses on the validation prompts. Where a quality is asked for, the cheapest setting that reaches it (least carbon
// where carbon is limited and cost is not); else the one of highest quality. Equals go to the cheaper, then to the
// one that emits less, then to the first by name.
func (c *Choices) Pick(l Limits) Recommendation {
	r := Recommendation{Total: len(c.List)}
	for _, k := range kinds {
		limit := l.limit(k)
		if math.IsNaN(limit) {
			continue
		}
		m := Miss{Kind: k, Limit: limit, Nearest: math.NaN(), NearestOthers: math.NaN()}
		better := func(x, than float64) bool {
			if k == Quality {
				return !(x <= than)
			}
			return !(x >= than)
		}
		for i := range c.List {
			p := &c.List[i].Validation
			x := value(p, k)
			if math.IsNaN(x) {
				m.Unknown++
			}
			if !l.keeps(p, k) {
				m.Missed++
			}
			if !math.IsNaN(x) && better(x, m.Nearest) {
				m.Nearest = x
			}
			if !math.IsNaN(x) && l.all(p, k) && better(x, m.NearestOthers) {
				m.NearestOthers = x
			}
		}
		r.Misses = append(r.Misses, m)
	}
	var feasible []*Choice
	for i := range c.List {
		if l.all(&c.List[i].Validation, "") {
			feasible = append(feasible, &c.List[i])
		}
	}
	r.Feasible = len(feasible)
	if len(feasible) == 0 {
		return r
	}
	order := []Kind{Quality, Cost, Carbon}
	if !math.IsNaN(l.MinQuality) {
		order = []Kind{Cost, Carbon, Quality}
		if math.IsNaN(l.MaxCostUSD) && !math.IsNaN(l.MaxCarbonG) {
			order = []Kind{Carbon, Cost, Quality}
		}
	}
	sort.SliceStable(feasible, func(i, j int) bool {
		a, b := feasible[i], feasible[j]
		for _, k := range order {
			x, y := value(&a.Validation, k), value(&b.Validation, k)
			if k == Quality {
				x, y = -x, -y
			}
			if x != y {
				return x < y || math.IsNaN(y) && !math.IsNaN(x)
			}
		}
		return a.Ref.Name() < b.Ref.Name()
	})
	r.Choice = feasible[0]
	for _, k := range kinds {
		if !l.keeps(&r.Choice.Test, k) {
			r.Broken = append(r.Broken, fmt.Sprintf("%s is %.4g on test, the limit is %.4g", k, value(&r.Choice.Test, k), l.limit(k)))
		}
	}
	return r
}
