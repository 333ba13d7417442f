package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/trilemma-bench/trilemma/plugins/schema"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Instance is one running policy. Its calls must not overlap, save Close, which may come at any time and breaks off what
// runs. Every error is an [*Error].
type Instance struct {
	name      string
	opt       Options
	transport transport
	about     policy.Description
	params    *schema.Schema
	models    int // 0 before Configure

	mu   sync.Mutex
	dead *Error // why the policy cannot be called any more
}

// Description is what the policy said of itself when it started.
func (i *Instance) Description() policy.Description { return i.about }

// Describe is Description, for callers that drive any policy alike.
func (i *Instance) Describe(context.Context) (policy.Description, error) { return i.about, nil }

// Configure makes the policy from a setup, afresh each time it is called.
func (i *Instance) Configure(ctx context.Context, s policy.Setup) error {
	if len(s.Models) == 0 {
		return i.refuse("configure", "the pool is empty: a policy needs at least one model to route to")
	}
	if err := i.params.Check(s.Params); err != nil {
		return i.refuse("configure", "%w", err)
	}
	if len(s.Params) == 0 {
		s.Params = json.RawMessage("{}")
	}
	i.models = 0
	err := i.call(ctx, "configure", i.opt.CallTimeout, func(ctx context.Context) error { return i.transport.configure(ctx, s) })
	if err == nil {
		i.models = len(s.Models)
	}
	return err
}

// Fit trains the policy. report, which may be nil, is called from one goroutine at a time and not after Fit returned.
func (i *Instance) Fit(ctx context.Context, t *policy.Task, report func(policy.Progress)) error {
	if !i.about.Learns {
		return i.refuse("fit", "the policy does not learn")
	}
	if err := i.configured("fit"); err != nil {
		return err
	}
	task, err := i.cleanTask(t)
	if err != nil {
		return i.refuse("fit", "%w", err)
	}
	once := oneAtATime{to: report}
	defer once.stop()
	return i.call(ctx, "fit", i.opt.FitTimeout, func(ctx context.Context) error { return i.transport.fit(ctx, task, once.report) })
}

// oneAtATime passes reports on that may come from any goroutine, until it is stopped.
type oneAtATime struct {
	mu sync.Mutex
	to func(policy.Progress)
}

func (o *oneAtATime) report(p policy.Progress) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.to != nil {
		o.to(p)
	}
}

func (o *oneAtATime) stop() {
	o.mu.Lock()
	o.to = nil
	o.mu.Unlock()
}

