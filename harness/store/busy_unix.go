//go:build unix

package store

import (
	"os"

	"golang.org/x/sys/unix"
)

// Busy tells whether a process holds the lock of the run. It looks without holding the lock for longer than the look.
func (r *Run) Busy() bool {
	if r.lock != nil {
		return true
	}
	f, err := os.Open(r.Path(lockFile))
	if err != nil {
		return false
	}
	defer f.Close()
	if err := unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB); err != nil {
		return true
	}
	_ = unix.Flock(int(f.Fd()), unix.LOCK_UN)
	return false
}
