package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"

	"github.com/trilemma-bench/trilemma/harness/event"
	"github.com/trilemma-bench/trilemma/harness/provenance"
	"github.com/trilemma-bench/trilemma/harness/selfmeter"
)

// planJSON is plan.json.
type planJSON struct {
	Cells []Ref `json:"cells"`
}

// WritePlan lists the cells that the run will have, in order.
func (r *Run) WritePlan(cells []Ref) error { return r.writeJSON(PlanFile, planJSON{cells}) }

// Plan reads the list of cells back.
func (r *Run) Plan() ([]Ref, error) {
	var p planJSON
	if err := r.readJSON(PlanFile, &p); err != nil {
		return nil, err
	}
	return p.Cells, nil
}

// Gather collects the points of all done cells of a plan, called as the plan calls them now. missing lists the cells
// that are not done.
func (r *Run) Gather(cells []Ref) (points []Point, missing []Ref) {
	return r.gather(cells, func(st *Status) []Point { return st.Points })
}

// Selected collects their points over the selection prompts.
func (r *Run) Selected(cells []Ref) []Point {
	points, _ := r.gather(cells, func(st *Status) []Point { return st.Selection })
	return points
}

func (r *Run) gather(cells []Ref, of func(*Status) []Point) (points []Point, missing []Ref) {
	for _, ref := range cells {
		st, ok := r.Cell(ref.ID)
		if !ok || st.State != Done {
			missing = append(missing, ref)
			continue
		}
		for _, p := range of(&st) {
			p.Pool, p.Policy, p.Family, p.Encoder, p.Seed, p.Cell = ref.Pool, ref.Policy, ref.Family, ref.Encoder, ref.Seed, ref.ID
			points = append(points, p)
		}
	}
	return points, missing
}

// Manifest says where a run's results came from. It may name paths and times, which results never do.
type Manifest struct {
	Schema     int                  `json:"schema"`
	Experiment string               `json:"experiment"`
	Run        string               `json:"run"`
	File       string               `json:"file,omitempty"` // the experiment file
	Sets       []string             `json:"set,omitempty"`  // what --set changed
	Config     json.RawMessage      `json:"config"`         // the experiment as resolved
	Build      provenance.BuildInfo `json:"build"`
	Host       provenance.HostInfo  `json:"host"`
	Call       provenance.CallInfo  `json:"call"`
	Backend    string               `json:"backend"`
	Seeds      []uint64             `json:"seeds"`
	Data       json.RawMessage      `json:"data,omitempty"` // what the runner tells of trace, split and accounting
	Inputs     []provenance.File    `json:"inputs"`
	Plugins    []provenance.File    `json:"plugins,omitempty"`
	Outputs    []provenance.File    `json:"outputs"`
	Notices    []string             `json:"notices,omitempty"`
	Started    time.Time            `json:"started"`
	Finished   *time.Time           `json:"finished,omitempty"`
	// Own is what the run itself took so far, in all of its attempts.
	Own    selfmeter.Usage `json:"own_footprint,omitzero"`
	Cells  int             `json:"cells"`
	Done   int             `json:"done"`
	Cached int             `json:"cached"`
	Failed int             `json:"failed"`
}

// ManifestSchema is the version of manifest.json.
const ManifestSchema = 1

// WriteManifest writes manifest.json; Schema, Experiment and Run are filled in. Write it without outputs when a run
// starts and with [Run.Outputs] when it ends.
func (r *Run) WriteManifest(m Manifest) error {
	m.Schema, m.Experiment, m.Run = ManifestSchema, r.Experiment, r.ID
	return r.writeJSON(ManifestFile, m)
}

// Manifest reads manifest.json.
func (r *Run) Manifest() (Manifest, error) {
	var m Manifest
	err := r.readJSON(ManifestFile, &m)
	return m, err
}

// Outputs hashes every file that is a result: all but the manifest itself, logs, events and the state of cells, which
// carry times.
func (r *Run) Outputs() ([]provenance.File, error) {
	return provenance.HashTree(r.Dir, func(path string) bool {
		dir, _, _ := strings.Cut(path, "/")
		switch dir {
		case ManifestFile, EventsFile, lockFile, logsDir, cellsDir, memoDir:
			return false
		}
		return !strings.HasPrefix(filepath.Base(path), ".")
	})
}

// Seal hashes the results again and writes the manifest with them: for files that were added after the run had finished.
func (r *Run) Seal() error {
	m, err := r.Manifest()
	if err != nil {
		return err
	}
	if m.Outputs, err = r.Outputs(); err != nil {
		return err
	}
	return r.WriteManifest(m)
}

