package experiment

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Resolve lists the models of the pool as indexes into models, in their order. A name or glob that matches nothing is a
// mistake, and so is a pool without models.
func (p Pool) Resolve(models []policy.Model) ([]int, error) {
	ids := make([]string, len(models))
	providers := map[string]bool{}
	for i, m := range models {
		ids[i] = m.ID
		providers[m.Provider] = true
	}
	in := make([]bool, len(models))
	takes := false
	for _, g := range p.Models {
		takes = takes || !strings.HasPrefix(g, "!")
	}
	if !takes {
		for i := range in {
			in[i] = true
		}
	}
	apply := func(glob string, value bool) error {
		match := matcher(glob)
		found := false
		for i, id := range ids {
			if match(id) {
				in[i], found = value, true
			}
		}
		if !found {
			return fmt.Errorf("pool %s: no model of the trace matches %q, %s", p.Name, glob, suggest(glob, ids))
		}
		return nil
	}
	// In the order written, so that [*, "!llama-*", llama-3-70b] means what it says.
	for _, g := range p.Models {
		name, away := strings.CutPrefix(g, "!")
		if err := apply(name, !away); err != nil {
			return nil, err
		}
	}
	for _, g := range p.Exclude {
		if err := apply(strings.TrimPrefix(g, "!"), false); err != nil {
			return nil, err
		}
	}
	for _, name := range p.Providers {
		if !providers[name] {
			return nil, fmt.Errorf("pool %s: no model of the trace has provider %q, %s", p.Name, name, suggest(name, slices.Sorted(maps.Keys(providers))))
		}
	}
	var out []int
	for i, m := range models {
		if in[i] && (p.OpenWeights == nil || m.OpenWeights == *p.OpenWeights) && (len(p.Providers) == 0 || slices.Contains(p.Providers, m.Provider)) {
			out = append(out, i)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("pool %s is empty: none of the trace's %d models has all that it asks for", p.Name, len(models))
	}
	return out, nil
}

// Matches lists the models that the deployment is about, as indexes into models.
func (d Deployment) Matches(models []policy.Model) ([]int, error) {
	return Pool{Name: "of data.regions", Models: d.Models}.Resolve(models)
}

// matcher tells whether a model id is meant: by the whole id, or by a glob in which * stands for any text, a slash too,
// and ? for one character.
func matcher(glob string) func(string) bool {
	if !strings.ContainsAny(glob, "*?") {
		return func(id string) bool { return id == glob }
	}
	var b strings.Builder
	b.WriteString(`^(?s:`)
	for _, r := range glob {
		switch r {
		case '*':
			b.WriteString(".*")
		case '?':
			b.WriteString(".")
		default:
			b.WriteString(regexp.QuoteMeta(string(r)))
		}
	}
	b.WriteString(`)$`)
	re, err := regexp.Compile(b.String())
	if err != nil {
		// A glob of invalid UTF-8 matches nothing.
		return func(string) bool { return false }
	}
	return re.MatchString
}
