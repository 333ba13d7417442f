package store

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// A training that takes long leaves snapshots, so that an interrupted cell need not start again. They are beside the
// checkpoints until the cell is done.

func (r *Run) snapshotPath(id string) string { return r.Path(checkpointDir, id+".partial") }

// SaveSnapshot keeps where a cell's training stands, in place of what was kept before.
func (r *Run) SaveSnapshot(id string, data []byte) error {
	if err := checkID(id); err != nil {
		return err
	}
	return r.write(r.snapshotPath(id), func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// Snapshot is where an interrupted cell's training stood, nil where nothing was kept.
func (r *Run) Snapshot(id string) ([]byte, error) {
	if err := checkID(id); err != nil {
		return nil, err
	}
	data, err := os.ReadFile(r.snapshotPath(id))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the snapshot of cell %s: %w", id, err)
	}
	return data, nil
}

// DropSnapshot forgets a snapshot, if there is one.
func (r *Run) DropSnapshot(id string) error {
	if err := checkID(id); err != nil {
		return err
	}
	if err := os.Remove(r.snapshotPath(id)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("removing the snapshot of cell %s: %w", id, err)
	}
	return nil
}

// Memo is the folder where cells leave trainings that others of the run need too. It goes with [Run.DropMemo] when all cells
// have ended: checkpoints hold what each has learned.
func (r *Run) Memo() (string, error) {
	path, err := filepath.Abs(r.Path(memoDir)) // policies may run in folders of their own
	if err != nil {
		return "", fmt.Errorf("finding the folder of shared trainings: %w", err)
	}
	return path, nil
}

// DropMemo removes the shared trainings.
func (r *Run) DropMemo() error {
	if err := os.RemoveAll(r.Path(memoDir)); err != nil {
		return fmt.Errorf("removing the shared trainings: %w", err)
	}
	return nil
}
