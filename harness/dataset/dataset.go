// Package dataset is the data of an experiment, on its way from files to policies:
//
//  1. [Load] opens the traces that the experiment names, or simulates one, and forgets the order of their files.
//  2. Each is placed: prompts arrive and models run where the experiment says (place.go). Missing token counts are
//     estimated where it asks for that. Then what every answer cost is billed.
//  3. Every prompt gets a part: train, validation, selection or test. A test trace of its own is joined below the train
//     trace, for the models that both know (join.go). What is odd with the data is noted (notices.go).
//  4. Encoders give the prompts vectors (vectors.go).
//  5. A [Feed] hands all of that to the policy of a cell: the columns that it declared it needs, under ids that tell
//     nothing. It is the only place where trace columns become policy columns, and hands out labels of train and
//     validation prompts alone.
package dataset

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"github.com/trilemma-bench/trilemma/harness/billing"
	"github.com/trilemma-bench/trilemma/harness/experiment"
	"github.com/trilemma-bench/trilemma/harness/provenance"
	"github.com/trilemma-bench/trilemma/harness/synth"
	"github.com/trilemma-bench/trilemma/harness/trace"
	"github.com/trilemma-bench/trilemma/harness/trace/doubt"
	"github.com/trilemma-bench/trilemma/harness/trace/file"
	"github.com/trilemma-bench/trilemma/harness/trace/split"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Dataset is the data of an experiment, ready to be replayed: one trace, billed, with every prompt assigned to a part.
// Separate train and test traces are joined, train first.
type Dataset struct {
	Trace   *trace.Trace
	Table   *billing.Table
	Part    []split.Part // [prompts]
	Notices []string
	// IDs are what policies know the prompts by.
	IDs []string

	spec    *experiment.Data
	sources []*source
	leaked  int // training prompts left out because a test prompt is nearly the same
}

// source is one trace that the dataset was made from: prompts first to first+n of the joined trace.
type source struct {
	dir      string // "" for the simulator's
	first, n int
	models   []int                          // the source's own index of each joined model
	rows     []int                          // the row of prompts.parquet that each prompt is in
	trace    *trace.Trace                   // in an order of its own: that of the files reaches no result
	raw      *trace.Trace                   // as it was read, where models were deployed in several places; else nil
	origin   []int                          // the model of raw that each model of trace is a copy of; nil without raw
	respond  func(prompt, model int) string // simulated responses, by raw's indexes
	files    []provenance.File
	counted  int // outcomes whose tokens were estimated
	doubts   []doubt.Doubt
}

// placed tells whether the experiment says when prompts arrive or where models run.
func (d *Dataset) placed() bool { return d.spec.Arrivals != nil || len(d.spec.Regions) > 0 }

// Rows are the prompts of a part, in trace order.
func (d *Dataset) Rows(part split.Part) []int {
	var out []int
	for i, p := range d.Part {
		if p == part {
			out = append(out, i)
		}
	}
	return out
}

// Tested are all prompts of the traces that the test prompts are of.
func (d *Dataset) Tested() (rows []int) {
	for _, s := range d.sources {
		if slices.Contains(d.Part[s.first:s.first+s.n], split.Test) {
			for i := range s.n {
				rows = append(rows, s.first+i)
			}
		}
	}
	return rows
}

// Original is the number, in the trace as it was read, of the model that a model is a copy of; its own where it is none.
func (d *Dataset) Original(model int) int {
	s := d.sources[0]
	return s.original(s.models[model])
}

// OriginalID is the id of that model.
func (d *Dataset) OriginalID(model int) string {
	return d.sources[0].originalTrace().Models[d.Original(model)].ID
}

// ModelIDs are the ids of the models.
func (d *Dataset) ModelIDs() []string {
	names := make([]string, len(d.Trace.Models))
	for i := range names {
		names[i] = d.Trace.Models[i].ID
	}
	return names
}

// Inputs are the files that the data was read from.
func (d *Dataset) Inputs() (files []provenance.File) {
	for _, s := range d.sources {
		for _, f := range s.files {
			f.Path = filepath.Join(s.dir, f.Path)
			files = append(files, f)
		}
	}
	return files
}

// Load reads or simulates the data of an experiment.
func Load(ctx context.Context, spec *experiment.Spec, acc billing.Accounting) (*Dataset, error) {
	// Every source is placed before it is billed: what an answer emitted depends on when and where.
	ready := func(key string, src *source, err error) (*source, error) {
		if err == nil && spec.Accounting.Tokens == "estimate" {
			err = src.countTokens(ctx)
		}
		if err == nil {
			err = src.place(&spec.Data)
		}
		if err != nil && key != "" {
			err = fmt.Errorf("%s: %w", key, err)
		}
		return src, err
	}
	read := func(key, dir string) (*source, error) {
		src, err := open(ctx, dir)
		return ready(key, src, err)
	}
	d := &spec.Data
	if err := d.Missing(); err != nil {
		return nil, err
	}
	if d.Test != "" {
		train, err := read("data.train", d.Train)
		if err != nil {
			return nil, err
		}
		test, err := read("data.test", d.Test)
		if err != nil {
			return nil, err
		}
		return joined(train, test, spec, acc)
	}
	var src *source
	var err error
	if d.Synth != nil {
		src, err = simulate(*d.Synth)
		src, err = ready("", src, err)
	} else {
		src, err = read("data.trace", d.Trace)
	}
	if err != nil {
		return nil, err
	}
	parts, err := src.split(&d.Split)
	if err != nil {
		return nil, err
	}
	out, err := single(src, parts.Part, d, acc)
	if err != nil {
		return nil, err
	}
	out.noteSplit(parts)
	return out, out.finish(&acc)
}

