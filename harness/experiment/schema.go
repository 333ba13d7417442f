package experiment

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/invopop/jsonschema"

	"github.com/trilemma-bench/trilemma/harness/encode/weights"
)

//go:generate go test -run TestSchemaIsCurrent -update .

// Schema makes the JSON Schema of experiment files from the structs that they are read into. Descriptions are their
// comments, read from the sources in this package's folder.
func Schema(dir string) ([]byte, error) {
	r := &jsonschema.Reflector{
		DoNotReference: true, RequiredFromJSONSchemaTags: true, Anonymous: true,
	}
	const base = "github.com/trilemma-bench/trilemma/harness/"
	for _, pkg := range []string{"experiment", "synth", "encode"} {
		// Comments are looked up by import path, which is joined from base and the folder as it is given here.
		if err := addComments(r, base+pkg, filepath.Join(dir, "..", pkg)); err != nil {
			return nil, fmt.Errorf("reading the comments of %s: %w", pkg, err)
		}
	}
	s := r.Reflect(&Spec{})
	s.ID, s.Title = "", "Trilemma experiment"
	s.Description = "What to route, with which policies, under which preferences. See `trilemma run --help`."
	text, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("writing the schema: %w", err)
	}
	var tree any
	if err := json.Unmarshal(text, &tree); err != nil {
		return nil, fmt.Errorf("writing the schema: %w", err)
	}
	unwrap(tree)
	text, err = json.MarshalIndent(tree, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing the schema: %w", err)
	}
	return append(text, '\n'), nil
}

func addComments(r *jsonschema.Reflector, base, dir string) error {
	found := &jsonschema.Reflector{}
	if err := found.AddGoComments("x", dir, jsonschema.WithFullComment()); err != nil {
		return err
	}
	if r.CommentMap == nil {
		r.CommentMap = map[string]string{}
	}
	prefix := strings.TrimSuffix(filepath.ToSlash(filepath.Join("x", dir)), "/")
	for name, text := range found.CommentMap {
		if rest, ok := strings.CutPrefix(name, prefix+"."); ok && text != "" {
			r.CommentMap[base+"."+rest] = text
		}
	}
	return nil
}

// unwrap joins the lines of descriptions.
func unwrap(v any) {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			if text, ok := x.(string); ok && k == "description" {
				v[k] = strings.Join(strings.Fields(text), " ")
				continue
			}
			unwrap(x)
		}
	case []any:
		for _, x := range v {
			unwrap(x)
		}
	}
}

func text(description string) *jsonschema.Schema {
	return &jsonschema.Schema{Type: "string", Description: description}
}

func number(n string) json.Number { return json.Number(n) }

// either replaces a schema by a choice: what it was, or one of others.
func either(s *jsonschema.Schema, others ...*jsonschema.Schema) {
	own := *s
	*s = jsonschema.Schema{OneOf: append([]*jsonschema.Schema{&own}, others...)}
}

// JSONSchemaExtend lets a similarity be off.
func (Similarity) JSONSchemaExtend(s *jsonschema.Schema) {
	*s = jsonschema.Schema{OneOf: []*jsonschema.Schema{
		{Type: "number", ExclusiveMinimum: number("0"), Maximum: number("1")}, {Enum: []any{"off", false}},
	}, Default: defaultSimilarity}
}

// JSONSchemaExtend lets pools be a section, by name.
func (Pools) JSONSchemaExtend(s *jsonschema.Schema) {
	named := *s.Items
	pool := *s.Items
	named.Required = []string{"name"}
	s.Items = &jsonschema.Schema{OneOf: []*jsonschema.Schema{&named, {Const: "all"}}}
	minOne := uint64(1)
	s.MinItems = &minOne
	globs := &jsonschema.Schema{Type: "array", Items: text("model id or glob")}
	either(s, &jsonschema.Schema{Type: "object", AdditionalProperties: &jsonschema.Schema{OneOf: []*jsonschema.Schema{&pool, globs}}})
}

