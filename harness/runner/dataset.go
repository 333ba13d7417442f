package runner

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/trilemma-bench/trilemma/harness/billing"
	"github.com/trilemma-bench/trilemma/harness/experiment"
	"github.com/trilemma-bench/trilemma/harness/provenance"
	"github.com/trilemma-bench/trilemma/harness/synth"
	"github.com/trilemma-bench/trilemma/harness/trace"
	tracedoubt "github.com/trilemma-bench/trilemma/harness/trace/doubt"
	"github.com/trilemma-bench/trilemma/harness/trace/file"
	"github.com/trilemma-bench/trilemma/harness/trace/split"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// dataset is the data of an experiment, ready to be replayed: one trace, billed, with every prompt assigned to a part.
// Separate train and test traces are joined, train first.
type dataset struct {
	trace *trace.Trace
	table *billing.Table
	spec  *experiment.Data
	// rebill bills the same outcomes under other assumptions.
	rebill  func(billing.Accounting) (*billing.Table, error)
	part    []split.Part // [prompts]
	sources []source
	notices []string
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
	doubts   []tracedoubt.Doubt
}

// placed tells whether the experiment says when prompts arrive or where models run.
func (d *dataset) placed() bool { return d.spec.Arrivals != nil || len(d.spec.Regions) > 0 }

// rows are the prompts of a part, in trace order.
func (d *dataset) rows(part split.Part) []int {
	var out []int
	for i, p := range d.part {
		if p == part {
			out = append(out, i)
		}
	}
	return out
}

