package file

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"

	"github.com/parquet-go/parquet-go"
	"golang.org/x/sync/errgroup"

	"github.com/trilemma-bench/trilemma/harness/trace"
)

// Responses reads the responses of the wanted outcomes from disk: [prompts × models] by [Outcomes.At], "" where there is
// none or where it is not wanted. A nil want means all. Row groups without a wanted outcome are not read beyond their
// keys, nor are pages where the file has an index of them.
//
// t must be as [Open] made it: prompts and models are found again by their ids, so a trace narrowed to some prompts or
// models may ask too, for what it still has. A trace made in memory has no responses and gets an error.
func Responses(ctx context.Context, t *trace.Trace, want func(prompt, model int) bool) ([]string, error) {
	if t.Dir == "" {
		return nil, errors.New("reading responses: the trace was made in memory and has none")
	}
	out := make([]string, t.Prompts.Len()*len(t.Models))
	if err := responses(ctx, t, want, out); err != nil {
		return nil, fmt.Errorf("reading responses of trace %s: %w", t.Dir, err)
	}
	return out, nil
}

func responses(ctx context.Context, t *trace.Trace, want func(prompt, model int) bool, out []string) error {
	names, s, err := rescan(t)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := s.shardResponses(ctx, t.Dir, name, want, out); err != nil {
			return err
		}
	}
	return nil
}

// rescan is a scan of the files that t was read from, and their names.
func rescan(t *trace.Trace) ([]string, *scan, error) {
	names, err := Shards(t.Dir)
	if err != nil {
		return nil, nil, err
	}
	index := make(map[string]int32, t.Prompts.Len())
	for i, id := range t.Prompts.ID {
		index[id] = int32(i)
	}
	s, err := newScan(t.Models, &t.Prompts, index, false)
	return names, s, err
}

func (s *scan) shardResponses(ctx context.Context, dir, name string, want func(prompt, model int) bool, out []string) error {
	t, err := openTable(name, filepath.Join(dir, name))
	if err != nil {
		return err
	}
	defer t.close()
	f, wrong := t.lookup(colResponse, asText)
	if wrong != nil {
		return wrong
	}
	if f == nil {
		return nil
	}
	c := columns{}
	if c.prompt, wrong = t.lookup(colPromptID, asText); wrong != nil {
		return wrong
	}
	if c.model, wrong = t.lookup(colModelID, asText); wrong != nil {
		return wrong
	}
	if c.prompt == nil || c.model == nil {
		return t.lacks(colPromptID)
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i := range t.groups {
		g.Go(func() error {
			// Rows of prompts or models that t no longer has are not wanted; what else is wrong, Open has told.
			cell, err := s.keys(ctx, t, &c, i, &trace.Findings{Limit: 1})
			if err != nil {
				return err
			}
			wanted := 0
			for r, at := range cell {
				if at >= 0 && want != nil && !want(int(at)/s.width, int(at)%s.width) {
					cell[r] = -1
				}
				if cell[r] >= 0 {
					wanted++
				}
			}
			if wanted == 0 {
				return nil
			}
			return t.texts(ctx, i, f, func(row int64) bool { return cell[row] >= 0 }, func(row int64, text string) {
				out[cell[row]] = text
			})
		})
	}
	return g.Wait()
}

// texts calls fn with the wanted rows of a group's column of text that are not null. Rows count from the group's first.
func (t *table) texts(ctx context.Context, group int, f *field, want func(row int64) bool, fn func(row int64, text string)) error {
	var d texts
	emit := func(row int64, page parquet.Page) error {
		if _, err := d.read(page); err != nil {
			return broken(t.name, t.first[group]+row, f.name, err)
		}
		at := 0
		for i := range page.NumValues() {
			if d.null != nil && d.null[i] == 0 {
				continue
			}
			if want(row + i) {
				raw := d.raw
				k := at
				if d.index != nil {
					raw, k = d.word, int(d.index[at])
				}
				fn(row+i, string(raw(k)))
			}
			at++
		}
		return nil
	}
	chunk := t.groups[group].ColumnChunks()[f.leaf.Index()]
	starts := pageStarts(chunk, t.groups[group].NumRows())
	if starts == nil {
		return t.pages(ctx, group, f, func(row int64, page parquet.Page) error { return emit(row-t.first[group], page) })
	}
	return t.somePages(ctx, group, f, starts, want, emit)
}

// pageStarts lists the first row of every page and the end of the last, nil where the file has no usable index.
func pageStarts(chunk parquet.ColumnChunk, rows int64) (starts []int64) {
	defer func() {
		if recover() != nil {
			starts = nil
		}
	}()
	index, err := chunk.OffsetIndex()
	if err != nil || index == nil {
		return nil
	}
	for i := range index.NumPages() {
		first := index.FirstRowIndex(i)
		if first < 0 || first >= rows || i == 0 && first != 0 || i > 0 && first <= starts[i-1] {
			return nil
		}
		starts = append(starts, first)
	}
	if len(starts) == 0 {
		return nil
	}
	return append(starts, rows)
}

// somePages is pages for those that hold a wanted row.
func (t *table) somePages(ctx context.Context, group int, f *field, starts []int64, want func(row int64) bool, fn func(row int64, page parquet.Page) error) (err error) {
	row := int64(0)
	defer func() {
		if r := recover(); r != nil {
			err = broken(t.name, t.first[group]+row, f.name, r)
		}
	}()
	pages := t.groups[group].ColumnChunks()[f.leaf.Index()].Pages()
	defer pages.Close()
	for i, first := range starts[:len(starts)-1] {
		end := starts[i+1]
		row = first
		for row < end && !want(row) {
			row++
		}
		if row == end {
			continue
		}
		row = first
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := pages.SeekToRow(first); err != nil {
			return broken(t.name, t.first[group]+first, f.name, err)
		}
		page, err := pages.ReadPage()
		if err != nil {
			return broken(t.name, t.first[group]+first, f.name, err)
		}
		if page.NumRows() != end-first {
			err = broken(t.name, t.first[group]+first, f.name, "the index of its pages is wrong")
		} else {
			err = fn(first, page)
		}
		parquet.Release(page)
		if err != nil {
			return err
		}
	}
	return nil
}
