package host

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/trilemma-bench/trilemma/plugins/host/process"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// transport is how an [Instance] reaches its policy: remote in a process of its own, local within this one. Its errors are
// *Error or plain ones of the policy's own; it checks nothing.
type transport interface {
	describe(context.Context) (policy.Description, error)
	configure(context.Context, policy.Setup) error
	fit(context.Context, *policy.Task, func(policy.Progress)) error
	route(context.Context, *policy.Batch) (*policy.Decisions, error)
	observe(context.Context, *policy.Feedback) error
	save(context.Context) ([]byte, error)
	load(context.Context, []byte) error
	// kill ends it at once, close in order. kill may come at any time.
	kill()
	close() error
	// last are the last lines of the log.
	last() []string
}

// local is a policy without a process of its own.
type local struct {
	def      policy.Definition
	log      *process.Log
	instance policy.Policy
	busy     chan struct{} // holds a token while the policy runs, even after the caller gave up
}

func newLocal(def policy.Definition, log *process.Log) *local {
	return &local{def: def, log: log, busy: make(chan struct{}, 1)}
}

// grace is how long a cancelled policy may take to return before it is left behind. A process would be killed instead.
const grace = 2 * time.Second

// call runs f in the policy, and turns a panic into an error with the stack in the log. It returns when f does, or some
// time after ctx ends.
func (w *local) call(ctx context.Context, op string, f func() error) error {
	select {
	case w.busy <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	done := make(chan error, 1)
	go func() {
		returned := false
		var err error
		defer func() {
			if p := recover(); p != nil {
				fmt.Fprintf(w.log, "panic in %s: %v\n%s", op, p, debug.Stack())
				err = fmt.Errorf("the policy panicked: %v", p)
			} else if !returned {
				err = fmt.Errorf("the policy ended its goroutine")
			}
			<-w.busy
			done <- err
		}()
		err = f()
		returned = true
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	t := time.NewTimer(grace)
	defer t.Stop()
	select {
	case err := <-done:
		return err
	case <-t.C:
		return ctx.Err()
	}
}

func (w *local) describe(context.Context) (policy.Description, error) {
	if w.def.New == nil {
		return policy.Description{}, fmt.Errorf("its Definition has no New")
	}
	return w.def.Description, nil
}

func (w *local) configure(ctx context.Context, s policy.Setup) error {
	return w.call(ctx, "Configure", func() error {
		made, err := w.def.New(s)
		if err == nil && made == nil {
			err = fmt.Errorf("its New returned neither a policy nor an error")
		}
		if err == nil {
			w.instance = made
		}
		return err
	})
}

func (w *local) fit(ctx context.Context, t *policy.Task, report func(policy.Progress)) error {
	learner, ok := w.instance.(policy.Learner)
	if !ok {
		return fmt.Errorf("the policy does not learn")
	}
	return w.call(ctx, "Fit", func() error { return learner.Fit(ctx, t, report) })
}

func (w *local) route(ctx context.Context, b *policy.Batch) (d *policy.Decisions, err error) {
	var made *policy.Decisions
	err = w.call(ctx, "Route", func() (err error) {
		made, err = w.instance.Route(ctx, b)
		return err
	})
	if err != nil {
		return nil, err // made may still be written to
	}
	return made, nil
}

func (w *local) observe(ctx context.Context, f *policy.Feedback) error {
	observer, ok := w.instance.(policy.Observer)
	if !ok {
		return fmt.Errorf("the policy does not observe")
	}
	return w.call(ctx, "Observe", func() error { return observer.Observe(ctx, f) })
}

func (w *local) save(ctx context.Context) ([]byte, error) {
	saver, ok := w.instance.(policy.Saver)
	if !ok {
		return nil, fmt.Errorf("the policy does not save its state")
	}
	var state []byte
	err := w.call(ctx, "Save", func() (err error) {
		state, err = saver.Save()
		return err
	})
	if err != nil {
		return nil, err
	}
	return state, nil
}

func (w *local) load(ctx context.Context, state []byte) error {
	saver, ok := w.instance.(policy.Saver)
	if !ok {
		return fmt.Errorf("the policy does not save its state")
	}
	return w.call(ctx, "Load", func() error { return saver.Load(state) })
}

func (w *local) kill()          {}
func (w *local) close() error   { return nil }
func (w *local) last() []string { return w.log.Last() }