// JSONSchemaExtend lets encoder be one or a list.
func (Encoders) JSONSchemaExtend(s *jsonschema.Schema) {
	one := *s.Items
	minOne := uint64(1)
	s.MinItems = &minOne
	either(s, &one)
}

// JSONSchemaExtend puts the parameters of hash beside its name, and lets an encoder be its name.
func (Encoder) JSONSchemaExtend(s *jsonschema.Schema) {
	params, _ := s.Properties.Get("hash")
	s.Properties.Delete("hash")
	hash := *s
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
	words := []any{"hash", "embedding", "none"}
	for _, name := range weights.Names() {
		words = append(words, name)
	}
	either(s, &hash, &jsonschema.Schema{Enum: words})
}

// JSONSchemaExtend asks for at least one policy.
func (Policies) JSONSchemaExtend(s *jsonschema.Schema) {
	minOne := uint64(1)
	s.MinItems = &minOne
}

// JSONSchemaExtend lets a policy be its name.
func (Policy) JSONSchemaExtend(s *jsonschema.Schema) {
	params, _ := s.Properties.Get("params")
	*params = jsonschema.Schema{Type: "object", Description: params.Description}
	s.Required = []string{"name"}
	either(s, text("name of the policy"))
}

// JSONSchemaExtend says that a grid is a section of lists.
func (Grid) JSONSchemaExtend(s *jsonschema.Schema) {
	minOne := uint64(1)
	*s = jsonschema.Schema{Type: "object", AdditionalProperties: &jsonschema.Schema{Type: "array", MinItems: &minOne}}
}

// JSONSchemaExtend lets seeds be a number of seeds.
func (Seeds) JSONSchemaExtend(s *jsonschema.Schema) {
	minOne, many := uint64(1), uint64(maxSeeds)
	s.MinItems, s.MaxItems, s.UniqueItems = &minOne, &many, true
	s.Items = &jsonschema.Schema{Type: "integer", Minimum: number("0")}
	either(s, &jsonschema.Schema{Type: "integer", Minimum: number("1"), Maximum: number(fmt.Sprint(maxSeeds)), Description: "how many"})
}

// JSONSchemaExtend says how a time span is written.
func (Duration) JSONSchemaExtend(s *jsonschema.Schema) {
	*s = jsonschema.Schema{OneOf: []*jsonschema.Schema{
		{Type: "string", Pattern: `^([0-9]+(\.[0-9]*)?(ns|us|µs|ms|s|m|h))+$`, Examples: []any{"90s", "30m", "2h"}},
		{Type: "number", ExclusiveMinimum: number("0"), Description: "seconds"},
	}}
}

// JSONSchemaExtend lists the choices.
func (Choice) JSONSchemaExtend(s *jsonschema.Schema) {
	*s = jsonschema.Schema{Enum: []any{true, false, "auto"}, Default: "auto"}
}

// JSONSchemaExtend lists the ways to write a sweep.
func (Sweep) JSONSchemaExtend(s *jsonschema.Schema) {
	three, minOne := uint64(3), uint64(1)
	span := &jsonschema.Schema{
		Type: "array", Items: &jsonschema.Schema{Type: "number", Minimum: number("0")}, MinItems: &three, MaxItems: &three,
		Description: "[from, to, n]",
	}
	section := func(name string, v *jsonschema.Schema) *jsonschema.Schema {
		out := &jsonschema.Schema{Type: "object", Properties: jsonschema.NewProperties(), Required: []string{name}, AdditionalProperties: jsonschema.FalseSchema}
		out.Properties.Set(name, v)
		return out
	}
	*s = jsonschema.Schema{OneOf: []*jsonschema.Schema{
		{Const: "auto"},
		section("auto", &jsonschema.Schema{Type: "integer", Minimum: number("1"), Description: "how many values"}),
		section("log", span), section("linear", span),
		{Type: "number", Minimum: number("0")},
		{Type: "array", Items: &jsonschema.Schema{Type: "number", Minimum: number("0")}, MinItems: &minOne},
	}}
}
