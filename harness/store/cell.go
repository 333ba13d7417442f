package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"regexp"
	"strings"
	"time"
)

// CellState says what became of a cell.
type CellState string

// What can become of a cell. A cell without a file was never finished.
const (
	Done   CellState = "done"
	Failed CellState = "failed"
)

// Ref names a cell of the plan: what is shown of it, and what its points are called. Pool and labels are not part of its
// content id, so the same cell may be called something else in another version of the experiment.
type Ref struct {
	ID         string `json:"id"`
	Pool       string `json:"pool"`
	Policy     string `json:"policy"` // label
	Family     string `json:"family"`
	Encoder    string `json:"encoder,omitempty"`
	Seed       uint64 `json:"seed"`
	Preference string `json:"preference,omitempty"` // where the cell serves only one
	Labelled   bool   `json:"labelled,omitempty"`   // it is told the data set's label of the prompts that it routes
}

// Name is what the cell is called in progress and in errors: "all/knn(k=10)", "all/predict seed 2".
func (r Ref) Name() string {
	name := r.Pool + "/" + r.Policy
	if r.Seed != 0 {
		name += fmt.Sprintf(" seed %d", r.Seed)
	}
	if r.Preference != "" && r.Preference != AnyPreference {
		name += " " + r.Preference
	}
	return name
}

// Stream is how an online policy met its prompts.
type Stream struct {
	Order string `json:"order"` // arrival or shuffled
	Batch int    `json:"batch"` // decisions between two looks at what came of them
	Seed  uint64 `json:"seed,omitempty"`
}

// CellResult is a finished cell.
type CellResult struct {
	Ref        Ref
	Points     []Point
	Decisions  iter.Seq[Decision] // nil: none are kept
	Checkpoint []byte             // nil: the policy has nothing to save
	Wall       time.Duration
	Notices    []string
	// Cost is the policy's own: what training and routing took, by name ("fit_s", "route_s", …).
	Cost map[string]float64
	// Selection are the points on the selection prompts, which no policy has seen and by which settings are chosen.
	Selection []Point
	// Halves are their spread, which claims about them are tested by.
	Halves []Halves
	// Usage says where the footprint came from, a preference at a time.
	Usage []Usage
	// Fit are the last metrics that training reported, such as the error of predicted costs.
	Fit map[string]float64
	// Curves are what training reported on the way.
	Curves []Curve
	// Params are the policy's parameters.
	Params json.RawMessage
	// Stream is set for online policies.
	Stream *Stream
}

// Status is the file that makes a cell done, or says why it failed.
type Status struct {
	Ref
	State     CellState          `json:"state"`
	Reason    string             `json:"reason,omitempty"`
	LogTail   string             `json:"log_tail,omitempty"`
	WallSec   float64            `json:"wall_s"`
	Finished  time.Time          `json:"finished"`
	Decisions *Stored            `json:"decisions,omitempty"`
	Saved     *Stored            `json:"checkpoint,omitempty"`
	Notices   []string           `json:"notices,omitempty"`
	Cost      map[string]float64 `json:"cost,omitempty"`
	Points    []Point            `json:"points,omitempty"`

	Selection []Point            `json:"selection,omitempty"`
	Halves    []Halves           `json:"selection_halves,omitempty"`
	Usage     []Usage            `json:"usage,omitempty"`
	Fit       map[string]float64 `json:"fit,omitempty"`
	Curves    []Curve            `json:"curves,omitempty"`
	Params    json.RawMessage    `json:"params,omitempty"`
	Stream    *Stream            `json:"stream,omitempty"`
}

// Stored is a data file of a cell.
type Stored struct {
	Rows  int   `json:"rows,omitempty"`
	Bytes int64 `json:"bytes"`
}

var cellID = regexp.MustCompile(`^[0-9a-f]{8,64}$`)

func checkID(id string) error {
	if !cellID.MatchString(id) {
		return fmt.Errorf("cell id %q is not lower-case hexadecimal", id)
	}
	return nil
}

// SaveCell stores a finished cell. When it returns without error, the cell is done; else it is as if it had not run.
// Different cells may be saved from different goroutines.
func (r *Run) SaveCell(c CellResult) error {
	if err := checkID(c.Ref.ID); err != nil {
		return err
	}
	st := Status{
		Ref: c.Ref, State: Done, WallSec: c.Wall.Seconds(), Finished: time.Now().UTC().Truncate(time.Millisecond),
		Notices: c.Notices, Cost: c.Cost, Points: c.Points,
		Selection: c.Selection, Halves: c.Halves, Usage: c.Usage, Fit: c.Fit, Curves: c.Curves, Params: c.Params, Stream: c.Stream,
	}
	// A result of an earlier attempt must not vouch for the data of this one.
	if err := os.Remove(r.statusPath(c.Ref.ID)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("saving cell %s: %w", c.Ref.Name(), err)
	}
	if c.Decisions != nil {
		var rows int
		stored, err := r.store(r.Path(decisionsDir, c.Ref.ID+".parquet"), func(w io.Writer) error {
			var err error
			rows, err = writeDecisions(w, c.Decisions)
			return err
		})
		if err != nil {
			return fmt.Errorf("saving cell %s: %w", c.Ref.Name(), err)
		}
		stored.Rows = rows
		st.Decisions = stored
	}
	if c.Checkpoint != nil {
		stored, err := r.store(r.Path(checkpointDir, c.Ref.ID+".bin"), func(w io.Writer) error {
			_, err := w.Write(c.Checkpoint)
			return err
		})
		if err != nil {
			return fmt.Errorf("saving cell %s: %w", c.Ref.Name(), err)
		}
		st.Saved = stored
	}
	if err := r.writeJSON(cellsDir+"/"+c.Ref.ID+".json", st); err != nil {
		return fmt.Errorf("saving cell %s: %w", c.Ref.Name(), err)
	}
	return r.DropSnapshot(c.Ref.ID)
}

