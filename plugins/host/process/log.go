package process

import (
	"bytes"
	"io"
	"strings"
	"sync"
)

const (
	tailLines     = 20
	tailLineBytes = 300
	lineBytes     = 64 << 10 // a longer line is passed on in pieces
)

// Log passes what a process prints on to the log, whole lines at a time, and remembers the last ones.
type Log struct {
	mu      sync.Mutex
	to      io.Writer // nil: nowhere
	partial []byte
	lines   []string
	// cause is the line that says why a process died, which a long stack trace would push out of lines.
	cause string
}

// NewLog passes lines on to a writer, or nowhere where it is nil.
func NewLog(to io.Writer) *Log { return &Log{to: to} }

// Write never fails: a full disk under the log must not end a run.
func (t *Log) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.partial = append(t.partial, p...)
	for {
		end := bytes.IndexByte(t.partial, '\n') + 1
		if end == 0 {
			if len(t.partial) < lineBytes {
				return len(p), nil
			}
			end = len(t.partial)
		}
		t.line(t.partial[:end])
		t.partial = append(t.partial[:0], t.partial[end:]...)
	}
}

func (t *Log) line(line []byte) {
	if t.to != nil {
		_, _ = t.to.Write(line)
	}
	text := strings.TrimRight(string(line[:min(len(line), tailLineBytes)]), "\r\n ")
	if text == "" {
		return
	}
	for _, sign := range []string{"panic:", "fatal error:", "panic in ", "ModuleNotFoundError:", "ImportError:"} {
		if strings.HasPrefix(text, sign) {
			t.cause = text
		}
	}
	if t.lines = append(t.lines, text); len(t.lines) > tailLines {
		t.lines = append(t.lines[:0], t.lines[1:]...)
	}
}

// Last lists the last lines, the cause of death at the end.
func (t *Log) Last() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	lines := append([]string(nil), t.lines...)
	if len(t.partial) > 0 {
		lines = append(lines, string(t.partial[:min(len(t.partial), tailLineBytes)]))
	}
	if t.cause != "" && (len(lines) == 0 || lines[len(lines)-1] != t.cause) {
		lines = append(lines, t.cause)
	}
	return lines
}