// load reads or simulates the data of an experiment.
func load(ctx context.Context, spec *experiment.Spec, acc billing.Accounting) (*dataset, error) {
	// Every source is placed before it is billed: what an answer emitted depends on when and where.
	open := func(ctx context.Context, dir string) (*source, error) {
		src, err := open(ctx, dir)
		if err != nil {
			return nil, err
		}
		if err := src.countTokens(ctx, spec); err != nil {
			return nil, err
		}
		return src, src.place(&spec.Data)
	}
	switch d := spec.Data; {
	case d.Synth != nil:
		src, err := simulate(*d.Synth)
		if err == nil {
			err = src.place(&d)
		}
		if err != nil {
			return nil, err
		}
		return single(src, spec, acc)
	case d.Test != "":
		train, err := open(ctx, d.Train)
		if err != nil {
			return nil, fmt.Errorf("data.train: %w", err)
		}
		test, err := open(ctx, d.Test)
		if err != nil {
			return nil, fmt.Errorf("data.test: %w", err)
		}
		return joined(train, test, spec, acc)
	default:
		src, err := open(ctx, d.Trace)
		if err != nil {
			return nil, fmt.Errorf("data.trace: %w", err)
		}
		return single(src, spec, acc)
	}
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
	if s.doubts, err = tracedoubt.Find(ctx, t); err != nil {
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
	for _, m := range [][]float32{o.Score, o.InputTokens, o.OutputTokens, o.CostUSD, o.LatencySec, o.Propensity} {
		b := make([]byte, 0, 4*len(m))
		for _, x := range m {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
		}
		blocks = append(blocks, b)
	}
	for _, m := range t.Models {
		blocks = append(blocks, fmt.Appendf(nil, "%+v", m))
	}
	return digest("simulated", blocks...)
}

// split divides the prompts of a source. What is wrong with a prompt is told by its row in the file.
func (s *source) split(spec *experiment.Spec) (*split.Assignment, error) {
	parts, err := split.Assign(s.trace, spec.Data.Split.Trace())
	if wrong := (*trace.Violation)(nil); errors.As(err, &wrong) && wrong.File == trace.PromptsFile {
		wrong.Row = int64(s.rows[wrong.Row])
		err = wrong
	}
	if err != nil {
		return nil, fmt.Errorf("data.split: %w", err)
	}
	return parts, nil
}

// single is one trace divided by the experiment's split.
func single(src *source, spec *experiment.Spec, acc billing.Accounting) (*dataset, error) {
	src.models = upTo(len(src.trace.Models))
	table, err := billing.NewTable(src.trace, src.models, acc)
	if err != nil {
		return nil, err
	}
	parts, err := src.split(spec)
	if err != nil {
		return nil, err
	}
	d := &dataset{trace: src.trace, table: table, part: parts.Part, sources: []source{*src}, spec: &spec.Data}
	d.rebill = func(acc billing.Accounting) (*billing.Table, error) {
		return billing.NewTable(src.trace, src.models, acc)
	}
	d.noteSplit(parts)
	return d, d.finish(&acc)
}

// joined puts a test trace below a train trace, whose prompts are divided into train and validation.
func joined(train, test *source, spec *experiment.Spec, acc billing.Accounting) (*dataset, error) {
	d := &dataset{spec: &spec.Data}
	if err := d.matchModels(train, test); err != nil {
		return nil, err
	}
	trainTable, err := billing.NewTable(train.trace, train.models, acc)
	if err != nil {
		return nil, fmt.Errorf("data.train: %w", err)
	}
	testTable, err := billing.NewTable(test.trace, test.models, acc)
	if err != nil {
		return nil, fmt.Errorf("data.test: %w", err)
	}
	if d.table, err = billing.Concat(trainTable, testTable); err != nil {
		return nil, err
	}
	d.rebill = func(acc billing.Accounting) (*billing.Table, error) {
		a, err := billing.NewTable(train.trace, train.models, acc)
		if err != nil {
			return nil, err
		}
		b, err := billing.NewTable(test.trace, test.models, acc)
		if err != nil {
			return nil, err
		}
		return billing.Concat(a, b)
	}
	parts, err := train.split(spec)
	if err != nil {
		return nil, err
	}
	d.noteSplit(parts)
	d.part = append(slices.Clone(parts.Part), make([]split.Part, test.n)...)
	for i := range test.n {
		d.part[train.n+i] = split.Test
	}
	d.dropLeaks(train, test, spec.Data.Split.NearDuplicates)
	test.first = train.n
	d.trace = stack(train, test)
	d.sources = []source{*train, *test}
	return d, d.finish(&acc)
}

// matchModels keeps the models that both traces know, in the train trace's order.
func (d *dataset) matchModels(train, test *source) error {
	at := map[string]int{}
	for i, m := range test.trace.Models {
		at[m.ID] = i
	}
	var dropped []string
	for i, m := range train.trace.Models {
		if j, ok := at[m.ID]; ok {
			train.models, test.models = append(train.models, i), append(test.models, j)
			delete(at, m.ID)
		} else {
			dropped = append(dropped, m.ID)
		}
	}
	if len(train.models) == 0 {
		return errors.New("data.train and data.test have no model in common: compare the ids in their models.yaml")
	}
	if len(dropped) > 0 {
		d.note("left out %s: not in the test trace", strings.Join(dropped, ", "))
	}
	if len(at) > 0 {
		var only []string
		for id := range at {
			only = append(only, id)
		}
		slices.Sort(only)
		d.note("left out %s: not in the train trace", strings.Join(only, ", "))
	}
	return nil
}

// dropLeaks takes out of training every prompt that has a near-duplicate among the test prompts.
func (d *dataset) dropLeaks(train, test *source, similar experiment.Similarity) {
	threshold := float64(similar)
	if similar.Off() {
		threshold = 2 // exact copies only
	}
	for _, pair := range split.NearDuplicates(train.trace.Prompts.Text, test.trace.Prompts.Text, threshold) {
		if i := pair[0]; d.part[i] != split.None {
			d.part[i] = split.None
			d.leaked++
		}
	}
	if d.leaked > 0 {
		d.note("%d training prompts were left out: near-duplicates of test prompts", d.leaked)
	}
}

// stack joins the columns of two traces for the matched models. The facts of the models are the test trace's: they are
// what a router is deployed with.
func stack(train, test *source) *trace.Trace {
	a, b := train.trace, test.trace
	models := make([]policy.Model, len(test.models))
	for i, m := range test.models {
		models[i] = b.Models[m]
	}
	column := func(x, y []string) []string {
		if x == nil && y == nil {
			return nil
		}
		out := make([]string, train.n+test.n)
		copy(out, x)
		copy(out[train.n:], y)
		return out
	}
	t := trace.NewTrace(models, trace.Prompts{
		ID:        column(a.Prompts.ID, b.Prompts.ID),
		Benchmark: column(a.Prompts.Benchmark, b.Prompts.Benchmark),
		Category:  column(a.Prompts.Category, b.Prompts.Category),
		Source:    column(a.Prompts.Source, b.Prompts.Source),
		Text:      column(a.Prompts.Text, b.Prompts.Text),
		Reference: column(a.Prompts.Reference, b.Prompts.Reference),
	})
	if p, q := &a.Prompts, &b.Prompts; p.Embedding != nil && q.Embedding != nil && p.Dim == q.Dim {
		t.Prompts.Dim = p.Dim
		t.Prompts.Embedding = append(slices.Clone(p.Embedding), q.Embedding...)
	}
	if a.Prompts.ArrivedAt != nil && b.Prompts.ArrivedAt != nil {
		t.Prompts.ArrivedAt = append(slices.Clone(a.Prompts.ArrivedAt), b.Prompts.ArrivedAt...)
	}
	code := map[string]uint32{"": 0}
	t.Outcomes.AnswerText = []string{""}
	for _, s := range []*source{train, test} {
		first := 0
		if s == test {
			first = train.n
		}
		s.copyOutcomes(t, first, code)
	}
	return t
}

// copyOutcomes copies a source's outcomes into the joined trace, its answers as codes of the joined trace.
func (s *source) copyOutcomes(t *trace.Trace, first int, code map[string]uint32) {
	from, to := &s.trace.Outcomes, &t.Outcomes
	if from.Answer != nil && to.Answer == nil {
		to.Answer = make([]uint32, t.Prompts.Len()*len(t.Models))
	}
	if from.Propensity != nil && to.Propensity == nil {
		to.Propensity = trace.NewMatrix(t.Prompts.Len() * len(t.Models))
	}
	for p := range s.n {
		for i, m := range s.models {
			src, dst := from.At(p, m), to.At(first+p, i)
			if !from.Present.Has(src) {
				continue
			}
			to.Present.Set(dst)
			to.Score[dst] = from.Score[src]
			to.InputTokens[dst], to.OutputTokens[dst] = figure(from.InputTokens, src), figure(from.OutputTokens, src)
			if from.Propensity != nil {
				to.Propensity[dst] = from.Propensity[src]
			}
			if from.Answer != nil {
				text := from.AnswerText[from.Answer[src]]
				c, known := code[text]
				if !known {
					c = uint32(len(to.AnswerText))
					code[text] = c
					to.AnswerText = append(to.AnswerText, text)
				}
				to.Answer[dst] = c
			}
		}
	}
}

// finish checks that there is something to learn from and to test on.
func (d *dataset) finish(acc *billing.Accounting) error {
	count := map[split.Part]int{}
	for _, p := range d.part {
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
	if n := d.table.Logged.Unread; n > 0 {
		d.note("the energy and carbon of %d outcomes are unknown: they have no input_tokens, so nobody knows what reading their prompts took; accounting.prefill: false leaves reading out", n)
	}
	d.noteUnbilled(acc.UnknownCost)
	return nil
}

// fingerprints identify the outcomes and the division into parts.
func (d *dataset) fingerprints() (outcomes, split string) {
	var blocks [][]byte
	for _, s := range d.sources {
		for _, f := range s.files {
			blocks = append(blocks, []byte(f.Path), []byte(f.SHA256))
		}
	}
	// Where and when come from the experiment, not from the files.
	if d.placed() {
		for _, m := range d.trace.Models {
			blocks = append(blocks, []byte(m.ID), []byte(m.Region))
		}
		for _, at := range d.trace.Prompts.ArrivedAt {
			blocks = append(blocks, binary.LittleEndian.AppendUint64(nil, uint64(at.Unix())))
		}
	}
	parts := make([]byte, len(d.part))
	for i, p := range d.part {
		parts[i] = byte(p)
	}
	return digest("trace", blocks...), digest("split", parts)
}

func (d *dataset) noteSplit(a *split.Assignment) {
	d.notices = append(d.notices, a.Warnings...)
	if a.NearGroups > 0 {
		d.note("%d groups of near-duplicate prompts stay on one side of the split", a.NearGroups)
	}
	if n := len(a.Dropped); n > 0 {
		d.note("%d prompts were left out of training: near-duplicates of prompts on a later side", n)
	}
}

func (d *dataset) note(format string, args ...any) {
	d.notices = append(d.notices, fmt.Sprintf(format, args...))
}

// responses are the pool's responses to some prompts, [rows × pool]; "" where there is none.
func (d *dataset) responses(ctx context.Context, rows, pool []int) ([]string, error) {
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

func upTo(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

// figure is entry i of a matrix, NaN where the trace lacks the column.
func figure(matrix []float32, i int) float32 {
	if matrix == nil {
		return nan32
	}
	return matrix[i]
}
