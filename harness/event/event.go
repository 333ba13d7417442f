// Package event carries the progress of a run from whoever works to whoever watches. The way of the data:
//
//  1. The runner sends an [Event] to a [Sink] when a run or a cell starts, moves, ends or fails.
//  2. [Bars] draws them on a terminal, [Lines] logs them as text, [JSONLines] appends them to the run's events.jsonl;
//     [Tee] sends to several.
//  3. [EachOf] reads events.jsonl back, from another process too; [Progress.Add] makes of them how far the run is.
//
// Events are for people who wait. Nothing that is computed depends on them, and a sink that cannot write never stops a
// run: it keeps its first error for Close.
package event

import (
	"errors"
	"sync"
	"time"
)

// Kind says what happened.
type Kind string

// What can happen.
const (
	RunStarted   Kind = "run_started"   // Total cells are planned; Jobs at a time
	RunFinished  Kind = "run_finished"  // Done, Cached and Failed cells
	CellStarted  Kind = "cell_started"  // Cell, Label, Pool
	CellProgress Kind = "cell_progress" // Stage, Step of Total, Metrics
	CellDone     Kind = "cell_done"     // WallSec
	CellCached   Kind = "cell_cached"   // was done before
	CellFailed   Kind = "cell_failed"   // Reason
	Notice       Kind = "notice"        // Text: something the user should know
)

// Event is one thing that happened. Fields that its kind does not use are zero.
type Event struct {
	Time    time.Time `json:"time"`
	Kind    Kind      `json:"kind"`
	Run     string    `json:"run,omitempty"`   // folder of the run
	Cell    string    `json:"cell,omitempty"`  // content id of the cell
	Label   string    `json:"label,omitempty"` // what the cell is called, such as "all/knn(k=10) seed 1"
	Pool    string    `json:"pool,omitempty"`
	Stage   string    `json:"stage,omitempty"` // "train", "route", …
	Step    int       `json:"step,omitempty"`
	Total   int       `json:"total,omitempty"` // steps of a stage, cells of a run; 0 when unknown
	Jobs    int       `json:"jobs,omitempty"`
	Done    int       `json:"done,omitempty"`
	Cached  int       `json:"cached,omitempty"`
	Failed  int       `json:"failed,omitempty"`
	WallSec float64   `json:"wall_s,omitempty"`
	Reason  string    `json:"reason,omitempty"`
	Text    string    `json:"text,omitempty"`
	Metrics []Metric  `json:"metrics,omitempty"`

	Waiting map[string]int     `json:"waiting,omitempty"` // cells to be computed, by [KindOf] their labels
	Earlier map[string]float64 `json:"earlier,omitempty"` // mean seconds of a cell in an earlier run of the experiment, by kind
}

// Metric is one named number, such as the training loss.
type Metric struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
}

// Sink takes events from any goroutine. Send stamps events that carry no time. Close flushes, frees what the sink holds
// and returns the first error that it met; nothing may be sent after it.
type Sink interface {
	Send(Event)
	Close() error
}

// Discard is the sink of who does not watch.
var Discard Sink = discard{}

type discard struct{}

func (discard) Send(Event)   {}
func (discard) Close() error { return nil }

// Tee sends every event to all sinks in order, stamped once.
func Tee(sinks ...Sink) Sink { return tee(sinks) }

type tee []Sink

func (t tee) Send(e Event) {
	e.stamp()
	for _, s := range t {
		s.Send(e)
	}
}

func (t tee) Close() error {
	var errs []error
	for _, s := range t {
		errs = append(errs, s.Close())
	}
	return errors.Join(errs...)
}

func (e *Event) stamp() {
	if e.Time.IsZero() {
		e.Time = time.Now()
	}
}

// Record keeps events in memory, for tests and for who wants them all.
type Record struct {
	mu     sync.Mutex
	events []Event
}

// Send keeps the event.
func (r *Record) Send(e Event) {
	e.stamp()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
}

// Close does nothing.
func (r *Record) Close() error { return nil }

// Events returns what was sent so far.
func (r *Record) Events() []Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Event(nil), r.events...)
}
