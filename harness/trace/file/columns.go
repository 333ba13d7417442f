package file

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strings"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"

	"github.com/trilemma-bench/trilemma/harness/trace"
)

// column is one column of a file being written. row appends the values of row i to to: one, or those of a list.
type column struct {
	name string
	node parquet.Node
	row  func(to []parquet.Value, i int) []parquet.Value
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

var (
	textNode = parquet.Optional(parquet.String())
	wordNode = parquet.Optional(parquet.Encoded(parquet.String(), &parquet.RLEDictionary))
	keyNode  = parquet.Encoded(parquet.String(), &parquet.RLEDictionary)
	realNode = parquet.Optional(parquet.Leaf(parquet.FloatType))
)

// optional is a column of one value a row, null where known says so.
func optional(name string, node parquet.Node, value func(i int) (v parquet.Value, known bool)) column {
	return column{name, node, func(to []parquet.Value, i int) []parquet.Value {
		if v, known := value(i); known {
			return append(to, v.Level(0, 1, 0))
		}
		return append(to, parquet.NullValue())
	}}
}

// texts is a column of texts, null where they are "".
func texts(name string, node parquet.Node, text func(i int) string) column {
	return optional(name, node, func(i int) (parquet.Value, bool) {
		s := text(i)
		return parquet.ByteArrayValue([]byte(s)), s != ""
	})
}

// keys is a column of ids. Their bytes are copied once, not once a row.
func keys(name string, node parquet.Node, id func(k int) string, of func(i int) int) column {
	last, value := -1, parquet.Value{}
	return column{name, node, func(to []parquet.Value, i int) []parquet.Value {
		if k := of(i); k != last {
			last, value = k, parquet.ByteArrayValue([]byte(id(k)))
		}
		return append(to, value)
	}}
}

// promptColumns are those that the prompts have.
func promptColumns(p *trace.Prompts) []column {
	var columns []column
	for i, c := range trace.Texts {
		text := *c.Column(p)
		at := func(i int) string { return text[i] }
		switch {
		case i == 0:
			columns = append(columns, keys(c.Name, parquet.String(), at, func(i int) int { return i }))
		case text == nil:
		case c.Repeats:
			columns = append(columns, texts(c.Name, wordNode, at))
		default:
			columns = append(columns, texts(c.Name, textNode, at))
		}
	}
	if p.ArrivedAt != nil {
		columns = append(columns, optional(colArrivedAt, parquet.Optional(parquet.Timestamp(parquet.Microsecond)), func(i int) (parquet.Value, bool) {
			return parquet.Int64Value(p.ArrivedAt[i].UnixMicro()), !p.ArrivedAt[i].IsZero()
		}))
	}
	if p.Embedding != nil {
		columns = append(columns, column{colEmbedding, parquet.List(parquet.Leaf(parquet.FloatType)), func(to []parquet.Value, i int) []parquet.Value {
			for k, x := range p.Embedding[i*p.Dim : (i+1)*p.Dim] {
				to = append(to, parquet.FloatValue(x).Level(min(k, 1), 1, 0))
			}
			return to
		}})
	}
	return columns
}

// outcomeColumns are those that the outcomes have. Row i is the outcome of cell at[i].
func outcomeColumns(t *trace.Trace, at []int, response func(prompt, model int) string) []column {
	o := &t.Outcomes
	m := o.Models
	columns := []column{
		keys(colPromptID, keyNode, func(p int) string { return t.Prompts.ID[p] }, func(i int) int { return at[i] / m }),
		keys(colModelID, keyNode, func(m int) string { return t.Models[m].ID }, func(i int) int { return at[i] % m }),
	}
	if response != nil {
		columns = append(columns, texts(colResponse, textNode, func(i int) string { return response(at[i]/m, at[i]%m) }))
	}
	if o.Answer != nil {
		columns = append(columns, texts(colAnswer, wordNode, func(i int) string { return o.AnswerText[o.Answer[at[i]]] }))
	}
	for _, f := range trace.Figures {
		if x := *f.Matrix(o); x != nil {
			columns = append(columns, optional(f.Name, realNode, func(i int) (parquet.Value, bool) {
				return parquet.FloatValue(x[at[i]]), !math.IsNaN(float64(x[at[i]]))
			}))
		}
	}
	return columns
}

// Rows of a row group. Responses are large: a group of them is held in memory, compressed, while it is written.
const (
	groupRows          = 1 << 17
	groupRowsResponses = 1 << 15
)

// batchValues is how many values are handed to a column at once, so that pages end near their intended size.
const batchValues = 1024

// output is a Parquet file being written column by column.
type output struct {
	name string
	to   io.WriteCloser
	buf  *bufio.Writer
	pq   *parquet.GenericWriter[any]
	most int // rows of a row group
	rows int // in the current one
}

func newOutput(to io.WriteCloser, name string, columns []column, most int) *output {
	g := orderedGroup{Group: parquet.Group{}}
	for _, c := range columns {
		g.Group[c.name] = c.node
		g.order = append(g.order, c.name)
	}
	schema := parquet.NewSchema(strings.TrimSuffix(filepath.Base(name), ".parquet"), g)
	buf := bufio.NewWriterSize(to, 1<<20)
	return &output{name: name, to: to, buf: buf, most: most, pq: parquet.NewGenericWriter[any](buf, schema, parquet.Compression(&zstd.Codec{Level: zstd.SpeedFastest}),
		parquet.CreatedBy("trilemma", "1", "parquet-go"), parquet.PageBufferSize(256<<10), parquet.DictionaryMaxBytes(4<<20))}
}

// write adds n rows.
func (f *output) write(columns []column, n int) error {
	for lo := 0; lo < n; {
		hi := min(n, lo+f.most-f.rows)
		for c := range columns {
			if err := f.put(c, &columns[c], lo, hi); err != nil {
				return fmt.Errorf("%s: %w", f.name, err)
			}
		}
		f.rows += hi - lo
		lo = hi
		if f.rows == f.most {
			if err := f.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (f *output) put(at int, c *column, lo, hi int) error {
	w := f.pq.ColumnWriters()[at]
	batch := make([]parquet.Value, 0, batchValues)
	for i := lo; i < hi; i++ {
		if batch = c.row(batch, i); len(batch) >= batchValues || i == hi-1 {
			if _, err := w.WriteRowValues(batch); err != nil {
				return err
			}
			batch = batch[:0]
		}
	}
	return nil
}

// flush ends the row group.
func (f *output) flush() error {
	if f.rows == 0 {
		return nil
	}
	f.rows = 0
	if err := f.pq.Flush(); err != nil {
		return fmt.Errorf("%s: %w", f.name, err)
	}
	return nil
}

func (f *output) finish() error {
	err := f.flush()
	if err == nil {
		err = f.pq.Close()
	}
	if err == nil {
		err = f.buf.Flush()
	}
	if err = errors.Join(err, f.to.Close()); err != nil {
		return fmt.Errorf("%s: %w", f.name, err)
	}
	return nil
}
