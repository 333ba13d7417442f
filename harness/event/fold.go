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
	wallSec  float64
}

// Finished is the number of cells that will not change any more.
func (p *Progress) Finished() int { return p.Done + p.Cached + p.Failed }

// Add takes the next event in. The start of a run forgets earlier attempts.
func (p *Progress) Add(e Event) {
	if e.Time.After(p.Last) {
		p.Last = e.Time
	}
	if p.Running == nil {
		p.Running = map[string]Event{}
	}
	switch e.Kind {
	case RunStarted:
		*p = Progress{
			Run: e.Run, Started: e.Time, Last: e.Time, Total: e.Total, Jobs: max(1, e.Jobs), Running: map[string]Event{},
		}
	case CellStarted:
		p.Running[e.Cell] = e
	case CellProgress:
		if _, ok := p.Running[e.Cell]; ok {
			p.Running[e.Cell] = e
		}
	case CellDone:
		delete(p.Running, e.Cell)
		p.Done++
		p.wallSec += e.WallSec
	case CellCached:
		delete(p.Running, e.Cell)
		p.Cached++
	case CellFailed:
		delete(p.Running, e.Cell)
		p.Failed++
		p.Failures = append(p.Failures, e)
	case RunFinished:
		p.Ended = e.Time
		p.Running = map[string]Event{}
	}
}

// ETA is how long the rest will take if it goes on as it did; false where nothing was computed yet.
func (p *Progress) ETA(now time.Time) (time.Duration, bool) {
	computed := p.Done + p.Failed
	if computed == 0 || p.Started.IsZero() || !p.Ended.IsZero() {
		return 0, false
	}
	left := max(0, p.Total-p.Finished())
	return time.Duration(float64(now.Sub(p.Started)) / float64(computed) * float64(left)), true
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
