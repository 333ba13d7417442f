package trace

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Violation is one thing that is wrong with a trace, and what to do about it. Reading a trace
// returns the first as its error, validating it lists all of them.
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

// Clip quotes and shortens a value for a message.
func Clip(s string) string {
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

// Findings collects violations: columns are read one after another, but violations are told by row.
type Findings struct {
	Limit int // most to keep, 0 for all
	Total int
	list  []placed
	mark  int // index in list where the current column starts
}

type placed struct {
	Violation
	column int
}

// Column starts the next column: each may keep Limit violations of its own, so that the first Limit by row are among
// those kept.
func (f *Findings) Column() { f.mark = len(f.list) }

// Add files a violation.
func (f *Findings) Add(v Violation) {
	f.Total++
	if f.Limit <= 0 || len(f.list)-f.mark < f.Limit {
		f.list = append(f.list, placed{v, f.mark})
	}
}

// Take files an error that is a violation, and returns any other.
func (f *Findings) Take(err error) error {
	var v *Violation
	if errors.As(err, &v) {
		f.Add(*v)
		return nil
	}
	return err
}

// Merge adds what another column found.
func (f *Findings) Merge(o *Findings) {
	f.Column()
	f.Total += o.Total
	for _, v := range o.list {
		f.list = append(f.list, placed{v.Violation, f.mark})
	}
}

// First is what ended a reading: an error of the machine, or the first violation.
func (f *Findings) First(err error) error {
	if err != nil || f.Total == 0 {
		return err
	}
	return &f.Drain(nil)[0]
}

// Drain appends what was found to out, in row order, and starts anew.
func (f *Findings) Drain(out []Violation) []Violation {
	slices.SortStableFunc(f.list, func(a, b placed) int {
		return cmp.Or(cmp.Compare(a.Row, b.Row), cmp.Compare(a.column, b.column))
	})
	for _, v := range f.list {
		if f.Limit > 0 && len(out) >= f.Limit {
			break
		}
		out = append(out, v.Violation)
	}
	f.list, f.mark = f.list[:0], 0
	return out
}
