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
	return opened(ctx, dir, false)
}

// OpenLog reads a trace as [Open] does, and one whose outcomes have no column of scores too: a gateway's log. Then all scores are
// NaN, and only what answers took can be told.
func OpenLog(ctx context.Context, dir string) (*trace.Trace, error) {
	return opened(ctx, dir, true)
}

func opened(ctx context.Context, dir string, unscored bool) (*trace.Trace, error) {
	t, err := open(ctx, dir, unscored)
	if err != nil {
		return nil, fmt.Errorf("opening trace %s: %w", dir, err)
	}
	return t, nil
}

func open(ctx context.Context, dir string, unscored bool) (*trace.Trace, error) {
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
	s.unscored = unscored
	_, total, err := s.read(ctx, dir, names, 1, runtime.GOMAXPROCS(0))
	if err != nil {
		return nil, err
	}
	if total > 0 {
		// Which goroutine found something first is chance. Read again, in order, for the one to tell.
		if s, err = newScan(models, prompts, index, false); err != nil {
			return nil, err
		}
		s.unscored = unscored
		list, _, err := s.read(ctx, dir, names, 1, 1)
		if err == nil && len(list) == 0 {
			err = errors.New("the trace violates its format, but only when read in parallel: are the files being written to?")
		}
		if err != nil {
			return nil, err
		}
		return nil, &list[0]
	}
	for q := range trace.Figures {
		if m := trace.Figures[q].Matrix(s.out); trace.Needed(q) {
			s.matrix(q)
		} else if !s.known[q].Load() {
			*m = nil
		}
	}
	s.answers.settle(s.out)
	for at, x := range s.out.TokensEstimated {
		if x > 0 {
			if s.out.Estimated == nil {
				s.out.Estimated = trace.NewBitmap(s.cells)
			}
			s.out.Estimated.Set(at)
		}
	}
	return &trace.Trace{Dir: dir, Models: models, Prompts: *prompts, Outcomes: *s.out}, nil
}

// read scans outcome files, so many of them and of their row groups at once, and returns the first limit violations (0 for
// all) by file and row, and how many there are. One at a time they are told as they stand: of two rows of one outcome, the
// later.
func (s *scan) read(ctx context.Context, dir string, names []string, limit, workers int) (list []trace.Violation, total int, err error) {
	parts := make([][]trace.Findings, len(names)) // [files][row groups, after the file itself]
	files, inner := errgroup.WithContext(ctx)
	files.SetLimit(workers)
	for i, name := range names {
		files.Go(func() (err error) {
			parts[i], err = s.shard(inner, dir, name, limit, workers)
			return err
		})
	}
	if err := errors.Join(files.Wait(), ctx.Err()); err != nil {
		return nil, 0, err
	}
	for i := range parts {
		for j := range parts[i] {
			list = parts[i][j].Drain(list)
			total += parts[i][j].Total
		}
	}
	if s.rows.Load() == 0 && total == 0 {
		name := names[0]
		if len(names) > 1 {
			name = trace.OutcomesDir
		}
		return []trace.Violation{{File: name, Row: -1, Problem: "has no outcomes", Fix: "a trace needs at least one outcome"}}, 1, nil
	}
	return list, total, nil
}

// shard scans one file.
func (s *scan) shard(ctx context.Context, dir, name string, limit, workers int) ([]trace.Findings, error) {
	parts := []trace.Findings{{Limit: limit}}
	t, err := openTable(name, filepath.Join(dir, name))
	if err != nil {
		return parts, parts[0].Take(err)
	}
	defer t.close()
	parts = append(parts, make([]trace.Findings, len(t.groups))...)
	c := s.columns(t, &parts[0])
	groups, ctx := errgroup.WithContext(ctx)
	groups.SetLimit(workers)
	for g := range t.groups {
		parts[g+1].Limit = limit
		groups.Go(func() error { return s.group(ctx, t, &c, g, &parts[g+1]) })
	}
	return parts, groups.Wait()
}

// Validate reads the whole trace and lists what is wrong with it, in the order of the files (models.yaml,
// prompts.parquet, outcomes) and of their rows: the first limit violations, or all of them if limit is 0. total counts
// all. The error is for what is not the fault of the data, such as a disk that cannot be read.
func Validate(ctx context.Context, dir string, limit int) (violations []trace.Violation, total int, err error) {
	found := &trace.Findings{Limit: limit}
	violations, err = validate(ctx, dir, found)
	if err != nil {
		return nil, 0, fmt.Errorf("validating trace %s: %w", dir, err)
	}
	if limit > 0 && len(violations) > limit {
		violations = violations[:limit]
	}
	return violations, found.Total, nil
}

func validate(ctx context.Context, dir string, found *trace.Findings) (violations []trace.Violation, err error) {
	models, err := readModels(dir, found)
	if err != nil {
		return nil, err
	}
	violations = found.Drain(violations)
	prompts, index, err := readPrompts(ctx, dir, found)
	if err != nil {
		return nil, err
	}
	violations = found.Drain(violations)
	if len(index) == 0 {
		prompts, index = nil, nil
	}
	names, err := Shards(dir)
	if err != nil {
		err := found.Take(err)
		return found.Drain(violations), err
	}
	s, err := newScan(models, prompts, index, false)
	if err != nil {
		return nil, err
	}
	list, total, err := s.read(ctx, dir, names, found.Limit, 1)
	found.Total += total
	return append(violations, list...), err
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
