package event

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"sync"
	"time"
)

// progressEvery bounds how often the progress of one cell is written down: a training loop reports every step.
const progressEvery = time.Second

type jsonLines struct {
	mu   sync.Mutex
	w    io.Writer
	c    io.Closer
	err  error
	last map[string]time.Time // cell → time of its last progress line
}

// JSONLines writes one JSON object a line. Progress of a cell is thinned to one line a second. w is not closed.
func JSONLines(w io.Writer) Sink { return &jsonLines{w: w, last: map[string]time.Time{}} }

// AppendJSONLines opens a file for [JSONLines], keeping what earlier attempts wrote.
func AppendJSONLines(path string) (Sink, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("opening the event log: %w", err)
	}
	// A run that was killed may have left half a line: end it, so that only that one is lost.
	if info, err := f.Stat(); err == nil && info.Size() > 0 {
		tail := make([]byte, 1)
		if _, err := f.ReadAt(tail, info.Size()-1); err == nil && tail[0] != '\n' {
			if _, err := f.WriteString("\n"); err != nil {
				return nil, fmt.Errorf("opening the event log: %w", closing(f, err))
			}
		}
	}
	return &jsonLines{w: f, c: f, last: map[string]time.Time{}}, nil
}

func closing(f *os.File, err error) error {
	_ = f.Close()
	return err
}

func (j *jsonLines) Send(e Event) {
	e.stamp()
	e.Metrics = finite(e.Metrics)
	j.mu.Lock()
	defer j.mu.Unlock()
	switch e.Kind {
	case CellProgress:
		if e.Time.Sub(j.last[e.Cell]) < progressEvery && (e.Total == 0 || e.Step < e.Total) {
			return
		}
		j.last[e.Cell] = e.Time
	case CellDone, CellFailed:
		delete(j.last, e.Cell)
	}
	line, err := json.Marshal(e)
	if err == nil {
		// One write a line: with O_APPEND, lines of two processes do not mix.
		_, err = j.w.Write(append(line, '\n'))
	}
	if err != nil && j.err == nil {
		j.err = fmt.Errorf("writing the event log: %w", err)
	}
}

// finite drops what JSON cannot hold: a loss that became NaN.
func finite(list []Metric) []Metric {
	for i, m := range list {
		if math.IsNaN(m.Value) || math.IsInf(m.Value, 0) {
			kept := append([]Metric(nil), list[:i]...)
			for _, m := range list[i+1:] {
				if !math.IsNaN(m.Value) && !math.IsInf(m.Value, 0) {
					kept = append(kept, m)
				}
			}
			return kept
		}
	}
	return list
}

func (j *jsonLines) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.c != nil {
		if err := j.c.Close(); err != nil && j.err == nil {
			j.err = fmt.Errorf("closing the event log: %w", err)
		}
		j.c = nil
	}
	return j.err
}
