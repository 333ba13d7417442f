package file

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/parquet-go/parquet-go"

	"github.com/trilemma-bench/trilemma/harness/trace"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Columns of outcomes.parquet beside the quantities.
const (
	colModelID  = "model_id"
	colResponse = "response"
	colAnswer   = "answer"
)

// Shards lists the outcome files of a trace, relative to its folder, in order. A *Violation where there are none.
func Shards(dir string) ([]string, error) {
	missing := &trace.Violation{File: trace.OutcomesFile, Row: -1, Problem: "is missing",
		Fix: "a trace needs outcomes.parquet, or a folder outcomes with part-*.parquet; check the path " + dir}
	_, err := os.Stat(filepath.Join(dir, trace.OutcomesFile))
	single := err == nil
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("looking for outcomes: %w", err)
	}
	entries, err := os.ReadDir(filepath.Join(dir, trace.OutcomesDir))
	if err != nil && !errors.Is(err, os.ErrNotExist) && !single {
		return nil, fmt.Errorf("looking for outcomes: %w", err)
	}
	var names []string
	for _, e := range entries {
		if name := e.Name(); strings.HasSuffix(name, ".parquet") && !strings.HasPrefix(name, ".") && !strings.HasPrefix(name, "_") {
			names = append(names, trace.OutcomesDir+"/"+name)
		}
	}
	slices.Sort(names)
	switch {
	case single && len(names) > 0:
		return nil, &trace.Violation{File: trace.OutcomesFile, Row: -1, Problem: "stands beside " + names[0],
			Fix: "keep either outcomes.parquet or the folder outcomes, so that it is clear which counts"}
	case single:
		return []string{trace.OutcomesFile}, nil
	case len(names) == 0:
		return nil, missing
	}
	return names, nil
}

// fits tells whether a figure keeps being finite, and above zero, as the float32 that matrices hold.
func fits(x float64) bool {
	return x <= math.MaxFloat32 && (x == 0 || float32(x) != 0)
}

// scan reads outcome files into matrices, or only checks them.
type scan struct {
	prompts map[string]int32 // nil: unknown prompts cannot be told, prompts.parquet being broken
	ids     []string         // [prompts]
	models  map[string]int32 // nil likewise
	width   int              // models
	cells   int
	// present is written from several goroutines, with atomic operations.
	present trace.Bitmap
	out     *trace.Outcomes // nil: check only
	once    [len(trace.Figures)]sync.Once
	known   [len(trace.Figures)]atomic.Bool
	answers answers
	rows    atomic.Int64
}

func newScan(models []policy.Model, prompts *trace.Prompts, index map[string]int32, fill bool) (*scan, error) {
	s := &scan{prompts: index, width: len(models)}
	if prompts != nil {
		s.ids = prompts.ID
	}
	if len(models) > 0 {
		s.models = make(map[string]int32, len(models))
		for i, m := range models {
			s.models[m.ID] = int32(i)
		}
	}
	s.cells = len(s.ids) * s.width
	if s.cells > 1<<32 {
		return nil, fmt.Errorf("a trace of %d prompts × %d models does not fit into memory as matrices; split it", len(s.ids), s.width)
	}
	s.present = trace.NewBitmap(s.cells)
	if fill {
		s.out = &trace.Outcomes{Models: s.width, Present: s.present}
		s.answers.code = map[string]uint32{"": 0}
		s.answers.text = []string{""}
	}
	return s, nil
}

// columns are the fields of one outcome file; nil where it lacks the column.
type columns struct {
	prompt, model, answer *field
	quantity              [len(trace.Figures)]*field
}

// columns finds what the scan reads. What is missing or of the wrong type goes to found.
func (s *scan) columns(t *table, found *trace.Findings) (c columns) {
	get := func(name string, use kind, required bool) *field {
		found.Column()
		f, wrong := t.lookup(name, use)
		switch {
		case wrong != nil:
			found.Add(*wrong)
		case f == nil && required:
			found.Add(*t.lacks(name))
		}
		return f
	}
	c.prompt = get(colPromptID, asText, true)
	c.model = get(colModelID, asText, true)
	c.answer = get(colAnswer, asText, false)
	for q := range trace.Figures {
		c.quantity[q] = get(trace.Figures[q].Name, asNumber, q == trace.ScoreFigure)
	}
	return c
}