// Find finds a run by what a user calls it: a folder, an experiment's name (its latest run), "experiment/run-id", the
// beginning of a run's id, or "" for the run that was last worked on.
func Find(resultsDir, name string) (*Run, error) {
	if name != "" {
		for _, dir := range []string{name, filepath.Join(resultsDir, name)} {
			for _, at := range []string{dir, filepath.Join(dir, latestLink)} {
				if r, err := Read(at); err == nil {
					return r, nil
				}
			}
		}
	}
	all, err := folders(resultsDir)
	if err != nil {
		return nil, err
	}
	type found struct {
		dir  string
		when time.Time
	}
	var runs []found
	var ids []string
	for _, dir := range all {
		ids = append(ids, filepath.Base(filepath.Dir(dir))+"/"+filepath.Base(dir))
		if !strings.HasPrefix(filepath.Base(dir), name) {
			continue
		}
		f := found{dir: dir}
		for _, file := range []string{EventsFile, ManifestFile, lockFile, cellsDir} {
			if info, err := os.Stat(filepath.Join(dir, file)); err == nil && info.ModTime().After(f.when) {
				f.when = info.ModTime()
			}
		}
		runs = append(runs, f)
	}
	sort.Slice(runs, func(i, j int) bool { return runs[i].when.After(runs[j].when) })
	switch {
	case len(runs) == 1, len(runs) > 1 && name == "":
		return Read(runs[0].dir)
	case len(runs) > 1:
		return nil, fmt.Errorf("%q begins the ids of %d runs: give more of it, or experiment/run-id", name, len(runs))
	case len(ids) == 0:
		return nil, fmt.Errorf("there are no runs in %s: start one with `trilemma run experiments/quickstart.yaml`, or name the folder with --results", resultsDir)
	}
	sort.Strings(ids)
	if len(ids) > 8 {
		ids = append(ids[:8], "…")
	}
	return nil, fmt.Errorf("no run is called %q in %s: it has %s", name, resultsDir, strings.Join(ids, ", "))
}

// folders are those of all runs, by name.
func folders(resultsDir string) ([]string, error) {
	cells, err := filepath.Glob(filepath.Join(resultsDir, "*", "*", cellsDir))
	if err != nil {
		return nil, fmt.Errorf("looking for runs in %s: %w", resultsDir, err)
	}
	var out []string
	for _, path := range cells {
		if dir := filepath.Dir(path); filepath.Base(dir) != latestLink {
			out = append(out, dir)
		}
	}
	return out, nil
}

// List opens every run of a folder of results to look at it. What is not the folder of a run is left out.
func List(resultsDir string) ([]*Run, error) {
	dirs, err := folders(resultsDir)
	if err != nil {
		return nil, err
	}
	var runs []*Run
	for _, dir := range dirs {
		if r, err := Read(dir); err == nil {
			runs = append(runs, r)
		}
	}
	return runs, nil
}

// Summary says how far a run is.
type Summary struct {
	Run      string `json:"run"`
	Running  bool   `json:"running"` // a process holds its lock
	Total    int    `json:"total"`
	Done     int    `json:"done"`
	Failed   int    `json:"failed"`
	Pending  int    `json:"pending"`
	Complete bool   `json:"complete"` // its tables are written
	// Active are the cells at work, with their latest progress.
	Active   []event.Event `json:"active,omitempty"`
	Failures []Status      `json:"failures,omitempty"`
	WallSec  float64       `json:"wall_s"` // of all done cells together
	// ETASec is how long the rest will take if it goes on as it did; null where nothing is known.
	ETASec *float64  `json:"eta_s"`
	Last   time.Time `json:"last,omitzero"`
}

// Summarise reads how far a run is from its cells, plan and events, while another process may be writing them.
func (r *Run) Summarise(now time.Time) (Summary, error) {
	s := Summary{Run: r.Dir}
	plan, err := r.Plan()
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return s, err
	}
	s.Total = len(plan)
	for _, ref := range plan {
		st, ok := r.Cell(ref.ID)
		switch {
		case !ok:
			s.Pending++
		case st.State == Done:
			s.Done++
			s.WallSec += st.WallSec
		default:
			st.Points = nil
			s.Failed++
			s.Failures = append(s.Failures, st)
		}
	}
	s.Running = r.Busy()
	if _, err := os.Stat(r.Path(PointsParquet)); err == nil {
		s.Complete = s.Pending == 0
	}
	progress, err := event.FoldFile(r.Path(EventsFile))
	if err != nil {
		return s, err
	}
	s.Last = progress.Last
	if s.Running {
		s.Active = progress.Active()
		if eta, ok := progress.ETA(now); ok {
			sec := eta.Seconds()
			s.ETASec = &sec
		}
	}
	return s, nil
}
