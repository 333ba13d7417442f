// Package doubt finds what is suspicious in a trace that violates nothing: figures in another unit, columns that
// contradict each other, ids that look alike, columns that nobody reads. [Find] looks at models.yaml first, then at the
// prompts, then at the figures of each model, of which medians are compared with what is physically or commercially
// possible; each kind of doubt is told once, with its first row as the example.
package doubt

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/trilemma-bench/trilemma/harness/trace"
	"github.com/trilemma-bench/trilemma/harness/trace/file"
)

// Doubt is one kind of figures that a trace may have but most likely should not: figures of another unit, columns that
// contradict each other, ids that look alike. Its Violation names the first of them, as an example.
type Doubt struct {
	trace.Violation
	Kind string `json:"kind"` // short and stable: "cost unit"
	// Count is how many rows it is about, of Of that were looked at; both 0 where it is not about rows.
	Count int `json:"count,omitempty"`
	Of    int `json:"of,omitempty"`
	// Models it is about, where it is about some.
	Models []string `json:"models,omitempty"`
}

// Error tells the doubt in one line.
func (d *Doubt) Error() string {
	var about []string
	if d.Count > 0 {
		about = append(about, fmt.Sprintf("%d of %d", d.Count, d.Of))
	}
	if n := len(d.Models); n > 0 {
		const most = 5
		names := strings.Join(d.Models[:min(n, most)], ", ")
		if n > most {
			names += fmt.Sprintf(" and %d more", n-most)
		}
		about = append(about, "of "+names)
	}
	s := d.Violation.Error()
	if len(about) > 0 {
		s += " (" + strings.Join(about, " ") + ")"
	}
	return s
}

// doubts collects what is doubted, one entry a kind.
type doubts struct {
	t     *trace.Trace
	order []string
	list  map[string]*Doubt
	cell  map[string]int // of the first outcome of a kind
	row   map[string]int // of the first prompt of a kind, by its place in t
}

// about is the entry of a kind, made by first where there is none.
func (d *doubts) about(kind string, first func() trace.Violation) *Doubt {
	x := d.list[kind]
	if x == nil {
		v := first()
		x = &Doubt{Violation: v, Kind: kind}
		d.list[kind] = x
		d.order = append(d.order, kind)
	}
	return x
}

// outcome doubts one outcome.
func (d *doubts) outcome(kind, column string, cell int, value, problem, fix string) {
	x := d.about(kind, func() trace.Violation {
		d.cell[kind] = cell
		return trace.Violation{File: trace.OutcomesFile, Row: -1, Column: column, Value: value, Problem: problem, Fix: fix}
	})
	x.Count++
	d.model(x, cell%len(d.t.Models))
}

func (d *doubts) model(x *Doubt, m int) {
	if id := d.t.Models[m].ID; !slices.Contains(x.Models, id) {
		x.Models = append(x.Models, id)
	}
}

// prompt doubts one prompt.
func (d *doubts) prompt(kind, column string, row int, value, problem, fix string) {
	d.about(kind, func() trace.Violation {
		d.row[kind] = row
		return trace.Violation{File: trace.PromptsFile, Row: int64(row), Column: column, Value: value, Problem: problem, Fix: fix}
	}).Count++
}

// Find lists what is suspicious in a trace that violates nothing. t must be as [file.Open] made it, or made in memory: then
// rows and what only the files tell are left out.
func Find(ctx context.Context, t *trace.Trace) ([]Doubt, error) {
	d := &doubts{t: t, list: map[string]*Doubt{}, cell: map[string]int{}, row: map[string]int{}}
	if err := d.models(); err != nil {
		return nil, err
	}
	d.prompts()
	if err := d.parts(ctx); err != nil {
		return nil, err
	}
	d.costs()
	d.figures()
	d.constants()
	d.twins()
	d.renamed()
	if err := d.columns(); err != nil {
		return nil, err
	}
	if err := d.locate(ctx); err != nil {
		return nil, err
	}
	outcomes := 0
	for at := range len(t.Prompts.ID) * len(t.Models) {
		if t.Outcomes.Present.Has(at) {
			outcomes++
		}
	}
	out := make([]Doubt, 0, len(d.order))
	for _, kind := range d.order {
		x := d.list[kind]
		switch {
		case x.Count == 0:
		case x.File == trace.PromptsFile:
			x.Of = t.Prompts.Len()
		default:
			x.Of = outcomes
		}
		out = append(out, *x)
	}
	return out, nil
}

// locate finds the rows of the outcomes that stand as examples.
func (d *doubts) locate(ctx context.Context) error {
	if d.t.Dir == "" || len(d.cell) == 0 {
		return nil
	}
	places, err := file.Locate(ctx, d.t, slices.Collect(maps.Values(d.cell)))
	if err != nil {
		return err
	}
	for kind, cell := range d.cell {
		if at, ok := places[cell]; ok {
			d.list[kind].File, d.list[kind].Row = at.File, at.Row
		}
	}
	return nil
}

// median of what is there; NaN of nothing. It orders x.
func median(x []float64) float64 {
	if len(x) == 0 {
		return math.NaN()
	}
	slices.Sort(x)
	if n := len(x); n%2 == 0 {
		return (x[n/2-1] + x[n/2]) / 2
	}
	return x[len(x)/2]
}

// group puts the indexes of equal keys together, in order of their first; groups of one are left out.
func group(n int, key func(i int) string) [][]int {
	at := map[string]int{}
	var groups [][]int
	for i := range n {
		k := key(i)
		if k == "" {
			continue
		}
		g, ok := at[k]
		if !ok {
			g = len(groups)
			at[k], groups = g, append(groups, nil)
		}
		groups[g] = append(groups[g], i)
	}
	groups = slices.DeleteFunc(groups, func(g []int) bool { return len(g) < 2 })
	slices.SortFunc(groups, func(a, b []int) int { return cmp.Compare(a[0], b[0]) })
	return groups
}
