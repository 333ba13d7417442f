// Package params turns a policy's parameters, one documented struct with defaults, into both ends of its contract: the
// JSON Schema that the policy announces, and the strict decoding of what an experiment gives. Both are read from the
// same struct tags, so they cannot drift.
//
// A parameter is an exported field of kind bool, int, float64 or string, with the tags
//
//	json:"hidden"             its name in experiments (required)
//	doc:"what it does, unit"  one line (required)
//	enum:"linear,mlp"         the allowed strings
//	min:"1" max:"4096"        inclusive bounds of a number
//
// and its default is the field's value in the struct of defaults; the fields of an embedded struct are parameters too:
//
//	type Params struct {
//		K int `json:"k" doc:"neighbours asked" min:"1" max:"10000"`
//	}
//
//	params.Define(description, Params{K: 100}, func(p Params, s policy.Setup) (policy.Policy, error) { … })
package params

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"sort"
	"strconv"
	"strings"

	"github.com/trilemma-bench/trilemma/policies/policy"
	"github.com/trilemma-bench/trilemma/policies/spelling"
)

// Define is a policy as the program offers it: d with the schema of its parameters, and instances made by build from decoded
// parameters and a pool that makes sense.
func Define[P any](d policy.Description, defaults P, build func(P, policy.Setup) (policy.Policy, error)) policy.Definition {
	d.ParamsSchema = Schema(defaults)
	return policy.Definition{Description: d, New: func(s policy.Setup) (policy.Policy, error) {
		p, err := Decode(s.Params, defaults)
		if err == nil {
			err = CheckPool(s.Models)
		}
		if err != nil {
			return nil, err
		}
		return build(p, s)
	}}
}

// field is one parameter as its struct tags describe it.
type field struct {
	index    []int
	name     string
	doc      string
	kind     reflect.Kind
	enum     []string
	min, max *float64
}

// fields reads the tags of a params struct. Wrong tags are a mistake in the program, so it panics: every definition is
// made when the program starts, and its tests see it.
func fields(t reflect.Type) []field {
	if t.Kind() != reflect.Struct {
		panic(fmt.Sprintf("params: %v is not a struct", t))
	}
	list := make([]field, 0, t.NumField())
	for i := range t.NumField() {
		sf := t.Field(i)
		if sf.Anonymous && sf.Tag.Get("json") == "" && sf.Type.Kind() == reflect.Struct {
			for _, f := range fields(sf.Type) {
				f.index = append([]int{i}, f.index...)
				list = append(list, f)
			}
			continue
		}
		f := field{index: []int{i}, name: sf.Tag.Get("json"), doc: sf.Tag.Get("doc"), kind: sf.Type.Kind()}
		if f.name == "" || f.doc == "" || !sf.IsExported() {
			panic(fmt.Sprintf("params: %v.%s needs to be exported, with the tags json and doc", t, sf.Name))
		}
		switch f.kind {
		case reflect.Bool, reflect.Int, reflect.Float64, reflect.String:
		default:
			panic(fmt.Sprintf("params: %v.%s is a %v; want bool, int, float64 or string", t, sf.Name, sf.Type))
		}
		if e := sf.Tag.Get("enum"); e != "" {
			f.enum = strings.Split(e, ",")
		}
		f.min, f.max = bound(t, sf, "min"), bound(t, sf, "max")
		list = append(list, f)
	}
	return list
}

func bound(t reflect.Type, sf reflect.StructField, tag string) *float64 {
	text, ok := sf.Tag.Lookup(tag)
	if !ok {
		return nil
	}
	x, err := strconv.ParseFloat(text, 64)
	if err != nil {
		panic(fmt.Sprintf("params: %v.%s: tag %s: %v", t, sf.Name, tag, err))
	}
	return &x
}

// Schema is the JSON Schema of a params struct with its defaults: an object that allows no other property. It panics
// where the struct is not one that this package can read, or where a default breaks its own bounds.
func Schema[T any](defaults T) json.RawMessage {
	v := reflect.ValueOf(defaults)
	list := fields(v.Type())
	var b bytes.Buffer
	b.WriteString(`{"type":"object","additionalProperties":false,"properties":{`)
	for i, f := range list {
		if err := f.check(v.FieldByIndex(f.index)); err != nil {
			panic(fmt.Sprintf("params: default of %v: %v", v.Type(), err))
		}
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `%s:{"type":%q,"description":%s,"default":%s`,
			quoted(f.name), f.schemaType(), quoted(f.doc), quoted(v.FieldByIndex(f.index).Interface()))
		if len(f.enum) > 0 {
			fmt.Fprintf(&b, `,"enum":%s`, quoted(f.enum))
		}
		if f.min != nil {
			fmt.Fprintf(&b, `,"minimum":%s`, quoted(*f.min))
		}
		if f.max != nil {
			fmt.Fprintf(&b, `,"maximum":%s`, quoted(*f.max))
		}
		b.WriteByte('}')
	}
	b.WriteString(`}}`)
	return json.RawMessage(b.Bytes())
}

