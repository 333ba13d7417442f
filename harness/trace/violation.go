package trace

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// Violation is one thing that is wrong with a trace, and what to do about it. [Open] returns the first as its error,
// [Validate] lists all of them.
type Violation struct {
	// File is relative to the trace's folder, with forward slashes: "outcomes/part-00003.parquet".
	File string `json:"file"`
	// Row counts from 0 within a Parquet file, as pandas and Polars number rows. In models.yaml it is the line, from 1.
	// It is -1 where the violation is not about one row.
	Row int64 `json:"row"`
	// Column is "" where the violation is not about one column.
	Column string `json:"column"`
	// Value is what was found, "" where there is nothing to show.
	Value string `json:"value"`
	// Problem says what is wrong with the value: "is outside [0,1]".
	Problem string `json:"problem"`
	// Fix says what to do next.
	Fix string `json:"fix"`
}

// Where names the place: "outcomes.parquet row 17, column score".
func (v *Violation) Where() string {
	var b strings.Builder
	b.WriteString(v.File)
	if v.Row >= 0 {
		unit := "row"
		if strings.HasSuffix(v.File, ".yaml") {
			unit = "line"
		}
		fmt.Fprintf(&b, " %s %d", unit, v.Row)
	}
	if v.Column != "" {
		fmt.Fprintf(&b, ", column %s", v.Column)
	}
	return b.String()
}

// Error tells file, row, column, value, problem and fix in one line.
func (v *Violation) Error() string {
	s := v.Where() + ": "
	if v.Value != "" {
		s += v.Value + " "
	}
	s += v.Problem
	if v.Fix != "" {
		s += "; " + v.Fix
	}
	return s
}

// clip shortens a value for a message.
func clip(s string) string {
	const most = 80
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) > most {
		cut := most
		for cut > 0 && s[cut]&0xC0 == 0x80 {
			cut--
		}
		s = s[:cut] + "…"
	}
	return fmt.Sprintf("%q", s)
}

// findings collects the violations of one block of a file: columns are read one after another, but violations are told
// by row.
type findings struct {
	limit int // most to keep, 0 for all
	total int
	list  []placed
	mark  int // index in list where the current column starts
}

type placed struct {
	Violation
	column int
}

// column starts the next column: each may keep limit violations of its own, so that the first limit by row are among
// those kept.
func (f *findings) column() { f.mark = len(f.list) }

func (f *findings) add(v Violation) {
	f.total++
	if f.limit <= 0 || len(f.list)-f.mark < f.limit {
		f.list = append(f.list, placed{v, f.mark})
	}
}

// drain appends what was found to out, in row order, and starts anew.
func (f *findings) drain(out []Violation) []Violation {
	slices.SortStableFunc(f.list, func(a, b placed) int {
		return cmp.Or(cmp.Compare(a.Row, b.Row), cmp.Compare(a.column, b.column))
	})
	for _, v := range f.list {
		if f.limit > 0 && len(out) >= f.limit {
			break
		}
		out = append(out, v.Violation)
	}
	f.list, f.mark = f.list[:0], 0
	return out
}

// relative names a file within the trace's folder.
func relative(dir, path string) string {
	if rel, err := filepath.Rel(dir, path); err == nil {
		return filepath.ToSlash(rel)
	}
	return filepath.ToSlash(path)
}