// Route asks for one decision a row, and checks that the answer is one. See [Instance.RouteAll] for whole splits.
func (i *Instance) Route(ctx context.Context, b *policy.Batch) (*policy.Decisions, error) {
	if err := i.configured("route"); err != nil {
		return nil, err
	}
	clean, err := i.cleanBatch(b)
	if err != nil {
		return nil, i.refuse("route", "%w", err)
	}
	var d *policy.Decisions
	err = i.call(ctx, "route", i.opt.CallTimeout, func(ctx context.Context) (err error) {
		if d, err = i.transport.route(ctx, clean); err != nil {
			return err
		}
		if err := i.checkDecisions(d, b.Rows()); err != nil {
			return &Error{Kind: KindInvalid, Err: err}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return d, nil
}

func (i *Instance) checkDecisions(d *policy.Decisions, rows int) error {
	if d == nil {
		return errors.New("it returned neither decisions nor an error")
	}
	if err := d.Check(rows, i.models); err != nil {
		return err
	}
	for r, use := range d.Use {
		if use == policy.Combine && !i.about.Combines {
			return fmt.Errorf("row %d: combines, but its description does not say that it may (combines)", r)
		}
		if use == policy.Ask && !i.about.Sequential {
			return fmt.Errorf("row %d: asks, but its description does not say that it may (sequential)", r)
		}
	}
	return nil
}

// Observe shows an online policy the outcomes of its own decisions.
func (i *Instance) Observe(ctx context.Context, f *policy.Feedback) error {
	if !i.about.Online {
		return i.refuse("observe", "the policy does not learn online")
	}
	if err := i.configured("observe"); err != nil {
		return err
	}
	clean, err := i.cleanFeedback(f)
	if err != nil {
		return i.refuse("observe", "%w", err)
	}
	return i.call(ctx, "observe", i.opt.CallTimeout, func(ctx context.Context) error { return i.transport.observe(ctx, clean) })
}

// Save returns the policy's state.
func (i *Instance) Save(ctx context.Context) ([]byte, error) {
	if err := i.saves("save"); err != nil {
		return nil, err
	}
	var state []byte
	err := i.call(ctx, "save", i.opt.CallTimeout, func(ctx context.Context) (err error) {
		state, err = i.transport.save(ctx)
		return err
	})
	return state, err
}

// Load puts the policy into a state that an instance of the same setup saved.
func (i *Instance) Load(ctx context.Context, state []byte) error {
	if err := i.saves("load"); err != nil {
		return err
	}
	return i.call(ctx, "load", i.opt.CallTimeout, func(ctx context.Context) error { return i.transport.load(ctx, state) })
}

func (i *Instance) saves(op string) error {
	if !i.about.Saves {
		return i.refuse(op, "the policy does not save its state")
	}
	return i.configured(op)
}

// Close ends the process, in order if it is in order, and returns when it is gone. It may be called again.
func (i *Instance) Close() error {
	i.mu.Lock()
	if i.dead == nil {
		i.dead = &Error{Kind: KindCanceled, Err: errors.New("the instance is closed")}
	}
	i.mu.Unlock()
	if err := i.transport.close(); err != nil {
		return &Error{Policy: i.name, Op: "close", Kind: KindFailed, Err: err}
	}
	return nil
}

func (i *Instance) refuse(op, format string, args ...any) error {
	return &Error{Policy: i.name, Op: op, Kind: KindRefused, Err: fmt.Errorf(format, args...)}
}

func (i *Instance) configured(op string) error {
	if i.models == 0 {
		return i.refuse(op, "the policy was not configured")
	}
	return nil
}

// errTimeout is the cause for which a call that takes too long is cancelled.
var errTimeout = errors.New("no answer")

// call runs one call into the policy and says what its error means. A policy that did not answer in time, or whose
// process broke, is ended and not called again.
func (i *Instance) call(ctx context.Context, op string, timeout time.Duration, f func(context.Context) error) error {
	i.mu.Lock()
	dead := i.dead
	i.mu.Unlock()
	if dead != nil {
		return &Error{Policy: i.name, Op: op, Kind: dead.Kind, Err: fmt.Errorf("it was ended before: %w", dead.Err), Log: dead.Log}
	}
	if ctx.Err() != nil {
		return &Error{Policy: i.name, Op: op, Kind: KindCanceled, Err: context.Cause(ctx)}
	}
	within := ctx
	if timeout > 0 {
		var cancel context.CancelFunc
		within, cancel = context.WithTimeoutCause(ctx, timeout, errTimeout)
		defer cancel()
	}
	err := f(within)
	if err == nil {
		return nil
	}
	// A process keeps the deadline by its own clock, which may be a moment ahead.
	if at, ok := within.Deadline(); ok && errors.Is(err, context.DeadlineExceeded) && time.Until(at) < time.Second {
		<-within.Done()
	}
	var e *Error
	switch {
	case ctx.Err() != nil:
		e = &Error{Kind: KindCanceled, Err: context.Cause(ctx)}
	case errors.Is(err, errSilent):
		e = &Error{Kind: KindTimeout, Err: err}
	case within.Err() != nil:
		e = &Error{Kind: KindTimeout, Err: fmt.Errorf("%w within %v", errTimeout, timeout)}
	case errors.As(err, &e):
	default:
		e = &Error{Kind: KindFailed, Err: err}
	}
	e.Policy, e.Op = i.name, op
	if e.Kind == KindTimeout || e.Kind == KindCrash {
		if e.Log == nil {
			e.Log = i.transport.last()
		}
		i.mu.Lock()
		i.dead = e
		i.mu.Unlock()
		i.transport.kill()
	}
	return e
}

var nameForm = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// readDescription asks the policy what it is, and checks the answer.
func (i *Instance) readDescription(ctx context.Context) error {
	return i.call(ctx, "describe", i.opt.StartTimeout, func(ctx context.Context) error {
		d, err := i.transport.describe(ctx)
		if err != nil {
			return err
		}
		if i.params, err = checkDescription(&d, i.name); err != nil {
			return &Error{Kind: KindInvalid, Err: err}
		}
		i.about, i.name = d, d.Name
		return nil
	})
}

func checkDescription(d *policy.Description, want string) (*schema.Schema, error) {
	if !nameForm.MatchString(d.Name) || len(d.Name) > 80 {
		return nil, fmt.Errorf("it calls itself %q; a name is lower-case words and digits joined by hyphens", d.Name)
	}
	if want != "" && d.Name != want {
		return nil, fmt.Errorf("it calls itself %q, but it is to be %q: rename the executable or the policy", d.Name, want)
	}
	switch d.Preference {
	case policy.PreferenceInput, policy.PreferenceFixed, policy.PreferenceIgnored:
	default:
		return nil, fmt.Errorf("what it does with the preference is %q; want input, fixed or ignored", d.Preference)
	}
	for _, n := range d.Needs {
		if !slices.Contains(policy.Needs, n) {
			return nil, fmt.Errorf("it needs %q; a policy can need %q", n, policy.Needs)
		}
	}
	compiled, err := schema.Compile(d.ParamsSchema)
	if err == nil && len(d.Untrained) > 0 {
		if err = compiled.Check(d.Untrained); err != nil {
			err = fmt.Errorf("the parameters of its untrained start are not its own: %w", err)
		}
	}
	return compiled, err
}
