package experiment

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/trilemma-bench/trilemma/harness/metrics"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// CellSchema is part of every cell's id: raise it when equal inputs come to give other results.
const CellSchema = 5

// Facts are what a plan depends on beside the experiment: the data, and what the policies are.
type Facts struct {
	// Models of the trace, in order.
	Models []policy.Model
	// Describe says what a policy is; false where there is none of its name. An error is that of a policy that is there
	// but cannot be asked.
	Describe func(Policy) (PolicyFacts, bool, error)
	// Known names the policies there are, for suggestions.
	Known []string
	// Trace, Split and Accounting are fingerprints of the outcomes, of the division into train, validation and test, and
	// of the tables that bills are made from.
	Trace, Split, Accounting string
	// Encoders are the fingerprints of the vectors, by label of the encoder.
	Encoders map[string]string
	// Preferences are those of a pool: [Preferences.Expand] at the pool's scale.
	Preferences func(pool string, models []int) ([]Labelled, error)
}

// PolicyFacts is what a policy says of itself, and the digest of the program that it is served by ("" for bundled ones).
type PolicyFacts struct {
	policy.Description
	Digest string
}

// Cell is one policy instance over one pool, with one seed: the unit of work.
type Cell struct {
	ID    string // SHA-256 in hexadecimal of all that determines the result
	Index int    // in the plan
	Pool  string
	// Models are indexes into the trace's models.
	Models  []int
	Encoder string // label of the encoder, "" where the policy needs no vectors
	Policy  string // name
	Label   string // what it is called in tables
	Family  string // what it is coloured by: the policy's name
	Params  json.RawMessage
	Seed    uint64 // 0 for a policy that does not draw
	// Preferences are those to serve; one, called "any", where the policy does not look at it.
	Preferences []Labelled
	// Shared tells that other cells serve the other preferences: the policy takes none as input.
	Shared  bool
	Plugin  string // path given by the experiment
	SHA256  string // what the experiment says the plugin's digest must be
	Timeout time.Duration
	Facts   PolicyFacts
}

// Role is the cell's part in the tables. A policy that asks to be shown nothing of a prompt knows nothing of prompts; one
// that is shown the data set's label knows what no live router would.
func (c *Cell) Role() metrics.Role {
	switch {
	case c.Facts.Wants(policy.NeedLiveCategory):
		return metrics.RoleLabelled
	case len(c.Facts.Needs) == 0:
		return metrics.RoleControl
	}
	return metrics.RolePolicy
}

// Name is what the cell is called in progress and errors.
func (c *Cell) Name() string {
	name := c.Pool + "/" + c.Label
	if c.Facts.Stochastic {
		name += fmt.Sprintf(" seed %d", c.Seed)
	}
	if c.Shared {
		name += " " + c.Preferences[0].Label
	}
	return name
}

// identity is all that determines a cell's result. Labels are not part of it: what a thing is called changes nothing.
type identity struct {
	Schema      int             `json:"schema"`
	Policy      string          `json:"policy"`
	Version     string          `json:"version"`
	Digest      string          `json:"digest,omitempty"`
	Params      json.RawMessage `json:"params"`
	Trace       string          `json:"trace"`
	Split       string          `json:"split"`
	Pool        string          `json:"pool"`
	Models      []string        `json:"models"`
	Coverage    string          `json:"coverage"`
	Encoder     string          `json:"encoder,omitempty"`
	Accounting  string          `json:"accounting"`
	Seed        *uint64         `json:"seed,omitempty"`
	Preferences [][]float64     `json:"preferences"`
	Backend     string          `json:"backend,omitempty"`
	Stream      *Stream         `json:"stream,omitempty"` // of an online policy
}

// maxCells keeps a grid of grids from filling the memory before anybody sees how large it is.
const maxCells = 200_000

// planner expands one experiment and collects what is wrong with it.
type planner struct {
	*findings
	spec   *Spec
	facts  Facts
	cells  []Cell
	owner  map[string]string // label → where it comes from
	files  map[string]named  // by the name of their files
	labels []string
	byID   map[string]string // cell id → name
}

