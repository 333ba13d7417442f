package experiment

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"sort"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	failure "github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// paramChecker checks the parameters of one policy against the schema that it announces, and completes them.
type paramChecker struct {
	schema   *jsonschema.Schema
	defaults map[string]json.RawMessage
	names    []string
}

func newParamChecker(raw json.RawMessage) (*paramChecker, error) {
	if len(bytes.TrimSpace(raw)) == 0 {
		raw = json.RawMessage(`{"type":"object","additionalProperties":false}`)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("its parameter schema is not JSON: %w", err)
	}
	c := jsonschema.NewCompiler()
	// A policy's schema may come from a plugin: it must not make this program open files or links.
	c.UseLoader(noLoader{})
	if err := c.AddResource("params.json", doc); err != nil {
		return nil, fmt.Errorf("its parameter schema cannot be used: %w", err)
	}
	schema, err := c.Compile("params.json")
	if err != nil {
		return nil, fmt.Errorf("its parameter schema cannot be used: %w", err)
	}
	var props struct {
		Properties map[string]struct {
			Default json.RawMessage `json:"default"`
		} `json:"properties"`
	}
	// Properties that are not objects (true, false) are legal and carry no default.
	_ = json.Unmarshal(raw, &props)
	p := &paramChecker{schema: schema, defaults: map[string]json.RawMessage{}}
	for name, prop := range props.Properties {
		p.names = append(p.names, name)
		if len(prop.Default) > 0 && string(prop.Default) != "null" {
			p.defaults[name] = prop.Default
		}
	}
	sort.Strings(p.names)
	return p, nil
}

type noLoader struct{}

func (noLoader) Load(url string) (any, error) {
	return nil, fmt.Errorf("%s: a parameter schema must not refer to other files", url)
}

// complete checks parameters and returns them with the defaults of those left out, as canonical JSON.
func (p *paramChecker) complete(given map[string]json.RawMessage) (json.RawMessage, error) {
	text, err := json.Marshal(given)
	if err != nil {
		return nil, err
	}
	instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	if err := p.schema.Validate(instance); err != nil {
		return nil, p.explain(err)
	}
	all := map[string]json.RawMessage{}
	for name, value := range p.defaults {
		all[name] = value
	}
	for name, value := range given {
		all[name] = value
	}
	return canonical(all)
}

// paramError is a mistake in one parameter.
type paramError struct {
	name    string // "" where it is in all of them
	message string
}

func (e paramError) Error() string {
	if e.name == "" {
		return e.message
	}
	return fmt.Sprintf("parameter %q: %s", e.name, e.message)
}

func (p *paramChecker) explain(err error) error {
	var invalid *jsonschema.ValidationError
	if !errors.As(err, &invalid) {
		return err
	}
	var all []error
	print := message.NewPrinter(language.English)
	var walk func(e *jsonschema.ValidationError)
	walk = func(e *jsonschema.ValidationError) {
		for _, c := range e.Causes {
			walk(c)
		}
		if len(e.Causes) > 0 {
			return
		}
		if extra, ok := e.ErrorKind.(*failure.AdditionalProperties); ok && len(e.InstanceLocation) == 0 {
			sort.Strings(extra.Properties)
			for _, name := range extra.Properties {
				all = append(all, paramError{name, "unknown, " + suggest(name, p.names)})
			}
			return
		}
		one := paramError{message: e.ErrorKind.LocalizedString(print)}
		if len(e.InstanceLocation) > 0 {
			one.name = strings.Join(e.InstanceLocation, ".")
		}
		all = append(all, one)
	}
	walk(invalid)
	sort.SliceStable(all, func(i, j int) bool { return all[i].Error() < all[j].Error() })
	return errors.Join(all...)
}
