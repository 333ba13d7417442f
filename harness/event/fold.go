package event

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sort"
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

	since map[string]time.Time // start of each running cell
	wall  time.Duration        // of the cells that were computed
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
		}
	case CellStarted:
		p.Running[e.Cell], p.since[e.Cell] = e, e.Time
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
	delete(p.Running, e.Cell)
	delete(p.since, e.Cell)
}

// ETA is about how long the rest will take; false where nothing was computed yet. A waiting cell is taken to need the mean
// of those that were computed. Cells differ by orders of magnitude, so one that has run for longer than that is taken to
// need as long again as it has run.
func (p *Progress) ETA(now time.Time) (time.Duration, bool) {
	computed := p.Done + p.Failed
	if computed == 0 || p.Started.IsZero() || !p.Ended.IsZero() {
		return 0, false
	}
	mean := p.wall / time.Duration(computed)
	left := time.Duration(max(0, p.Total-p.Finished()-len(p.since))) * mean
	var longest time.Duration
	for _, from := range p.since {
		ran := max(0, now.Sub(from))
		rest := max(mean-ran, ran)
		left += rest
		longest = max(longest, rest)
	}
	return max(longest, left/time.Duration(max(1, p.Jobs))), true
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

// Fold reads JSON lines. A line that does not parse, such as the half one that a killed run leaves, is skipped.
func Fold(r io.Reader) (Progress, error) {
	var p Progress
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
			p.Add(e)
		}
		line = line[:0]
		if errors.Is(err, io.EOF) {
			return p, nil
		}
		if err != nil {
			return p, fmt.Errorf("reading the event log: %w", err)
		}
	}
}

// FoldFile is [Fold] of a file; a file that does not exist is an empty log.
func FoldFile(path string) (Progress, error) {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return Progress{}, nil
	}
	if err != nil {
		return Progress{}, fmt.Errorf("reading the event log: %w", err)
	}
	defer f.Close()
	return Fold(f)
}
