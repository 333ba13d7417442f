package host

import (
	"fmt"
	"strings"
)

// Kind says what went wrong with a policy.
type Kind string

// The kinds of [Error].
const (
	KindStart    Kind = "start"          // it did not start: missing, not executable, not a plugin, wrong version, wrong digest
	KindRefused  Kind = "refused"        // the request does not suit the policy: parameters, columns, what it can do
	KindFailed   Kind = "failed"         // the policy returned an error, or panicked and lived
	KindInvalid  Kind = "invalid answer" // it answered, but not what the contract allows
	KindCrash    Kind = "crash"          // its process ended
	KindTimeout  Kind = "timeout"        // it did not answer in time, and was killed
	KindCanceled Kind = "canceled"       // the caller gave up
)

// Error is a failure of one policy.
type Error struct {
	Policy string
	Op     string // "start", "describe", "configure", "fit", "route", "observe", "save", "load"
	Kind   Kind
	Err    error
	// Log holds the last lines that the process printed.
	Log []string
}

// Error says it in one line, with the end of the log where the process broke.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "policy %s: %s: ", e.Policy, e.Op)
	switch e.Kind {
	case KindStart, KindRefused, KindFailed, KindCanceled:
	default:
		fmt.Fprintf(&b, "%s: ", e.Kind)
	}
	fmt.Fprintf(&b, "%v", e.Err)
	if len(e.Log) > 0 && (e.Kind == KindCrash || e.Kind == KindStart) {
		last := e.Log[max(0, len(e.Log)-3):]
		fmt.Fprintf(&b, "; its log ends: %s", strings.Join(last, " | "))
	}
	return b.String()
}

// Unwrap is the cause.
func (e *Error) Unwrap() error { return e.Err }
