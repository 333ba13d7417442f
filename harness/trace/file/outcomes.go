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
	"unicode/utf8"

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
	prompts, models ids
	cells           int
	// present is written from several goroutines, with atomic operations.
	present trace.Bitmap
	out     *trace.Outcomes // nil: check only
	once    [trace.NumFigures]sync.Once
	known   [trace.NumFigures]atomic.Bool
	answers answers
	rows    atomic.Int64
	// unscored says that the files may be without a column of scores.
	unscored bool
}

// ids are those that a column of the outcomes names.
type ids struct {
	list   []string
	number map[string]int32 // nil where the file that lists them is broken: then unknown ones cannot be told
	file   string
	noun   string
}

// find looks an id up, given the number of the one before it: rows mostly stay at one id, or go on to the next.
func (k *ids) find(id []byte, last int32) int32 {
	if last >= 0 {
		if k.list[last] == string(id) {
			return last
		}
		if next := (last + 1) % int32(len(k.list)); k.list[next] == string(id) {
			return next
		}
	}
	if i, ok := k.number[string(id)]; ok && len(id) > 0 {
		return i
	}
	return -1
}

func newScan(models []policy.Model, prompts *trace.Prompts, index map[string]int32, fill bool) (*scan, error) {
	s := &scan{
		prompts: ids{number: index, file: trace.PromptsFile, noun: "prompt"},
		models:  ids{file: trace.ModelsFile, noun: "model"},
	}
	if prompts != nil {
		s.prompts.list = prompts.ID
	}
	if len(models) > 0 {
		s.models.number = map[string]int32{}
	}
	for i, m := range models {
		s.models.list = append(s.models.list, m.ID)
		s.models.number[m.ID] = int32(i)
	}
	n := len(s.prompts.list)
	s.cells = n * len(models)
	if s.cells > 1<<32 {
		return nil, fmt.Errorf("a trace of %d prompts × %d models does not fit into memory as matrices; split it", n, len(models))
	}
	s.present = trace.NewBitmap(s.cells)
	if fill {
		s.out = &trace.Outcomes{Models: len(models), Present: s.present}
		s.answers.code = map[string]uint32{"": 0}
		s.answers.text = []string{""}
	}
	return s, nil
}

// columns are the fields of one outcome file; nil where it lacks the column.
type columns struct {
	prompt, model, answer *field
	figure                [trace.NumFigures]*field
}

