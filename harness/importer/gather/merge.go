package gather

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/trilemma-bench/trilemma/harness/importer"
	"github.com/trilemma-bench/trilemma/harness/trace"
	"github.com/trilemma-bench/trilemma/harness/trace/file"
)

// Where names the record of a place.
type Where func(Seq) string

// differences counts what records tell differently, by field.
type differences struct {
	where Where
	by    map[string]*importer.Disagreement
}

func (d *differences) count(field string, at Seq, id string) {
	e := d.by[field]
	if e == nil {
		e = &importer.Disagreement{Field: field}
		d.by[field] = e
	}
	e.Prompts++
	if len(e.Examples) < 3 {
		e.Examples = append(e.Examples, d.where(at)+": "+id)
	}
}

// merging is the second half of a gathering.
type merging struct {
	*Gathering
	report  *importer.Report
	differ  differences
	columns *columns
	facts   map[string]bool
	seen    uint32
	figures uint16
	scored  bool
	tokens  importer.TokenCounter // nil: as logged

	group  []record // of one id
	shared string   // the first id that several benchmarks have
	part   part
	parts  chan<- part
	ctx    context.Context
	failed map[string]int // answers without a score, by why
}

// Write joins, merges and writes everything to a trace in the folder out, and fills in the report.
func (g *Gathering) Write(ctx context.Context, out string, report *importer.Report, where Where) error {
	m := &merging{Gathering: g, report: report, differ: differences{where, map[string]*importer.Disagreement{}}, facts: map[string]bool{}, failed: map[string]int{}}
	if g.opt.Estimate {
		m.tokens = g.opt.Counter()
		report.TokenCounter = m.tokens.Name()
	} else {
		report.TokenCounter = "as logged"
	}
	for _, w := range g.workers {
		m.seen |= w.seen
		m.figures |= w.figures
		for f := range w.facts {
			m.facts[f] = true
		}
	}
	if m.seen&has(fieldOutcome) == 0 {
		return ErrNothing
	}
	if err := m.join(); err != nil {
		return err
	}
	var err error
	if m.columns, err = g.pool(m.names(), g.told(&m.differ), report); err != nil {
		return err
	}
	m.scored = m.figures&(1<<trace.ScoreFigure) != 0 || g.opt.Grade != nil
	w, err := file.NewWriter(out, m.columns.models)
	if err != nil {
		return err
	}
	if err := m.write(ctx, w); err != nil {
		_ = w.Abort() // the error tells more
		return err
	}
	return w.Commit()
}

// ErrNothing is the error for files in which there is no answer of a model.
var ErrNothing = errors.New("no answer was found")

func (m *merging) write(ctx context.Context, w *file.Writer) error {
	parts := make(chan part, 1)
	group, ctx := errgroup.WithContext(ctx)
	m.parts, m.ctx = parts, ctx
	group.Go(func() error {
		defer close(parts)
		return m.merge()
	})
	group.Go(func() error {
		for p := range parts {
			response := p.response
			if m.seen&has(fieldResponse) == 0 {
				response = nil
			}
			if err := w.Append(p.trace(m), response); err != nil {
				return err
			}
		}
		return nil
	})
	if err := group.Wait(); err != nil {
		return err
	}
	if m.report.Outcomes == 0 {
		return m.nothing()
	}
	for _, why := range slices.Sorted(maps.Keys(m.failed)) {
		m.report.Unscored = append(m.report.Unscored, importer.Skip{Reason: why, Count: m.failed[why]})
	}
	for _, field := range slices.Sorted(maps.Keys(m.differ.by)) {
		d := m.differ.by[field]
		if m.opt.Strict {
			return fmt.Errorf("the files tell the %s of %d records differently, such as %s", d.Field, d.Prompts, d.Examples[0])
		}
		m.report.Disagreements = append(m.report.Disagreements, *d)
	}
	m.report.Models = len(m.columns.models)
	m.report.Unscorable = !m.scored
	return nil
}

