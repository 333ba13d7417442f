package trace

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

// Open reads a trace: the models, the prompts, and the figures and answers of the outcomes. Responses stay on disk.
// Row groups are read in parallel.
//
// Required are the columns prompt_id of the prompts and prompt_id, model_id and score of the outcomes. Other columns may
// be missing, and columns that the format does not know are ignored. An optional quantity that no outcome has is nil;
// tokens are NaN throughout instead, as in [NewTrace].
//
// The first thing wrong with the data, in the order of [Validate], is returned as a [*Violation], to be found by errors.As.
func Open(ctx context.Context, dir string) (*Trace, error) {
	t, err := open(ctx, dir)
	if err != nil {
		return nil, fmt.Errorf("opening trace %s: %w", dir, err)
	}
	return t, nil
}

// errFound stops the parallel scan: something is wrong somewhere.
var errFound = errors.New("the trace violates its format")

func open(ctx context.Context, dir string) (*Trace, error) {
	found := &findings{limit: 1}
	models, err := readModels(dir, found)
	if err := found.first(err); err != nil {
		return nil, err
	}
	prompts, index, err := readPrompts(ctx, dir, found)
	if err := found.first(err); err != nil {
		return nil, err
	}
	names, err := shards(dir)
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
	for q := range quantities {
		m := quantities[q].matrix(s.out)
		if needed(q) {
			s.matrix(q)
		} else if !s.known[q].Load() {
			*m = nil
		}
	}
	s.answers.settle(s.out)
	return &Trace{Dir: dir, Models: models, Prompts: *prompts, Outcomes: *s.out}, nil
}

// first returns what ended a reading: an error of the machine, or the first violation.
func (f *findings) first(err error) error {
	if err != nil || f.total == 0 {
		return err
	}
	return &f.drain(nil)[0]
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
		found := &findings{limit: 1}
		c := s.columns(t, found)
		if found.total > 0 {
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
				found := &findings{limit: 1}
				if err := s.group(ctx, t, &c, i, found); err != nil {
					return err
				}
				if found.total > 0 {
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
	if v := (*Violation)(nil); errors.As(err, &v) {
		return errFound
	}
	return err
}

// firstViolation reads the outcomes in order up to the first violation.
func (s *scan) firstViolation(ctx context.Context, dir string, names []string) error {
	again := &scan{prompts: s.prompts, ids: s.ids, models: s.models, width: s.width, cells: s.cells, present: NewBitmap(s.cells)}
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
func (s *scan) sequential(ctx context.Context, dir string, names []string, limit int, stop bool) (list []Violation, total int, err error) {
	found := &findings{limit: limit}
	for _, name := range names {
		if err := s.shard(ctx, dir, name, found, func() bool {
			list = found.drain(list)
			return stop && found.total > 0
		}); err != nil {
			return nil, 0, err
		}
		if stop && found.total > 0 {
			return list, found.total, nil
		}
	}
	if s.rows.Load() == 0 && found.total == 0 {
		name := names[0]
		if len(names) > 1 {
			name = OutcomesDir
		}
		found.add(Violation{File: name, Row: -1, Problem: "has no outcomes", Fix: "a trace needs at least one outcome"})
		list = found.drain(list)
	}
	return list, found.total, nil
}

// shard checks one file. After each row group it calls done, which may end the reading.
func (s *scan) shard(ctx context.Context, dir, name string, found *findings, done func() bool) error {
	t, err := openTable(name, filepath.Join(dir, name))
	if err != nil {
		defer done()
		return found.take(err)
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
func Validate(ctx context.Context, dir string, limit int) (violations []Violation, total int, err error) {
	fail := func(err error) ([]Violation, int, error) {
		return nil, 0, fmt.Errorf("validating trace %s: %w", dir, err)
	}
	found := &findings{limit: limit}
	models, err := readModels(dir, found)
	if err != nil {
		return fail(err)
	}
	violations = found.drain(violations)
	before := found.total
	prompts, index, err := readPrompts(ctx, dir, found)
	if err != nil {
		return fail(err)
	}
	violations = found.drain(violations)
	if before < found.total && len(index) == 0 {
		prompts, index = nil, nil
	}
	names, err := shards(dir)
	if err != nil {
		if err := found.take(err); err != nil {
			return fail(err)
		}
		return found.drain(violations), found.total, nil
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
	return violations, found.total + n, nil
}
