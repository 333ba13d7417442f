package doubt

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/trilemma-bench/trilemma/harness/trace"
)

// leastRenamed is how many answers both names must have: of fewer, chance leaves no prompt in common.
const leastRenamed = 10

// stamp is what a vendor puts behind a name when it changes the model, and what a gateway puts before or behind it.
var stamp = regexp.MustCompile(`(?:[-_@:.](?:\d{4}-?\d{2}-?\d{2}|\d{6}|\d{4}|\d{2}-\d{2}|00\d|latest|preview|exp|beta|ga|v\d+(?:\.\d+)*|default))+$`)

// stem is a name without maker and stamps.
func stem(id string) string {
	id = strings.ToLower(id)
	if at := strings.LastIndexByte(id, '/'); at >= 0 {
		id = id[at+1:]
	}
	if s := stamp.ReplaceAllString(id, ""); s != "" {
		return fold(s)
	}
	return fold(id)
}

// renamed doubts pairs of models that complement each other: their names have one stem, and no prompt was answered under both. Two
// models would both have been asked something.
func (d *doubts) renamed() {
	m := len(d.t.Models)
	n := d.t.Prompts.Len()
	for _, same := range group(m, func(i int) string { return stem(d.t.Models[i].ID) }) {
		for k, a := range same {
			for _, b := range same[k+1:] {
				counts := [2]int{}
				common := false
				for p := 0; p < n && !common; p++ {
					hasA, hasB := d.t.Outcomes.Present.Has(p*m+a), d.t.Outcomes.Present.Has(p*m+b)
					common = hasA && hasB
					if hasA {
						counts[0]++
					}
					if hasB {
						counts[1]++
					}
				}
				if common || min(counts[0], counts[1]) < leastRenamed {
					continue
				}
				x := d.about("renamed", func() trace.Violation {
					return trace.Violation{File: trace.ModelsFile, Row: -1, Column: "id", Value: trace.Clip(d.t.Models[a].ID),
						Problem: fmt.Sprintf("and %s complement each other: they answered %d and %d prompts, none of them both: one model under two names?", trace.Clip(d.t.Models[b].ID), counts[0], counts[1]),
						Fix:     fmt.Sprintf("if so, import with a models file that gives one of them aliases: [{name: %s}], with from and until where the name moved on", d.t.Models[b].ID)}
				})
				d.model(x, a)
				d.model(x, b)
			}
		}
	}
}
