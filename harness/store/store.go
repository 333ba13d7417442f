// Package store keeps the results of runs on disk, so that nothing computed is lost and nothing half written counts. The
// way of the data:
//
//  1. [Open] makes or finds results/<experiment>/<run-id>/, takes its lock and points `latest` at it.
//  2. [Run.WritePlan] lists the cells that the run will have.
//  3. [Run.SaveCell] stores a cell: decisions, checkpoint and points under temporary names, each renamed when whole, and
//     last of all cells/<id>.json, which alone makes the cell done. [Run.FailCell] keeps the reason and the end of the log.
//  4. [Run.Cell] tells whether a cell is done; [Run.Results] reads back what it led to, a line of columns a preference,
//     [Run.Decisions] how it decided, and [Run.Checkpoint] what it learned.
//  5. [Run.WritePoints] gathers the points of all cells, sorted, into points.csv and points.parquet.
//  6. [Run.WriteManifest] says where it all came from.
//
// [Read] opens a run to look at it, from another process too, [Find] finds one by name, and [Run.Summarise] says how far it is.
//
// Folder of a run:
//
//	manifest.json  plan.json  events.jsonl  points.csv  points.parquet
//	cells/<id>.json  decisions/<id>.parquet  checkpoints/<id>.bin  logs/<id>.log
//
// Files depend on nothing but what was computed: the same points give the same bytes.
package store

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/gofrs/flock"

	"github.com/trilemma-bench/trilemma/harness/wholefile"
)

// Names within a run's folder.
const (
	ManifestFile  = "manifest.json"
	PlanFile      = "plan.json"
	EventsFile    = "events.jsonl"
	PointsCSV     = "points.csv"
	SelectionCSV  = "selection.csv"
	PointsParquet = "points.parquet"
	cellsDir      = "cells"
	decisionsDir  = "decisions"
	checkpointDir = "checkpoints"
	memoDir       = "memo"
	logsDir       = "logs"
	lockFile      = ".lock"
	latestLink    = "latest"
)

// ErrBusy is wrapped where another process is writing the run.
var ErrBusy = errors.New("the run is being written by another process")

// Run is the folder of one run.
type Run struct {
	Dir        string
	Experiment string
	ID         string
	lock       *flock.Flock // nil where opened to read
	statuses   sync.Map     // of cells, as read, by id
	// create makes a file that appears under its name only when it is closed whole; tests fill the disk here.
	create func(path string) (pending, error)
}

// pending is a file that is not there yet.
type pending interface {
	io.Writer
	Replace() error
	Discard() error
}

func createPending(path string) (pending, error) {
	return wholefile.Create(path)
}

var safeName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

func checkName(what, name string) error {
	if len(name) > 128 || !safeName.MatchString(name) || name == latestLink {
		return fmt.Errorf("%s %q cannot name a folder: use letters, digits, '.', '_' and '-', other than %q", what, name, latestLink)
	}
	return nil
}

// Open makes or finds the folder of a run and locks it; Close releases it. The lock dies with the process. Where
// another process holds it, the error wraps [ErrBusy].
func Open(resultsDir, experiment, runID string) (*Run, error) {
	if err := errors.Join(checkName("experiment", experiment), checkName("run", runID)); err != nil {
		return nil, err
	}
	dir := filepath.Join(resultsDir, experiment, runID)
	for _, sub := range []string{cellsDir, decisionsDir, checkpointDir, logsDir} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return nil, fmt.Errorf("making the run's folder: %w; give another place with --results", err)
		}
	}
	lock := flock.New(filepath.Join(dir, lockFile))
	// `trilemma status` takes the lock for a moment to see whether anybody holds it: try for a little longer than that.
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	got, err := lock.TryLockContext(ctx, 20*time.Millisecond)
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return nil, fmt.Errorf("locking %s: %w", dir, err)
	}
	if !got {
		who, _ := os.ReadFile(filepath.Join(dir, lockFile))
		return nil, fmt.Errorf("%s%s: %w; wait for it, or watch it with `trilemma status --watch`", dir, pid(who), ErrBusy)
	}
	r := &Run{Dir: dir, Experiment: experiment, ID: runID, lock: lock, create: createPending}
	if err := r.claim(); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// claim notes who holds the lock, clears what killed attempts left and points latest at the run.
