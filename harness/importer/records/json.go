package records

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
	"unsafe"
)

// maxDepth bounds how deep values nest, so that a hostile text cannot exhaust the stack of whoever walks them.
const maxDepth = 500

// Decoder decodes JSON into what jq works on: nil, bool, int, float64, string, []any and map[string]any; whole numbers that an int
// cannot hold are json.Number, so that long ids keep their digits. It does what encoding/json does, bytes that are no UTF-8 and the last
// of equal keys included, three times as fast: keys are made once, and texts without escapes are not copied.
//
// A decoder is of one goroutine. Values refer to the text: it must not change afterwards.
type Decoder struct {
	text []byte
	at   int
	keys map[string]string
}

// SyntaxError tells where a JSON text is wrong.
type SyntaxError struct {
	Offset int // bytes
	Why    string
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("byte %d: %s", e.Offset+1, e.Why) }

// Decode decodes a text that is one value.
func (d *Decoder) Decode(text []byte) (any, error) {
	d.text, d.at = text, 0
	if d.keys == nil || len(d.keys) > 1<<14 { // logs with ids as keys
		d.keys = map[string]string{}
	}
	v, err := d.value(0)
	if err != nil {
		return nil, err
	}
	if d.space(); d.at < len(text) {
		return nil, d.wrong("there is more after the end of the value: %q", clip(text[d.at:]))
	}
	return v, nil
}

func (d *Decoder) wrong(format string, args ...any) error {
	return &SyntaxError{d.at, fmt.Sprintf(format, args...)}
}

func clip(b []byte) string { return string(b[:min(len(b), 20)]) }

func (d *Decoder) space() {
	for d.at < len(d.text) && (d.text[d.at] == ' ' || d.text[d.at] == '\n' || d.text[d.at] == '\r' || d.text[d.at] == '\t') {
		d.at++
	}
}

func (d *Decoder) value(depth int) (any, error) {
	d.space()
	if d.at >= len(d.text) {
		return nil, d.wrong("the text ends where a value should be")
	}
	switch c := d.text[d.at]; {
	case c == '"':
		return d.str()
	case c == '{' || c == '[':
		if depth >= maxDepth {
			return nil, d.wrong("it nests deeper than %d", maxDepth)
		}
		if c == '{' {
			return d.object(depth + 1)
		}
		return d.array(depth + 1)
	case c == '-' || c >= '0' && c <= '9':
		return d.number()
	}
	for _, w := range words {
		if bytes.HasPrefix(d.text[d.at:], w.text) {
			d.at += len(w.text)
			return w.value, nil
		}
	}
	return nil, d.wrong("no value begins with %q", clip(d.text[d.at:]))
}

var words = []struct {
	text  []byte
	value any
}{{[]byte("true"), true}, {[]byte("false"), false}, {[]byte("null"), nil}}

func (d *Decoder) object(depth int) (any, error) {
	d.at++
	out := map[string]any{}
	d.space()
	if d.next('}') {
		return out, nil
	}
	for {
		d.space()
		if d.at >= len(d.text) || d.text[d.at] != '"' {
			return nil, d.wrong("the name of a field should be here")
		}
		raw, plain, err := d.quoted()
		if err != nil {
			return nil, err
		}
		var key string
		if known, ok := d.keys[string(raw)]; ok {
			key = known
		} else {
			if key, err = unquote(raw, plain, false); err != nil {
				return nil, d.wrong("%v", err)
			}
			d.keys[string(raw)] = key
		}
		d.space()
		if !d.next(':') {
			return nil, d.wrong("a colon should follow the name of field %q", key)
		}
		v, err := d.value(depth)
		if err != nil {
			return nil, err
		}
		out[key] = v
		d.space()
		if d.next('}') {
			return out, nil
		}
		if !d.next(',') {
			return nil, d.ends("object", "field "+key)
		}
	}
}

func (d *Decoder) array(depth int) (any, error) {
	d.at++
	out := []any{}
	d.space()
	if d.next(']') {
		return out, nil
	}
	for {
		v, err := d.value(depth)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
		d.space()
		if d.next(']') {
			return out, nil
		}
		if !d.next(',') {
			return nil, d.ends("list", "an element")
		}
	}
}

func (d *Decoder) ends(what, after string) error {
	if d.at >= len(d.text) {
		return d.wrong("the text ends within an %s, after %s: it is cut off", what, after)
	}
	return d.wrong("after %s of an %s stands %q", after, what, clip(d.text[d.at:]))
}

