package gather

import (
	"bufio"
	"bytes"
	"container/heap"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// runsBytes is how much all sorters together hold in memory. It is a variable for tests.
var runsBytes = 64 << 20

// sorter sorts more than memory holds: sorted runs go to disk, and are merged when they are read. Entries of one key are in the order
// of their places.
type sorter struct {
	path string // of the file for runs
	most int    // bytes to hold in memory, and so how long a run is
	file *os.File
	size int64
	runs [][2]int64 // from, to

	held  []byte
	index []entry
}

// entry is where something lies in held: uvarint key length, key, 12 bytes of place, uvarint length, content.
type entry struct {
	prefix  uint64 // first bytes of the key, which tell most keys apart
	from    uint32
	key, to uint32 // ends of the key and of the whole
}

func (s *sorter) add(key string, at Seq, content []byte) error {
	if len(s.held)+24*len(s.index)+len(key)+len(content)+32 > s.most && len(s.index) > 0 {
		if err := s.spill(); err != nil {
			return err
		}
	}
	from := len(s.held)
	b := binary.AppendUvarint(s.held, uint64(len(key)))
	b = append(b, key...)
	end := len(b)
	b = binary.BigEndian.AppendUint32(b, at.Member)
	b = binary.BigEndian.AppendUint32(b, at.Record)
	b = binary.BigEndian.AppendUint32(b, at.Piece)
	b = binary.AppendUvarint(b, uint64(len(content)))
	b = append(b, content...)
	s.held = b
	var prefix [8]byte
	copy(prefix[:], key)
	s.index = append(s.index, entry{binary.BigEndian.Uint64(prefix[:]), uint32(from), uint32(end), uint32(len(b))})
	return nil
}

// order sorts what is held.
func (s *sorter) order() {
	slices.SortFunc(s.index, func(a, b entry) int {
		if a.prefix != b.prefix {
			if a.prefix < b.prefix {
				return -1
			}
			return 1
		}
		if c := bytes.Compare(s.key(a), s.key(b)); c != 0 {
			return c
		}
		return bytes.Compare(s.held[a.key:a.key+12], s.held[b.key:b.key+12])
	})
}

func (s *sorter) key(e entry) []byte {
	_, n := binary.Uvarint(s.held[e.from:])
	return s.held[int(e.from)+n : e.key]
}

// spill writes what is held as a run.
func (s *sorter) spill() error {
	if s.file == nil {
		f, err := spool(s.path)
		if err != nil {
			return fmt.Errorf("making room on disk: %w", err)
		}
		s.file = f
	}
	s.order()
	to := bufio.NewWriterSize(s.file, 1<<20)
	from := s.size
	for _, e := range s.index {
		n, err := to.Write(s.held[e.from:e.to])
		if s.size += int64(n); err != nil {
			return fmt.Errorf("making room on disk: %w", err)
		}
	}
	if err := to.Flush(); err != nil {
		return fmt.Errorf("making room on disk: %w", err)
	}
	s.runs = append(s.runs, [2]int64{from, s.size})
	s.held, s.index = s.held[:0], s.index[:0]
	return nil
}

func (s *sorter) close() error {
	if s.file == nil {
		return nil
	}
	f := s.file
	s.file = nil
	return errors.Join(f.Close(), os.Remove(s.path))
}

// readerBytes is what all readers of runs may hold together.
const readerBytes = 16 << 20

// merge calls fn with all entries of the sorters, by key and place. key and content are fn's only during the call.
func merge(sorters []*sorter, fn func(key string, at Seq, content []byte) error) error {
	var h runs
	count := 0
	for _, s := range sorters {
		count += len(s.runs)
	}
	for _, s := range sorters {
		s.order()
		h = append(h, &run{held: s, next: 0})
		for _, span := range s.runs {
			size := min(max(readerBytes/max(count, 1), 1<<12), 1<<18)
			h = append(h, &run{from: bufio.NewReaderSize(io.NewSectionReader(s.file, span[0], span[1]-span[0]), size)})
		}
	}
	live := h[:0]
	for _, r := range h {
		more, err := r.advance()
		if err != nil {
			return err
		}
		if more {
			live = append(live, r)
		}
	}
	h = live
	heap.Init(&h)
	for len(h) > 0 {
		r := h[0]
		if err := fn(r.key, r.at, r.content); err != nil {
			return err
		}
		more, err := r.advance()
		switch {
		case err != nil:
			return err
		case more:
			heap.Fix(&h, 0)
		default:
			heap.Pop(&h)
		}
	}
	return nil
}

// run is a sorted run being read, from memory or from disk.
type run struct {
	held *sorter
	next int
	from *bufio.Reader

	key     string
	at      Seq
	content []byte
	buf     []byte
}

func (r *run) advance() (bool, error) {
	if r.held != nil {
		if r.next == len(r.held.index) {
			return false, nil
		}
		e := r.held.index[r.next]
		r.next++
		r.take(r.held.key(e), r.held.held[e.key:e.key+12])
		_, n := binary.Uvarint(r.held.held[e.key+12:])
		r.content = r.held.held[int(e.key)+12+n : e.to]
		return true, nil
	}
	length, err := binary.ReadUvarint(r.from)
	if errors.Is(err, io.EOF) {
		return false, nil
	}
	if err != nil || length > 1<<31 {
		return false, errors.Join(errRun, err)
	}
	r.grow(int(length) + 12)
	if _, err := io.ReadFull(r.from, r.buf); err != nil {
		return false, errors.Join(errRun, err)
	}
	r.take(r.buf[:length], r.buf[length:])
	size, err := binary.ReadUvarint(r.from)
	if err != nil || size > 1<<32 {
		return false, errors.Join(errRun, err)
	}
	r.grow(int(size))
	if _, err := io.ReadFull(r.from, r.buf); err != nil {
		return false, errors.Join(errRun, err)
	}
	r.content = r.buf
	return true, nil
}

func (r *run) grow(n int) {
	if cap(r.buf) < n {
		r.buf = make([]byte, n, n+n/2)
	}
	r.buf = r.buf[:n]
}

func (r *run) take(key, at []byte) {
	if r.key != string(key) {
		r.key = string(key)
	}
	r.at = Seq{binary.BigEndian.Uint32(at), binary.BigEndian.Uint32(at[4:]), binary.BigEndian.Uint32(at[8:])}
}

// runs is a heap by key and place.
type runs []*run

func (h runs) Len() int { return len(h) }
func (h runs) Less(i, j int) bool {
	if c := strings.Compare(h[i].key, h[j].key); c != 0 {
		return c < 0
	}
	return h[i].at.compare(h[j].at) < 0
}
func (h runs) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

// Push implements heap.Interface.
func (h *runs) Push(x any) { *h = append(*h, x.(*run)) }

// Pop implements heap.Interface.
func (h *runs) Pop() any {
	old := *h
	last := old[len(old)-1]
	*h = old[:len(old)-1]
	return last
}
