package file

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/parquet-go/parquet-go"

	"github.com/trilemma-bench/trilemma/harness/trace"
)

// table is an open Parquet file. All Parquet that this program reads comes through here: nothing is read beyond what is asked
// for, what the file claims of itself is held against its size, and an error or panic of the library becomes a violation that
// names file, row and column.
type table struct {
	name   string // as in trace.Violation.File
	file   *os.File
	pq     *parquet.File
	groups []parquet.RowGroup
	first  []int64 // [groups] row at which each row group starts
	rows   int64
}

const damaged = "the file is truncated or damaged: copy it again from its source, or write it again"

// openTable opens a Parquet file. What is wrong with the file is a *Violation.
func openTable(name, path string) (t *table, err error) {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, &trace.Violation{File: name, Row: -1, Problem: "is missing", Fix: "a trace is a folder with models.yaml, " +
			"prompts.parquet and outcomes.parquet (or outcomes/part-*.parquet); check the path"}
	}
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", path, err)
	}
	// The Parquet library panics on some damaged files.
	defer func() {
		if r := recover(); r != nil {
			err = broken(name, -1, "", r)
		}
		if err != nil {
			t, err = nil, errors.Join(err, f.Close())
		}
	}()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", path, err)
	}
	if info.IsDir() {
		return nil, &trace.Violation{File: name, Row: -1, Problem: "is a folder", Fix: "put a Parquet file there"}
	}
	if why := footer(f, info.Size()); why != "" {
		return nil, &trace.Violation{File: name, Row: -1, Problem: why, Fix: damaged}
	}
	// Page indexes and bloom filters are never needed to read, and other writers' are not always right.
	pq, err := parquet.OpenFile(f, info.Size(), parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true),
		parquet.ReadBufferSize(256<<10))
	if err != nil {
		return nil, broken(name, -1, "", err)
	}
	t = &table{name: name, file: f, pq: pq, groups: pq.RowGroups()}
	for i, g := range t.groups {
		n := g.NumRows()
		if n < 0 {
			return nil, broken(name, -1, "", fmt.Sprintf("row group %d claims %d rows", i, n))
		}
		t.first = append(t.first, t.rows)
		t.rows += n
		for c, chunk := range pq.Metadata().RowGroups[i].Columns {
			m := &chunk.MetaData
			start := m.DataPageOffset
			if m.DictionaryPageOffset > 0 {
				start = min(start, m.DictionaryPageOffset)
			}
			if start < 0 || m.TotalCompressedSize < 0 || start+m.TotalCompressedSize > info.Size() || start+m.TotalCompressedSize < 0 {
				return nil, broken(name, -1, "", fmt.Sprintf("row group %d column %d lies outside the file", i, c))
			}
		}
	}
	return t, nil
}

// footer tells what is wrong with the frame of a Parquet file: magic bytes, and the length of the footer, of which the
// library would allocate whatever it claims.
func footer(f io.ReaderAt, size int64) string {
	const magic = "PAR1"
	var head [4]byte
	var tail [8]byte
	if size == 0 {
		return "is empty"
	}
	if _, err := f.ReadAt(head[:], 0); err != nil || string(head[:]) != magic {
		if string(head[:]) == "PARE" {
			return "is encrypted"
		}
		return "is not a Parquet file: it does not begin with PAR1"
	}
	if size < 12 {
		return "is cut off: it has no footer"
	}
	if _, err := f.ReadAt(tail[:], size-8); err != nil || string(tail[4:]) != magic {
		return "is cut off: it does not end with PAR1, as a whole Parquet file does"
	}
	if n := int64(binary.LittleEndian.Uint32(tail[:])); n > size-12 {
		return fmt.Sprintf("cannot be read as Parquet: its footer claims %d bytes of %d", n, size)
	}
	return ""
}

// close gives the file back. Nothing was written to it that an error could lose.
func (t *table) close() { _ = t.file.Close() }

// broken tells that a file could not be read as Parquet, because of an error or a panic of the library.
func broken(name string, row int64, column string, why any) *trace.Violation {
	return &trace.Violation{File: name, Row: row, Column: column, Problem: fmt.Sprintf("cannot be read as Parquet: %v", why), Fix: damaged}
}

