package safetensors

import (
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// file writes header and data to a file.
func file(t testing.TB, header string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "model.safetensors")
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	b = append(append(b, header...), data...)
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFloatsOfEveryPrecision(t *testing.T) {
	var data []byte
	le := binary.LittleEndian
	for _, x := range []float32{1.5, -2} {
		data = le.AppendUint32(data, math.Float32bits(x))
	}
	data = le.AppendUint64(data, math.Float64bits(0.25))
	data = le.AppendUint16(data, 0x3fc0) // bfloat16 1.5
	// float16: 1, −2, the largest, the least subnormal, the largest subnormal, −0, +∞
	for _, b := range []uint16{0x3c00, 0xc000, 0x7bff, 0x0001, 0x03ff, 0x8000, 0x7c00} {
		data = le.AppendUint16(data, b)
	}
	data = le.AppendUint64(data, 7)
	path := file(t, `{"__metadata__":{"format":"pt"},"d":{"dtype":"F16","shape":[7],"data_offsets":[18,32]},
		"a":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},"b":{"dtype":"F64","shape":[],"data_offsets":[8,16]},
		"c":{"dtype":"BF16","shape":[1],"data_offsets":[16,18]},"i":{"dtype":"I64","shape":[1],"data_offsets":[32,40]},
		"none":{"dtype":"F32","shape":[0,9223372036854775807,9223372036854775807],"data_offsets":[40,40]}}   `, data)
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	want := map[string][]float32{
		"a": {1.5, -2}, "b": {0.25}, "c": {1.5}, "none": {},
		"d": {1, -2, 65504, 1.0 / (1 << 24), 1023.0 / (1 << 24), float32(math.Copysign(0, -1)), float32(math.Inf(1))},
	}
	for name, w := range want {
		if got, err := f.Floats(name); err != nil || !slices.Equal(got, w) {
			t.Errorf("%s: %v, %v, want %v", name, got, err, w)
		}
	}
	if f.Metadata["format"] != "pt" || f.Tensors[0].Name != "a" || f.Tensors[5].Name != "none" {
		t.Errorf("header %+v", f.Header)
	}
	if _, err := f.Floats("i"); err == nil || !strings.Contains(err.Error(), "no floats") {
		t.Errorf("integers: %v", err)
	}
	if _, err := f.Floats("zzz"); err == nil {
		t.Error("a tensor that is not there: no error")
	}
}

func TestBadFiles(t *testing.T) {
	eight := make([]byte, 8)
	cases := map[string]struct {
		header string
		data   []byte
		want   string
	}{
		"not JSON":        {`{"a"`, nil, "JSON"},
		"a list":          {`[]`, nil, "no JSON object"},
		"empty":           {``, nil, "no JSON object"},
		"twice":           {`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, eight, "twice"},
		"type":            {`{"a":{"dtype":"F33","shape":[2],"data_offsets":[0,8]}}`, eight, "unknown dtype"},
		"cut short":       {`{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}`, eight, "cut short"},
		"reversed":        {`{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}`, eight, "outside"},
		"negative offset": {`{"a":{"dtype":"F32","shape":[2],"data_offsets":[-8,0]}}`, eight, "outside"},
		"shape":           {`{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}`, eight, "takes 12 bytes"},
		"negative shape":  {`{"a":{"dtype":"F32","shape":[-2,-1],"data_offsets":[0,8]}}`, eight, "negative"},
		"huge shape":      {`{"a":{"dtype":"F32","shape":[4611686018427387904,2],"data_offsets":[0,8]}}`, eight, "larger than any file"},
		"overlap":         {`{"a":{"dtype":"U8","shape":[6],"data_offsets":[0,6]},"b":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}}`, eight, "overlap"},
		"hole":            {`{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}}`, eight, "holes"},
		"rest":            {`{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}`, eight, "has 8 bytes of data"},
		"after":           {`{"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}} x`, eight, "follows"},
		"offsets":         {`{"a":{"dtype":"U8","shape":[8],"data_offsets":[0]}}`, eight, "data_offsets"},
		"wrong JSON type": {`{"a":{"dtype":"U8","shape":"8","data_offsets":[0,8]}}`, eight, "tensor \"a\""},
		"axes":            {`{"a":{"dtype":"U8","shape":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,8],"data_offsets":[0,8]}}`, eight, "axes"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if f, err := Open(file(t, c.header, c.data)); err == nil {
				f.Close()
				t.Error("no error")
			} else if !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v; want %q in it", err, c.want)
			}
		})
	}
	for name, b := range map[string][]byte{"nothing": nil, "short": {1, 2}, "header longer than the file": {9, 0, 0, 0, 0, 0, 0, 0, '{', '}'},
		"huge header": {0, 0, 0, 0, 0, 0, 0, 0x80, '{', '}'}} {
		path := filepath.Join(t.TempDir(), "x")
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(path); err == nil || !strings.Contains(err.Error(), "fetch the file again") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Open(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a file that is not there: no error")
	}
}

// Whatever the header says, parsing returns a header that tiles the data, or an error.
func FuzzParseHeader(f *testing.F) {
	f.Add([]byte(`{"a":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},"__metadata__":{"format":"pt"}}  `), int64(8))
	f.Add([]byte(`{"a":{"dtype":"F32","shape":[4611686018427387904,2],"data_offsets":[0,8]}}`), int64(8))
	f.Add([]byte(`{"a":{"dtype":"I64","shape":[],"data_offsets":[8,16]},"b":{"dtype":"F16","shape":[4],"data_offsets":[0,8]}}`), int64(16))
	f.Add([]byte(`{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}`), int64(0))
	f.Add([]byte(`{"":null}`), int64(0))
	f.Fuzz(func(t *testing.T, text []byte, size int64) {
		if size < 0 {
			return
		}
		h, err := ParseHeader(text, size)
		if err != nil {
			return
		}
		var at int64
		for _, x := range h.Tensors {
			if x.Begin != at || x.End < x.Begin || x.Len()*width[x.Type] != x.End-x.Begin {
				t.Fatalf("tensor %+v at %d", x, at)
			}
			at = x.End
			if found, ok := h.Find(x.Name); !ok || found.Begin != x.Begin {
				t.Fatalf("cannot find %q", x.Name)
			}
		}
		if at != size {
			t.Fatalf("tensors end at %d of %d", at, size)
		}
	})
}
