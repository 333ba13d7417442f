package file

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"

	"github.com/parquet-go/parquet-go"

	"github.com/trilemma-bench/trilemma/harness/trace"
)

// vectors reads a column of lists of floats, all of the same length, to one row-major matrix. A column that is null
// everywhere is no column.
func (t *table) vectors(ctx context.Context, f *field, found *trace.Findings) (out []float32, dim int, err error) {
	d := numbers{field: f}
	var (
		most  = byte(f.leaf.MaxDefinitionLevel())
		row   = int64(-1) // row being read
		have  int         // its values so far
		nulls int64       // rows without a list
		wrong bool
	)
	bad := func(row int64, value, problem string) {
		wrong = true
		found.Add(trace.Violation{File: t.name, Row: row, Column: f.name, Value: value, Problem: problem,
			Fix: "give every prompt a vector of the same length, all numbers finite, or leave the column out"})
	}
	endRow := func() {
		switch {
		case row < 0:
		case have == 0:
			nulls++
			if nulls == row+1 { // nothing but nulls so far
				return
			}
			bad(row, "", "is null or empty")
		case dim == 0:
			dim = have
			if nulls > 0 {
				bad(0, "", "is null or empty")
			}
		case have != dim:
			bad(row, strconv.Itoa(have)+" numbers", fmt.Sprintf("is not the length of the vectors before it, %d", dim))
		}
	}
	for group := range t.groups {
		start, end := t.first[group], t.first[group]+t.groups[group].NumRows()
		row = start - 1
		have = 0
		err = t.listPages(ctx, group, f, func(page parquet.Page) error {
			packed, err := d.packed(page)
			if err != nil {
				return err
			}
			defs, reps := page.DefinitionLevels(), page.RepetitionLevels()
			at := 0
			for i := range reps {
				if reps[i] == 0 {
					if row >= start {
						endRow()
					}
					row++
					have = 0
					if row >= end {
						return errors.New("more rows than the row group claims")
					}
				}
				if row < start {
					return errors.New("a row starts in the middle of a list")
				}
				if len(defs) > 0 && defs[i] != most {
					// A null element; or, alone in its row, a null or empty list.
					alone := reps[i] == 0 && (i+1 == len(reps) || reps[i+1] == 0)
					if !alone || defs[i] == most-1 && f.leaf.Optional() {
						bad(row, "", "holds a null")
						have++
					}
					continue
				}
				if at >= len(packed) {
					return errLength
				}
				x := float32(packed[at])
				at++
				have++
				if x-x != 0 {
					bad(row, fmt.Sprint(x), "is not a finite number")
				}
				out = append(out, x)
			}
			return nil
		})
		if err != nil {
			return nil, 0, err
		}
		if row >= start {
			endRow()
		}
		if row != end-1 {
			return nil, 0, broken(t.name, row, f.name, fmt.Sprintf("its values end before row %d", end))
		}
	}
	if wrong || dim == 0 {
		return nil, 0, nil
	}
	return out, dim, nil
}

// listPages is pages for a column with several values a row, whose rows may go on from one page to the next.
func (t *table) listPages(ctx context.Context, group int, f *field, fn func(page parquet.Page) error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = broken(t.name, t.first[group], f.name, r)
		}
	}()
	pages := t.groups[group].ColumnChunks()[f.leaf.Index()].Pages()
	defer pages.Close()
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		page, err := pages.ReadPage()
		if isEnd(err) {
			return nil
		}
		if err != nil {
			return broken(t.name, t.first[group], f.name, err)
		}
		err = fn(page)
		parquet.Release(page)
		if err != nil {
			return broken(t.name, t.first[group], f.name, err)
		}
	}
}

// ReadVectors reads a Parquet file of precomputed prompt vectors: columns prompt_id and embedding (a list of floats of
// equal length a row). The vectors are [len(ids) × dim], row-major. What is wrong with the file is a *Violation.
func ReadVectors(ctx context.Context, path string) (ids []string, vectors []float32, dim int, err error) {
	t, err := openTable(filepath.Base(path), path)
	if err != nil {
		return nil, nil, 0, err
	}
	defer t.close()
	found := &trace.Findings{Limit: 1}
	for _, c := range []struct {
		name string
		use  kind
	}{{colPromptID, asText}, {colEmbedding, asVector}} {
		f, wrong := t.lookup(c.name, c.use)
		switch {
		case wrong != nil:
			return nil, nil, 0, wrong
		case f == nil:
			return nil, nil, 0, t.lacks(c.name)
		case c.use == asText:
			ids, err = t.strings(ctx, f, false, found)
		default:
			vectors, dim, err = t.vectors(ctx, f, found)
		}
		if err != nil {
			return nil, nil, 0, fmt.Errorf("reading %s: %w", path, err)
		}
		if found.Total > 0 {
			return nil, nil, 0, found.First(nil)
		}
	}
	if dim == 0 {
		return nil, nil, 0, &trace.Violation{File: t.name, Row: -1, Column: colEmbedding, Problem: "holds no vectors", Fix: "give every prompt a vector"}
	}
	return ids, vectors, dim, nil
}
