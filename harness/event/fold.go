package event

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"sort"
	"strings"
	"time"
)

// Progress is how far a run is, as its events tell.
type Progress struct {
	Run      string
	Started  time.Time // of the latest attempt
	Ended    time.Time // zero while it runs, or where it was killed
	Last     time.Time // time of the latest event
	Total    int       // cells
	Jobs     int
	Done     int // by this attempt
	Cached   int
	Failed   int
	Running  map[string]Event // cell → its latest event
	Failures []Event

	since   map[string]time.Time // start of each running cell
	wall    time.Duration        // of the cells that were computed
	waiting map[string]int       // cells that have not begun, by kind (see [KindOf])
	earlier map[string]float64   // mean seconds of a cell in an earlier run, by kind
	took    map[string]tally     // by kind
}

// tally is what cells of one kind took together.
type tally struct {
	n   int
	sec float64
}

// KindOf is what a cell's label says besides its seed: cells that differ in nothing else take about as long.
func KindOf(label string) string {
	kind, _, _ := strings.Cut(label, " seed ")
	return kind
}

// Took are the mean seconds of the cells that were computed, by kind.
func (p *Progress) Took() map[string]float64 {
	out := make(map[string]float64, len(p.took))
	for kind, t := range p.took {
		out[kind] = t.sec / float64(t.n)
	}
	return out
}

// Finished is the number of cells that will not change any more.
func (p *Progress) Finished() int { return p.Done + p.Cached + p.Failed }

// Add takes the next event in. The start of a run forgets earlier attempts.
func (p *Progress) Add(e Event) {
	if e.Time.After(p.Last) {
		p.Last = e.Time
	}
	if p.Running == nil {
		p.Running, p.since = map[string]Event{}, map[string]time.Time{}
	}
	switch e.Kind {
	case RunStarted:
		*p = Progress{
			Run: e.Run, Started: e.Time, Last: e.Time, Total: e.Total, Jobs: max(1, e.Jobs),
			Running: map[string]Event{}, since: map[string]time.Time{},
			waiting: maps.Clone(e.Waiting), earlier: e.Earlier, took: map[string]tally{},
		}
	case CellStarted:
		p.Running[e.Cell], p.since[e.Cell] = e, e.Time
		if kind := KindOf(e.Label); p.waiting[kind] > 0 {
			p.waiting[kind]--
		}
	case CellProgress:
		if _, ok := p.Running[e.Cell]; ok {
			p.Running[e.Cell] = e
		}
	case CellDone:
		p.end(e)
		p.Done++
	case CellCached:
		p.Cached++
	case CellFailed:
		p.end(e)
		p.Failed++
		p.Failures = append(p.Failures, e)
	case RunFinished:
		p.Ended = e.Time
		p.Running, p.since = map[string]Event{}, map[string]time.Time{}
	}
}

// end takes a computed cell from those that run.
func (p *Progress) end(e Event) {
	wall := seconds(e.WallSec)
	if from, ok := p.since[e.Cell]; ok && wall == 0 {
		wall = max(0, e.Time.Sub(from))
	}
	p.wall += wall
	if kind := KindOf(e.Label); e.Kind == CellDone { // one that failed may have ended at once
		if p.took == nil {
			p.took = map[string]tally{}
		}
		p.took[kind] = tally{p.took[kind].n + 1, p.took[kind].sec + wall.Seconds()}
	}
	delete(p.Running, e.Cell)
	delete(p.since, e.Cell)
}

// ETA is about how long the rest will take; false where nothing tells. A cell is taken to need what cells of its kind took, in
// this run or else in an earlier one; of a kind that was never seen, the mean of those computed. Cells differ by orders of
// magnitude, so one of which no more is known and that has run for longer is taken to need as long again as it has run.
func (p *Progress) ETA(now time.Time) (time.Duration, bool) {
	computed := p.Done + p.Failed
	if computed == 0 && len(p.earlier) == 0 || p.Started.IsZero() || !p.Ended.IsZero() {
		return 0, false
	}
	var mean time.Duration
	if computed > 0 {
		mean = p.wall / time.Duration(computed)
	}
	var left, longest time.Duration
	known := 0
	for kind, n := range p.waiting {
		if n == 0 {
			continue
		}
		each, ok := p.expect(kind)
		if !ok {
			each = mean
		}
		left, longest, known = left+time.Duration(n)*each, max(longest, each), known+n
	}
	// A log of an earlier version does not say what is waiting.
	left += time.Duration(max(0, p.Total-p.Finished()-len(p.since)-known)) * mean
	for cell, from := range p.since {
		ran := max(0, now.Sub(from))
		rest := max(mean-ran, ran)
		if whole, ok := p.expect(KindOf(p.Running[cell].Label)); ok {
			rest = max(whole-ran, ran/10)
		}
		left, longest = left+rest, max(longest, rest)
	}
	return max(longest, left/time.Duration(max(1, p.Jobs))), true
}

// expect is what a cell of a kind takes; false where none was seen.
func (p *Progress) expect(kind string) (time.Duration, bool) {
	if t := p.took[kind]; t.n > 0 {
		return seconds(t.sec / float64(t.n)), true
	}
	sec, ok := p.earlier[kind]
	return seconds(sec), ok
}

// Active lists the events of running cells by label.
func (p *Progress) Active() []Event {
	list := make([]Event, 0, len(p.Running))
	for _, e := range p.Running {
		list = append(list, e)
	}
	sort.Slice(list, func(i, j int) bool {
		if list[i].Label != list[j].Label {
			return list[i].Label < list[j].Label
		}
		return list[i].Cell < list[j].Cell
	})
	return list
}

// maxLine bounds a line of events.jsonl: a reason may carry the end of a plugin's log.
const maxLine = 1 << 20

// Each reads the events of JSON lines. A line that does not parse, such as the half one that a killed run leaves, is skipped.
func Each(r io.Reader, fn func(Event)) error {
	lines := bufio.NewReaderSize(r, 64<<10)
	var line []byte
	for {
		part, err := lines.ReadSlice('\n')
		if len(line)+len(part) <= maxLine {
			line = append(line, part...)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		var e Event
		if json.Unmarshal(line, &e) == nil && e.Kind != "" {
			fn(e)
		}
		line = line[:0]
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading the event log: %w", err)
		}
	}
}

// EachOf is [Each] of a file; a file that does not exist is an empty log.
func EachOf(path string, fn func(Event)) error {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the event log: %w", err)
	}
	defer f.Close()
	return Each(f, fn)
}

// FoldFile is how far a run is, as the event log in a file tells.
func FoldFile(path string) (Progress, error) {
	var p Progress
	err := EachOf(path, p.Add)
	return p, err
}
