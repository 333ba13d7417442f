//go:build !unix

package store

// busy cannot tell without taking the lock, so it knows only of its own.
func (r *Run) busy() bool { return r.lock != nil }