func open(ctx context.Context, dir string) (*source, error) {
	t, err := file.Open(ctx, dir)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	sums, err := file.Files(dir)
	if err != nil {
		return nil, err
	}
	s := &source{dir: dir, n: t.Prompts.Len()}
	if s.doubts, err = doubt.Find(ctx, t); err != nil {
		return nil, err
	}
	s.trace, s.rows, _ = split.Ordered(t)
	for _, f := range sums {
		s.files = append(s.files, provenance.File{Path: f.Name, Bytes: f.Bytes, SHA256: f.SHA256})
	}
	return s, nil
}

func simulate(p synth.Params) (*source, error) {
	s, err := synth.Generate(p)
	if err != nil {
		return nil, fmt.Errorf("data.synth: %w", err)
	}
	t, rows, models := split.Ordered(s.Trace)
	return &source{
		n: t.Prompts.Len(), trace: t, rows: rows,
		respond: func(prompt, model int) string { return s.Response(rows[prompt], models[model]) },
		files:   []provenance.File{{Path: "simulated", SHA256: content(s.Trace)}},
	}, nil
}

// content fingerprints a trace in memory: what was simulated, whatever version of the simulator did it.
func content(t *trace.Trace) string {
	var blocks [][]byte
	for _, column := range [][]string{t.Prompts.ID, t.Prompts.Text, t.Prompts.Category, t.Prompts.Reference} {
		blocks = append(blocks, []byte(strings.Join(column, "\x00")))
	}
	o := &t.Outcomes
	for _, m := range [][]float32{o.Logged[policy.Quality], o.InputTokens, o.OutputTokens, o.Logged[policy.Cost], o.Logged[policy.Latency], o.Propensity} {
		b := make([]byte, 0, 4*len(m))
		for _, x := range m {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
		}
		blocks = append(blocks, b)
	}
	for _, m := range t.Models {
		blocks = append(blocks, fmt.Appendf(nil, "%+v", m))
	}
	return provenance.Digest("simulated", blocks...)
}

// split divides the prompts of a source. What is wrong with a prompt is told by its row in the file.
func (s *source) split(spec *experiment.Split) (*split.Assignment, error) {
	parts, err := split.Assign(s.trace, spec.Trace())
	if wrong := (*trace.Violation)(nil); errors.As(err, &wrong) && wrong.File == trace.PromptsFile {
		wrong.Row = int64(s.rows[wrong.Row])
		err = wrong
	}
	if err != nil {
		return nil, fmt.Errorf("data.split: %w", err)
	}
	return parts, nil
}

// Of is the data of a trace in memory whose prompts are divided already.
func Of(t *trace.Trace, part []split.Part, spec *experiment.Data, acc billing.Accounting) (*Dataset, error) {
	src := &source{n: t.Prompts.Len(), trace: t}
	if err := src.place(spec); err != nil {
		return nil, err
	}
	return single(src, part, spec, acc)
}

// single is one trace.
func single(src *source, part []split.Part, spec *experiment.Data, acc billing.Accounting) (d *Dataset, err error) {
	src.models = UpTo(len(src.trace.Models))
	d = &Dataset{Trace: src.trace, Part: part, sources: []*source{src}, spec: spec}
	d.IDs = d.opaque()
	d.Table, err = d.Bill(acc)
	return d, err
}

