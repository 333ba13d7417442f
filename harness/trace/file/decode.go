package file

import (
	"errors"
	"math"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding"
	"github.com/parquet-go/parquet-go/format"
)

var (
	errIndex  = errors.New("a dictionary index is out of range")
	errLength = errors.New("a page holds fewer values than it claims")
)

// number tells whether the column can be read as numbers, and prepares for it.
func (f *field) number() bool {
	if !f.leaf.Leaf() {
		return false
	}
	typ := f.leaf.Type()
	switch l := f.logical().(type) {
	case nil:
	case *format.DecimalType:
		f.scale = math.Pow(10, -float64(l.Scale))
		k := typ.Kind()
		return k == parquet.Int32 || k == parquet.Int64 || k == parquet.FixedLenByteArray && typ.Length() <= 16
	case *format.IntType:
		f.unsigned = !l.IsSigned
	default:
		return false
	}
	switch typ.Kind() {
	case parquet.Int32, parquet.Int64, parquet.Float, parquet.Double:
		return true
	}
	return false
}

// floats converts the values of a page or of a dictionary to float64.
func (f *field) floats(v encoding.Values, dst []float64) []float64 {
	dst = dst[:0]
	switch v.Kind() {
	case encoding.Float:
		for _, x := range v.Float() {
			dst = append(dst, float64(x))
		}
	case encoding.Double:
		dst = append(dst, v.Double()...)
	case encoding.Int32:
		if f.unsigned {
			for _, x := range v.Uint32() {
				dst = append(dst, float64(x))
			}
			break
		}
		for _, x := range v.Int32() {
			dst = append(dst, float64(x)*f.scale)
		}
	case encoding.Int64:
		if f.unsigned {
			for _, x := range v.Uint64() {
				dst = append(dst, float64(x))
			}
			break
		}
		for _, x := range v.Int64() {
			dst = append(dst, float64(x)*f.scale)
		}
	case encoding.FixedLenByteArray:
		data, size := v.FixedLenByteArray()
		for ; len(data) >= size && size > 0; data = data[size:] {
			dst = append(dst, bigEndian(data[:size])*f.scale)
		}
	}
	return dst
}

// bigEndian reads the two's complement integer of a decimal.
func bigEndian(b []byte) float64 {
	x := float64(int8(b[0]))
	for _, c := range b[1:] {
		x = x*256 + float64(c)
	}
	return x
}

// numbers reads the pages of one column chunk as float64. It is reused from page to page.
type numbers struct {
	*field
	value []float64 // [rows], NaN where null
	null  []byte    // [rows] definition levels, 0 where null; nil if nothing is
	plain []float64
	words []float64 // dictionary
	dict  parquet.Dictionary
}

// read decodes a page of a flat column.
func (d *numbers) read(page parquet.Page) error {
	n := int(page.NumValues())
	d.null = page.DefinitionLevels()
	if len(d.null) == 0 {
		d.null = nil
	} else if len(d.null) != n {
		return errLength
	}
	plain, err := d.packed(page)
	if err != nil {
		return err
	}
	if d.null == nil {
		if len(plain) < n {
			return errLength
		}
		d.value = plain[:n]
		return nil
	}
	d.value = grow(d.value, n)
	at := 0
	for i, level := range d.null {
		if level == 0 {
			d.value[i] = math.NaN()
			continue
		}
		if at >= len(plain) {
			return errLength
		}
		d.value[i] = plain[at]
		at++
	}
	return nil
}

// packed decodes the values of a page without its nulls.
func (d *numbers) packed(page parquet.Page) ([]float64, error) {
	data := page.Data()
	dict := page.Dictionary()
	if dict == nil {
		d.plain = d.floats(data, d.plain)
		return d.plain, nil
	}
	if dict != d.dict {
		d.dict, d.words = dict, d.floats(dict.Page().Data(), nil)
	}
	index := data.Uint32()
	d.plain = grow(d.plain, len(index))
	for i, x := range index {
		if int(x) >= len(d.words) {
			return nil, errIndex
		}
		d.plain[i] = d.words[x]
	}
	return d.plain, nil
}

func grow[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n, n+n/4)
	}
	return s[:n]
}

