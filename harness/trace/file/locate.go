package file

import (
	"context"
	"path/filepath"
	"slices"

	"github.com/trilemma-bench/trilemma/harness/trace"
)

// Place is where an outcome stands.
type Place struct {
	File string // as in trace.Violation
	Row  int64
}

// Locate finds the rows of outcomes, given by [trace.Outcomes.At], in the files that t was read from.
func Locate(ctx context.Context, t *trace.Trace, cells []int) (map[int]Place, error) {
	names, s, err := rescan(t)
	if err != nil {
		return nil, err
	}
	places := map[int]Place{}
	for _, name := range names {
		if err := s.locate(ctx, t.Dir, name, cells, places); err != nil {
			return nil, err
		}
	}
	return places, nil
}

func (s *scan) locate(ctx context.Context, dir, name string, cells []int, places map[int]Place) error {
	t, err := openTable(name, filepath.Join(dir, name))
	if err != nil {
		return err
	}
	defer t.close()
	found := &trace.Findings{Limit: 1}
	c := s.columns(t, found)
	for g := range t.groups {
		rows, err := s.keys(ctx, t, &c, g, found)
		if err != nil {
			return err
		}
		for i, cell := range rows {
			if slices.Contains(cells, int(cell)) {
				places[int(cell)] = Place{name, t.first[g] + int64(i)}
			}
		}
	}
	return nil
}

// Columns lists the columns of a file of a trace, read by anybody or not.
func Columns(dir, name string) ([]string, error) {
	t, err := openTable(name, filepath.Join(dir, filepath.FromSlash(name)))
	if err != nil {
		return nil, err
	}
	defer t.close()
	var names []string
	for _, c := range t.pq.Root().Columns() {
		names = append(names, c.Name())
	}
	return names, nil
}

// Known tells whether the trace format has a column of that name.
func Known(column string) bool {
	return slices.Contains([]string{colPromptID, colModelID, colResponse, colAnswer, colBenchmark, colCategory, colSource, colPrompt, colReference,
		colSplit, colArrivedAt, colEmbedding}, column) || slices.ContainsFunc(trace.Figures[:], func(f trace.Figure) bool { return f.Name == column })
}
