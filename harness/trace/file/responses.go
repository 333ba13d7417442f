package file

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"sync"

	"github.com/parquet-go/parquet-go"
	"golang.org/x/sync/errgroup"

	"github.com/trilemma-bench/trilemma/harness/trace"
)

// Responses reads the responses of the wanted outcomes from disk: [prompts × models] by [trace.Outcomes.At], "" where there
// is none or where it is not wanted. A nil want means all. Row groups without a wanted outcome are not read beyond their keys.
//
// t must be as [Open] made it: prompts and models are found again by their ids, so a trace narrowed to some prompts or
// models may ask too, for what it still has. A trace made in memory has no responses and gets an error.
func Responses(ctx context.Context, t *trace.Trace, want func(prompt, model int) bool) ([]string, error) {
	if t.Dir == "" {
		return nil, errors.New("reading responses: the trace was made in memory and has none")
	}
	out := make([]string, t.Prompts.Len()*len(t.Models))
	err := revisit(ctx, t, func(ctx context.Context, in *table, group int, cell []int64) error {
		found := &trace.Findings{Limit: 1}
		f := in.field(colResponse, &asText, false, found)
		wanted := func(at int64) bool {
			return at >= 0 && (want == nil || want(int(at)/len(t.Models), int(at)%len(t.Models)))
		}
		if f == nil || !slices.ContainsFunc(cell, wanted) {
			return found.First(nil)
		}
		return in.values(ctx, group, f, func(row int64, batch []parquet.Value) {
			for i, v := range batch {
				if at := cell[int(row-in.first[group])+i]; wanted(at) {
					out[at] = string(v.ByteArray())
				}
			}
		})
	})
	if err != nil {
		return nil, fmt.Errorf("reading responses of trace %s: %w", t.Dir, err)
	}
	return out, nil
}

// revisit calls fn with every row group of the files that t was read from and the cells of its rows, -1 for outcomes that t
// no longer has. Groups of one file are visited at the same time.
func revisit(ctx context.Context, t *trace.Trace, fn func(ctx context.Context, in *table, group int, cell []int64) error) error {
	names, err := Shards(t.Dir)
	if err != nil {
		return err
	}
	index := make(map[string]int32, t.Prompts.Len())
	for i, id := range t.Prompts.ID {
		index[id] = int32(i)
	}
	s, err := newScan(t.Models, &t.Prompts, index, false)
	if err != nil {
		return err
	}
	for _, name := range names {
		in, err := openTable(name, filepath.Join(t.Dir, name))
		if err != nil {
			return err
		}
		c := s.columns(in, &trace.Findings{Limit: 1})
		groups, ctx := errgroup.WithContext(ctx)
		groups.SetLimit(runtime.GOMAXPROCS(0))
		for g := range in.groups {
			groups.Go(func() error {
				// Unknown prompts and models are those that t no longer has; what else is wrong, Open has told.
				cell, err := s.keys(ctx, in, &c, g, &trace.Findings{Limit: 1})
				if err == nil && int64(len(cell)) != in.groups[g].NumRows() {
					err = broken(name, -1, colPromptID, "the file changed since it was opened")
				}
				if err != nil {
					return err
				}
				return fn(ctx, in, g, cell)
			})
		}
		err = groups.Wait()
		in.close()
		if err != nil {
			return err
		}
	}
	return nil
}

// Place is where an outcome stands.
type Place struct {
	File string // as in trace.Violation
	Row  int64
}

// Locate finds the rows of outcomes, given by [trace.Outcomes.At], in the files that t was read from.
func Locate(ctx context.Context, t *trace.Trace, cells []int) (map[int]Place, error) {
	places := map[int]Place{}
	var mu sync.Mutex
	return places, revisit(ctx, t, func(_ context.Context, in *table, group int, cell []int64) error {
		mu.Lock()
		defer mu.Unlock()
		for i, at := range cell {
			if slices.Contains(cells, int(at)) {
				places[int(at)] = Place{in.name, in.first[group] + int64(i)}
			}
		}
		return nil
	})
}

// Columns lists the columns of a file of a trace, and those of them that nobody reads.
func Columns(dir, name string) (all, unread []string, err error) {
	t, err := openTable(name, filepath.Join(dir, filepath.FromSlash(name)))
	if err != nil {
		return nil, nil, err
	}
	defer t.close()
	read := []string{colModelID, colResponse, colAnswer, colArrivedAt, colEmbedding}
	for _, c := range trace.Texts {
		read = append(read, c.Name)
	}
	for _, c := range trace.Figures {
		read = append(read, c.Name)
	}
	all = t.columns()
	return all, slices.DeleteFunc(slices.Clone(all), func(c string) bool { return slices.Contains(read, c) }), nil
}
