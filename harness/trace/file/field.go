package file

import (
	"fmt"
	"math"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"github.com/trilemma-bench/trilemma/harness/trace"
)

// field is a leaf column that the trace has a use for, whatever the type its writer gave it.
type field struct {
	name   string
	leaf   *parquet.Column
	number func(parquet.Value) float64   // of a value that is not null, in a column of numbers
	time   func(parquet.Value) time.Time // likewise
}

// use is what a column is read as.
type use struct {
	want, fix string
	fits      func(f *field) bool // may prepare the field
}

var (
	asText = use{"a string", "cast the column to string", func(f *field) bool {
		_, decimal := f.logical().(*format.DecimalType)
		return f.flat() && f.leaf.Type().Kind() == parquet.ByteArray && !decimal
	}}
	asNumber = use{"a number", "cast the column to a float or integer type", func(f *field) bool { return f.flat() && f.isNumber() }}
	asTime   = use{"a timestamp or a date", "cast the column to a timestamp", func(f *field) bool { return f.flat() && f.isTime() }}
	asVector = use{"a list of floats", "store one list<float> of equal length a prompt", func(f *field) bool {
		return f.leaf.Leaf() && f.leaf.MaxRepetitionLevel() == 1 && f.isNumber()
	}}
)

// field finds a column. One that must be there and is not, or whose type cannot be used, goes to found. A column that is
// missing, or that has pyarrow's null type because it never held anything, is nil.
func (t *table) field(name string, as *use, required bool, found *trace.Findings) *field {
	found.Column()
	c := t.pq.Root().Column(name)
	if c != nil && as == &asVector {
		for depth := 0; !c.Leaf() && len(c.Columns()) == 1 && depth < 4; depth++ {
			c = c.Columns()[0]
		}
	}
	f := &field{name: name, leaf: c}
	if c != nil && c.Leaf() {
		if _, null := f.logical().(*format.NullType); null {
			c = nil
		}
	}
	v := trace.Violation{File: t.name, Row: -1, Column: name}
	switch {
	case c == nil && required:
		v.Problem, v.Fix = fmt.Sprintf("is missing; the file has %q", t.columns()), "add the column or rename the one that holds it"
		if name == trace.Figures[trace.ScoreFigure].Name {
			v.Fix += "; a log without scores tells cost, time and carbon only (data describe), and data import --grade scores answers that have a reference"
		}
	case c == nil:
		return nil
	case as.fits(f):
		return f
	default:
		v.Value, v.Problem, v.Fix = "a group of columns", "is the wrong type, want "+as.want, as.fix
		if c.Leaf() {
			v.Value = c.Type().String()
		}
	}
	found.Add(v)
	return nil
}

// columns lists the columns of the file.
func (t *table) columns() []string {
	var names []string
	for _, c := range t.pq.Root().Columns() {
		names = append(names, c.Name())
	}
	return names
}

// flat tells whether the column has at most one value a row.
func (f *field) flat() bool {
	return f.leaf.Leaf() && f.leaf.MaxRepetitionLevel() == 0 && f.leaf.MaxDefinitionLevel() <= 1
}

func (f *field) logical() format.LogicalTypeValue {
	if l := f.leaf.Type().LogicalType(); l != nil {
		return l.Value
	}
	return nil
}

func (f *field) isNumber() bool {
	typ := f.leaf.Type()
	kind := typ.Kind()
	scale, unsigned, decimal := 1.0, false, false
	switch l := f.logical().(type) {
	case nil:
	case *format.DecimalType:
		scale, decimal = math.Pow(10, -float64(l.Scale)), true
	case *format.IntType:
		unsigned = !l.IsSigned
	default:
		return false
	}
	switch {
	case kind == parquet.Int32 && unsigned:
		f.number = func(v parquet.Value) float64 { return float64(v.Uint32()) }
	case kind == parquet.Int32:
		f.number = func(v parquet.Value) float64 { return float64(v.Int32()) * scale }
	case kind == parquet.Int64 && unsigned:
		f.number = func(v parquet.Value) float64 { return float64(v.Uint64()) }
	case kind == parquet.Int64:
		f.number = func(v parquet.Value) float64 { return float64(v.Int64()) * scale }
	case kind == parquet.Float && !decimal:
		f.number = func(v parquet.Value) float64 { return float64(v.Float()) }
	case kind == parquet.Double && !decimal:
		f.number = parquet.Value.Double
	case kind == parquet.FixedLenByteArray && decimal && typ.Length() <= 16:
		f.number = func(v parquet.Value) float64 { return bigEndian(v.ByteArray()) * scale }
	}
	return f.number != nil
}

// bigEndian reads the two's complement integer of a decimal.
func bigEndian(b []byte) float64 {
	x := float64(int8(b[0]))
	for _, c := range b[1:] {
		x = x*256 + float64(c)
	}
	return x
}

func (f *field) isTime() bool {
	kind := f.leaf.Type().Kind()
	if kind == parquet.Int96 { // of old Spark and Impala: nanoseconds of a Julian day
		const epoch = 2440588 // Julian day of 1970-01-01
		f.time = func(v parquet.Value) time.Time {
			x := v.Int96()
			return time.Unix((int64(x[2])-epoch)*86400, int64(uint64(x[1])<<32|uint64(x[0])))
		}
		return true
	}
	switch l := f.logical().(type) {
	case *format.TimestampType:
		if kind != parquet.Int64 || l.Unit.Value == nil {
			return false
		}
		unit := int64(l.Unit.Value.Duration())
		per := int64(time.Second) / unit
		f.time = func(v parquet.Value) time.Time { return time.Unix(v.Int64()/per, v.Int64()%per*unit) }
		return true
	case *format.DateType:
		f.time = func(v parquet.Value) time.Time { return time.Unix(int64(v.Int32())*86400, 0) }
		return kind == parquet.Int32
	}
	return false
}
