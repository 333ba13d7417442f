// Package safetensors reads the safetensors format, in which model hubs keep weights
// (https://huggingface.co/docs/safetensors). The way of the data:
//
//  1. [Open] reads and checks the header: every tensor's type, shape and place. Nothing of the data is read.
//  2. [File.Floats] reads one tensor as 32-bit floats, whatever precision it is stored in.
//
// A file is 8 bytes of little-endian header length, the header as a JSON object, and the data. The header is taken to be
// hostile: lengths, shapes and offsets are checked before anything is allocated for them.
//
// Why this is not gomlx/go-huggingface's reader: it reads from a repository of the hub, into tensors of a GoMLX backend and in
// the file's own precision, does not ask that tensors tile the data, and brings a hub client and five more libraries along.
package safetensors

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
)

// maxHeader is the format's own limit on the length of a header, in bytes.
const maxHeader = 100_000_000

// maxRank bounds the number of axes of a tensor: the weights of a network have at most five.
const maxRank = 16

// width is the size of one number in bytes, by type.
var width = map[string]int64{
	"BOOL": 1, "U8": 1, "I8": 1, "F8_E5M2": 1, "F8_E4M3": 1, "I16": 2, "U16": 2, "F16": 2, "BF16": 2,
	"I32": 4, "U32": 4, "F32": 4, "F64": 8, "I64": 8, "U64": 8,
}

// Tensor describes one tensor of a file.
type Tensor struct {
	Name  string
	Type  string  // F32, F16, BF16, I64, …
	Shape []int64 // empty for a scalar
	// Begin and End bound its bytes, counted from the end of the header.
	Begin, End int64
}

// Len is how many numbers the tensor has.
func (t *Tensor) Len() int64 { return (t.End - t.Begin) / width[t.Type] }

// Header is the description of all tensors of a file, in the order of their data.
type Header struct {
	Tensors  []Tensor
	Metadata map[string]string

	byName map[string]int
}

// Find returns the tensor of a name.
func (h *Header) Find(name string) (*Tensor, bool) {
	i, ok := h.byName[name]
	if !ok {
		return nil, false
	}
	return &h.Tensors[i], true
}

// ParseHeader reads the JSON of a header and checks it against the size of the data that follows it, in bytes: types are
// known, every tensor is as long as its shape says, and tensors cover the data without overlap or hole, as the format
// asks.
func ParseHeader(text []byte, dataSize int64) (*Header, error) {
	h := &Header{byName: map[string]int{}}
	dec := json.NewDecoder(bytes.NewReader(text))
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return nil, fmt.Errorf("the header is no JSON object: %w", orElse(err, "it begins otherwise"))
	}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return nil, fmt.Errorf("the header is no valid JSON: %w", err)
		}
		name, _ := key.(string)
		if name == "__metadata__" {
			if err := dec.Decode(&h.Metadata); err != nil {
				return nil, fmt.Errorf("the header's __metadata__ is no object of strings: %w", err)
			}
			continue
		}
		var body struct {
			Type    string  `json:"dtype"`
			Shape   []int64 `json:"shape"`
			Offsets []int64 `json:"data_offsets"`
		}
		if err := dec.Decode(&body); err != nil {
			return nil, fmt.Errorf("tensor %q: %w", name, err)
		}
		if _, twice := h.byName[name]; twice {
			return nil, fmt.Errorf("tensor %q is described twice", name)
		}
		if len(body.Offsets) != 2 {
			return nil, fmt.Errorf("tensor %q has %d data_offsets, want 2", name, len(body.Offsets))
		}
		t := Tensor{Name: name, Type: body.Type, Shape: body.Shape, Begin: body.Offsets[0], End: body.Offsets[1]}
		if err := t.check(dataSize); err != nil {
			return nil, fmt.Errorf("tensor %q: %w", name, err)
		}
		h.byName[name] = len(h.Tensors)
		h.Tensors = append(h.Tensors, t)
	}
	if _, err := dec.Token(); err != nil {
		return nil, fmt.Errorf("the header is no valid JSON: %w", err)
	}
	// Headers are padded with spaces so that the data is aligned.
	if len(bytes.TrimSpace(text[dec.InputOffset():])) > 0 {
		return nil, errors.New("something follows the header's JSON object")
	}
	return h, h.tile(dataSize)
}

func orElse(err error, otherwise string) error {
	if err != nil {
		return err
	}
	return errors.New(otherwise)
}

