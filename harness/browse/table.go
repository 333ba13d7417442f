package browse

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/trilemma-bench/trilemma/harness/compare"
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
	Left        string             `json:"left,omitempty"`    // how long a running one will take, in words
	Settings    map[string]string  `json:"settings"`          // JSON by path; of the table only those that differ between its runs
	Set         []string           `json:"set"`               // the paths that --set changed
	finished    bool               // its tables are written, and nobody works on it
}

const stateComplete = "complete"

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

// all are the rows of the folder, each with the settings that not all share.
func (t *table) all(now time.Time) ([]Row, error) {
	runs, err := store.List(t.results)
	if err != nil {
		return nil, err
	}
	rows := t.read(now, runs)
	var settings []map[string]string
	for i := range rows {
		if len(rows[i].Settings) > 0 {
			settings = append(settings, rows[i].Settings)
		}
	}
	names := differing(settings)
	for i := range rows {
		shown := map[string]string{}
		for _, name := range names {
			if value, ok := rows[i].Settings[name]; ok && !slices.Contains(plain, name) {
				shown[name] = value
			}
		}
		rows[i].Settings = shown
	}
	return rows, nil
}

// plain are settings that the table shows anyway.
var plain = []string{"name", "description", "backend"}

// read gives a row for each run.
func (t *table) read(now time.Time, runs []*store.Run) []Row {
	t.mu.Lock()
	defer t.mu.Unlock()
	rows := make([]Row, 0, len(runs))
	for _, run := range runs {
		var changed time.Time
		if info, err := os.Stat(run.Path(store.ManifestFile)); err == nil {
			changed = info.ModTime()
		}
		k, known := t.rows[run.Dir]
		if !known || !k.changed.Equal(changed) || k.row.State != stateComplete || run.Busy() {
			k = kept{newRow(run, now), changed}
			t.rows[run.Dir] = k
		}
		rows = append(rows, k.row)
	}
	return rows
}

// newRow reads one run. A run that cannot be read in full is shown with what can.
func newRow(run *store.Run, now time.Time) Row {
	row := Row{Experiment: run.Experiment, ID: run.ID, State: "stopped", Best: []leaderboard.Best{}, Set: []string{}}
	problem := func(err error) {
		if err != nil && row.Problem == "" {
			row.Problem = err.Error()
		}
	}
	s, err := run.Summarise(now)
	problem(err)
	row.Done, row.Total, row.WallSec, row.Left = s.Done, s.Total, s.WallSec, left(s)
	row.finished = s.Complete && !s.Running
	switch {
	case s.Running:
		row.State = "running"
	case s.Failed > 0:
		row.State = "failed"
	case s.Complete:
		row.State = stateComplete
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
	if len(m.Config) > 0 {
		row.Settings, err = compare.Settings(&m)
		problem(err)
	}
	if len(m.Data) > 0 {
		problem(json.Unmarshal(m.Data, &data))
	}
	for _, set := range m.Sets {
		path, _, _ := strings.Cut(set, "=")
		row.Set = append(row.Set, strings.TrimSpace(path))
	}
	row.Description, row.Prompts = strings.ReplaceAll(about, "`", ""), data.Test
	if row.finished {
		best, err := leaderboard.Headlines(run)
		problem(err)
		row.Best = append(row.Best, best...)
	}
	return row
}
