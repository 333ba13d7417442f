package records

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// unpacked opens a member and takes off gzip and zstd, told by how they begin.
func (m *Member) unpacked() (r *bufio.Reader, closeAll func() error, err error) {
	f, err := m.open()
	if err != nil {
		return nil, nil, fmt.Errorf("reading %s: %w", m.Path, err)
	}
	closers := []func() error{f.Close}
	closeAll = func() error {
		var errs []error
		for _, c := range closers {
			errs = append(errs, c())
		}
		return errors.Join(errs...)
	}
	// What a zip unfolds to is guarded as well: it is packed already when it comes here.
	packed := &counted{from: f}
	guard := &guarded{from: packed, packed: func() int64 { return m.size }}
	if m.size == 0 {
		guard.packed = func() int64 { return guard.n } // a stream is what it is
	}
	r = bufio.NewReaderSize(guard, 1<<16)
	for range 3 {
		head, _ := r.Peek(4) // its error comes again
		inner := &counted{from: r}
		var unpack io.Reader
		switch {
		case bytes.HasPrefix(head, []byte("\x1f\x8b")):
			z, err := gzip.NewReader(inner)
			if err != nil {
				return nil, nil, errors.Join(fmt.Errorf("reading %s: %w", m.Path, err), closeAll())
			}
			unpack = z
		case bytes.Equal(head, []byte("\x28\xb5\x2f\xfd")):
			z, err := zstd.NewReader(inner, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(1<<28))
			if err != nil {
				return nil, nil, errors.Join(fmt.Errorf("reading %s: %w", m.Path, err), closeAll())
			}
			closers = append([]func() error{func() error { z.Close(); return nil }}, closers...)
			unpack = z
		default:
			return r, closeAll, nil
		}
		r = bufio.NewReaderSize(&guarded{from: unpack, packed: func() int64 { return inner.n }}, 1<<16)
	}
	return r, closeAll, nil
}

// counted counts what is read.
type counted struct {
	from io.Reader
	n    int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	c.n += int64(n)
	return n, err
}

// ErrBomb is the error for what unfolds to far more than its own size.
var ErrBomb = errors.New("it unfolds to more than text does, and may be a bomb; unpack it by hand if it is none")

// guarded fails where what is unpacked is out of proportion.
type guarded struct {
	from   io.Reader
	packed func() int64
	n      int64
}

func (g *guarded) Read(p []byte) (int, error) {
	n, err := g.from.Read(p)
	if g.n += int64(n); g.n > bombBytes && g.n > bombRatio*max(g.packed(), 1) {
		return 0, fmt.Errorf("%w (%d bytes from %d)", ErrBomb, g.n, g.packed())
	}
	return n, err
}

// bareName is a file's name in lower case, without the endings of packings.
func bareName(p string) string {
	p = strings.ToLower(p)
	for _, ending := range []string{".gz", ".zst", ".gzip", ".zstd"} {
		p = strings.TrimSuffix(p, ending)
	}
	return p
}
