//go:build !unix

package store

// Busy cannot tell without taking the lock, so it knows only of its own.
func (r *Run) Busy() bool { return r.lock != nil }