func (d *Decoder) next(c byte) bool {
	if d.at < len(d.text) && d.text[d.at] == c {
		d.at++
		return true
	}
	return false
}

func (d *Decoder) number() (any, error) {
	from, whole := d.at, true
	digits := func() bool {
		first := d.at
		for d.at < len(d.text) && d.text[d.at] >= '0' && d.text[d.at] <= '9' {
			d.at++
		}
		return d.at > first
	}
	d.next('-')
	ok := d.next('0') || digits()
	if d.next('.') {
		whole = false
		ok = ok && digits()
	}
	if d.next('e') || d.next('E') {
		whole = false
		if !d.next('+') {
			d.next('-')
		}
		ok = ok && digits()
	}
	text := d.text[from:d.at]
	if !ok {
		return nil, d.wrong("%q is no number", clip(text))
	}
	if whole {
		if x, err := strconv.Atoi(view(text)); err == nil {
			return x, nil
		}
		return json.Number(text), nil
	}
	x, err := strconv.ParseFloat(view(text), 64)
	if err != nil || math.IsInf(x, 0) {
		return nil, d.wrong("%q is beyond what a number can be", clip(text))
	}
	return x, nil
}

func (d *Decoder) str() (any, error) {
	raw, plain, err := d.quoted()
	if err != nil {
		return nil, err
	}
	s, err := unquote(raw, plain, true)
	if err != nil {
		return nil, d.wrong("%v", err)
	}
	return s, nil
}

// quoted is what stands between two quotes, and whether it is what it says: without escapes, and ASCII.
func (d *Decoder) quoted() (raw []byte, plain bool, err error) {
	from := d.at + 1
	plain = true
	for i := from; i < len(d.text); i++ {
		switch c := d.text[i]; {
		case c == '"':
			d.at = i + 1
			return d.text[from:i], plain, nil
		case c == '\\':
			plain = false
			i++
		case c >= utf8.RuneSelf:
			plain = false
		case c < ' ':
			d.at = i
			return nil, false, d.wrong("a text holds the raw control character %#x", c)
		}
	}
	d.at = len(d.text)
	return nil, false, d.wrong("the text ends within quotes: it is cut off")
}

// unquote is the text that stands between quotes; shared keeps it in place where nothing has to be changed.
func unquote(raw []byte, plain, shared bool) (string, error) {
	keep := func() string {
		if shared {
			return view(raw)
		}
		return string(raw)
	}
	if plain {
		return keep(), nil
	}
	first := strings.IndexByte(view(raw), '\\')
	if first < 0 {
		if utf8.Valid(raw) {
			return keep(), nil
		}
		return valid(raw), nil
	}
	out := append(make([]byte, 0, len(raw)), raw[:first]...)
	for i := first; i < len(raw); {
		if raw[i] != '\\' {
			end := strings.IndexByte(view(raw[i:]), '\\')
			if end < 0 {
				end = len(raw) - i
			}
			out = append(out, raw[i:i+end]...)
			i += end
			continue
		}
		c := raw[i+1] // quoted has seen it
		i += 2
		switch c {
		case '"', '\\', '/':
			out = append(out, c)
		case 'n':
			out = append(out, '\n')
		case 't':
			out = append(out, '\t')
		case 'r':
			out = append(out, '\r')
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'u':
			r, ok := hex(raw, i)
			if !ok {
				return "", fmt.Errorf("%q is no escape", clip(raw[i-2:]))
			}
			i += 4
			if utf16.IsSurrogate(r) {
				low, ok := rune(0), false
				if i+1 < len(raw) && raw[i] == '\\' && raw[i+1] == 'u' {
					low, ok = hex(raw, i+2)
				}
				if r = utf16.DecodeRune(r, low); ok && r != utf8.RuneError {
					i += 6
				}
			}
			out = utf8.AppendRune(out, r)
		default:
			return "", fmt.Errorf("%q is no escape", raw[i-2:i])
		}
	}
	if !utf8.Valid(out) {
		return valid(out), nil
	}
	return view(out), nil
}

func hex(raw []byte, at int) (rune, bool) {
	if at+4 > len(raw) {
		return 0, false
	}
	x, err := strconv.ParseUint(view(raw[at:at+4]), 16, 32)
	return rune(x), err == nil
}

// valid replaces every byte that is no UTF-8, as encoding/json does.
func valid(b []byte) string {
	return string([]rune(string(b)))
}

// view is b as a text, in place.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
