// Package file reads, checks and writes the files of a trace. The way of the data:
//
//  1. openTable opens a Parquet file; table.pages hands on one column of one row group, page by page.
//  2. texts and numbers decode a page, whatever the types and encodings of its writer.
//  3. A scan finds the matrix cell of every outcome by its ids and puts the figures and answers there: [Open] with all
//     row groups at once, [Validate] in their order. [Responses] and [Locate] come back for single outcomes.
//  4. [Writer] stores a trace part by part, in a folder that appears whole or not at all.
package file

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/trilemma-bench/trilemma/harness/textfile"
	"github.com/trilemma-bench/trilemma/harness/trace"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Open reads a trace: the models, the prompts, and the figures and answers of the outcomes. Responses stay on disk.
// Row groups are read in parallel.
//
// Required are the columns prompt_id of the prompts and prompt_id, model_id and score of the outcomes. Other columns may
// be missing, and columns that the format does not know are ignored. An optional quantity that no outcome has is nil;
// tokens are NaN throughout instead, as in [NewTrace].
//
// The first thing wrong with the data, in the order of [Validate], is returned as a [*Violation], to be found by errors.As.
func Open(ctx context.Context, dir string) (*trace.Trace, error) {
	t, err := open(ctx, dir)
	if err != nil {
		return nil, fmt.Errorf("opening trace %s: %w", dir, err)
	}
	return t, nil
}

// errFound stops the parallel scan: something is wrong somewhere.
var errFound = errors.New("the trace violates its format")

func open(ctx context.Context, dir string) (*trace.Trace, error) {
	found := &trace.Findings{Limit: 1}
	models, err := readModels(dir, found)
	if err := found.First(err); err != nil {
		return nil, err
	}
	prompts, index, err := readPrompts(ctx, dir, found)
	if err := found.First(err); err != nil {
		return nil, err
	}
	names, err := Shards(dir)
	if err != nil {
		return nil, err
	}
	s, err := newScan(models, prompts, index, true)
	if err != nil {
		return nil, err
	}
	switch err := s.parallel(ctx, dir, names); {
	case errors.Is(err, errFound):
		// Which goroutine found something first is chance. Read again, in order, for the one to tell.
		return nil, s.firstViolation(ctx, dir, names)
	case err != nil:
		return nil, err
	}
	for q := range trace.Figures {
		m := trace.Figures[q].Matrix(s.out)
		if trace.Needed(q) {
			s.matrix(q)
		} else if !s.known[q].Load() {
			*m = nil
		}
	}
	s.answers.settle(s.out)
	return &trace.Trace{Dir: dir, Models: models, Prompts: *prompts, Outcomes: *s.out}, nil
}

// parallel scans all row groups of all shards. It returns errFound if there is anything wrong with the data.
func (s *scan) parallel(outer context.Context, dir string, names []string) error {
	g, ctx := errgroup.WithContext(outer)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for _, name := range names {
		if ctx.Err() != nil {
			break
		}
		t, err := openTable(name, filepath.Join(dir, name))
		if err != nil {
			err := asFound(err)
			g.Go(func() error { return err })
			break
		}
		found := &trace.Findings{Limit: 1}
		c := s.columns(t, found)
		if found.Total > 0 {
			t.close()
			g.Go(func() error { return errFound })
			break
		}
		var left atomic.Int64
		left.Store(int64(len(t.groups)))
		if len(t.groups) == 0 {
			t.close()
		}
		for i := range t.groups {
			g.Go(func() error {
				defer func() {
					if left.Add(-1) == 0 {
						t.close()
					}
				}()
				found := &trace.Findings{Limit: 1}
				if err := s.group(ctx, t, &c, i, found); err != nil {
					return err
				}
				if found.Total > 0 {
					return errFound
				}
				return nil
			})
		}
	}
	if err := g.Wait(); err != nil {
		return err
	}
	if err := outer.Err(); err != nil {
		return err // before any row group could notice
	}
	if s.rows.Load() == 0 {
		return errFound
	}
	return nil
}

// asFound is errFound for a violation, and any other error as it is.
func asFound(err error) error {
	if v := (*trace.Violation)(nil); errors.As(err, &v) {
		return errFound
	}
	return err
}

