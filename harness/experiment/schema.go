package experiment

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/invopop/jsonschema"

	"github.com/trilemma-bench/trilemma/harness/encode"
	"github.com/trilemma-bench/trilemma/harness/encode/weights"
)

//go:generate go test -run TestSchemaIsCurrent -update .

// ownSchema is the schema of experiments, as messages and checks need it: without descriptions.
var ownSchema = sync.OnceValues(func() (*validator, error) {
	text, err := json.Marshal(reflector().Reflect(&Spec{}))
	if err != nil {
		return nil, err
	}
	return newValidator(text)
})

func reflector() *jsonschema.Reflector {
	return &jsonschema.Reflector{DoNotReference: true, RequiredFromJSONSchemaTags: true, Anonymous: true}
}

// Schema makes the JSON Schema of experiment files from the structs that they are read into. Descriptions are their
// comments, read from the sources in this package's folder.
func Schema(dir string) ([]byte, error) {
	r := reflector()
	r.CommentMap = map[string]string{}
	for _, pkg := range []string{"experiment", "synth", "encode"} {
		// Comments are found by folder, and looked up by import path.
		found, folder := &jsonschema.Reflector{}, filepath.Join(dir, "..", pkg)
		if err := found.AddGoComments("x", folder, jsonschema.WithFullComment()); err != nil {
			return nil, fmt.Errorf("reading the comments of %s: %w", pkg, err)
		}
		for name, text := range found.CommentMap {
			if rest, ok := strings.CutPrefix(name, path.Join("x", filepath.ToSlash(folder))+"."); ok && text != "" {
				r.CommentMap["github.com/trilemma-bench/trilemma/harness/"+pkg+"."+rest] = strings.Join(strings.Fields(text), " ")
			}
		}
	}
	s := r.Reflect(&Spec{})
	s.ID, s.Title = "", "Trilemma experiment"
	s.Description = "What to route, with which policies, under which preferences. See `trilemma run --help`."
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing the schema: %w", err)
	}
	return append(text, '\n'), nil
}

// The types below can be written in more than one way. JSONSchemaExtend says in which, with a title that messages say
// what is wanted by; UnmarshalJSON reads what the schema has let through.

// JSONSchemaExtend says what a section of data is there for.
func (Data) JSONSchemaExtend(s *jsonschema.Schema) {
	s.Title = "a section of trace, or train and test, or synth"
}

// UnmarshalJSON reads a threshold or off.
func (s *Similarity) UnmarshalJSON(b []byte) error {
	if string(b) == `"off"` || string(b) == "false" {
		*s = 0
		return nil
	}
	return json.Unmarshal(b, (*float64)(s))
}

// MarshalJSON writes 0 as "off".
func (s Similarity) MarshalJSON() ([]byte, error) {
	if s.Off() {
		return []byte(`"off"`), nil
	}
	return json.Marshal(float64(s))
}

// JSONSchemaExtend lets a similarity be off.
func (Similarity) JSONSchemaExtend(s *jsonschema.Schema) {
	either(s, "a similarity above 0 and up to 1, or off",
		&jsonschema.Schema{Type: "number", ExclusiveMinimum: number("0"), Maximum: number("1")}, &jsonschema.Schema{Enum: []any{"off", false}})
	s.Default = defaultSimilarity
}

const wantSpan = "a time span such as 90s, 30m or 2h"

// UnmarshalJSON reads "1m30s" or seconds. What is no time span gives 0, which the check refuses.
func (x *Duration) UnmarshalJSON(b []byte) error {
	var sec float64
	if err := json.Unmarshal(b, &sec); err == nil {
		*x = Duration(sec * float64(time.Second))
		return nil
	}
	span, err := time.ParseDuration(strings.Trim(string(b), `"`))
	if err != nil {
		span = 0
	}
	*x = Duration(span)
	return nil
}

// MarshalJSON writes "1m30s".
func (x Duration) MarshalJSON() ([]byte, error) { return json.Marshal(x.Std().String()) }

// Std is the time span as package time has it.
func (x Duration) Std() time.Duration { return time.Duration(x) }

// JSONSchemaExtend says how a time span is written.
func (Duration) JSONSchemaExtend(s *jsonschema.Schema) {
	either(s, wantSpan,
		&jsonschema.Schema{Type: "string", Pattern: `^(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|ms|s|m|h))+$`, Examples: []any{"90s", "30m", "2h"}},
		&jsonschema.Schema{Type: "number", ExclusiveMinimum: number("0"), Maximum: number("9e9"), Description: "seconds"})
}

const maxSeeds = 1000

