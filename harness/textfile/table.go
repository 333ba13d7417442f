package textfile

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// Table reads separated values under a heading, row by row. A row of another length than the heading is refused:
// which of its fields stands under which name cannot be known.
type Table struct {
	Head []string // as written
	csv  *csv.Reader
	at   map[string]int // by [Heading]
}

// NewTable reads the heading of a table whose fields are separated by comma, which may be another sign.
func NewTable(r io.Reader, comma rune) (*Table, error) {
	c := csv.NewReader(NewReader(r))
	c.FieldsPerRecord, c.Comma, c.LazyQuotes = -1, comma, comma == '\t'
	head, err := c.Read()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("the file is empty: want a heading and rows")
	}
	if err != nil {
		return nil, fmt.Errorf("reading the heading: %w", err)
	}
	for _, other := range []string{";", "\t"} {
		if comma == ',' && len(head) == 1 && strings.Contains(head[0], other) {
			return nil, fmt.Errorf("the heading %q is separated by %q: write the table with commas", head[0], other)
		}
	}
	t := &Table{Head: head, csv: c, at: map[string]int{}}
	for i, h := range head {
		key := Heading(h)
		if first, twice := t.at[key]; twice && key != "" {
			return nil, fmt.Errorf("columns %d and %d are both called %q: remove one", first+1, i+1, strings.TrimSpace(h))
		}
		t.at[key] = i
	}
	return t, nil
}

// Column is the place of the first of the names that the heading has, compared by [Heading]; -1 where it has none.
func (t *Table) Column(names ...string) int {
	for _, n := range names {
		if i, ok := t.at[Heading(n)]; ok {
			return i
		}
	}
	return -1
}

// Next is the next row and its line, counted from 1. The error is io.EOF after the last.
func (t *Table) Next() (row []string, line int, err error) {
	if row, err = t.csv.Read(); err != nil {
		return nil, 0, err
	}
	line, _ = t.csv.FieldPos(0)
	if len(row) != len(t.Head) {
		return nil, line, fmt.Errorf("line %d has %d fields, the heading %d: columns were left out or lines run together; mend or remove the line",
			line, len(row), len(t.Head))
	}
	return row, line, nil
}

// Heading is a heading as it is compared: whatever its case, its spaces, and whether digits are written low (CO₂, CO2).
func Heading(s string) string {
	return strings.Join(strings.Fields(strings.ToLower(norm.NFKC.String(s))), " ")
}