// firstViolation reads the outcomes in order up to the first violation.
func (s *scan) firstViolation(ctx context.Context, dir string, names []string) error {
	again := &scan{prompts: s.prompts, ids: s.ids, models: s.models, width: s.width, cells: s.cells, present: trace.NewBitmap(s.cells)}
	list, _, err := again.sequential(ctx, dir, names, 1, true)
	switch {
	case err != nil:
		return err
	case len(list) > 0:
		return &list[0]
	}
	return fmt.Errorf("%w, but only when read in parallel: are the files being written to?", errFound)
}

// sequential checks all shards in order and returns the first limit violations (0 for all) and how many there are; with
// stop, no more is read once there is one.
func (s *scan) sequential(ctx context.Context, dir string, names []string, limit int, stop bool) (list []trace.Violation, total int, err error) {
	found := &trace.Findings{Limit: limit}
	for _, name := range names {
		if err := s.shard(ctx, dir, name, found, func() bool {
			list = found.Drain(list)
			return stop && found.Total > 0
		}); err != nil {
			return nil, 0, err
		}
		if stop && found.Total > 0 {
			return list, found.Total, nil
		}
	}
	if s.rows.Load() == 0 && found.Total == 0 {
		name := names[0]
		if len(names) > 1 {
			name = trace.OutcomesDir
		}
		found.Add(trace.Violation{File: name, Row: -1, Problem: "has no outcomes", Fix: "a trace needs at least one outcome"})
		list = found.Drain(list)
	}
	return list, found.Total, nil
}

// shard checks one file. After each row group it calls done, which may end the reading.
func (s *scan) shard(ctx context.Context, dir, name string, found *trace.Findings, done func() bool) error {
	t, err := openTable(name, filepath.Join(dir, name))
	if err != nil {
		defer done()
		return found.Take(err)
	}
	defer t.close()
	c := s.columns(t, found)
	if done() {
		return nil
	}
	for i := range t.groups {
		if err := s.group(ctx, t, &c, i, found); err != nil {
			return err
		}
		if done() {
			return nil
		}
	}
	return nil
}

// Validate reads the whole trace and lists what is wrong with it, in the order of the files (models.yaml,
// prompts.parquet, outcomes) and of their rows: the first limit violations, or all of them if limit is 0. total counts
// all. The error is for what is not the fault of the data, such as a disk that cannot be read.
func Validate(ctx context.Context, dir string, limit int) (violations []trace.Violation, total int, err error) {
	fail := func(err error) ([]trace.Violation, int, error) {
		return nil, 0, fmt.Errorf("validating trace %s: %w", dir, err)
	}
	found := &trace.Findings{Limit: limit}
	models, err := readModels(dir, found)
	if err != nil {
		return fail(err)
	}
	violations = found.Drain(violations)
	before := found.Total
	prompts, index, err := readPrompts(ctx, dir, found)
	if err != nil {
		return fail(err)
	}
	violations = found.Drain(violations)
	if before < found.Total && len(index) == 0 {
		prompts, index = nil, nil
	}
	names, err := Shards(dir)
	if err != nil {
		if err := found.Take(err); err != nil {
			return fail(err)
		}
		return found.Drain(violations), found.Total, nil
	}
	s, err := newScan(models, prompts, index, false)
	if err != nil {
		return fail(err)
	}
	left := 0
	if limit > 0 {
		// One more than is left to tell, for 0 would mean all of them.
		left = limit - len(violations) + 1
	}
	list, n, err := s.sequential(ctx, dir, names, left, false)
	if err != nil {
		return fail(err)
	}
	violations = append(violations, list...)
	if limit > 0 && len(violations) > limit {
		violations = violations[:limit]
	}
	return violations, found.Total + n, nil
}

// readModels reads models.yaml. What is wrong with it goes to found; err is for what is not the file's fault.
func readModels(dir string, found *trace.Findings) (models []policy.Model, err error) {
	path := filepath.Join(dir, trace.ModelsFile)
	src, err := textfile.Read(path)
	if errors.Is(err, os.ErrNotExist) {
		found.Add(trace.Violation{File: trace.ModelsFile, Row: -1, Problem: "is missing", Fix: "a trace is a folder with models.yaml, " +
			"prompts.parquet and outcomes.parquet; check the path " + dir})
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return trace.CheckModels(src, found), nil
}
