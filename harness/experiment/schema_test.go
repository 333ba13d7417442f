package experiment

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

const schemaFile = "../../experiments/schema.json"

func TestSchemaIsCurrent(t *testing.T) {
	got, err := Schema(".")
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(schemaFile, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("experiments/schema.json is not current: run go generate ./harness/experiment")
	}
}

func compiled(t testing.TB) *jsonschema.Schema {
	t.Helper()
	data, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// validate holds the text of an experiment against the published schema.
func validate(t testing.TB, s *jsonschema.Schema, text []byte) error {
	t.Helper()
	root, err := parseYAML(text, "x.yaml", "")
	if err != nil {
		return err
	}
	root.dropNulls()
	return s.Validate(root.plain())
}

// The shipped experiments are right by the schema and by the program, and say where their schema is.
func TestShippedExperiments(t *testing.T) {
	s := compiled(t)
	files, err := filepath.Glob("../../experiments/*.yaml")
	if err != nil || len(files) < 2 {
		t.Fatalf("%d experiments, %v", len(files), err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(string(text), "# yaml-language-server: $schema=schema.json\n") {
			t.Errorf("%s does not name its schema in the first line", f)
		}
		if err := validate(t, s, text); err != nil {
			t.Errorf("%s: %v", f, err)
		}
		spec, notices, err := Load(f, nil)
		if err != nil || len(notices) > 0 {
			t.Errorf("%v %v", err, notices)
			continue
		}
		if spec.Name != strings.TrimSuffix(filepath.Base(f), ".yaml") {
			t.Errorf("%s is called %q", f, spec.Name)
		}
	}
}

// What the schema refuses the program refuses: an editor must not show as wrong what runs.
func TestSchemaAgreesWithTheProgram(t *testing.T) {
	s := compiled(t)
	archive, err := txtar.ParseFile("testdata/problems.txtar")
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, f := range archive.Files {
		if strings.HasSuffix(f.Name, "/file") {
			texts = append(texts, string(f.Data))
		}
	}
	wrong := len(texts)
	// Of these, the schema can tell right from wrong: what has nothing to do with files, names or sums.
	for _, extra := range []string{"",
		"encoder: none", "encoder: {name: hash, dim: 8}", "encoder: [{name: m, precomputed: x}]", "encoder: {precomputed: x}", "seeds: 3", "seeds: 0", "seeds: []",
		"pools: {a: [x], b: {open_weights: true}}", "pools: [all]", "pools: []", "timeout: 90s", "timeout: 90", "timeout: 1.5h", "timeout: -1s", "plots: {log_cost: false}",
		"preferences: {lambda_cost: auto, grid: true}", "preferences: {lambda_cost: {auto: 5}, lambda_carbon: 3}", "preferences: {lambda_cost: [1, 2]}",
		"preferences: {lambda_cost: {log: [1, 2, 3]}}", "preferences: {lambda_cost: {log: [1, 2]}}", "metrics: {seed: -1}", "accounting: {grid_g_per_kwh: 0}",
		"accounting: {grid_g_per_kwh: -1}", "backend: xla:cpu", "batch: 0", "batch: 2.5", "coverage: available",
	} {
		texts = append(texts, minimal+extra+"\n")
	}
	for i, text := range texts {
		_, _, program := Parse([]byte(text), "x.yaml", nil, noEnv)
		if schema := validate(t, s, []byte(text)); schema != nil && program == nil {
			t.Errorf("the schema refuses what the program takes:\n%s%v", text, schema)
		} else if schema == nil && program != nil && i >= wrong {
			t.Errorf("the program refuses what the schema takes:\n%s%v", text, program)
		}
	}
}

// Every key of every section has a description, for editors to show.
func TestEveryKeyIsDescribed(t *testing.T) {
	data, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	var walk func(path string, v any)
	walk = func(path string, v any) {
		switch v := v.(type) {
		case map[string]any:
			if props, ok := v["properties"].(map[string]any); ok {
				for name, p := range props {
					count++
					section, _ := p.(map[string]any)
					_, constant := section["const"]
					if text, _ := section["description"].(string); text == "" && !constant && !strings.Contains(path, "lambda_") {
						t.Errorf("%s.%s has no description", path, name)
					}
				}
			}
			for k, x := range v {
				walk(path+"."+k, x)
			}
		case []any:
			for _, x := range v {
				walk(path, x)
			}
		}
	}
	walk("", doc)
	if least := reflect.TypeFor[Spec]().NumField() + 60; count < least {
		t.Errorf("%d keys, want at least %d", count, least)
	}
}
