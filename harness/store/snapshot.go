package store

import (
	"errors"
	"fmt"
	"io"
	"os"
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