// group reads one row group. What is wrong with the data goes to found; the error is for what is not the file's fault.
func (s *scan) group(ctx context.Context, t *table, c *columns, group int, found *trace.Findings) error {
	s.rows.Add(t.groups[group].NumRows())
	cell, err := s.keys(ctx, t, c, group, found)
	if err != nil {
		return err
	}
	for q := range trace.Figures {
		if c.quantity[q] == nil {
			continue
		}
		found.Column()
		if err := found.Take(s.figures(ctx, t, c.quantity[q], q, group, cell, found)); err != nil {
			return err
		}
	}
	if c.answer == nil {
		return nil
	}
	found.Column()
	return found.Take(s.letters(ctx, t, c.answer, group, cell, found))
}

// keys finds the matrix cell of every row of a group, -1 where it has none.
func (s *scan) keys(ctx context.Context, t *table, c *columns, group int, found *trace.Findings) (cell []int64, err error) {
	found.Column()
	first := t.first[group]
	prompt, err := s.match(ctx, t, c.prompt, group, s.prompts, s.ids, trace.PromptsFile, found)
	if err != nil {
		return nil, err
	}
	found.Column()
	model, err := s.match(ctx, t, c.model, group, s.models, nil, trace.ModelsFile, found)
	if err != nil {
		return nil, err
	}
	found.Column()
	cell = make([]int64, t.groups[group].NumRows())
	for i := range cell {
		cell[i] = -1
		if i >= len(prompt) || i >= len(model) || prompt[i] < 0 || model[i] < 0 {
			continue
		}
		at := int64(prompt[i])*int64(s.width) + int64(model[i])
		bit := uint64(1) << (at & 63)
		if atomic.OrUint64(&s.present[at>>6], bit)&bit != 0 {
			v := trace.Violation{File: t.name, Row: first + int64(i), Column: colPromptID + ", " + colModelID,
				Value:   fmt.Sprintf("(%s, %s)", trace.Clip(s.ids[prompt[i]]), s.modelName(model[i])),
				Problem: "has an outcome in an earlier row already", Fix: "keep one row for each prompt and model"}
			found.Add(v)
			continue
		}
		cell[i] = at
	}
	return cell, nil
}

func (s *scan) modelName(m int32) string {
	for id, i := range s.models {
		if i == m {
			return trace.Clip(id)
		}
	}
	return strconv.Itoa(int(m))
}

