package file

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// Records calls fn with every row of a Parquet file of any schema, as JSON would have it: nil, bool, int, float64, string (UTF-8), []any
// and map[string]any, times as RFC 3339. What is wrong with the file is a *trace.Violation under name.
func Records(ctx context.Context, name, path string, fn func(row int64, record map[string]any) error) (err error) {
	t, err := openTable(name, path)
	if err != nil {
		return err
	}
	defer t.close()
	row := int64(0)
	reading := true
	defer func() {
		if r := recover(); r != nil {
			if !reading {
				panic(r) // not the library's
			}
			err = t.diagnose(row, r)
		}
	}()
	if err := t.allBounded(); err != nil {
		return err
	}
	leaves := 0
	root := plan(t.pq.Root(), &leaves)
	values := make([][]parquet.Value, leaves)
	buffer := make([]parquet.Row, 64)
	for _, g := range t.groups {
		rows := g.Rows()
		for done := int64(0); done < g.NumRows(); {
			if err := ctx.Err(); err != nil {
				_ = rows.Close() // opened for reading only
				return err
			}
			n, err := rows.ReadRows(buffer)
			for _, r := range buffer[:n] {
				for i := range values {
					values[i] = values[i][:0]
				}
				for _, v := range r {
					values[v.Column()] = append(values[v.Column()], v)
				}
				record := map[string]any{}
				for _, c := range root.children {
					record[c.name] = c.take(values, 0, 0)
				}
				reading = false
				err := fn(row, record)
				reading = true
				if err != nil {
					_ = rows.Close() // opened for reading only
					return err
				}
				row++
			}
			if done += int64(n); n == 0 || err != nil && done < g.NumRows() {
				_ = rows.Close() // opened for reading only
				return t.diagnose(row, fmt.Sprintf("its rows end before row %d: %v", t.rows, err))
			}
		}
		if err := rows.Close(); err != nil {
			return broken(name, row, "", err)
		}
	}
	return nil
}

// shape is a column, or a group of columns, as records are put together from it.
type shape struct {
	name               string
	optional, repeated bool
	list               bool // a group around one repeated group around one element
	children           []*shape
	leaf               int // of the first leaf below it
	leaves             int
	value              func(parquet.Value) any
}

func plan(c *parquet.Column, leaf *int) *shape {
	s := &shape{name: c.Name(), optional: c.Optional(), repeated: c.Repeated(), leaf: *leaf}
	if c.Leaf() {
		*leaf++
		s.leaves, s.value = 1, plain(c)
		return s
	}
	for _, child := range c.Columns() {
		s.children = append(s.children, plan(child, leaf))
	}
	s.leaves = *leaf - s.leaf
	s.list = len(s.children) == 1 && s.children[0].repeated && (len(s.children[0].children) == 1 || len(s.children[0].children) == 0)
	return s
}

// take takes the value of a row from the values of its leaves, which stand there with their levels of repetition and definition.
func (s *shape) take(values [][]parquet.Value, rep, def int) any {
	switch {
	case s.optional:
		def++
		if s.absent(values, def) {
			return nil
		}
	case s.repeated:
		rep++
		def++
		list := []any{}
		if s.absent(values, def) {
			return list
		}
		for {
			list = append(list, s.one(values, rep, def))
			if v := values[s.leaf]; len(v) == 0 || v[0].RepetitionLevel() < rep {
				return list
			}
		}
	}
	return s.one(values, rep, def)
}

// absent tells whether nothing is defined at a level, and then takes that nothing.
func (s *shape) absent(values [][]parquet.Value, def int) bool {
	if v := values[s.leaf]; len(v) > 0 && v[0].DefinitionLevel() >= def {
		return false
	}
	for i := s.leaf; i < s.leaf+s.leaves; i++ {
		if len(values[i]) > 0 {
			values[i] = values[i][1:]
		}
	}
	return true
}

func (s *shape) one(values [][]parquet.Value, rep, def int) any {
	if s.value != nil {
		v := values[s.leaf][0]
		values[s.leaf] = values[s.leaf][1:]
		if v.IsNull() {
			return nil
		}
		return s.value(v)
	}
	if s.list {
		list, _ := s.children[0].take(values, rep, def).([]any)
		if inner := s.children[0].children; len(inner) == 1 && (inner[0].name == "element" || inner[0].name == "item" || inner[0].name == "array_element") {
			for i, x := range list {
				if m, ok := x.(map[string]any); ok {
					list[i] = m[inner[0].name]
				}
			}
		}
		return list
	}
	out := make(map[string]any, len(s.children))
	for _, c := range s.children {
		out[c.name] = c.take(values, rep, def)
	}
	return out
}

// plain is how a leaf's values read.
func plain(c *parquet.Column) func(parquet.Value) any {
	f := &field{leaf: c}
	if f.isTime() {
		return func(v parquet.Value) any { return f.time(v).UTC().Format(time.RFC3339Nano) }
	}
	_, decimal := f.logical().(*format.DecimalType)
	if f.isNumber() && (decimal || c.Type().Kind() == parquet.Float || c.Type().Kind() == parquet.Double) {
		return func(v parquet.Value) any {
			if x := f.number(v); x-x == 0 {
				return x
			}
			return nil // NaN: not known
		}
	}
	switch c.Type().Kind() {
	case parquet.Boolean:
		return func(v parquet.Value) any { return v.Boolean() }
	case parquet.Int32:
		if l, ok := f.logical().(*format.IntType); !ok || l.IsSigned {
			return func(v parquet.Value) any { return int(v.Int32()) }
		}
		return func(v parquet.Value) any { return int(v.Uint32()) }
	case parquet.Int64:
		if l, ok := f.logical().(*format.IntType); !ok || l.IsSigned {
			return func(v parquet.Value) any { return int(v.Int64()) }
		}
		return func(v parquet.Value) any {
			if x := v.Uint64(); x > math.MaxInt64 {
				return float64(x)
			}
			return int(v.Uint64())
		}
	}
	if _, uuid := f.logical().(*format.UUIDType); uuid {
		return func(v parquet.Value) any {
			b := v.ByteArray()
			return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
		}
	}
	if c.Type().Kind() == parquet.FixedLenByteArray && c.Type().Length() == 2 { // FLOAT16, which the library does not tell
		return func(v parquet.Value) any { return halfFloat(v.ByteArray()) }
	}
	return func(v parquet.Value) any { return strings.ToValidUTF8(string(v.ByteArray()), "\uFFFD") }
}

// halfFloat is a little-endian number of 16 bits, nil where it is none.
func halfFloat(b []byte) any {
	bits := uint16(b[0]) | uint16(b[1])<<8
	exponent, fraction := int(bits>>10&31), float64(bits&1023)
	x := math.Ldexp(1024+fraction, exponent-25)
	switch exponent {
	case 31:
		return nil
	case 0:
		x = math.Ldexp(fraction, -24)
	}
	if bits>>15 == 1 {
		x = -x
	}
	return x
}
