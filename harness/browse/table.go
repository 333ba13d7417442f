package browse

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/trilemma-bench/trilemma/harness/event"
	"github.com/trilemma-bench/trilemma/harness/report/leaderboard"
	"github.com/trilemma-bench/trilemma/harness/store"
)

// Row is one run of the table.
type Row struct {
	Experiment  string             `json:"experiment"`
	ID          string             `json:"id"`
	Description string             `json:"description,omitempty"`
	State       string             `json:"state"` // running, complete, failed (cells failed) or stopped
	Done        int                `json:"done"`
	Total       int                `json:"total"`
	Started     *time.Time         `json:"started,omitempty"`
	WallSec     float64            `json:"wall_s"` // of all cells together
	Prompts     int                `json:"test_prompts"`
	Seeds       int                `json:"seeds"`
	Backend     string             `json:"backend,omitempty"`
	Revision    string             `json:"revision,omitempty"`
	GramsCO2e   float64            `json:"own_g_co2e"` // of the run itself
	Best        []leaderboard.Best `json:"best"`
	Problem     string             `json:"problem,omitempty"` // why the run cannot be read in full
}

// table reads the rows, and those of finished runs only once.
type table struct {
	results string
	mu      sync.Mutex
	rows    map[string]kept
}

type kept struct {
	row     Row
	changed time.Time // of the manifest when the row was read
}

func (t *table) read(now time.Time) ([]Row, error) {
	runs, err := store.List(t.results)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	rows := make([]Row, 0, len(runs))
	for _, run := range runs {
		var changed time.Time
		if info, err := os.Stat(run.Path(store.ManifestFile)); err == nil {
			changed = info.ModTime()
		}
		k, known := t.rows[run.Dir]
		if !known || !k.changed.Equal(changed) || k.row.State != "complete" || run.Busy() {
			k = kept{newRow(run, now), changed}
			t.rows[run.Dir] = k
		}
		rows = append(rows, k.row)
	}
	return rows, nil
}

// newRow reads one run. A run that cannot be read in full is shown with what can.
func newRow(run *store.Run, now time.Time) Row {
	row := Row{Experiment: run.Experiment, ID: run.ID, State: "stopped", Best: []leaderboard.Best{}}
	problem := func(err error) {
		if err != nil && row.Problem == "" {
			row.Problem = err.Error()
		}
	}
	s, err := run.Summarise(now)
	problem(err)
	row.Done, row.Total, row.WallSec = s.Done, s.Total, s.WallSec
	switch {
	case s.Running:
		row.State = "running"
	case s.Failed > 0:
		row.State = "failed"
	case s.Complete:
		row.State = "complete"
	}
	m, err := run.Manifest()
	if errors.Is(err, fs.ErrNotExist) {
		return row // it is written when the first cells are
	}
	problem(err)
	if !m.Started.IsZero() {
		row.Started = &m.Started
	}
	row.Seeds, row.Backend, row.Revision, row.GramsCO2e = len(m.Seeds), m.Backend, m.Build.Revision, m.Own.CarbonG
	about, err := m.About()
	problem(err)
	var data struct{ Test int }
	if len(m.Data) > 0 {
		problem(json.Unmarshal(m.Data, &data))
	}
	row.Description, row.Prompts = strings.ReplaceAll(about, "`", ""), data.Test
	if s.Complete && !s.Running {
		best, err := leaderboard.Headlines(run)
		problem(err)
		row.Best = append(row.Best, best...)
	}
	return row
}

// Progress is how far a run is.
type Progress struct {
	store.Summary
	Doing []string `json:"doing"` // what its active cells are at
	Left  string   `json:"left,omitempty"`
	// Reasons of failed cells.
	Reasons []string `json:"reasons"`
}

func progress(run *store.Run, now time.Time) (*Progress, error) {
	s, err := run.Summarise(now)
	if err != nil {
		return nil, err
	}
	p := &Progress{Summary: s, Doing: []string{}, Reasons: []string{}}
	for _, e := range s.Active {
		p.Doing = append(p.Doing, e.Label+": "+event.Describe(e))
	}
	for _, f := range s.Failures {
		p.Reasons = append(p.Reasons, f.Name()+": "+f.Reason)
	}
	p.Failures = nil // with logs and settings: more than a page needs
	if s.ETASec != nil {
		p.Left = event.Short(time.Duration(*s.ETASec * float64(time.Second)))
	}
	return p, nil
}
