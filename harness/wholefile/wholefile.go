// Package wholefile writes files that appear under their names only when they are whole: a process that is killed, or a disk
// that fills, leaves the file that was there before, or none.
package wholefile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// File is a file that is not there yet. What is written to it lies beside its place, under the place's name with a dot before
// it and random digits after it.
type File struct {
	*os.File
	path string
	done bool
}

// Create begins a file that will be path, with permissions 0644.
func Create(path string) (*File, error) {
	// A rename across file systems is not atomic, so the temporary file lies in the same folder.
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"*")
	if err != nil {
		return nil, err
	}
	if err := f.Chmod(0o644); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return nil, errors.Join(err, f.Close(), os.Remove(f.Name()))
	}
	return &File{File: f, path: path}, nil
}

// Replace closes the file and puts it in its place, over what is there.
func (f *File) Replace() error {
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), f.path); err != nil {
		return err
	}
	f.done = true
	return nil
}

// Discard removes a file that was not put in its place. It does nothing to one that was.
func (f *File) Discard() error {
	if f.done {
		return nil
	}
	f.done = true
	if err := f.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return os.Remove(f.Name())
}

// Write writes a whole file.
func Write(path string, data []byte) error {
	f, err := Create(path)
	if err != nil {
		return err
	}
	if _, err = f.Write(data); err == nil {
		err = f.Replace()
	}
	if err != nil {
		return fmt.Errorf("%w%s", err, also(f.Discard()))
	}
	return nil
}

// also is a second error, told behind the first.
func also(err error) string {
	if err == nil {
		return ""
	}
	return "; and " + err.Error()
}