// UnmarshalJSON reads a list of seeds, or n for 1, 2, …, n.
func (s *Seeds) UnmarshalJSON(b []byte) error {
	*s = nil
	if b[0] == '[' {
		return json.Unmarshal(b, (*[]uint64)(s))
	}
	var n float64 // 3.0 is a whole number too
	err := json.Unmarshal(b, &n)
	for i := range uint64(min(n, maxSeeds)) {
		*s = append(*s, i+1)
	}
	return err
}

// JSONSchemaExtend lets seeds be a number of seeds.
func (Seeds) JSONSchemaExtend(s *jsonschema.Schema) {
	s.Title = fmt.Sprintf("1 to %d seeds", maxSeeds)
	s.MinItems, s.MaxItems, s.UniqueItems = count(1), count(maxSeeds), true
	s.Items = &jsonschema.Schema{Type: "integer", Minimum: number("0")}
	own := *s
	either(s, fmt.Sprintf("a list of seeds, such as [1, 2, 3], or how many, 1 to %d", maxSeeds),
		&own, &jsonschema.Schema{Type: "integer", Minimum: number("1"), Maximum: number(fmt.Sprint(maxSeeds)), Description: "how many"})
}

// UnmarshalJSON reads true, false or "auto".
func (c *Choice) UnmarshalJSON(b []byte) error {
	*c = Choice(strings.Trim(string(b), `"`))
	return nil
}

// JSONSchemaExtend lists the choices.
func (Choice) JSONSchemaExtend(s *jsonschema.Schema) {
	*s = jsonschema.Schema{Title: "true, false or auto", Enum: []any{true, false, "auto"}, Default: "auto"}
}

// UnmarshalJSON reads a list of pools, or a section {small: [a, b], open: {open_weights: true}}.
func (p *Pools) UnmarshalJSON(b []byte) error {
	if b[0] == '[' {
		return json.Unmarshal(b, (*[]Pool)(p))
	}
	for _, f := range fields(b) {
		pool := Pool{}
		if f.value[0] == '[' {
			f.value = append(append([]byte(`{"models":`), f.value...), '}')
		}
		if err := json.Unmarshal(f.value, &pool); err != nil {
			return err
		}
		pool.Name = f.name
		*p = append(*p, pool)
	}
	return nil
}

// JSONSchemaExtend lets pools be a section, by name.
func (Pools) JSONSchemaExtend(s *jsonschema.Schema) {
	unnamed, listed := *s.Items, *s.Items
	unnamed.Title, listed.Title = "", ""
	unnamed.Properties = jsonschema.NewProperties()
	for p := s.Items.Properties.Oldest(); p != nil; p = p.Next() {
		if p.Key != "name" {
			unnamed.Properties.Set(p.Key, p.Value)
		}
	}
	listed.Required = []string{"name"}
	s.Items = &jsonschema.Schema{}
	either(s.Items, "a section such as {name: small, models: [a, b]}, or all", &listed, &jsonschema.Schema{Const: "all"})
	s.Title, s.MinItems = "pools; leave the list out for one of all models", count(1)
	own, value := *s, &jsonschema.Schema{}
	either(value, "a list of models, or a section such as {open_weights: true}",
		&unnamed, &jsonschema.Schema{Type: "array", Items: text("model id or glob")})
	either(s, "a list of pools, or a section of them by name", &own,
		&jsonschema.Schema{Type: "object", Title: own.Title, MinProperties: count(1), AdditionalProperties: value})
}

// UnmarshalJSON reads a section or all.
func (p *Pool) UnmarshalJSON(b []byte) error {
	type plain Pool
	return json.Unmarshal(byName(b), (*plain)(p))
}

// UnmarshalJSON reads one encoder or a list of them.
func (e *Encoders) UnmarshalJSON(b []byte) error {
	if b[0] != '[' {
		b = append(append([]byte{'['}, b...), ']')
	}
	return json.Unmarshal(b, (*[]Encoder)(e))
}

// JSONSchemaExtend lets encoder be one or a list.
func (Encoders) JSONSchemaExtend(s *jsonschema.Schema) {
	s.Title, s.MinItems = "encoders; leave the list out for hash, or write none", count(1)
	own := *s
	either(s, s.Items.Title, &own, s.Items)
}

// UnmarshalJSON reads a name or a section; the parameters of hash stand beside its name.
func (e *Encoder) UnmarshalJSON(b []byte) error {
	type plain Encoder
	b = byName(b)
	if err := json.Unmarshal(b, (*plain)(e)); err != nil || e.Name != "hash" {
		return err
	}
	p := encode.DefaultHash()
	e.Hash = &p
	return json.Unmarshal(b, e.Hash)
}