// columns finds what the scan reads. What is missing or of the wrong type goes to found.
func (s *scan) columns(t *table, found *trace.Findings) (c columns) {
	c.prompt = t.field(colPromptID, &asText, true, found)
	c.model = t.field(colModelID, &asText, true, found)
	c.answer = t.field(colAnswer, &asText, false, found)
	for q := range trace.Figures {
		c.figure[q] = t.field(trace.Figures[q].Name, &asNumber, q == trace.ScoreFigure && !s.unscored, found)
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
	for q, f := range c.figure {
		found.Column()
		if f != nil {
			if err := found.Take(s.figures(ctx, t, f, q, group, cell, found)); err != nil {
				return err
			}
		}
	}
	found.Column()
	if c.answer == nil {
		return nil
	}
	return found.Take(s.letters(ctx, t, c.answer, group, cell, found))
}

// keys finds the matrix cell of every row of a group, -1 where it has none.
func (s *scan) keys(ctx context.Context, t *table, c *columns, group int, found *trace.Findings) (cell []int64, err error) {
	prompt, err := s.match(ctx, t, c.prompt, group, &s.prompts, found)
	if err != nil {
		return nil, err
	}
	model, err := s.match(ctx, t, c.model, group, &s.models, found)
	if err != nil {
		return nil, err
	}
	found.Column()
	cell = make([]int64, min(len(prompt), len(model)))
	for i := range cell {
		cell[i] = -1
		if prompt[i] < 0 || model[i] < 0 {
			continue
		}
		at := int64(prompt[i])*int64(len(s.models.list)) + int64(model[i])
		bit := uint64(1) << (at & 63)
		if atomic.OrUint64(&s.present[at>>6], bit)&bit != 0 {
			found.Add(trace.Violation{File: t.name, Row: t.first[group] + int64(i), Column: colPromptID + ", " + colModelID,
				Value:   fmt.Sprintf("(%s, %s)", trace.Clip(s.prompts.list[prompt[i]]), trace.Clip(s.models.list[model[i]])),
				Problem: "has an outcome in an earlier row already", Fix: "keep one row for each prompt and model"})
			continue
		}
		cell[i] = at
	}
	return cell, nil
}

// match looks the ids of a group's rows up: -1 where an id is null or unknown.
func (s *scan) match(ctx context.Context, t *table, f *field, group int, in *ids, found *trace.Findings) ([]int32, error) {
	found.Column()
	if f == nil {
		return nil, nil
	}
	out := make([]int32, 0, min(t.groups[group].NumRows(), 1<<20))
	last := int32(-1)
	err := t.values(ctx, group, f, func(row int64, batch []parquet.Value) {
		for i, v := range batch {
			id := v.ByteArray()
			k := in.find(id, last)
			out = append(out, k)
			if k >= 0 {
				last = k
				continue
			}
			wrong := trace.Violation{File: t.name, Row: row + int64(i), Column: f.name, Problem: "is null", Fix: "name the " + in.noun + " of every outcome"}
			switch {
			case v.IsNull():
			case in.number == nil:
				continue
			case len(id) == 0:
				wrong.Problem = "is empty"
			default:
				wrong.Value, wrong.Problem, wrong.Fix = trace.Clip(string(id)), "is not in "+in.file, "add it there, or remove its outcomes"
			}
			found.Add(wrong)
		}
	})
	return out, found.Take(err)
}

// figures reads one column of figures of a group.
func (s *scan) figures(ctx context.Context, t *table, f *field, q, group int, cell []int64, found *trace.Findings) error {
	spec := &trace.Figures[q]
	var dst []float32
	if s.out != nil {
		dst = s.matrix(q)
	}
	first := t.first[group]
	known := false
	err := t.values(ctx, group, f, func(row int64, batch []parquet.Value) {
		to := cell[min(int(row-first), len(cell)):]
		for i, v := range batch {
			x := math.NaN()
			if !v.IsNull() {
				x = f.number(v)
			}
			if !spec.Valid(x) || !fits(x) {
				if x == x || q == trace.ScoreFigure { // else it is not known
					found.Add(refuse(t.name, row+int64(i), x, v.IsNull(), spec))
				}
				continue
			}
			known = true
			if dst != nil && i < len(to) && to[i] >= 0 {
				dst[to[i]] = float32(x)
			}
		}
	})
	if known {
		s.known[q].Store(true)
	}
	return err
}

// refuse tells what is wrong with a figure.
func refuse(file string, row int64, x float64, null bool, spec *trace.Figure) trace.Violation {
	v := trace.Violation{File: file, Row: row, Column: spec.Name, Value: strconv.FormatFloat(x, 'g', -1, 64),
		Problem: spec.Problem, Fix: spec.Fix}
	switch {
	case null:
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

// matrix returns the matrix of a figure, made when the first row group asks for it.
func (s *scan) matrix(q int) []float32 {
	m := trace.Figures[q].Matrix(s.out)
	s.once[q].Do(func() { *m = trace.NewMatrix(s.cells) })
	return *m
}

// answers numbers answer texts while several row groups are read.
type answers struct {
	mu   sync.Mutex
	once sync.Once
	code map[string]uint32
	text []string
}

func (a *answers) number(text []byte) uint32 {
	a.mu.Lock()
	defer a.mu.Unlock()
	if c, ok := a.code[string(text)]; ok {
		return c
	}
	c := uint32(len(a.text))
	s := string(text)
	a.code[s] = c
	a.text = append(a.text, s)
	return c
}

// settle numbers the answers by their order as texts, so that codes do not depend on which row group came first.
func (a *answers) settle(o *trace.Outcomes) {
	if len(o.Answer) == 0 || len(a.text) == 1 {
		o.Answer = nil
		return
	}
	o.AnswerText = slices.Sorted(slices.Values(a.text))
	become := make([]uint32, len(a.text))
	for i, s := range o.AnswerText {
		become[a.code[s]] = uint32(i)
	}
	for i, c := range o.Answer {
		o.Answer[i] = become[c]
	}
	a.code, a.text = nil, nil
}

// letters reads the answers of a group.
func (s *scan) letters(ctx context.Context, t *table, f *field, group int, cell []int64, found *trace.Findings) error {
	if s.out != nil {
		s.answers.once.Do(func() { s.out.Answer = make([]uint32, s.cells) })
	}
	seen := map[string]uint32{} // spares the lock; what is not UTF-8 is not among them
	first := t.first[group]
	return t.values(ctx, group, f, func(row int64, batch []parquet.Value) {
		to := cell[min(int(row-first), len(cell)):]
		for i, v := range batch {
			if v.IsNull() {
				continue
			}
			raw := v.ByteArray()
			code, have := seen[string(raw)]
			if !have {
				if !utf8.Valid(raw) {
					found.Add(trace.Violation{File: t.name, Row: row + int64(i), Column: f.name, Value: trace.Clip(string(raw)), Problem: "is not valid UTF-8", Fix: castUTF8})
					continue
				}
				if s.out != nil {
					code = s.answers.number(raw)
				}
				if len(seen) < 1<<16 {
					seen[string(raw)] = code
				}
			}
			if s.out != nil && i < len(to) && to[i] >= 0 {
				s.out.Answer[to[i]] = code
			}
		}
	})
}
