package experiment

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// entry is one combination of parameters of one policy of the list.
type entry struct {
	path    string
	policy  Policy
	facts   PolicyFacts
	label   string
	checker *paramChecker
	params  map[string]json.RawMessage
	model   string // parameter "model" of a policy with EachModel
	start   bool   // what another entry starts from, before it learns from reward: equal cells are the same one
}

// entries describes every policy and multiplies its grid out.
func (p *planner) entries() []entry {
	var out []entry
	count := map[string]int{}
	for _, pol := range p.spec.Policies {
		if pol.Label == "" {
			count[pol.Name]++
		}
	}
	for i, pol := range p.spec.Policies {
		at := fmt.Sprintf("policies[%d]", i)
		facts, ok, err := p.facts.Describe(pol)
		if err == nil && !ok {
			p.wrongAt(at, "unknown policy %q, %s", pol.Name, suggest(pol.Name, p.facts.Known))
			continue
		}
		if err != nil {
			p.wrongAt(at, "policy %s: %v", pol.Name, err)
			continue
		}
		if pol.SHA256 != "" && pol.SHA256 != facts.Digest {
			have := "it is bundled with the program and has no digest of its own"
			if facts.Digest != "" {
				have = "its SHA-256 is " + facts.Digest
			}
			p.wrongAt(at+".sha256", "policy %s is not the one that the experiment pins: %s", pol.Name, have)
			continue
		}
		checker, err := newParamChecker(facts.ParamsSchema)
		if err != nil {
			p.wrongAt(at, "policy %s: %v", pol.Name, err)
			continue
		}
		fixed := map[string]json.RawMessage{}
		if len(pol.Params) > 0 {
			if err := json.Unmarshal(pol.Params, &fixed); err != nil {
				p.wrongAt(at+".params", "%v", err)
				continue
			}
		}
		for _, combination := range pol.Grid.combinations() {
			e := entry{path: at, policy: pol, facts: facts, checker: checker, params: map[string]json.RawMessage{}}
			for name, value := range fixed {
				e.params[name] = value
			}
			var shown []string
			for _, c := range combination {
				e.params[c.name] = c.value
				shown = append(shown, c.name+"="+strings.Trim(string(c.value), `"`))
			}
			if pol.Label == "" && len(combination) == 0 && count[pol.Name] > 1 {
				// The same policy twice: what makes them differ is in the parameters.
				for _, name := range slices.Sorted(maps.Keys(fixed)) {
					shown = append(shown, name+"="+strings.Trim(string(fixed[name]), `"`))
				}
			}
			e.label = pol.Label
			if e.label == "" {
				e.label = pol.Name
			}
			if len(shown) > 0 {
				e.label += "(" + strings.Join(shown, ",") + ")"
			}
			if facts.EachModel {
				_ = json.Unmarshal(e.params["model"], &e.model) // the schema refuses a wrong type
			}
			if p.check(e) {
				out = append(out, e)
			}
		}
	}
	return append(out, p.starts(out)...)
}

// starts are the entries that show beside a policy that learns from reward what it starts from: the same, but for the
// parameters that leave that out. Policies that share a start share its entry, and one that the experiment lists itself
// stands for it.
func (p *planner) starts(listed []entry) []entry {
	seen := map[string]bool{}
	key := func(e *entry) string {
		params, err := e.checker.complete(e.params)
		if err != nil {
			return "" // check reports it
		}
		return fmt.Sprintf("%s\x00%s\x00%s\x00%v", e.policy.Name, e.policy.Plugin, params, e.policy.Seeds)
	}
	for i := range listed {
		seen[key(&listed[i])] = true
	}
	var out []entry
	for _, e := range listed {
		if off := e.policy.Untrained; len(e.facts.Untrained) == 0 || off != nil && !*off {
			continue
		}
		start := e
		start.start, start.label = true, e.label+"-untrained"
		start.params = maps.Clone(e.params)
		if err := json.Unmarshal(e.facts.Untrained, &start.params); err != nil {
			p.wrongAt(e.path, "policy %s: the parameters of its untrained start: %v", e.policy.Name, err)
			continue
		}
		if k := key(&start); !seen[k] {
			seen[k] = true
			if p.check(start) {
				out = append(out, start)
			}
		}
	}
	return out
}

