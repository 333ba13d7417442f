package file

import (
	"fmt"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/trilemma-bench/trilemma/harness/trace"
)

// columnSpec is one column of a file being written.
type columnSpec struct {
	name string
	node parquet.Node
}

// orderedGroup is a group whose columns keep the order of the trace format; parquet.Group sorts them by name.
type orderedGroup struct {
	parquet.Group
	order []string
}

// Fields implements parquet.Node.
func (g orderedGroup) Fields() []parquet.Field {
	byName := map[string]parquet.Field{}
	for _, f := range g.Group.Fields() {
		byName[f.Name()] = f
	}
	fields := make([]parquet.Field, len(g.order))
	for i, name := range g.order {
		fields[i] = byName[name]
	}
	return fields
}

func schemaNamed(name string, columns []columnSpec) *parquet.Schema {
	g := orderedGroup{Group: parquet.Group{}}
	for _, c := range columns {
		g.Group[c.name] = c.node
		g.order = append(g.order, c.name)
	}
	return parquet.NewSchema(name, g)
}

var (
	textNode = parquet.Optional(parquet.String())
	wordNode = parquet.Optional(parquet.Encoded(parquet.String(), &parquet.RLEDictionary))
	keyNode  = parquet.Encoded(parquet.String(), &parquet.RLEDictionary)
	realNode = parquet.Optional(parquet.Leaf(parquet.FloatType))
)

func promptColumns(s schema) []columnSpec {
	columns := []columnSpec{{colPromptID, parquet.String()}}
	for _, c := range []struct {
		have bool
		columnSpec
	}{
		{s.benchmark, columnSpec{colBenchmark, wordNode}},
		{s.category, columnSpec{colCategory, wordNode}},
		{s.source, columnSpec{colSource, wordNode}},
		{s.text, columnSpec{colPrompt, textNode}},
		{s.reference, columnSpec{colReference, wordNode}},
		{s.split, columnSpec{colSplit, wordNode}},
		{s.arrivedAt, columnSpec{colArrivedAt, parquet.Optional(parquet.Timestamp(parquet.Microsecond))}},
		{s.dim > 0, columnSpec{colEmbedding, parquet.List(parquet.Leaf(parquet.FloatType))}},
	} {
		if c.have {
			columns = append(columns, c.columnSpec)
		}
	}
	return columns
}

func outcomeColumns(s schema) []columnSpec {
	columns := []columnSpec{{colPromptID, keyNode}, {colModelID, keyNode}}
	if s.response {
		columns = append(columns, columnSpec{colResponse, textNode})
	}
	if s.answer {
		columns = append(columns, columnSpec{colAnswer, wordNode})
	}
	for q := range trace.Figures {
		if s.quantity[q] {
			columns = append(columns, columnSpec{trace.Figures[q].Name, realNode})
		}
	}
	return columns
}

// batchRows is how many values are handed to a column at once, so that pages end near their intended size.
const batchRows = 1024

// Rows of a row group. Responses are large: a group of them is held in memory, compressed, while it is written.
const (
	groupRows          = 1 << 17
	groupRowsResponses = 1 << 15
)

// put writes n values to column c. make gives value i.
func (f *parquetFile) put(c int, n int, value func(i int) parquet.Value) error {
	w := f.pq.ColumnWriters()[c]
	var batch [batchRows]parquet.Value
	for i := 0; i < n; {
		m := min(batchRows, n-i)
		for k := range m {
			batch[k] = value(i + k)
		}
		if _, err := w.WriteRowValues(batch[:m]); err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
		i += m
	}
	return nil
}

func textValue(s string, c int) parquet.Value {
	return parquet.ByteArrayValue([]byte(s)).Level(0, 0, c)
}

// optionalText is null where s is "".
func optionalText(s string, c int) parquet.Value {
	if s == "" {
		return parquet.NullValue().Level(0, 0, c)
	}
	return parquet.ByteArrayValue([]byte(s)).Level(0, 1, c)
}