// Bill bills the outcomes under some assumptions.
func (d *Dataset) Bill(acc billing.Accounting) (*billing.Table, error) {
	var out *billing.Table
	for _, s := range d.sources {
		table, err := billing.NewTable(s.trace, s.models, acc)
		if err != nil && len(d.sources) > 1 {
			err = fmt.Errorf("data.%s: %w", map[bool]string{true: "train", false: "test"}[s == d.sources[0]], err)
		}
		if err != nil {
			return nil, err
		}
		if out == nil {
			out = table
		} else if out, err = billing.Concat(out, table); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// finish checks that there is something to learn from and to test on.
func (d *Dataset) finish(acc *billing.Accounting) error {
	count := map[split.Part]int{}
	for _, p := range d.Part {
		count[p]++
	}
	if count[split.Test] == 0 {
		return errors.New("no prompt is in the test part: change data.split, or the trace's split column")
	}
	if count[split.Train] == 0 {
		if d.leaked > 0 {
			return fmt.Errorf("no prompt is left to train on: all %d training prompts are copies or near-copies of test prompts; "+
				"name another data.train, or allow near-copies with data.split.near_duplicates: off", d.leaked)
		}
		return errors.New("no prompt is in the train part: change data.split, or the trace's split column")
	}
	d.noteDoubts(acc.Usage)
	if n := d.Table.Logged.Unread; n > 0 {
		d.note("the energy and carbon of %d outcomes are unknown: they have no input_tokens, so nobody knows what reading their prompts took; accounting.prefill: false leaves reading out", n)
	}
	d.noteUnbilled(acc.UnknownCost)
	return nil
}

// Fingerprints identify the outcomes and the division into parts.
func (d *Dataset) Fingerprints() (outcomes, split string) {
	var blocks [][]byte
	for _, s := range d.sources {
		for _, f := range s.files {
			blocks = append(blocks, []byte(f.Path), []byte(f.SHA256))
		}
	}
	// Where and when come from the experiment, not from the files.
	if d.placed() {
		for _, m := range d.Trace.Models {
			blocks = append(blocks, []byte(m.ID), []byte(m.Region))
		}
		for _, at := range d.Trace.Prompts.ArrivedAt {
			blocks = append(blocks, binary.LittleEndian.AppendUint64(nil, uint64(at.Unix())))
		}
	}
	parts := make([]byte, len(d.Part))
	for i, p := range d.Part {
		parts[i] = byte(p)
	}
	return provenance.Digest("trace", blocks...), provenance.Digest("split", parts)
}

func (d *Dataset) noteSplit(a *split.Assignment) {
	d.Notices = append(d.Notices, a.Warnings...)
	if a.NearGroups > 0 {
		d.note("%d groups of near-duplicate prompts stay on one side of the split", a.NearGroups)
	}
	if n := len(a.Dropped); n > 0 {
		d.note("%d prompts were left out of training: near-duplicates of prompts on a later side", n)
	}
}

func (d *Dataset) note(format string, args ...any) {
	d.Notices = append(d.Notices, fmt.Sprintf(format, args...))
}

// responses are the pool's responses to some prompts, [rows × pool]; "" where there is none.
func (d *Dataset) responses(ctx context.Context, rows, pool []int) ([]string, error) {
	out := make([]string, len(rows)*len(pool))
	for _, s := range d.sources {
		place := map[int]int{} // source's prompt → row
		for i, p := range rows {
			if p >= s.first && p < s.first+s.n {
				place[p-s.first] = i
			}
		}
		if len(place) == 0 {
			continue
		}
		column := make(map[int][]int, len(pool)) // model as it was read → columns
		for j, m := range pool {
			o := s.original(s.models[m])
			column[o] = append(column[o], j)
		}
		read := s.originalTrace()
		if s.respond != nil {
			for p, i := range place {
				for m, columns := range column {
					if read.Outcomes.Present.Has(read.Outcomes.At(p, m)) {
						for _, j := range columns {
							out[i*len(pool)+j] = s.respond(p, m)
						}
					}
				}
			}
			continue
		}
		all, err := file.Responses(ctx, read, func(prompt, model int) bool {
			_, wantPrompt := place[prompt]
			_, wantModel := column[model]
			return wantPrompt && wantModel
		})
		if err != nil {
			return nil, err
		}
		for p, i := range place {
			for m, columns := range column {
				for _, j := range columns {
					out[i*len(pool)+j] = all[read.Outcomes.At(p, m)]
				}
			}
		}
	}
	return out, nil
}

// UpTo lists 0 … n−1.
func UpTo(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

// codes numbers the distinct strings of a column in order of appearance; nil where the trace lacks the column.
func codes(column []string, rows []int) []int32 {
	if column == nil {
		return nil
	}
	number := map[string]int32{}
	out := make([]int32, len(rows))
	for i, r := range rows {
		n, ok := number[column[r]]
		if !ok {
			n = int32(len(number))
			number[column[r]] = n
		}
		out[i] = n
	}
	return out
}

// Strata are those of some prompts by "category" or "benchmark", numbered; nil where the trace lacks them.
func (d *Dataset) Strata(by string, rows []int) []int32 {
	switch by {
	case "category":
		return codes(d.Trace.Prompts.Category, rows)
	case "benchmark":
		return codes(d.Trace.Prompts.Benchmark, rows)
	}
	return nil
}

// Pick is a column of some rows; nil where there is none.
func Pick[T any](column []T, rows []int) []T {
	if column == nil {
		return nil
	}
	out := make([]T, len(rows))
	for i, r := range rows {
		out[i] = column[r]
	}
	return out
}

// figure is entry i of a matrix, NaN where the trace lacks the column.
func figure(matrix []float32, i int) float32 {
	if matrix == nil {
		return float32(math.NaN())
	}
	return matrix[i]
}