// Expand lists the cells of an experiment in the order of pools, policies, grid, encoders, seeds and preferences. The
// error is [Problems] with everything that is wrong.
func Expand(spec *Spec, facts Facts) ([]Cell, error) {
	p := &planner{
		findings: &findings{file: spec.File, root: spec.root},
		spec:     spec, facts: facts, owner: map[string]string{}, files: map[string]named{}, byID: map[string]string{},
	}
	entries := p.entries()
	wanted := map[string]bool{} // models that `model:` names and some pool has
	for _, pool := range spec.Pools {
		at := p.poolPath(pool.Name)
		models, err := pool.Resolve(facts.Models)
		if err != nil {
			p.wrongAt(at, "%v", err)
			continue
		}
		preferences, err := facts.Preferences(pool.Name, models)
		if err != nil {
			p.wrongAt("preferences", "pool %s: %v", pool.Name, err)
			continue
		}
		if len(preferences) == 0 {
			p.wrongAt("preferences", "pool %s: there are none", pool.Name)
			continue
		}
		for _, e := range entries {
			p.entry(e, pool.Name, models, preferences, wanted)
			if len(p.cells) > maxCells {
				return nil, fmt.Errorf("%s: more than %d cells: shorten grids, seeds or pools", spec.File, maxCells)
			}
		}
	}
	for _, e := range entries {
		if e.model != "" && !wanted[e.model] && len(p.problems) == 0 {
			p.wrongAt(e.path+".params.model", "no pool has a model %q, %s", e.model, suggest(e.model, ids(facts.Models)))
		}
	}
	p.baseline()
	if len(p.problems) > 0 {
		return nil, p.sorted()
	}
	for i := range p.cells {
		p.cells[i].Index = i
	}
	return p.cells, nil
}

func (p *planner) poolPath(name string) string {
	for i, pool := range p.spec.Pools {
		if at := fmt.Sprintf("pools[%d]", i); pool.Name == name && p.given(at) {
			return at
		}
	}
	return "pools." + name
}

// entry adds the cells of one entry in one pool.
func (p *planner) entry(e entry, pool string, models []int, preferences []Labelled, wanted map[string]bool) {
	if e.facts.EachModel {
		if e.model != "" {
			if !slices.ContainsFunc(models, func(m int) bool { return p.facts.Models[m].ID == e.model }) {
				return // another pool may have it
			}
			wanted[e.model] = true
		} else {
			for _, m := range models {
				one := e
				id := p.facts.Models[m].ID
				raw, err := json.Marshal(id)
				if err != nil {
					p.wrongAt(e.path, "model %q: %v", id, err)
					return
				}
				one.params = map[string]json.RawMessage{"model": raw}
				for name, value := range e.params {
					if name != "model" {
						one.params[name] = value
					}
				}
				name, rest, _ := strings.Cut(e.label, "(")
				one.label = name + ":" + id
				if rest != "" {
					one.label += "(" + rest
				}
				p.encoded(one, pool, models, preferences)
			}
			return
		}
	}
	p.encoded(e, pool, models, preferences)
}