// values calls fn with the values of one column of a row group, in order and nulls included, some at a time. row is the row of
// the file that the first of them stands in: each has one of its own, but the elements of a list share theirs. It checks that
// there are as many rows as the row group claims. What is wrong with the file is a *trace.Violation.
func (t *table) values(ctx context.Context, group int, f *field, fn func(row int64, batch []parquet.Value)) (err error) {
	first := t.first[group]
	next, end := first, first+t.groups[group].NumRows()
	broken := func(why any) error { return broken(t.name, max(next-1, first), f.name, why) }
	defer func() {
		if r := recover(); r != nil {
			err = broken(r)
		}
	}()
	if err := t.bounded(group, f.leaf.Index()); err != nil {
		return broken(err)
	}
	pages := t.groups[group].ColumnChunks()[f.leaf.Index()].Pages()
	defer func() {
		if e := pages.Close(); err == nil && e != nil {
			err = broken(e)
		}
	}()
	batch := make([]parquet.Value, 256)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		page, err := pages.ReadPage()
		if isEnd(err) {
			break
		}
		if err != nil {
			return broken(err)
		}
		for in := page.Values(); ; {
			n, err := in.ReadValues(batch)
			rows := n
			if f.leaf.MaxRepetitionLevel() > 0 {
				rows = 0
				for _, v := range batch[:n] {
					if v.RepetitionLevel() == 0 {
						rows++
					}
				}
			}
			if n > 0 && batch[0].RepetitionLevel() > 0 && next == first {
				return broken("a row starts in the middle of a list")
			}
			if next+int64(rows) > end {
				return broken("more values than rows")
			}
			fn(next, batch[:n])
			next += int64(rows)
			if isEnd(err) {
				break
			}
			if err != nil {
				return broken(err)
			}
		}
		parquet.Release(page)
	}
	if next != end {
		return broken(fmt.Sprintf("its values end before row %d", end))
	}
	return nil
}

// isEnd tells whether a reader has come to its end. It may mean that the chunk was cut off between two pages: who reads must
// count rows.
func isEnd(err error) bool {
	return errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF)
}

// Rows calls fn with every row of a Parquet file, read into a struct with parquet tags, until it says false. Columns that T
// has not are not read, fields that the file lacks are zero. What is wrong with the file is a *trace.Violation with the
// column; the error of a file that is not there wraps os.ErrNotExist.
func Rows[T any](path string, fn func(*T) bool) (err error) {
	if _, err := os.Stat(path); err != nil {
		return err
	}
	t, err := openTable(filepath.Base(path), path)
	if err != nil {
		return err
	}
	defer t.close()
	reading := true
	row := int64(0)
	defer func() {
		if r := recover(); r != nil {
			if !reading {
				panic(r) // not the library's
			}
			err = t.diagnose(row, r)
		}
	}()
	if err := t.allBounded(); err != nil {
		return err
	}
	in := parquet.NewGenericReader[T](t.pq)
	defer func() { _ = in.Close() }() // opened for reading only
	rows := make([]T, 1024)
	for {
		clear(rows)
		n, err := in.Read(rows)
		reading = false
		for i := range rows[:n] {
			if !fn(&rows[i]) {
				return nil
			}
		}
		reading = true
		row += int64(n)
		switch {
		case isEnd(err) && row == t.rows:
			return nil
		case isEnd(err):
			err = fmt.Errorf("its rows end before row %d", t.rows)
			fallthrough
		case err != nil:
			return t.diagnose(row, err)
		}
	}
}

// diagnose finds the column that made the reading of rows fail: the library does not tell.
func (t *table) diagnose(row int64, why any) error {
	for _, path := range t.pq.Schema().Columns() {
		leaf := t.pq.Root()
		for _, name := range path {
			leaf = leaf.Column(name)
		}
		for g := range t.groups {
			if err := t.values(context.Background(), g, &field{name: strings.Join(path, "."), leaf: leaf}, func(int64, []parquet.Value) {}); err != nil {
				return err
			}
		}
	}
	return broken(t.name, row, "", why)
}
