package experiment

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"sync"

	"github.com/invopop/jsonschema"
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
