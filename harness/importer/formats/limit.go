package formats

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// Bounds on what a map may take for a document: a time for each, and more for each megabyte of it. They are variables for tests.
var (
	mapTime   = 2 * time.Second
	mapTimeMB = time.Second
)

// limit is a context that a worker renews for every document. gojq asks for Done at every instruction: a channel of a deadline that
// may be waited for costs it a quarter of its time, so there is none until the time has passed.
type limit struct {
	context.Context
	own     int64        // when this document must be done, which tells it from others
	until   atomic.Int64 // the same, for the watch
	expired atomic.Int64 // which until has passed
}

var passed = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// renew begins a document of so many bytes.
func (l *limit) renew(size int) {
	l.own = max(time.Now().Add(mapTime+mapTimeMB*time.Duration(size>>20)).UnixNano(), l.own+1)
	l.until.Store(l.own)
}

// Done implements context.Context; it is not to be waited for.
func (l *limit) Done() <-chan struct{} {
	if l.expired.Load() == l.own {
		return passed
	}
	return nil
}

// Err implements context.Context.
func (l *limit) Err() error {
	if l.expired.Load() != l.own {
		return nil
	}
	if err := l.Context.Err(); err != nil {
		return err
	}
	return context.DeadlineExceeded
}

// watch ends what takes too long, until it is stopped.
func watch(ctx context.Context, limits []*limit) (stop func()) {
	done := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case now := <-tick.C:
				for _, l := range limits {
					if until := l.until.Load(); now.UnixNano() > until || ctx.Err() != nil {
						l.expired.Store(until)
					}
				}
			}
		}
	})
	return func() {
		close(done)
		running.Wait()
	}
}
