package schema

import (
	"encoding/json"
	"strings"
	"testing"
)

const good = `{"type":"object","additionalProperties":false,"properties":{
	"k":{"type":"integer","minimum":1,"maximum":10,"default":3},
	"kind":{"type":"string","enum":["a","b"],"default":"a"}}}`

func TestCompile(t *testing.T) {
	for _, c := range []struct{ raw, want string }{
		{good, ""},
		{`{"type":"object","additionalProperties":false}`, ""},
		{``, "is missing"},
		{`{`, "is not JSON"},
		{`[]`, "must be that of an object"},
		{`{"type":"array"}`, "must be that of an object"},
		{`{"type":"object","properties":{"k":{"type":"whole"}}}`, "no JSON Schema"},
		{`{"type":"object","properties":{"k":{"type":"integer"}}}`, `no default for "k"`},
		{`{"type":"object","properties":{"k":{"type":"integer","default":"x"}}}`, `parameter "k": got string, want integer`},
		{`{"type":"object","properties":{"k":{"$ref":"http://example.org/x","default":1}}}`, "must stand alone"},
		{`{"type":"object","properties":{"k":{"$ref":"file:///etc/passwd","default":1}}}`, "must stand alone"},
	} {
		_, err := Compile(json.RawMessage(c.raw))
		check(t, c.raw, err, c.want)
	}
}

func TestCheck(t *testing.T) {
	s, err := Compile(json.RawMessage(good))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ raw, want string }{
		{``, ""}, {`null`, ""}, {`{}`, ""}, {`{"k":3}`, ""}, {`{"k":3.0,"kind":"b"}`, ""},
		{`{"k":0}`, `parameter "k": minimum: got 0, want 1`},
		{`{"k":"3"}`, `parameter "k": got string, want integer`},
		{`{"kind":"c"}`, `parameter "kind": value must be one of 'a', 'b'`},
		{`{"kk":3}`, `unknown parameter "kk": it has k, kind`},
		{`{"k":0,"kind":"c"}`, `parameter "k": minimum: got 0, want 1; parameter "kind"`},
		{`[1]`, "must be an object"},
		{`{`, "not JSON"},
	} {
		check(t, c.raw, s.Check(json.RawMessage(c.raw)), c.want)
	}
	open, err := Compile(json.RawMessage(`{"type":"object"}`))
	if err != nil {
		t.Fatal(err)
	}
	check(t, "open", open.Check(json.RawMessage(`{"x":1}`)), "it has no parameters")
}

func check(t *testing.T, what string, err error, want string) {
	t.Helper()
	switch {
	case want == "" && err != nil:
		t.Errorf("%s: %v", what, err)
	case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
		t.Errorf("%s: got %v, want %q", what, err, want)
	}
}