func (m *merging) nothing() error {
	for why, n := range m.failed {
		return fmt.Errorf("none of %d answers has a score: %s", n, why)
	}
	return ErrNothing
}

// join gives the pieces that know a key only to the outcomes that bear it.
func (m *merging) join() error {
	var all []*sorter
	for _, w := range m.workers {
		all = append(all, &w.keyed)
	}
	last, orphans := "", 0
	var owners, waiting []record
	var first Seq
	give := func() error {
		for i := range waiting {
			if len(owners) == 0 {
				if orphans++; orphans == 1 || waiting[i].at.compare(first) < 0 {
					first = waiting[i].at
				}
			}
			for _, o := range owners {
				r := waiting[i]
				r.id, r.model, r.sample = o.owner, o.model, o.sample
				r.texts[fieldBenchmark] = o.texts[fieldBenchmark]
				r.has = r.has&^has(fieldBenchmark) | o.has&(has(fieldBenchmark)|has(fieldModel)|has(fieldSample))
				w := m.workers[0]
				if err := w.put(&w.rows, r.id, &r); err != nil {
					return err
				}
			}
		}
		owners, waiting = owners[:0], waiting[:0]
		return nil
	}
	err := merge(all, func(key string, at Seq, content []byte) error {
		if key != last {
			if err := give(); err != nil {
				return err
			}
			last = key
		}
		r := record{at: at}
		if err := r.decode(content); err != nil {
			return err
		}
		if r.has&hasOwner != 0 {
			owners = append(owners, r)
		} else {
			waiting = append(waiting, r)
		}
		return nil
	})
	if err == nil {
		err = give()
	}
	if orphans > 0 {
		m.workers[0].notes["a score of an answer that is not there"] = &Note{orphans, first, "a score of an answer that is not there"}
	}
	return err
}

