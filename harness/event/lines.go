package event

import (
	"fmt"
	"io"
	"math"
	"strings"
	"sync"
	"time"
)

// lineEvery bounds how often Lines mentions the progress of a cell.
const lineEvery = 15 * time.Second

type lines struct {
	mu    sync.Mutex
	w     io.Writer
	err   error
	now   Progress
	last  map[string]time.Time
	start time.Time
}

// Lines writes one plain line for each event worth one: for logs, pipes and CI.
func Lines(w io.Writer) Sink { return &lines{w: w, last: map[string]time.Time{}} }

func (l *lines) Send(e Event) {
	e.stamp()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.now.Add(e)
	if l.start.IsZero() {
		l.start = e.Time
	}
	if e.Kind == CellProgress || e.Kind == CellStarted {
		from, seen := l.last[e.Cell]
		if e.Kind == CellStarted || !seen {
			l.last[e.Cell] = e.Time
			return
		}
		if e.Time.Sub(from) < lineEvery {
			return
		}
		l.last[e.Cell] = e.Time
	}
	if text := l.line(e); text != "" {
		if _, err := fmt.Fprintln(l.w, text); err != nil && l.err == nil {
			l.err = fmt.Errorf("writing progress: %w", err)
		}
	}
}

func (l *lines) line(e Event) string {
	count := fmt.Sprintf("[%d/%d]", l.now.Finished(), l.now.Total)
	switch e.Kind {
	case RunStarted:
		return fmt.Sprintf("run %s: %d cells, %d at a time", e.Run, e.Total, max(1, e.Jobs))
	case CellProgress:
		return fmt.Sprintf("%s %s: %s", count, e.Label, Describe(e))
	case CellDone:
		text := fmt.Sprintf("%s %s: done in %s", count, e.Label, Short(seconds(e.WallSec)))
		if eta, ok := l.now.ETA(e.Time); ok && l.now.Finished() < l.now.Total {
			text += ", about " + Short(eta) + " left"
		}
		return text
	case CellCached:
		return fmt.Sprintf("%s %s: cached", count, e.Label)
	case CellFailed:
		return fmt.Sprintf("%s %s: FAILED: %s", count, e.Label, oneLine(e.Reason))
	case Notice:
		return "note: " + e.Text
	case RunFinished:
		return fmt.Sprintf("finished: %d done, %d cached, %d failed in %s", l.now.Done, l.now.Cached, l.now.Failed, Short(e.Time.Sub(l.start)))
	}
	return ""
}

func (l *lines) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// Describe says in a few words where a cell is: "train 120/400, loss 0.1234".
func Describe(e Event) string {
	text := e.Stage
	switch {
	case e.Total > 0:
		text += fmt.Sprintf(" %d/%d", e.Step, e.Total)
	case e.Step > 0:
		text += fmt.Sprintf(" %d", e.Step)
	}
	for _, m := range e.Metrics {
		text += fmt.Sprintf(", %s %.4g", m.Name, m.Value)
	}
	return strings.TrimPrefix(strings.TrimSpace(text), ", ")
}

// Short writes a duration for people: "0.4 s", "12 s", "3 m 20 s", "2 h 05 m".
func Short(d time.Duration) string {
	switch {
	case d < 0:
		return "0 s"
	case d < 9950*time.Millisecond:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Minute-500*time.Millisecond:
		return fmt.Sprintf("%.0f s", d.Seconds())
	case d < time.Hour-30*time.Second:
		d = d.Round(time.Second)
		return fmt.Sprintf("%d m %02d s", d/time.Minute, d%time.Minute/time.Second)
	}
	d = d.Round(time.Minute)
	return fmt.Sprintf("%d h %02d m", d/time.Hour, d%time.Hour/time.Minute)
}

func seconds(s float64) time.Duration {
	if !(s > 0) || s > math.MaxInt64/float64(time.Second) {
		return 0
	}
	return time.Duration(s * float64(time.Second))
}

// oneLine is the first line of a text, and whether there was more.
func oneLine(s string) string {
	first, rest, _ := strings.Cut(strings.TrimSpace(s), "\n")
	if strings.TrimSpace(rest) != "" {
		first += " …"
	}
	return first
}