// writePrompts adds prompts to prompts.parquet.
func (w *Writer) writePrompts(p *trace.Prompts) error {
	f := w.prompts
	for lo := 0; lo < p.Len(); {
		hi := min(p.Len(), lo+groupRows-int(f.rows))
		c := 0
		err := f.put(c, hi-lo, func(i int) parquet.Value { return textValue(p.ID[lo+i], 0) })
		for _, column := range [][]string{p.Benchmark, p.Category, p.Source, p.Text, p.Reference, p.Split} {
			if column == nil || err != nil {
				continue
			}
			c++
			err = f.put(c, hi-lo, func(i int) parquet.Value { return optionalText(column[lo+i], c) })
		}
		if p.ArrivedAt != nil && err == nil {
			c++
			err = f.put(c, hi-lo, func(i int) parquet.Value { return timeValue(p.ArrivedAt[lo+i], c) })
		}
		if p.Embedding != nil && err == nil {
			c++
			err = f.putVectors(c, p, lo, hi)
		}
		if err != nil {
			return err
		}
		f.rows += int64(hi - lo)
		lo = hi
		if f.rows == groupRows {
			if err := f.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

func timeValue(at time.Time, c int) parquet.Value {
	if at.IsZero() {
		return parquet.NullValue().Level(0, 0, c)
	}
	return parquet.Int64Value(at.UnixMicro()).Level(0, 1, c)
}

// putVectors writes rows of the embedding, each as a list of p.Dim floats.
func (f *parquetFile) putVectors(c int, p *trace.Prompts, lo, hi int) error {
	w := f.pq.ColumnWriters()[c]
	row := make([]parquet.Value, p.Dim)
	for i := lo; i < hi; i++ {
		for k, x := range p.Embedding[i*p.Dim : (i+1)*p.Dim] {
			again := 1
			if k == 0 {
				again = 0
			}
			row[k] = parquet.FloatValue(x).Level(again, 1, c)
		}
		if _, err := w.WriteRowValues(row); err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
	}
	return nil
}

// writeOutcomes adds the present outcomes of a part, prompt by prompt, models in their order.
func (w *Writer) writeOutcomes(t *trace.Trace, response func(prompt, model int) string) error {
	most := groupRows
	if response != nil {
		most = groupRowsResponses
	}
	cells := t.Prompts.Len() * t.Outcomes.Models
	at := make([]int, 0, most)
	for cell := 0; cell < cells; {
		if !t.Outcomes.Present.Has(cell) {
			cell++
			continue
		}
		if w.outcomes == nil {
			name := trace.OutcomesFile
			if w.opts.RowsPerShard > 0 {
				name = fmt.Sprintf("%s/part-%05d.parquet", trace.OutcomesDir, w.shard)
			}
			w.shard++
			f, err := w.open(name, outcomeColumns(w.have))
			if err != nil {
				return err
			}
			w.outcomes = f
		}
		room := most - int(w.outcomes.rows)
		if w.opts.RowsPerShard > 0 {
			room = min(room, w.opts.RowsPerShard-w.rows)
		}
		at = at[:0]
		for ; cell < cells && len(at) < room; cell++ {
			if t.Outcomes.Present.Has(cell) {
				at = append(at, cell)
			}
		}
		if err := w.putOutcomes(t, at, response); err != nil {
			return err
		}
		w.outcomes.rows += int64(len(at))
		w.rows += len(at)
		var err error
		switch {
		case w.opts.RowsPerShard > 0 && w.rows == w.opts.RowsPerShard:
			err = w.outcomes.finish()
			w.outcomes, w.rows = nil, 0
		case int(w.outcomes.rows) == most:
			err = w.outcomes.flush()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *Writer) putOutcomes(t *trace.Trace, at []int, response func(prompt, model int) string) error {
	f, o := w.outcomes, &t.Outcomes
	m := o.Models
	// Byte slices of the ids are made once, not once a row.
	models := make([]parquet.Value, m)
	for j := range models {
		models[j] = textValue(t.Models[j].ID, 1)
	}
	last, value := -1, parquet.Value{}
	err := f.put(0, len(at), func(i int) parquet.Value {
		if p := at[i] / m; p != last {
			last, value = p, textValue(t.Prompts.ID[p], 0)
		}
		return value
	})
	if err == nil {
		err = f.put(1, len(at), func(i int) parquet.Value { return models[at[i]%m] })
	}
	c := 1
	if response != nil && err == nil {
		c++
		err = f.put(c, len(at), func(i int) parquet.Value { return optionalText(response(at[i]/m, at[i]%m), c) })
	}
	if o.Answer != nil && err == nil {
		c++
		err = f.put(c, len(at), func(i int) parquet.Value { return optionalText(o.AnswerText[o.Answer[at[i]]], c) })
	}
	for q := range trace.Figures {
		x := *trace.Figures[q].Matrix(o)
		if x == nil || err != nil {
			continue
		}
		c++
		err = f.put(c, len(at), func(i int) parquet.Value {
			if v := x[at[i]]; known32(v) {
				return parquet.FloatValue(v).Level(0, 1, c)
			}
			return parquet.NullValue().Level(0, 0, c)
		})
	}
	return err
}