// names are those of the models that have an outcome.
func (m *merging) names() []string {
	all := map[string]bool{}
	for _, w := range m.workers {
		for name := range w.names {
			all[name] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// merge brings all pieces of an id together.
func (m *merging) merge() error {
	var all []*sorter
	for _, w := range m.workers {
		all = append(all, &w.rows)
	}
	last := ""
	n := 0
	err := merge(all, func(id string, at Seq, content []byte) error {
		if id != last {
			if err := m.prompts(last); err != nil {
				return err
			}
			last = id
		}
		if n++; n%1024 == 0 && m.ctx.Err() != nil {
			return m.ctx.Err()
		}
		m.group = append(m.group, record{at: at})
		return m.group[len(m.group)-1].decode(content)
	})
	if err == nil {
		err = m.prompts(last)
	}
	if err == nil {
		err = m.send()
	}
	return err
}

// prompts takes all pieces of one id. Where several benchmarks have it, each has a prompt of its own, benchmark/id; then a piece that
// names no benchmark is nobody's.
func (m *merging) prompts(id string) error {
	if len(m.group) == 0 {
		return nil
	}
	defer func() { m.group = m.group[:0] }()
	var benchmarks []string
	for i := range m.group {
		if b := m.group[i].texts[fieldBenchmark]; b != "" && !slices.Contains(benchmarks, b) {
			benchmarks = append(benchmarks, b)
		}
	}
	if len(benchmarks) < 2 {
		return m.prompt(id, m.group)
	}
	slices.Sort(benchmarks)
	if m.shared == "" {
		m.shared = trace.Clip(id)
	}
	example := m.shared
	for _, b := range benchmarks {
		var own []record
		for i := range m.group {
			switch m.group[i].texts[fieldBenchmark] {
			case b:
				own = append(own, m.group[i])
			case "":
				if b == benchmarks[0] && m.group[i].has&has(fieldOutcome) != 0 {
					m.workers[0].note(m.group[i].at, "left out outcomes that name no benchmark, for several have a prompt of their id, such as %s: give the benchmark beside it", example)
				}
			}
		}
		if err := m.prompt(b+"/"+id, own); err != nil {
			return err
		}
	}
	return nil
}

// row is one sample of an outcome.
type row struct {
	column           int
	order            float64 // among the samples
	response, answer string
	known            uint16
	figure           [numFigures]float32
	given            string
	others           uint16
	other            [numFigures]float32
	at               Seq
}

func (m *merging) prompt(id string, pieces []record) error {
	p := asked{id: id}
	found := rows{at: map[rowKey]*row{}}
	for i := range pieces {
		r := &pieces[i]
		for f := range numPromptTexts {
			if r.has&has(f) == 0 {
				continue
			}
			if p.texts[f] == "" {
				p.texts[f] = r.texts[f]
			} else if p.texts[f] != r.texts[f] {
				m.differ.count(fieldNames[f], r.at, id)
			}
		}
		if r.has&has(fieldArrived) != 0 && (!p.hasArrived || r.arrived < p.arrived) {
			p.arrived, p.hasArrived = r.arrived, true
		}
	}
	for i := range pieces {
		r := &pieces[i]
		if r.has&has(fieldOutcome) == 0 {
			continue
		}
		when, known := r.arrived, r.has&has(fieldArrived) != 0
		if !known {
			when, known = p.arrived, p.hasArrived
		}
		column, err := m.columns.find(r.model, when, known)
		if err != nil {
			m.workers[0].note(r.at, "left out an outcome: %v", err)
			continue
		}
		if column < 0 {
			continue
		}
		m.piece(&found, r, column, id)
	}
	rows := found.list
	for _, r := range rows {
		if r.given != "" && m.facts[r.given] {
			for q := range numFigures {
				if bit := uint16(1) << q; r.others&bit != 0 && r.known&bit == 0 {
					r.figure[q] = r.other[q]
					r.known |= bit
				}
			}
		}
	}
	for _, r := range rows {
		m.grade(r, &p)
	}
	if m.scored {
		rows = slices.DeleteFunc(rows, func(r *row) bool { return r.known&1 == 0 })
	}
	if len(rows) == 0 {
		return nil
	}
	return m.add(p, rows)
}

// rows are the outcomes of a prompt.
type rows struct {
	list []*row
	at   map[rowKey]*row
}

type rowKey struct {
	column int
	sample string
}

// piece adds a piece to its row.
func (m *merging) piece(rows *rows, r *record, column int, id string) {
	key := rowKey{column, r.sample}
	o := rows.at[key]
	if o == nil {
		order, err := strconv.ParseFloat(r.sample, 64)
		if err != nil {
			order = math.Inf(1) // by their order in the files
		}
		o = &row{column: column, order: order, at: r.at}
		rows.at[key] = o
		rows.list = append(rows.list, o)
	}
	texts := []struct {
		name string
		to   *string
		from string
	}{{"response", &o.response, r.response}, {"answer", &o.answer, r.answer}}
	for _, t := range texts {
		if *t.to == "" {
			*t.to = t.from
		} else if t.from != "" && *t.to != t.from {
			m.differ.count("outcome's "+t.name, r.at, id+" of "+r.model)
		}
	}
	for q := range numFigures {
		bit := uint16(1) << q
		switch {
		case r.figures&bit == 0:
		case o.known&bit == 0:
			o.figure[q] = r.figure[q]
			o.known |= bit
		case o.figure[q] != r.figure[q]:
			m.differ.count("outcome's "+trace.Figures[q].Name, r.at, id+" of "+r.model)
		}
	}
	if r.has&has(fieldOtherwise) != 0 {
		o.given, o.others, o.other = r.given, r.others, r.other
	}
}

// grade scores an answer that the log has not, and counts its tokens.
func (m *merging) grade(r *row, p *asked) {
	if r.known&1 == 0 && m.scored {
		why := "the log has no score of it"
		if m.opt.Grade != nil {
			var x float64
			var err error
			said := r.answer
			if said == "" || m.opt.Grade.Whole {
				said = r.response
			}
			switch {
			case p.texts[fieldReference] == "":
				why = "there is no reference to grade it by"
			case m.seen&(has(fieldResponse)|has(fieldAnswer)) == 0:
				why = "the log has no response to grade"
			default:
				if x, err = m.opt.Grade.Score(said, p.texts[fieldReference]); err == nil {
					r.figure[0] = float32(x)
					r.known |= 1
					m.report.Graded++
				} else {
					why = err.Error()
				}
			}
		}
		if r.known&1 == 0 {
			m.failed[why]++
		}
	}
	if m.tokens == nil {
		return
	}
	for _, c := range []struct {
		q    int
		text string
	}{{figureOf["input_tokens"], p.texts[fieldPrompt]}, {figureOf["output_tokens"], r.response}} {
		bit := uint16(1) << c.q
		if c.text == "" || r.known&bit != 0 && r.figure[c.q] > 0 {
			continue
		}
		if c.q == figureOf["input_tokens"] {
			if p.tokens == 0 {
				p.tokens = m.tokens.Count(c.text)
			}
			r.figure[c.q] = float32(p.tokens)
		} else {
			r.figure[c.q] = float32(m.tokens.Count(c.text))
		}
		r.figure[estimatedFigure] = 1
		r.known |= bit | 1<<estimatedFigure
	}
}

var (
	estimatedFigure = figureOf["tokens_estimated"]
	samplesFigure   = figureOf["samples"]
	spreadFigure    = figureOf["score_sd"]
	fieldNames      = [numPromptTexts]string{"benchmark", "category", "source", "prompt", "reference", "split"}
)

// asked is a prompt.
type asked struct {
	id         string
	texts      [numPromptTexts]string
	arrived    int64
	hasArrived bool
	tokens     int // 0: not counted yet
}

// cell is an outcome, its samples put together.
type cell struct {
	prompt, column   int
	response, answer string
	known            uint16
	figure           [numFigures]float32
}

// part is some prompts with their outcomes.
type part struct {
	prompts []asked
	cells   []cell
	bytes   int
	said    map[int]string // responses, by place in the matrices
	models  int
}

// Bounds of a part.
const (
	partPrompts = 512
	partBytes   = 4 << 20
	partCells   = 1 << 18
)

// add puts samples together: the mean of their figures, or the first; what the first said.
func (m *merging) add(p asked, rows []*row) error {
	slices.SortStableFunc(rows, func(a, b *row) int {
		switch {
		case a.column != b.column:
			return a.column - b.column
		case a.order < b.order:
			return -1
		case a.order > b.order:
			return 1
		}
		return a.at.compare(b.at)
	})
	at := len(m.part.prompts)
	for _, t := range p.texts {
		m.part.bytes += len(t)
	}
	m.part.prompts = append(m.part.prompts, p)
	for len(rows) > 0 {
		n := 1
		for n < len(rows) && rows[n].column == rows[0].column {
			n++
		}
		c := together(rows[:n], m.opt.FirstSample)
		c.prompt = at
		m.part.cells = append(m.part.cells, c)
		m.part.bytes += len(c.response) + 64
		m.report.Outcomes++
		if n > 1 {
			m.report.Repeated++
		}
		rows = rows[n:]
	}
	m.report.Prompts++
	if len(m.part.prompts) < partPrompts && m.part.bytes < partBytes && len(m.part.prompts)*len(m.columns.models) < partCells {
		return nil
	}
	return m.send()
}

// together makes one outcome of its samples.
func together(rows []*row, first bool) cell {
	c := cell{column: rows[0].column, response: rows[0].response, answer: rows[0].answer, known: rows[0].known, figure: rows[0].figure}
	if first || len(rows) == 1 {
		return c
	}
	for q := range numFigures {
		sum, squares, n := 0.0, 0.0, 0
		for _, r := range rows {
			if r.known&(1<<q) != 0 {
				sum += float64(r.figure[q])
				n++
			}
		}
		if n == 0 {
			continue
		}
		mean := sum / float64(n)
		c.known |= 1 << q
		c.figure[q] = float32(mean)
		if q != trace.ScoreFigure || n < 2 {
			continue
		}
		for _, r := range rows {
			if r.known&1 != 0 {
				squares += (float64(r.figure[q]) - mean) * (float64(r.figure[q]) - mean)
			}
		}
		c.figure[spreadFigure] = float32(math.Sqrt(squares / float64(n-1)))
		c.known |= 1 << spreadFigure
	}
	if c.known&(1<<estimatedFigure) != 0 {
		c.figure[estimatedFigure] = 1
	}
	c.figure[samplesFigure] = float32(len(rows))
	c.known |= 1 << samplesFigure
	return c
}

// send hands the part on.
func (m *merging) send() error {
	if len(m.part.prompts) == 0 {
		return nil
	}
	p := m.part
	m.part = part{}
	p.models = len(m.columns.models)
	select {
	case m.parts <- p:
		return nil
	case <-m.ctx.Done():
		return m.ctx.Err()
	}
}

// trace is the part as a trace in memory. All parts have the same columns.
func (p *part) trace(m *merging) *trace.Trace {
	n := len(p.prompts)
	prompts := trace.Prompts{ID: make([]string, n)}
	for i := range p.prompts {
		prompts.ID[i] = p.prompts[i].id
	}
	for f := range numPromptTexts {
		if m.seen&has(f) == 0 {
			continue
		}
		list := make([]string, n)
		for i := range p.prompts {
			list[i] = p.prompts[i].texts[f]
		}
		*trace.Texts[slices.IndexFunc(trace.Texts[:], func(t trace.Text) bool { return t.Name == fieldNames[f] })].Column(&prompts) = list
	}
	if m.seen&has(fieldArrived) != 0 {
		prompts.ArrivedAt = make([]time.Time, n)
		for i := range p.prompts {
			if p.prompts[i].hasArrived {
				prompts.ArrivedAt[i] = time.UnixMicro(p.prompts[i].arrived).UTC()
			}
		}
	}
	t := trace.NewTrace(m.columns.models, prompts)
	o := &t.Outcomes
	known := m.figures
	if m.opt.Estimate {
		known |= 1 << estimatedFigure
	}
	if m.seen&has(fieldSample) != 0 && !m.opt.FirstSample {
		known |= 1<<samplesFigure | 1<<spreadFigure
	}
	for q := range trace.Figures {
		if at := trace.Figures[q].Matrix(o); known&(1<<q) != 0 && *at == nil {
			*at = trace.NewMatrix(n * p.models)
		}
	}
	if !m.scored {
		*trace.Figures[trace.ScoreFigure].Matrix(o) = nil
	}
	codes := map[string]uint32{"": 0}
	if m.seen&has(fieldAnswer) != 0 {
		o.Answer, o.AnswerText = make([]uint32, n*p.models), []string{""}
	}
	p.said = map[int]string{}
	for i := range p.cells {
		c := &p.cells[i]
		at := o.At(c.prompt, c.column)
		o.Present.Set(at)
		for q := range numFigures {
			if c.known&(1<<q) != 0 {
				if to := *trace.Figures[q].Matrix(o); to != nil {
					to[at] = c.figure[q]
				}
			}
		}
		if c.response != "" {
			p.said[at] = c.response
		}
		if c.answer != "" {
			code, ok := codes[c.answer]
			if !ok {
				code = uint32(len(o.AnswerText))
				codes[c.answer] = code
				o.AnswerText = append(o.AnswerText, c.answer)
			}
			o.Answer[at] = code
		}
	}
	return t
}

// response is that of a model to a prompt of the part.
func (p *part) response(prompt, model int) string { return p.said[prompt*p.models+model] }
