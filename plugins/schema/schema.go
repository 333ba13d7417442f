// Package schema checks a policy's parameters against the JSON Schema that it announces, so that a wrong parameter is
// refused before anything runs, in the same words whatever language the policy is written in.
package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"sort"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// Schema is the compiled schema of one policy's parameters.
type Schema struct {
	compiled *jsonschema.Schema
	names    []string
}

// Compile reads a schema: an object whose every property has a default, and whose defaults satisfy it.
func Compile(raw json.RawMessage) (*Schema, error) {
	if len(bytes.TrimSpace(raw)) == 0 {
		return nil, errors.New(`the schema of its parameters is missing; a policy without any announces {"type":"object","additionalProperties":false}`)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("the schema of its parameters is not JSON: %w", err)
	}
	top, ok := doc.(map[string]any)
	if !ok || top["type"] != "object" {
		return nil, errors.New(`the schema of its parameters must be that of an object ("type":"object")`)
	}
	compiler := jsonschema.NewCompiler()
	compiler.UseLoader(nowhere{})
	const location = "params.json"
	if err := compiler.AddResource(location, doc); err != nil {
		return nil, fmt.Errorf("the schema of its parameters: %w", err)
	}
	compiled, err := compiler.Compile(location)
	if err != nil {
		return nil, fmt.Errorf("the schema of its parameters is no JSON Schema: %w", err)
	}
	s := &Schema{compiled: compiled}
	properties, _ := top["properties"].(map[string]any)
	defaults := map[string]any{}
	for name, property := range properties {
		s.names = append(s.names, name)
		p, _ := property.(map[string]any)
		value, ok := p["default"]
		if !ok {
			return nil, fmt.Errorf("the schema of its parameters gives no default for %q", name)
		}
		defaults[name] = value
	}
	sort.Strings(s.names)
	if err := compiled.Validate(defaults); err != nil {
		return nil, fmt.Errorf("the defaults of its parameters do not satisfy their own schema: %w", explain(err))
	}
	return s, nil
}

// nowhere loads nothing: a schema must stand alone.
type nowhere struct{}

func (nowhere) Load(url string) (any, error) {
	return nil, fmt.Errorf("the schema refers to %s; it must stand alone", url)
}

// Names lists the parameters in order.
func (s *Schema) Names() []string { return s.names }

// Check tells whether params, a JSON object, nothing or null, satisfy the schema. A name that the schema does not list
// is always refused, since it would silently do nothing.
func (s *Schema) Check(params json.RawMessage) error {
	params = bytes.TrimSpace(params)
	if len(params) == 0 || string(params) == "null" {
		return nil
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(params))
	if err != nil {
		return fmt.Errorf("the parameters are not JSON: %w", err)
	}
	given, ok := doc.(map[string]any)
	if !ok {
		return errors.New(`the parameters must be an object, such as {"name": 1}`)
	}
	var unknown []string
	for name := range given {
		if i := sort.SearchStrings(s.names, name); i == len(s.names) || s.names[i] != name {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) > 0 {
		sort.Strings(unknown)
		if len(s.names) == 0 {
			return fmt.Errorf("unknown parameter %q: it has no parameters", unknown[0])
		}
		return fmt.Errorf("unknown parameter %q: it has %s", unknown[0], strings.Join(s.names, ", "))
	}
	if err := s.compiled.Validate(doc); err != nil {
		return explain(err)
	}
	return nil
}

// explain turns the library's tree of causes into one line that names the parameters.
func explain(err error) error {
	var invalid *jsonschema.ValidationError
	if !errors.As(err, &invalid) {
		return err
	}
	var lines []string
	var walk func(*jsonschema.ValidationError)
	walk = func(e *jsonschema.ValidationError) {
		if len(e.Causes) == 0 {
			text := e.ErrorKind.LocalizedString(message.NewPrinter(language.English))
			if len(e.InstanceLocation) > 0 {
				text = fmt.Sprintf("parameter %q: %s", strings.Join(e.InstanceLocation, "."), text)
			}
			lines = append(lines, text)
		}
		for _, c := range e.Causes {
			walk(c)
		}
	}
	walk(invalid)
	sort.Strings(lines)
	return errors.New(strings.Join(lines, "; "))
}
