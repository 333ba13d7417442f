package records

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
)

var texts = []string{
	`{"a": [1, -2.5e3, 0, true, false, null, ""], "b": {"c": "x\ny\u00e9\ud83d\ude00"}, "a": 3}`,
	`"\ud800 \udc00 \ud800\u0041 \/ \b\f\r\t\\\""`, "\"\xff é \xe2\x82\"", `[[[[]]]]`, ` {} `, `12345678901234567890`, `-0`, `1.0`, `"\u0000"`,
	`{"a"}`, `[1,]`, `{"a":1,}`, `01`, `1.`, `.5`, `-`, `1e`, `tru`, `nul`, "\"a\nb\"", `"\x"`, `"\u12g4"`, `"\u+123"`, `[1`, `{"a":`, `"abc`, ``, ` `, `1 2`, `"\`, `1e999`, "[\x00]",
}

// same tells whether both decoders say the same of a text.
func same(t *testing.T, text []byte) {
	t.Helper()
	var d Decoder
	got, err := d.Decode(text)
	var want any
	r := json.NewDecoder(bytes.NewReader(text))
	r.UseNumber()
	wrong := r.Decode(&want)
	if wrong == nil {
		if _, more := r.Token(); !errors.Is(more, io.EOF) {
			wrong = errors.New("more")
		}
	}
	if (err == nil) != (wrong == nil) {
		if err != nil && (strings.Contains(err.Error(), "nests deeper") || strings.Contains(err.Error(), "beyond what a number")) {
			return
		}
		t.Fatalf("%q: %v, encoding/json says %v", text, err, wrong)
	}
	if err == nil && !reflect.DeepEqual(numbers(got), numbers(want)) {
		t.Fatalf("%q: %#v, want %#v", text, got, want)
	}
}

// numbers makes all numbers float64.
func numbers(v any) any {
	switch v := v.(type) {
	case int:
		return float64(v)
	case json.Number:
		x, _ := v.Float64()
		return x
	case []any:
		for i := range v {
			v[i] = numbers(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = numbers(v[k])
		}
	}
	return v
}

func TestDecodesAsEncodingJSON(t *testing.T) {
	for _, text := range texts {
		same(t, []byte(text))
	}
	var d Decoder
	if _, err := d.Decode([]byte(strings.Repeat("[", 1<<20))); err == nil || !strings.Contains(err.Error(), "nests deeper than 500") {
		t.Errorf("a million brackets: %v", err)
	}
	if v, err := d.Decode([]byte(`[9007199254740993, 123456789012345678901]`)); err != nil || !reflect.DeepEqual(v, []any{9007199254740993, json.Number("123456789012345678901")}) {
		t.Errorf("long numbers: %#v, %v", v, err)
	}
}

func FuzzDecode(f *testing.F) {
	for _, text := range texts {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) { same(t, text) })
}