// encoded adds the cells of one instance for every encoder, if the policy wants vectors, and seed.
func (p *planner) encoded(e entry, pool string, models []int, preferences []Labelled) {
	encoders := []string{""}
	if e.facts.Wants(policy.NeedVector) {
		encoders = encoders[:0]
		for _, enc := range p.spec.Encoders {
			if enc.Kind() == NoVectors {
				p.wrongAt(e.path, "policy %s needs prompt vectors, and the encoder is none: give encoder: hash", e.policy.Name)
				return
			}
			encoders = append(encoders, enc.Label)
		}
	}
	params, err := e.checker.complete(e.params)
	if err != nil {
		p.wrongAt(e.path, "policy %s: %v", e.policy.Name, err)
		return
	}
	seeds := p.spec.Seeds
	if len(e.policy.Seeds) > 0 {
		seeds = e.policy.Seeds
	}
	if !e.facts.Stochastic {
		seeds = Seeds{0}
	}
	timeout := p.spec.Timeout
	if e.policy.Timeout > 0 {
		timeout = e.policy.Timeout
	}
	for _, enc := range encoders {
		label := e.label
		if len(encoders) > 1 {
			label += "@" + enc
		}
		if !p.claim(pool, label, e.path) {
			return
		}
		for _, seed := range seeds {
			c := Cell{
				Pool: pool, Models: models, Encoder: enc, Policy: e.policy.Name, Label: label, Family: e.policy.Name,
				Params: params, Seed: seed, Plugin: e.policy.Plugin, SHA256: e.policy.SHA256, Timeout: timeout.Std(), Facts: e.facts,
			}
			switch e.facts.Preference {
			case policy.PreferenceIgnored:
				c.Preferences = []Labelled{{Label: "any"}}
				p.add(e, c)
			case policy.PreferenceFixed:
				for i := range preferences {
					c.Preferences, c.Shared = preferences[i:i+1:i+1], true
					p.add(e, c)
				}
			default:
				c.Preferences = preferences
				p.add(e, c)
			}
		}
	}
}

// add names a cell and keeps it.
func (p *planner) add(e entry, c Cell) {
	id := identity{
		Schema: CellSchema, Policy: c.Policy, Version: c.Facts.Version, Digest: c.Facts.Digest, Params: c.Params,
		Trace: p.facts.Trace, Split: p.facts.Split, Pool: c.Pool, Coverage: p.spec.Coverage, Accounting: p.facts.Accounting,
	}
	for _, m := range c.Models {
		id.Models = append(id.Models, p.facts.Models[m].ID)
	}
	for _, l := range c.Preferences {
		id.Preferences = append(id.Preferences, l.weights())
	}
	if c.Encoder != "" {
		id.Encoder = p.facts.Encoders[c.Encoder]
		if id.Encoder == "" {
			p.wrongAt("encoder", "encoder %s has no fingerprint", c.Encoder)
			return
		}
	}
	if c.Facts.Stochastic {
		seed := c.Seed
		id.Seed = &seed
	}
	if c.Facts.Learns {
		id.Backend = p.spec.Backend
	}
	if c.Facts.Online {
		id.Stream = &p.spec.Stream
	}
	var err error
	if c.ID, err = digest(id); err != nil {
		p.wrongAt(e.path, "policy %s: %v", c.Policy, err)
		return
	}
	if other, taken := p.byID[c.ID]; taken {
		if e.start {
			return
		}
		p.wrongAt(e.path, "%s is the same as %s: equal policy, parameters and seed; leave one out", c.Name(), other)
		return
	}
	p.byID[c.ID] = c.Name()
	p.labels = append(p.labels, c.Label)
	p.cells = append(p.cells, c)
}

// baselines are what differences can be taken to beside the policies: references that the harness computes itself.
var baselines = []string{"best-single", "zero-router", "oracle"}

func (p *planner) baseline() {
	b := p.spec.Metrics.Baseline
	if len(p.problems) > 0 || slices.Contains(baselines, b) || slices.Contains(p.labels, b) {
		return
	}
	// Where encoders are compared, a policy alone means the one with the first encoder.
	for _, e := range p.spec.Encoders {
		if name := b + "@" + e.Label; slices.Contains(p.labels, name) {
			p.spec.Metrics.Baseline = name
			return
		}
	}
	known := append([]string(nil), p.labels...)
	slices.Sort(known)
	known = slices.Compact(append(known, baselines...))
	p.wrongAt("metrics.baseline", "no policy is called %q, %s", b, suggest(b, known))
}

func ids(models []policy.Model) []string {
	out := make([]string, len(models))
	for i, m := range models {
		out[i] = m.ID
	}
	return out
}