func quoted(x any) string {
	b, err := json.Marshal(x)
	if err != nil {
		panic(fmt.Sprintf("params: %v", err))
	}
	return string(b)
}

func (f *field) schemaType() string {
	switch f.kind {
	case reflect.Bool:
		return "boolean"
	case reflect.Int:
		return "integer"
	case reflect.Float64:
		return "number"
	}
	return "string"
}

// Decode reads raw, a JSON object, over the defaults. Nothing, null and {} all mean the defaults. Every mistake is
// reported at once, each naming the parameter and what it may be.
func Decode[T any](raw json.RawMessage, defaults T) (T, error) {
	p := defaults
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || string(raw) == "null" {
		return p, nil
	}
	given := map[string]json.RawMessage{}
	if err := json.Unmarshal(raw, &given); err != nil {
		return defaults, fmt.Errorf("reading parameters: want a JSON object such as {\"name\": value}: %w", err)
	}
	v := reflect.ValueOf(&p).Elem()
	list := fields(v.Type())
	var wrong []error
	for _, f := range list {
		text, ok := given[f.name]
		if !ok {
			continue
		}
		delete(given, f.name)
		if err := f.set(v.FieldByIndex(f.index), text); err != nil {
			wrong = append(wrong, err)
		}
	}
	unknown := make([]string, 0, len(given))
	for name := range given {
		unknown = append(unknown, name)
	}
	sort.Strings(unknown)
	for _, name := range unknown {
		wrong = append(wrong, unknownName(name, list))
	}
	if len(wrong) > 0 {
		return defaults, errors.Join(wrong...)
	}
	return p, nil
}

// set decodes one value and checks it.
func (f *field) set(v reflect.Value, text json.RawMessage) error {
	dst := reflect.New(v.Type())
	var err error
	switch {
	case string(bytes.TrimSpace(text)) == "null":
		err = errors.New("null")
	case f.kind == reflect.Int:
		// 3.0 and 1e2 are integers to JSON Schema, but not to encoding/json.
		var x float64
		if err = json.Unmarshal(text, &x); err == nil {
			if x != math.Trunc(x) || math.Abs(x) > 1<<53 {
				err = errors.New("not whole")
			} else {
				dst.Elem().SetInt(int64(x))
			}
		}
	default:
		err = json.Unmarshal(text, dst.Interface())
	}
	if err != nil {
		return fmt.Errorf("parameter %q: got %s, want %s", f.name, text, f.wanted())
	}
	if err := f.check(dst.Elem()); err != nil {
		return err
	}
	v.Set(dst.Elem())
	return nil
}

// check tells whether a value of the right type is an allowed one.
func (f *field) check(v reflect.Value) error {
	switch f.kind {
	case reflect.Int, reflect.Float64:
		var x float64
		if f.kind == reflect.Int {
			x = float64(v.Int())
		} else {
			x = v.Float()
		}
		if (f.min != nil && x < *f.min) || (f.max != nil && x > *f.max) {
			return fmt.Errorf("parameter %q: %v is out of range, want %s", f.name, v.Interface(), f.wanted())
		}
	case reflect.String:
		if len(f.enum) == 0 {
			return nil
		}
		for _, e := range f.enum {
			if v.String() == e {
				return nil
			}
		}
		return fmt.Errorf("parameter %q: %q is not one of them, want %s", f.name, v.String(), f.wanted())
	}
	return nil
}

// wanted says in words what the parameter may be.
func (f *field) wanted() string {
	if len(f.enum) > 0 {
		return "one of " + strings.Join(f.enum, ", ")
	}
	what := map[string]string{
		"boolean": "true or false", "integer": "a whole number", "number": "a number", "string": "a text in quotes",
	}[f.schemaType()]
	switch {
	case f.min != nil && f.max != nil:
		what += fmt.Sprintf(" from %v to %v", *f.min, *f.max)
	case f.min != nil:
		what += fmt.Sprintf(" of %v or more", *f.min)
	case f.max != nil:
		what += fmt.Sprintf(" of at most %v", *f.max)
	}
	return what
}

func unknownName(name string, list []field) error {
	if len(list) == 0 {
		return fmt.Errorf("parameter %q: unknown, this policy has no parameters", name)
	}
	known := make([]string, len(list))
	nearest, distance := "", math.MaxInt
	for i, f := range list {
		known[i] = f.name
		if d := spelling.Distance(strings.ToLower(name), strings.ToLower(f.name)); d < distance {
			nearest, distance = f.name, d
		}
	}
	hint := "have " + strings.Join(known, ", ")
	if distance <= max(2, len(name)/3) {
		hint = fmt.Sprintf("did you mean %q? (%s)", nearest, hint)
	}
	return fmt.Errorf("parameter %q: unknown, %s", name, hint)
}