// match looks the ids of a group's rows up: -1 where an id is null or unknown. A dictionary is looked up once a page,
// not once a row. order lists the ids in their own order, if rows are likely to follow it.
func (s *scan) match(ctx context.Context, t *table, f *field, group int, index map[string]int32, order []string, where string, found *trace.Findings) ([]int32, error) {
	if f == nil {
		return nil, nil
	}
	out := make([]int32, 0, min(t.groups[group].NumRows(), 1<<20))
	var (
		d     texts
		words []int32
	)
	unknown := func(row int64, id []byte) {
		if index == nil {
			return
		}
		v := trace.Violation{File: t.name, Row: row, Column: f.name, Value: trace.Clip(string(id)), Problem: "is not in " + where,
			Fix: "add it there, or remove its outcomes"}
		if len(id) == 0 {
			v.Value, v.Problem, v.Fix = "", "is empty", "name the "+strings.TrimSuffix(f.name, "_id")+" of every outcome"
		}
		found.Add(v)
	}
	last := int32(-1)
	find := func(id []byte) int32 {
		k := int32(-1)
		switch {
		case order != nil && last >= 0 && order[last] == string(id):
			k = last
		case order != nil && int(last)+1 < len(order) && order[last+1] == string(id):
			k = last + 1
		default:
			if i, ok := index[string(id)]; ok && len(id) > 0 {
				k = i
			}
		}
		if k >= 0 {
			last = k
		}
		return k
	}
	err := t.pages(ctx, group, f, func(row int64, page parquet.Page) error {
		fresh, err := d.read(page)
		if err != nil {
			return broken(t.name, row, f.name, err)
		}
		if fresh {
			words = grow(words, d.words)
			for k := range words {
				words[k] = find(d.word(k))
			}
		}
		at := 0
		for i := range int(page.NumValues()) {
			if d.null != nil && d.null[i] == 0 {
				found.Add(trace.Violation{File: t.name, Row: row + int64(i), Column: f.name, Problem: "is null",
					Fix: "name the " + strings.TrimSuffix(f.name, "_id") + " of every outcome"})
				out = append(out, -1)
				continue
			}
			var k int32
			if d.index != nil {
				if k = words[d.index[at]]; k < 0 {
					unknown(row+int64(i), d.word(int(d.index[at])))
				}
			} else {
				id := d.raw(at)
				k = find(id)
				if k < 0 {
					unknown(row+int64(i), id)
				}
			}
			at++
			out = append(out, k)
		}
		return nil
	})
	return out, found.Take(err)
}

// figures reads one quantity of a group.
func (s *scan) figures(ctx context.Context, t *table, f *field, q, group int, cell []int64, found *trace.Findings) error {
	spec := &trace.Figures[q]
	var dst []float32
	if s.out != nil {
		dst = s.matrix(q)
	}
	first := t.first[group]
	d := numbers{field: f}
	known := false
	err := t.pages(ctx, group, f, func(row int64, page parquet.Page) error {
		if err := d.read(page); err != nil {
			return broken(t.name, row, f.name, err)
		}
		at := cell[row-first:]
		for i, x := range d.value {
			if !spec.Valid(x) || !fits(x) {
				if x != x && q != trace.ScoreFigure {
					continue // not known
				}
				found.Add(d.refuse(t.name, row, i, spec))
				continue
			}
			known = true
			if dst != nil && at[i] >= 0 {
				dst[at[i]] = float32(x)
			}
		}
		return nil
	})
	if known {
		s.known[q].Store(true)
	}
	return err
}

// refuse tells what is wrong with value i of the page in d.
func (d *numbers) refuse(file string, row int64, i int, spec *trace.Figure) trace.Violation {
	x := d.value[i]
	v := trace.Violation{File: file, Row: row + int64(i), Column: spec.Name, Value: strconv.FormatFloat(x, 'g', -1, 64),
		Problem: spec.Problem, Fix: spec.Fix}
	switch {
	case d.null != nil && d.null[i] == 0:
		v.Value, v.Problem, v.Fix = "", "is null", "give the score, or leave the row out: a missing answer is a missing row"
	case math.IsNaN(x):
		v.Problem, v.Fix = "is not a number", "give the score, or leave the row out: a missing answer is a missing row"
	case math.IsInf(x, 0):
		v.Problem = "is not finite"
	case spec.Valid(x) && x > 1:
		v.Problem, v.Fix = "is above what a float32 holds (3.4e38)", trace.LeaveNull
	case spec.Valid(x):
		v.Problem, v.Fix = "is below what a float32 holds (1e-45) and would be read as 0", "write 0, or "+trace.LeaveNull
	case spec == &trace.Figures[trace.ScoreFigure] && x > 1 && x <= 100:
		v.Fix = "scale scores to [0,1], 1 being best: percent ÷ 100, a judge's 1 to 10 as (score − 1) ÷ 9"
	}
	return v
}

// matrix returns the matrix of a quantity, made when the first row group asks for it.
func (s *scan) matrix(q int) []float32 {
	m := trace.Figures[q].Matrix(s.out)
	s.once[q].Do(func() { *m = trace.NewMatrix(s.cells) })
	return *m
}
