package params

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"pgregory.net/rapid"
)

type example struct {
	K     int     `json:"k" doc:"neighbours" min:"1" max:"100"`
	Rate  float64 `json:"learning_rate" doc:"step" min:"0"`
	Kind  string  `json:"kind" doc:"which" enum:"linear,mlp"`
	Name  string  `json:"name" doc:"free text"`
	Quick bool    `json:"quick" doc:"less work"`
}

var defaults = example{K: 5, Rate: 0.01, Kind: "mlp"}

func TestDecodeReadsOverDefaults(t *testing.T) {
	for _, c := range []struct {
		raw  string
		want example
	}{
		{"", defaults}, {"null", defaults}, {"{}", defaults},
		{`{"k": 7.0, "quick": true}`, example{7, 0.01, "mlp", "", true}},
		{`{"kind":"linear","name":"x","learning_rate":0}`, example{5, 0, "linear", "x", false}},
	} {
		got, err := Decode(json.RawMessage(c.raw), defaults)
		if err != nil || got != c.want {
			t.Errorf("Decode(%s) = %+v, %v; want %+v", c.raw, got, err, c.want)
		}
	}
}

func TestDecodeNamesTheMistake(t *testing.T) {
	for _, c := range []struct{ raw, want string }{
		{`[]`, "want a JSON object"},
		{`{"K": 3}`, `parameter "K": unknown, did you mean "k"?`},
		{`{"learning-rate": 3}`, `did you mean "learning_rate"?`},
		{`{"zzzzzzzzzzz": 3}`, "unknown, have k, learning_rate, kind, name, quick"},
		{`{"k": 0}`, `parameter "k": 0 is out of range, want a whole number from 1 to 100`},
		{`{"k": 2.5}`, `parameter "k": got 2.5, want a whole number`},
		{`{"k": "3"}`, `parameter "k": got "3", want a whole number`},
		{`{"k": null}`, `parameter "k": got null`},
		{`{"learning_rate": -1}`, "want a number of 0 or more"},
		{`{"kind": "tree"}`, `parameter "kind": "tree" is not one of them, want one of linear, mlp`},
		{`{"quick": 1}`, `parameter "quick": got 1, want true or false`},
	} {
		got, err := Decode(json.RawMessage(c.raw), defaults)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("Decode(%s): error %v, want one with %q", c.raw, err, c.want)
		}
		if got != defaults {
			t.Errorf("Decode(%s) = %+v, want the defaults beside an error", c.raw, got)
		}
	}
	if _, err := Decode(json.RawMessage(`{"k":0,"kind":"x","y":1}`), defaults); err == nil || strings.Count(err.Error(), "\n") != 2 {
		t.Errorf("three mistakes gave %v, want all three", err)
	}
}

// The schema and the decoder must accept and refuse the same values.
func TestSchemaAgreesWithDecode(t *testing.T) {
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(string(Schema(defaults))))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("s.json", doc); err != nil {
		t.Fatal(err)
	}
	s := c.MustCompile("s.json")
	value := rapid.SampledFrom([]string{`1`, `0`, `-1`, `2.5`, `100`, `101`, `"mlp"`, `"x"`, `true`, `null`, `[]`, `{}`})
	name := rapid.SampledFrom([]string{"k", "learning_rate", "kind", "name", "quick", "other"})
	rapid.Check(t, func(t *rapid.T) {
		raw := `{"` + name.Draw(t, "name") + `":` + value.Draw(t, "value") + `}`
		instance, err := jsonschema.UnmarshalJSON(strings.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		_, decoded := Decode(json.RawMessage(raw), defaults)
		if valid := s.Validate(instance); (valid == nil) != (decoded == nil) {
			t.Fatalf("%s: schema says %v, Decode says %v", raw, valid, decoded)
		}
	})
}

func TestSchemaOfNoParameters(t *testing.T) {
	want := `{"type":"object","additionalProperties":false,"properties":{}}`
	if got := string(Schema(struct{}{})); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{"", "{}", `{"k":1}`, `{"k":1e999}`, `[1]`, `{"name":"\u0000"}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		p, err := Decode(raw, defaults)
		if err == nil && (p.K < 1 || p.K > 100 || p.Rate < 0) {
			t.Errorf("Decode(%q) = %+v breaks its bounds", raw, p)
		}
	})
}