// check validates the parameters, and that no other entry has the same label.
func (p *planner) check(e entry) bool {
	if other, taken := p.owner[e.label]; taken {
		p.wrongAt(e.path, "a second policy is called %q, as is %s: give one of them a label", e.label, other)
		return false
	}
	p.owner[e.label] = e.path
	// The single models are what single:… is kept for; a label of their own was checked with the file.
	if wrong := wrongLabel(e.label); wrong != "" && !e.facts.EachModel && e.label != e.policy.Label {
		p.wrongAt(e.path, "label %s", wrong)
		return false
	}
	if _, err := e.checker.complete(e.params); err != nil {
		list := []error{err}
		if joined, ok := err.(interface{ Unwrap() []error }); ok {
			list = joined.Unwrap()
		}
		for _, one := range list {
			at := e.path
			var param paramError
			if errors.As(one, &param) && param.name != "" {
				for _, in := range []string{".params.", ".grid."} {
					if p.given(e.path + in + param.name) {
						at = e.path + in + param.name
					}
				}
			}
			p.wrongAt(at, "policy %s: %v", e.policy.Name, one)
		}
		return false
	}
	return true
}

// choice is one parameter of one combination.
type choice struct {
	name  string
	value json.RawMessage
}

func (g Grid) size() int {
	n := 1
	for _, axis := range g {
		if n *= len(axis.Values); n > 1<<30 {
			return n
		}
	}
	return n
}

// combinations multiplies the grid out, the last axis fastest. An empty grid has one, empty, combination.
func (g Grid) combinations() [][]choice {
	out := [][]choice{nil}
	for _, axis := range g {
		var next [][]choice
		for _, c := range out {
			for _, v := range axis.Values {
				next = append(next, append(slices.Clip(c), choice{axis.Name, v}))
			}
		}
		out = next
	}
	return out
}

// paramChecker checks the parameters of one policy against the schema that it announces, and completes them.
type paramChecker struct {
	schema   *validator
	defaults map[string]json.RawMessage
}

func newParamChecker(raw json.RawMessage) (*paramChecker, error) {
	if len(bytes.TrimSpace(raw)) == 0 {
		raw = json.RawMessage(`{"type":"object","additionalProperties":false}`)
	}
	schema, err := newValidator(raw)
	if err != nil {
		return nil, fmt.Errorf("its parameter schema cannot be used: %w", err)
	}
	p := &paramChecker{schema: schema, defaults: map[string]json.RawMessage{}}
	for _, f := range fields(schema.part("").Properties) {
		var prop struct{ Default json.RawMessage }
		// Properties that are not objects (true, false) are legal and carry no default.
		if _ = json.Unmarshal(f.value, &prop); len(prop.Default) > 0 && string(prop.Default) != "null" {
			p.defaults[f.name] = prop.Default
		}
	}
	return p, nil
}

// complete checks parameters and returns them with the defaults of those left out, as canonical JSON. The error joins
// those of the parameters.
func (p *paramChecker) complete(given map[string]json.RawMessage) (json.RawMessage, error) {
	text, err := json.Marshal(given)
	if err != nil {
		return nil, err
	}
	instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	var wrong []error
	for _, m := range p.schema.mistakes(instance) {
		if m.key != "" {
			m.path, m.message = join(m.path, m.key), "unknown, "+suggest(m.key, p.schema.part("").keys())
		}
		wrong = append(wrong, paramError{m.path, m.message})
	}
	if len(wrong) > 0 {
		return nil, errors.Join(wrong...)
	}
	all := maps.Clone(p.defaults)
	maps.Copy(all, given)
	return canonical(all)
}

// paramError is a mistake in one parameter.
type paramError struct {
	name    string // "" where it is in all of them
	message string
}

func (e paramError) Error() string {
	if e.name == "" {
		return e.message
	}
	return fmt.Sprintf("parameter %q: %s", e.name, e.message)
}