func (r *Run) store(path string, fill func(io.Writer) error) (*Stored, error) {
	if err := r.write(path, fill); err != nil {
		return nil, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	return &Stored{Bytes: info.Size()}, nil
}

// FailCell keeps why a cell failed, with the end of its log. A failed cell is tried again by the next attempt.
func (r *Run) FailCell(ref Ref, wall time.Duration, reason error) error {
	if err := checkID(ref.ID); err != nil {
		return err
	}
	st := Status{
		Ref: ref, State: Failed, Reason: reason.Error(), LogTail: r.logTail(ref.ID),
		WallSec: wall.Seconds(), Finished: time.Now().UTC().Truncate(time.Millisecond),
	}
	return r.writeJSON(cellsDir+"/"+ref.ID+".json", st)
}

// Cell tells what became of a cell. It is false where the cell was never finished, or where a file that it left has
// gone or changed its size.
func (r *Run) Cell(id string) (Status, bool) {
	if checkID(id) != nil {
		return Status{}, false
	}
	st, ok := r.readStatus(id)
	if !ok {
		return Status{}, false
	}
	switch st.State {
	case Failed:
		return st, true
	case Done:
		return st, r.whole(st.Decisions, decisionsDir, id+".parquet") && r.whole(st.Saved, checkpointDir, id+".bin")
	}
	return Status{}, false
}

// readStatus reads the file of a cell, once for as long as it does not change: a report asks for each many times.
func (r *Run) readStatus(id string) (Status, bool) {
	path := r.statusPath(id)
	info, err := os.Stat(path)
	if err != nil {
		return Status{}, false
	}
	if kept, ok := r.statuses.Load(id); ok {
		if k := kept.(readCell); k.size == info.Size() && k.changed.Equal(info.ModTime()) {
			return k.Status, true
		}
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return Status{}, false
	}
	var st Status
	if json.Unmarshal(data, &st) != nil || st.ID != id {
		return Status{}, false
	}
	r.statuses.Store(id, readCell{st, info.Size(), info.ModTime()})
	return st, true
}

// readCell is a status as it was read, and what its file looked like then. Whoever asks shares its slices, and changes
// none of them.
type readCell struct {
	Status
	size    int64
	changed time.Time
}

// IsDone tells whether a cell is finished, and need not run again.
func (r *Run) IsDone(id string) bool {
	st, ok := r.Cell(id)
	return ok && st.State == Done
}

func (r *Run) whole(s *Stored, elem ...string) bool {
	if s == nil {
		return true
	}
	info, err := os.Stat(r.Path(elem...))
	return err == nil && info.Size() == s.Bytes
}

// Checkpoint reads what a cell learned. The error is [os.ErrNotExist] where it saved nothing.
func (r *Run) Checkpoint(id string) ([]byte, error) {
	if err := checkID(id); err != nil {
		return nil, err
	}
	data, err := os.ReadFile(r.Path(checkpointDir, id+".bin"))
	if err != nil {
		return nil, fmt.Errorf("reading the checkpoint of cell %s: %w", id, err)
	}
	return data, nil
}

// Log opens the log of a cell for writing; what an earlier attempt wrote is dropped.
func (r *Run) Log(id string) (io.WriteCloser, error) {
	if err := checkID(id); err != nil {
		return nil, err
	}
	f, err := os.Create(r.LogPath(id))
	if err != nil {
		return nil, fmt.Errorf("opening the log of cell %s: %w", id, err)
	}
	return f, nil
}

// LogPath is where the log of a cell lies.
func (r *Run) LogPath(id string) string { return r.Path(logsDir, id+".log") }

func (r *Run) statusPath(id string) string { return r.Path(cellsDir, id+".json") }

// tailBytes is how much of the end of a log a failed cell keeps.
const tailBytes = 4 << 10

func (r *Run) logTail(id string) string {
	f, err := os.Open(r.LogPath(id))
	if err != nil {
		return ""
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return ""
	}
	from := max(0, info.Size()-tailBytes)
	data, err := io.ReadAll(io.NewSectionReader(f, from, tailBytes))
	if err != nil {
		return ""
	}
	text := string(data)
	if from > 0 {
		// Begin with a whole line.
		if _, rest, ok := strings.Cut(text, "\n"); ok {
			text = rest
		}
	}
	return strings.ToValidUTF8(text, "�")
}
