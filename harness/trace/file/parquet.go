package file

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"github.com/trilemma-bench/trilemma/harness/trace"
)

// table is an open Parquet file, of which single column chunks are read page by page. Only what is asked for is read.
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

// field is a leaf column that the trace has a use for.
type field struct {
	name string
	leaf *parquet.Column
	typ  string // the type as the file calls it, for messages
	// scale multiplies the integers of a decimal column.
	scale    float64
	unsigned bool
	// clock converts integers to nanoseconds or days: see times.
	clock clock
}

// kind is what a column is used as.
type kind uint8

const (
	asText kind = iota
	asNumber
	asTime
	asVector
)

// lookup finds a column and checks that its type can be used. A column that is missing, or that has pyarrow's null type
// because it never held anything, is nil without an error.
func (t *table) lookup(name string, use kind) (*field, *trace.Violation) {
	c := t.pq.Root().Column(name)
	if c == nil {
		return nil, nil
	}
	if use == asVector {
		for depth := 0; !c.Leaf() && len(c.Columns()) == 1 && depth < 4; depth++ {
			c = c.Columns()[0]
		}
	}
	if c.Leaf() {
		if l := c.Type().LogicalType(); l != nil {
			if _, null := l.Value.(*format.NullType); null {
				return nil, nil
			}
		}
	}
	f := &field{name: name, leaf: c, scale: 1, typ: "a group of columns"}
	wrong := func(want, fix string) (*field, *trace.Violation) {
		return nil, &trace.Violation{File: t.name, Row: -1, Column: name, Value: f.typ, Problem: "is the wrong type, want " + want, Fix: fix}
	}
	if c.Leaf() {
		f.typ = c.Type().String()
	}
	switch use {
	case asText:
		if !f.flat() || c.Type().Kind() != parquet.ByteArray || f.decimal() {
			return wrong("a string", "cast the column to string")
		}
	case asNumber:
		if !f.flat() || !f.number() {
			return wrong("a number", "cast the column to a float or integer type")
		}
	case asTime:
		if !f.flat() || !f.timestamp() {
			return wrong("a timestamp or a date", "cast the column to a timestamp")
		}
	case asVector:
		if !c.Leaf() || c.MaxRepetitionLevel() != 1 || !f.number() {
			return wrong("a list of floats", "store one list<float> of equal length a prompt")
		}
	}
	return f, nil
}

// flat tells whether the column has at most one value a row.
func (f *field) flat() bool {
	return f.leaf.Leaf() && f.leaf.MaxRepetitionLevel() == 0 && f.leaf.MaxDefinitionLevel() <= 1
}

func (f *field) logical() format.LogicalTypeValue {
	if l := f.leaf.Type().LogicalType(); l != nil {
		return l.Value
	}
	return nil
}

func (f *field) decimal() bool {
	_, ok := f.logical().(*format.DecimalType)
	return ok
}

// pages calls fn with every page of one column chunk, in order, and with the row of the file at which the page starts.
// It checks that the chunk holds as many rows as its row group claims. What is wrong with the file is a *Violation.
func (t *table) pages(ctx context.Context, group int, f *field, fn func(row int64, page parquet.Page) error) (err error) {
	row, end := t.first[group], t.first[group]+t.groups[group].NumRows()
	defer func() {
		if r := recover(); r != nil {
			err = broken(t.name, row, f.name, r)
		}
	}()
	pages := t.groups[group].ColumnChunks()[f.leaf.Index()].Pages()
	defer func() {
		if e := pages.Close(); err == nil && e != nil {
			err = broken(t.name, row, f.name, e)
		}
	}()
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		page, err := pages.ReadPage()
		if isEnd(err) {
			break
		}
		if err != nil {
			return broken(t.name, row, f.name, err)
		}
		n := page.NumRows()
		if row+n > end {
			return broken(t.name, row, f.name, "more values than rows")
		}
		err = fn(row, page)
		parquet.Release(page)
		if err != nil {
			return err
		}
		row += n
	}
	if row != end {
		return broken(t.name, row, f.name, fmt.Sprintf("its values end before row %d", end))
	}
	return nil
}

// isEnd tells whether a page reader has come to its end. It may mean that the chunk was cut off between two pages: who
// reads must count rows.
func isEnd(err error) bool {
	return errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF)
}
