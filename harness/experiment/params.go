package experiment

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// paramChecker checks the parameters of one policy against the schema that it announces, and completes them.
type paramChecker struct {
	schema   *validator
	defaults map[string]json.RawMessage
}

func newParamChecker(raw json.RawMessage) (*paramChecker, error) {
	if len(bytes.TrimSpace(raw)) == 0 {
		raw = json.RawMessage(`{"type":"object","additionalProperties":false}`)
	}
	schema, err := newValidator(raw)
	if err != nil {
		return nil, fmt.Errorf("its parameter schema cannot be used: %w", err)
	}
	p := &paramChecker{schema: schema, defaults: map[string]json.RawMessage{}}
	for _, f := range fields(schema.part("").Properties) {
		var prop struct{ Default json.RawMessage }
		// Properties that are not objects (true, false) are legal and carry no default.
		if _ = json.Unmarshal(f.value, &prop); len(prop.Default) > 0 && string(prop.Default) != "null" {
			p.defaults[f.name] = prop.Default
		}
	}
	return p, nil
}

// complete checks parameters and returns them with the defaults of those left out, as canonical JSON. The error joins
// those of the parameters.
func (p *paramChecker) complete(given map[string]json.RawMessage) (json.RawMessage, error) {
	text, err := json.Marshal(given)
	if err != nil {
		return nil, err
	}
	instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	var wrong []error
	for _, m := range p.schema.mistakes(instance) {
		if m.key != "" {
			m.path, m.message = join(m.path, m.key), "unknown, "+suggest(m.key, p.schema.part("").keys())
		}
		wrong = append(wrong, paramError{m.path, m.message})
	}
	if len(wrong) > 0 {
		return nil, errors.Join(wrong...)
	}
	all := maps.Clone(p.defaults)
	maps.Copy(all, given)
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