func (r *Run) claim() error {
	// Where a lock bars writing too, as on Windows, the message to whom it keeps out does without the process.
	_ = os.WriteFile(filepath.Join(r.Dir, lockFile), fmt.Appendf(nil, "%d\n", os.Getpid()), 0o644)
	for _, sub := range []string{"", cellsDir, decisionsDir, checkpointDir} {
		// wholefile calls its temporary files .<name><random digits>: they were never closed.
		stale, _ := filepath.Glob(filepath.Join(r.Dir, sub, ".*"))
		for _, path := range stale {
			if filepath.Base(path) != lockFile {
				_ = os.Remove(path)
			}
		}
	}
	if err := pointTo(filepath.Join(filepath.Dir(r.Dir), latestLink), r.ID); err != nil {
		return fmt.Errorf("pointing %s at run %s: %w", latestLink, r.ID, err)
	}
	return nil
}

// pointTo makes link a symbolic link to the folder beside it that is called id; where links may not be made, as by ordinary
// users of Windows, a file with that name in it, which [Read] follows.
func pointTo(link, id string) error {
	temporary := filepath.Join(filepath.Dir(link), fmt.Sprintf(".%s%d", filepath.Base(link), os.Getpid()))
	err := os.Symlink(id, temporary)
	if err != nil {
		return wholefile.Write(link, []byte(id+"\n"))
	}
	return os.Rename(temporary, link)
}

// follow is the folder that a file made by [pointTo] names, or path itself.
func follow(path string) string {
	if filepath.Base(path) != latestLink {
		return path
	}
	id, err := os.ReadFile(path)
	if err != nil || checkName("run", strings.TrimSpace(string(id))) != nil {
		return path // a folder, as a rule
	}
	return filepath.Join(filepath.Dir(path), strings.TrimSpace(string(id)))
}

func pid(lock []byte) string {
	if p := strings.TrimSpace(string(lock)); p != "" && len(p) < 12 {
		return " (process " + p + ")"
	}
	return ""
}

// Close releases the lock.
func (r *Run) Close() error {
	if r.lock == nil {
		return nil
	}
	if err := r.lock.Close(); err != nil {
		return fmt.Errorf("unlocking %s: %w", r.Dir, err)
	}
	r.lock = nil
	return nil
}

// Read opens a run's folder to look at it, whoever may be writing it.
func Read(dir string) (*Run, error) {
	real, err := filepath.EvalSymlinks(follow(dir))
	if err != nil {
		return nil, fmt.Errorf("opening a run: %w", err)
	}
	if info, err := os.Stat(filepath.Join(real, cellsDir)); err != nil || !info.IsDir() {
		return nil, fmt.Errorf("%s is not the folder of a run: it has no %s/", dir, cellsDir)
	}
	abs, err := filepath.Abs(real)
	if err != nil {
		return nil, fmt.Errorf("opening a run: %w", err)
	}
	return &Run{Dir: real, Experiment: filepath.Base(filepath.Dir(abs)), ID: filepath.Base(abs), create: createPending}, nil
}

// Path is the path of a file of the run.
func (r *Run) Path(elem ...string) string { return filepath.Join(append([]string{r.Dir}, elem...)...) }

// WriteFile writes a file of the run, whole or not at all. name may hold folders: "plots/x.png".
func (r *Run) WriteFile(name string, data []byte) error {
	path := r.Path(filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return r.write(path, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// write fills a file that appears only when it is whole.
func (r *Run) write(path string, fill func(io.Writer) error) (err error) {
	f, err := r.create(path)
	if err == nil {
		err = fill(f)
		if err == nil {
			err = f.Replace()
		}
		if err != nil {
			// The first error is the one to tell; a temporary file that stays is removed by the next Open.
			_ = f.Discard()
		}
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w; cells that were finished before are kept: make room and run the same command again", path, err)
	}
	return nil
}

func (r *Run) writeJSON(name string, v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	return r.WriteFile(name, append(data, '\n'))
}

func (r *Run) readJSON(name string, v any) error {
	data, err := os.ReadFile(r.Path(name))
	if err != nil {
		return fmt.Errorf("reading a run: %w", err)
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	if err := dec.Decode(v); err != nil {
		return fmt.Errorf("reading %s: %w", r.Path(name), err)
	}
	return nil
}
