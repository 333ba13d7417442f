package browse

import (
	"fmt"
	"slices"
	"time"

	"github.com/trilemma-bench/trilemma/harness/event"
	"github.com/trilemma-bench/trilemma/harness/report"
	"github.com/trilemma-bench/trilemma/harness/store"
)

// Progress is how far a run is.
type Progress struct {
	store.Summary
	Doing []string `json:"doing"` // what its active cells are at
	Left  string   `json:"left,omitempty"`
	// Reasons of failed cells.
	Reasons []string `json:"reasons"`
	// Cells that have learnt something, the latest first.
	Cells []Learner `json:"cells"`
	// Hidden is how many more there are.
	Hidden int `json:"hidden"`
}

// Learner is a cell with its learning curves so far.
type Learner struct {
	Cell   string        `json:"cell"`
	Label  string        `json:"label"`
	Active bool          `json:"active"`
	Curves []store.Curve `json:"curves"`
}

// recent is how many cells that have ended are shown beside those at work, unless all are asked for.
const recent = 3

func progress(run *store.Run, now time.Time, all bool) (*Progress, error) {
	s, err := run.Summarise(now)
	if err != nil {
		return nil, err
	}
	p := &Progress{Summary: s, Doing: []string{}, Reasons: []string{}, Cells: []Learner{}}
	for _, e := range s.Active {
		e.Metrics = nil // the curves have them
		p.Doing = append(p.Doing, e.Label+": "+event.Describe(e))
	}
	for _, f := range s.Failures {
		p.Reasons = append(p.Reasons, f.Name()+": "+f.Reason)
	}
	p.Failures = nil // with logs and settings: more than a page needs
	p.Left = left(s)
	cells, err := learners(run.Path(store.EventsFile))
	if err != nil {
		return nil, err
	}
	for _, c := range cells {
		c.Active = slices.ContainsFunc(s.Active, func(e event.Event) bool { return e.Cell == c.Cell })
		if all || c.Active || len(p.Cells) < len(s.Active)+recent {
			p.Cells = append(p.Cells, c)
		} else {
			p.Hidden++
		}
	}
	return p, nil
}

// left is how long the rest will take, in words; "" where nothing tells.
func left(s store.Summary) string {
	if s.ETASec == nil {
		return ""
	}
	return event.Short(time.Duration(*s.ETASec * float64(time.Second)))
}

// learners gathers the curves of all cells from the event log, those that began last first. A cell that begins again, as
// after a failure, forgets what it reported before.
func learners(path string) ([]Learner, error) {
	type cell struct {
		label  string
		curves store.Curves
	}
	var order []string
	cells := map[string]*cell{}
	err := event.EachOf(path, func(e event.Event) {
		switch e.Kind {
		case event.CellStarted:
			order = append(slices.DeleteFunc(order, func(id string) bool { return id == e.Cell }), e.Cell)
			cells[e.Cell] = &cell{label: e.Label}
		case event.CellProgress:
			if c := cells[e.Cell]; c != nil {
				for _, m := range e.Metrics {
					c.curves.Add(e.Stage, m.Name, e.Step, m.Value)
				}
			}
		}
	})
	if err != nil {
		return nil, fmt.Errorf("learning curves: %w", err)
	}
	slices.Reverse(order)
	var out []Learner
	for _, id := range order {
		if curves := report.Learning(cells[id].curves.All()); len(curves) > 0 {
			out = append(out, Learner{Cell: id, Label: cells[id].label, Curves: curves})
		}
	}
	return out, nil
}