// texts reads the pages of one column chunk of strings. Row i is raw(i), or code(i) where the page has a dictionary.
type texts struct {
	null    []byte
	index   []uint32 // codes of the values that are not null; nil without a dictionary
	data    []byte
	offset  []uint32
	dict    parquet.Dictionary
	words   int // dictionary entries
	wdata   []byte
	woffset []uint32
}

// read prepares a page. fresh tells that the page has a dictionary that the previous page had not.
func (d *texts) read(page parquet.Page) (fresh bool, err error) {
	n := int(page.NumValues())
	d.null = page.DefinitionLevels()
	if len(d.null) == 0 {
		d.null = nil
	} else if len(d.null) != n {
		return false, errLength
	}
	var have int
	values := page.Data()
	if dict := page.Dictionary(); dict != nil {
		if dict != d.dict {
			fresh = true
			d.dict = dict
			words := dict.Page().Data()
			d.wdata, d.woffset = words.ByteArray()
			d.words = max(len(d.woffset)-1, 0)
		}
		d.index = values.Uint32()
		have = len(d.index)
		for _, x := range d.index {
			if int(x) >= d.words {
				return false, errIndex
			}
		}
	} else {
		d.index = nil
		d.data, d.offset = values.ByteArray()
		have = max(len(d.offset)-1, 0)
	}
	want := n
	if d.null != nil {
		want = 0
		for _, level := range d.null {
			if level != 0 {
				want++
			}
		}
	}
	if have < want {
		return false, errLength
	}
	return fresh, nil
}

// word is entry k of the dictionary, a view.
func (d *texts) word(k int) []byte { return d.wdata[d.woffset[k]:d.woffset[k+1]] }

// raw is value k of a page without a dictionary, nulls not counted: a view.
func (d *texts) raw(k int) []byte { return d.data[d.offset[k]:d.offset[k+1]] }

// clock says how a column counts time.
type clock uint8

const (
	noClock clock = iota
	nanoseconds
	microseconds
	milliseconds
	days
	julian // INT96 of old Spark and Impala
)

// timestamp tells whether the column can be read as times, and prepares for it.
func (f *field) timestamp() bool {
	typ := f.leaf.Type()
	if typ.Kind() == parquet.Int96 {
		f.clock = julian
		return true
	}
	switch l := f.logical().(type) {
	case *format.TimestampType:
		if typ.Kind() != parquet.Int64 {
			return false
		}
		switch l.Unit.Value.(type) {
		case *format.NanoSeconds:
			f.clock = nanoseconds
		case *format.MicroSeconds:
			f.clock = microseconds
		case *format.MilliSeconds:
			f.clock = milliseconds
		}
	case *format.DateType:
		if typ.Kind() != parquet.Int32 {
			return false
		}
		f.clock = days
	}
	return f.clock != noClock
}

// times decodes a page of times, without its nulls.
func (f *field) times(page parquet.Page, dst []time.Time) ([]time.Time, error) {
	dst = dst[:0]
	values := page.Data()
	dict := page.Dictionary()
	if dict == nil {
		return f.instants(values, dst), nil
	}
	words := f.instants(dict.Page().Data(), nil)
	for _, x := range values.Uint32() {
		if int(x) >= len(words) {
			return nil, errIndex
		}
		dst = append(dst, words[x])
	}
	return dst, nil
}

func (f *field) instants(v encoding.Values, dst []time.Time) []time.Time {
	switch v.Kind() {
	case encoding.Int96:
		const epoch = 2440588 // Julian day of 1970-01-01
		for _, x := range v.Int96() {
			nanos := int64(uint64(x[1])<<32 | uint64(x[0]))
			dst = append(dst, time.Unix((int64(x[2])-epoch)*86400, nanos).UTC())
		}
	case encoding.Int32:
		for _, x := range v.Int32() {
			dst = append(dst, time.Unix(int64(x)*86400, 0).UTC())
		}
	case encoding.Int64:
		for _, x := range v.Int64() {
			var at time.Time
			switch f.clock {
			case nanoseconds:
				at = time.Unix(0, x)
			case microseconds:
				at = time.UnixMicro(x)
			default:
				at = time.UnixMilli(x)
			}
			dst = append(dst, at.UTC())
		}
	}
	return dst
}
