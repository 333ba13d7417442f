// Package policytest is the conformance suite that every policy must pass, however it is run: a definition in this
// process, a bundled policy in a process of its own, an outside executable in any language.
//
// The way of a check:
//
//  1. A small world is made up ([world.go]): models with prices, prompts whose vectors and words carry their topic,
//     outcomes of which some are missing and some figures unknown.
//  2. A [Subject] is opened, configured, and fitted where it learns, with the columns that it declared and no other.
//  3. Test prompts are routed, in rounds where the policy asks ([drive.go]), and each row becomes one line of text.
//  4. Each check ([checks.go]) routes the same rows in another way, or after another history, and compares the lines.
//
// In a test of a policy:
//
//	func TestConformance(t *testing.T) { policytest.Run(t, mypolicy.Definition()) }
package policytest

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Subject is a running policy, such as a *host.Instance. Configure may be called again, and then starts afresh.
type Subject interface {
	Describe(context.Context) (policy.Description, error)
	Configure(context.Context, policy.Setup) error
	Fit(context.Context, *policy.Task, func(policy.Progress)) error
	Route(context.Context, *policy.Batch) (*policy.Decisions, error)
	Observe(context.Context, *policy.Feedback) error
	Save(context.Context) ([]byte, error)
	Load(context.Context, []byte) error
	Close() error
}

// Opener starts the policy under test. It is called several times.
type Opener func(context.Context) (Subject, error)

// Problem is one thing that a policy does and must not.
type Problem struct {
	Check  string // name of the check
	Detail string
}

func (p Problem) String() string { return p.Check + ": " + p.Detail }

// Options tell the suite about what it cannot find out.
type Options struct {
	// Params are the parameters to run the checks with, merged over the policy's defaults.
	Params map[string]any
	// Checked, where it is set, is told of every check that was made, in order, and of what came of it; a policy with a
	// problem has been closed by then, so that all it logged is there.
	Checked func(check string, problem *Problem)
}

// Run fails the test for every problem of a definition.
func Run(t *testing.T, def policy.Definition) {
	t.Helper()
	RunOpener(t, InProcess(def), Options{})
}

// RunOpener is Run for a policy that is run in any way.
func RunOpener(t *testing.T, open Opener, opt Options) {
	t.Helper()
	for _, p := range Check(t.Context(), open, opt) {
		t.Error(p)
	}
}

// Check returns every problem of a policy, and none where it conforms. A check that cannot go on because the policy
// fails is a problem of its own; the others are made on a policy opened anew.
func Check(ctx context.Context, open Opener, opt Options) []Problem {
	s := &suite{ctx: ctx, open: open, opt: opt}
	defer s.drop()
	for _, c := range checks {
		if ctx.Err() != nil {
			s.problems = append(s.problems, Problem{c.name, context.Cause(ctx).Error()})
			return s.problems
		}
		var problem *Problem
		made, err := s.run(c)
		if err != nil {
			problem = &Problem{c.name, err.Error()}
			s.problems = append(s.problems, *problem)
			s.drop() // the policy may be in any state
		}
		if made && opt.Checked != nil {
			opt.Checked(c.name, problem)
		}
		if s.about.Name == "" {
			break // it does not even say what it is
		}
	}
	return s.problems
}

// suite is one run of all checks.
type suite struct {
	ctx      context.Context
	open     Opener
	opt      Options
	about    policy.Description
	subject  Subject // nil: to be opened
	problems []Problem
}

// run makes a check, where the policy is one that it is made for.
func (s *suite) run(c check) (made bool, err error) {
	if s.subject == nil {
		// Kept only where it started: a nil *host.Instance in an interface is not nil.
		subject, err := s.open(s.ctx)
		if err != nil {
			return true, fmt.Errorf("it does not start: %w", err)
		}
		s.subject = subject
	}
	if s.about.Name == "" {
		if s.about, err = s.subject.Describe(s.ctx); err != nil {
			return true, err
		}
	}
	if c.when != nil && !c.when(&s.about) {
		return false, nil
	}
	return true, c.run(s)
}

func (s *suite) drop() {
	if s.subject != nil {
		s.finish(s.subject)
		s.subject = nil
	}
}

func (s *suite) finish(x Subject) {
	if err := x.Close(); err != nil {
		s.problems = append(s.problems, Problem{"close", err.Error()})
	}
}

// InProcess opens a definition within this process.
func InProcess(def policy.Definition) Opener {
	return func(context.Context) (Subject, error) {
		if def.New == nil {
			return nil, errors.New("its Definition has no New")
		}
		return &within{def: def}, nil
	}
}

// within is a Subject without a process.
type within struct {
	def      policy.Definition
	instance policy.Policy
}

// errPanic marks an error that was a panic.
var errPanic = errors.New("the policy panicked")

func guard(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("%w: %v", errPanic, p)
	}
}

func (w *within) Describe(context.Context) (policy.Description, error) { return w.def.Description, nil }

func (w *within) Configure(_ context.Context, setup policy.Setup) (err error) {
	defer guard(&err)
	w.instance = nil
	made, err := w.def.New(setup)
	if err == nil && made == nil {
		err = errors.New("its New returned neither a policy nor an error")
	}
	if err == nil {
		w.instance = made
	}
	return err
}

func (w *within) Fit(ctx context.Context, t *policy.Task, report func(policy.Progress)) (err error) {
	defer guard(&err)
	p, ok := w.instance.(policy.Learner)
	if !ok {
		return errors.New("it has no Fit, though its description says that it learns")
	}
	return p.Fit(ctx, t, report)
}

func (w *within) Route(ctx context.Context, b *policy.Batch) (d *policy.Decisions, err error) {
	defer guard(&err)
	return w.instance.Route(ctx, b)
}

func (w *within) Observe(ctx context.Context, f *policy.Feedback) (err error) {
	defer guard(&err)
	p, ok := w.instance.(policy.Observer)
	if !ok {
		return errors.New("it has no Observe, though its description says that it is online")
	}
	return p.Observe(ctx, f)
}

func (w *within) Save(context.Context) (state []byte, err error) {
	defer guard(&err)
	p, ok := w.instance.(policy.Saver)
	if !ok {
		return nil, errors.New("it has no Save, though its description says that it saves")
	}
	return p.Save()
}

func (w *within) Load(_ context.Context, state []byte) (err error) {
	defer guard(&err)
	p, ok := w.instance.(policy.Saver)
	if !ok {
		return errors.New("it has no Load, though its description says that it saves")
	}
	return p.Load(state)
}

func (w *within) Close() error { return nil }