// check tells whether a tensor's place fits its shape and the data.
func (t *Tensor) check(dataSize int64) error {
	size, known := width[t.Type]
	if !known {
		return fmt.Errorf("unknown dtype %q", t.Type)
	}
	if len(t.Shape) > maxRank {
		return fmt.Errorf("%d axes are too many, want at most %d", len(t.Shape), maxRank)
	}
	if t.Begin < 0 || t.End < t.Begin || t.End > dataSize {
		return fmt.Errorf("its data_offsets [%d, %d] are outside of the %d bytes of data: the file is cut short or damaged", t.Begin, t.End, dataSize)
	}
	for _, d := range t.Shape {
		if d < 0 {
			return fmt.Errorf("shape %v has a negative axis", t.Shape)
		}
	}
	if slices.Contains(t.Shape, 0) {
		size = 0
	}
	for _, d := range t.Shape {
		if size > 0 && d > math.MaxInt64/size {
			return fmt.Errorf("shape %v is larger than any file", t.Shape)
		}
		size *= d
	}
	if size != t.End-t.Begin {
		return fmt.Errorf("%s of shape %v takes %d bytes, its data_offsets say %d", t.Type, t.Shape, size, t.End-t.Begin)
	}
	return nil
}

// tile sorts the tensors by place and checks that they cover the data.
func (h *Header) tile(dataSize int64) error {
	slices.SortFunc(h.Tensors, func(a, b Tensor) int {
		if a.Begin != b.Begin {
			return int(min(max(a.Begin-b.Begin, -1), 1))
		}
		return int(min(max(a.End-b.End, -1), 1))
	})
	var at int64
	for i, t := range h.Tensors {
		if t.Begin != at {
			return fmt.Errorf("tensor %q begins at byte %d of the data, the one before it ends at %d: tensors must neither overlap nor leave holes", t.Name, t.Begin, at)
		}
		at = t.End
		h.byName[t.Name] = i
	}
	if at != dataSize {
		return fmt.Errorf("the tensors take %d bytes, the file has %d bytes of data", at, dataSize)
	}
	return nil
}

// File is an open file of tensors.
type File struct {
	Header
	path string
	f    *os.File
	data int64 // where the data begins
}

// Open opens a file and checks its header. Close it after use.
func Open(path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("opening weights: %w", err)
	}
	out, err := open(path, f)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("reading weights from %s: %w; fetch the file again", path, err), f.Close())
	}
	return out, nil
}

func open(path string, f *os.File) (*File, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	var length [8]byte
	if info.Size() < int64(len(length)) {
		return nil, fmt.Errorf("%d bytes are too few for a safetensors file", info.Size())
	}
	if _, err := f.ReadAt(length[:], 0); err != nil {
		return nil, err
	}
	n := binary.LittleEndian.Uint64(length[:])
	if n > maxHeader || int64(n) > info.Size()-8 {
		return nil, fmt.Errorf("it says that its header has %d bytes, the file has %d: it is cut short, or no safetensors file", n, info.Size())
	}
	text := make([]byte, n)
	if _, err := f.ReadAt(text, 8); err != nil {
		return nil, err
	}
	h, err := ParseHeader(text, info.Size()-8-int64(n))
	if err != nil {
		return nil, err
	}
	return &File{Header: *h, path: path, f: f, data: 8 + int64(n)}, nil
}

// Close closes the file.
func (f *File) Close() error { return f.f.Close() }

// Floats reads a tensor stored as F32, F16, BF16 or F64 to a new slice, row-major.
func (f *File) Floats(name string) ([]float32, error) {
	t, ok := f.Find(name)
	if !ok {
		return nil, fmt.Errorf("reading weights from %s: there is no tensor %q", f.path, name)
	}
	raw := make([]byte, t.End-t.Begin)
	if _, err := f.f.ReadAt(raw, f.data+t.Begin); err != nil {
		return nil, fmt.Errorf("reading tensor %q from %s: %w", name, f.path, err)
	}
	out := make([]float32, t.Len())
	le := binary.LittleEndian
	switch t.Type {
	case "F32":
		for i := range out {
			out[i] = math.Float32frombits(le.Uint32(raw[4*i:]))
		}
	case "F64":
		for i := range out {
			out[i] = float32(math.Float64frombits(le.Uint64(raw[8*i:])))
		}
	case "BF16":
		for i := range out {
			out[i] = math.Float32frombits(uint32(le.Uint16(raw[2*i:])) << 16)
		}
	case "F16":
		for i := range out {
			out[i] = half(le.Uint16(raw[2*i:]))
		}
	default:
		return nil, fmt.Errorf("reading tensor %q from %s: %s are no floats; want F32, F16, BF16 or F64", name, f.path, t.Type)
	}
	return out, nil
}

// half widens an IEEE 754 binary16 number.
func half(b uint16) float32 {
	sign := uint32(b>>15) << 31
	exponent, fraction := uint32(b>>10)&0x1f, uint32(b)&0x3ff
	switch exponent {
	case 0: // zero and subnormal numbers: fraction · 2⁻²⁴
		return math.Float32frombits(sign | math.Float32bits(float32(fraction)/(1<<24)))
	case 0x1f: // infinities and NaN
		return math.Float32frombits(sign | 0xff<<23 | fraction<<13)
	}
	return math.Float32frombits(sign | (exponent+127-15)<<23 | fraction<<13)
}
