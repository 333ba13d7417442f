package wire

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"

	pb "github.com/trilemma-bench/trilemma/plugins/proto/policyv2"
)

// The encoders below keep nil: an absent column stays absent.

func packFloats(x []float32) []byte {
	if x == nil {
		return nil
	}
	b := make([]byte, 4*len(x))
	for i, v := range x {
		binary.LittleEndian.PutUint32(b[4*i:], math.Float32bits(v))
	}
	return b
}

func packInts(x []int32) []byte {
	if x == nil {
		return nil
	}
	b := make([]byte, 4*len(x))
	for i, v := range x {
		binary.LittleEndian.PutUint32(b[4*i:], uint32(v))
	}
	return b
}

func packBits(x []bool) []byte {
	if x == nil {
		return nil
	}
	b := make([]byte, (len(x)+7)/8)
	for i, v := range x {
		if v {
			b[i/8] |= 1 << (i % 8)
		}
	}
	return b
}

func packStrings(x []string) *pb.Strings {
	if x == nil {
		return nil
	}
	size := 0
	for _, s := range x {
		size += len(s)
	}
	c := &pb.Strings{Length: make([]byte, 4*len(x)), Data: make([]byte, 0, size)}
	for i, s := range x {
		binary.LittleEndian.PutUint32(c.Length[4*i:], uint32(len(s)))
		c.Data = append(c.Data, s...)
	}
	return c
}

// decoder decodes the columns of one message and keeps the first thing that was wrong, so that a message is decoded in
// straight lines. After an error every column is nil.
type decoder struct{ err error }

func (r *decoder) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf(format, args...)
	}
}

// product multiplies counts that came over the wire; too large ones fit no block and fail where it is read.
func product(a, b int) int {
	if a < 0 || b < 0 || a != 0 && b > math.MaxInt32*4/a {
		return math.MaxInt
	}
	return a * b
}

// block checks that b holds n numbers of width bytes.
func (r *decoder) block(what string, b []byte, n, width int) bool {
	if r.err != nil {
		return false
	}
	if n < 0 || len(b)%width != 0 || len(b)/width != n {
		r.fail("column %s has %d bytes, want %d numbers of %d bytes", what, len(b), n, width)
		return false
	}
	return true
}

func (r *decoder) floats(what string, b []byte, n int) []float32 {
	if !r.block(what, b, n, 4) {
		return nil
	}
	x := make([]float32, n)
	for i := range x {
		x[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return x
}

func (r *decoder) ints(what string, b []byte, n int) []int32 {
	if !r.block(what, b, n, 4) {
		return nil
	}
	x := make([]int32, n)
	for i := range x {
		x[i] = int32(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return x
}

// indexes are ints of which each is in [0, limit).
func (r *decoder) indexes(what string, b []byte, n, limit int) []int32 {
	x := r.ints(what, b, n)
	for i, v := range x {
		if v < 0 || int(v) >= limit {
			r.fail("column %s row %d is %d, want 0 to %d", what, i, v, limit-1)
			return nil
		}
	}
	return x
}

func (r *decoder) bits(what string, b []byte, n int) []bool {
	if r.err != nil {
		return nil
	}
	if n < 0 || n > 8*len(b) || len(b) != (n+7)/8 {
		r.fail("column %s has %d bytes, want %d bits", what, len(b), n)
		return nil
	}
	x := make([]bool, n)
	for i := range x {
		x[i] = b[i/8]&(1<<(i%8)) != 0
	}
	return x
}

// strings decodes a required column; texts share one copy of the data.
func (r *decoder) strings(what string, c *pb.Strings, n int) []string {
	if c == nil {
		r.fail("column %s is missing", what)
		return nil
	}
	if !r.block(what+" (lengths)", c.GetLength(), n, 4) {
		return nil
	}
	data := string(c.GetData())
	x := make([]string, n)
	at := 0
	for i := range x {
		length := int(int32(binary.LittleEndian.Uint32(c.GetLength()[4*i:])))
		if length < 0 || length > len(data)-at {
			r.fail("column %s row %d has length %d, %d bytes are left", what, i, length, len(data)-at)
			return nil
		}
		x[i] = data[at : at+length]
		at += length
	}
	if at != len(data) {
		r.fail("column %s has %d bytes, its lengths add up to %d", what, len(data), at)
		return nil
	}
	return x
}

// clean makes a text fit for a protobuf string, which must be UTF-8.
func clean(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