// JSONSchemaExtend puts the parameters of hash beside its name, and lets an encoder be its name.
func (Encoder) JSONSchemaExtend(s *jsonschema.Schema) {
	params, _ := s.Properties.Get("hash")
	s.Properties.Delete("hash")
	own, hash := *s, *s
	hash.Properties = jsonschema.NewProperties()
	hash.Required = []string{"name"}
	hash.Properties.Set("name", &jsonschema.Schema{Const: "hash"})
	label, _ := s.Properties.Get("label")
	hash.Properties.Set("label", label)
	for p := params.Properties.Oldest(); p != nil; p = p.Next() {
		if p.Value.Description == "" && p.Prev() != nil {
			p.Value.Description = p.Prev().Value.Description // one comment describes two fields
		}
		hash.Properties.Set(p.Key, p.Value)
	}
	name, _ := s.Properties.Get("name")
	name.Not = &jsonschema.Schema{Const: "hash"}
	words := append([]string{"hash", "embedding", "none"}, weights.Names()...)
	names := &jsonschema.Schema{}
	for _, w := range words {
		names.Enum = append(names.Enum, w)
	}
	either(s, strings.Join(words, ", ")+", or a section {name: …} with precomputed: FILE or model: FOLDER", &own, &hash, names)
}

// JSONSchemaExtend asks for at least one policy.
func (Policies) JSONSchemaExtend(s *jsonschema.Schema) {
	s.Title, s.MinItems = "a list of policies, such as [random, knn, predict]", count(1)
}

// UnmarshalJSON reads a name or a section.
func (p *Policy) UnmarshalJSON(b []byte) error {
	type plain Policy
	return json.Unmarshal(byName(b), (*plain)(p))
}

// JSONSchemaExtend lets a policy be its name.
func (Policy) JSONSchemaExtend(s *jsonschema.Schema) {
	params, _ := s.Properties.Get("params")
	*params = jsonschema.Schema{Type: "object", Title: "a section of parameters, such as {k: 10}", Description: params.Description}
	name, _ := s.Properties.Get("name")
	name.Title = "the name of a policy, as `trilemma policy list` shows it"
	s.Required = []string{"name"}
	own := *s
	either(s, "the name of a policy, or a section {name: …, params: …}", &own, text("name of the policy"))
}

// UnmarshalJSON reads {"k": [10, 50]}, keys in the order written.
func (g *Grid) UnmarshalJSON(b []byte) error {
	for _, f := range fields(b) {
		axis := Axis{Name: f.name}
		if err := json.Unmarshal(f.value, &axis.Values); err != nil {
			return err
		}
		*g = append(*g, axis)
	}
	return nil
}

// MarshalJSON writes {"k": [10, 50]}, keys in the order written.
func (g Grid) MarshalJSON() ([]byte, error) {
	n := node{kind: dict}
	for _, axis := range g {
		values := &node{kind: list}
		for _, v := range axis.Values {
			values.items = append(values.items, &node{kind: scalar, value: v})
		}
		n.keys, n.items = append(n.keys, key{name: axis.Name}), append(n.items, values)
	}
	return n.MarshalJSON()
}

// JSONSchemaExtend says that a grid is a section of lists.
func (Grid) JSONSchemaExtend(s *jsonschema.Schema) {
	*s = jsonschema.Schema{
		Type: "object", Title: "a list of values for each parameter, such as {k: [10, 50]}",
		AdditionalProperties: &jsonschema.Schema{Type: "array", Title: "a list of values, such as [10, 50]", MinItems: count(1), UniqueItems: true},
	}
}

// field is one key of a JSON object.
type field struct {
	name  string
	value json.RawMessage
}

// fields lists the keys of an object in the order written; what is no object has none.
func fields(object json.RawMessage) []field {
	dec := json.NewDecoder(bytes.NewReader(object))
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return nil
	}
	var out []field
	for dec.More() {
		name, _ := dec.Token()
		f := field{}
		f.name, _ = name.(string)
		if err := dec.Decode(&f.value); err != nil {
			break
		}
		out = append(out, f)
	}
	return out
}

// byName reads an entry that may be written as its name alone: "knn" as {"name": "knn"}.
func byName(b []byte) []byte {
	if b[0] != '"' {
		return b
	}
	return append(append([]byte(`{"name":`), b...), '}')
}

func text(description string) *jsonschema.Schema {
	return &jsonschema.Schema{Type: "string", Description: description}
}

func number(n string) json.Number { return json.Number(n) }

func count(n uint64) *uint64 { return &n }

// either makes a schema a choice of others. Its title says what is wanted.
func either(s *jsonschema.Schema, title string, choices ...*jsonschema.Schema) {
	*s = jsonschema.Schema{Title: title, OneOf: choices}
}
