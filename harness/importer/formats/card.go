package formats

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/itchyny/gojq"
)

//go:embed lib.jq */card.yaml */map.jq skeleton/sample/*
var embedded embed.FS

// Card says what a format is, who writes it, and how far its map was held to real files.
type Card struct {
	Name  string `yaml:"name"`
	Title string `yaml:"title"`
	What  string `yaml:"what"`
	// Writer is who writes such files, and where.
	Writer  string `yaml:"writer"`
	Example string `yaml:"example"`
	// Convert is a command that turns files of the format which are not read (pickles) into files that are; "" where none is needed.
	Convert  string `yaml:"convert"`
	Licence  string `yaml:"licence"`
	Versions struct {
		Seen       []string `yaml:"seen"`       // real files that the map was tried on
		Documented string   `yaml:"documented"` // where its other fields were read of
	} `yaml:"versions"`
	// Records is a jq expression that picks the records of a document; "" takes each document, line or row as a record.
	// It need not care for lists of records: where a list's records are its elements, they are picked one by one.
	Records string `yaml:"records"`
	// Files are globs of the names of files, or of the ends of their paths, that are read.
	Files []string `yaml:"files"`
	// Beside names files that tell something about all records in their folder: key by glob of a name.
	Beside map[string]string `yaml:"beside"`
	// Options are the options of the map with what they do.
	Options map[string]string `yaml:"options"`

	own  bool // a user's: its options are whatever it looks at
	pick *gojq.Code
}

// Cards lists the cards of all formats by name.
func Cards() ([]Card, error) {
	names, err := fs.Glob(embedded, "*/card.yaml")
	if err != nil {
		return nil, err
	}
	var cards []Card
	for _, name := range names {
		if path.Dir(name) == skeleton {
			continue
		}
		c, err := readCard(path.Dir(name))
		if err != nil {
			return nil, err
		}
		cards = append(cards, *c)
	}
	return cards, nil
}

// skeleton is the folder that is no format but what one starts from.
const skeleton = "skeleton"

func readCard(name string) (*Card, error) {
	text, err := embedded.ReadFile(path.Join(name, "card.yaml"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no format %q; there are %s", name, strings.Join(names(), ", "))
	}
	if err != nil {
		return nil, err
	}
	c, err := parseCard(text)
	if err != nil {
		return nil, fmt.Errorf("card of format %s: %w", name, err)
	}
	if c.Name != name {
		return nil, fmt.Errorf("card of format %s: it is named %q", name, c.Name)
	}
	return c, nil
}

func parseCard(text []byte) (*Card, error) {
	c := &Card{}
	if err := yaml.UnmarshalWithOptions(text, c, yaml.DisallowUnknownField()); err != nil {
		return nil, err
	}
	if err := c.compile(); err != nil {
		return nil, err
	}
	return c, nil
}

func (c *Card) compile() error {
	if c.Records == "" {
		return nil
	}
	query, err := gojq.Parse(c.Records)
	if err == nil {
		c.pick, err = gojq.Compile(query)
	}
	if err != nil {
		return fmt.Errorf("records: %w", err)
	}
	return nil
}

func (c *Card) wants(within string) bool { return matchAny(c.Files, within) }

func (c *Card) isBeside(within string) bool {
	for _, glob := range c.Beside {
		if matchAny([]string{glob}, within) {
			return true
		}
	}
	return false
}

// near lists the files that the card wants to know beside a file.
func (c *Card) near(file string) ([]string, error) {
	var found []string
	for _, glob := range c.Beside {
		names, err := filepath.Glob(filepath.Join(filepath.Dir(file), glob))
		if err != nil {
			return nil, err
		}
		found = append(found, names...)
	}
	return found, nil
}

// matchAny tells whether a glob matches the end of a path that has as many parts as it.
func matchAny(globs []string, within string) bool {
	within = strings.TrimSuffix(strings.TrimSuffix(within, ".gz"), ".zst")
	parts := strings.Split(within, "/")
	for _, g := range globs {
		if ok, _ := path.Match(g, strings.Join(parts[max(0, len(parts)-1-strings.Count(g, "/")):], "/")); ok {
			return true
		}
	}
	return false
}

func names() []string {
	all, _ := fs.Glob(embedded, "*/card.yaml") // the pattern is sound
	for i := range all {
		all[i] = path.Dir(all[i])
	}
	return slices.DeleteFunc(slices.Sorted(slices.Values(all)), func(name string) bool { return name == skeleton })
}

// Place is where a record stands.
type Place struct {
	File    string            // base name without its endings
	Path    string            // within the import, with forward slashes
	Line    int               // of the record, from 1
	Options map[string]string // --option KEY=VALUE
	Meta    any               // the document that the record was picked from
	Beside  map[string]any    // the card's files beside it, parsed
}

// Program is a compiled map. It may be used by several goroutines at once.
type Program struct{ code *gojq.Code }

// variables are what a map can look at besides its record, in the order in which run passes them.
var variables = []string{"$file", "$path", "$line", "$options", "$meta", "$beside"}

// library gives maps the shared definitions.
type library struct{}

func (library) LoadModule(name string) (*gojq.Query, error) {
	if name != "lib" {
		return nil, fmt.Errorf("there is no module %q; a map may include lib", name)
	}
	text, err := embedded.ReadFile("lib.jq")
	if err != nil {
		return nil, err
	}
	return gojq.Parse(string(text))
}

// Compile compiles a map: a jq program that turns a record into pieces of a trace.
func Compile(source string) (*Program, error) {
	query, err := gojq.Parse(source)
	if err != nil {
		return nil, err
	}
	code, err := gojq.Compile(query, gojq.WithModuleLoader(library{}), gojq.WithVariables(variables))
	if err != nil {
		return nil, err
	}
	return &Program{code}, nil
}

// Load reads a format's card and compiles its map.
func Load(name string) (*Card, *Program, error) {
	card, err := readCard(name)
	if err != nil {
		return nil, nil, err
	}
	source, err := embedded.ReadFile(path.Join(name, "map.jq"))
	if err != nil {
		return nil, nil, err
	}
	p, err := Compile(string(source))
	if err != nil {
		return nil, nil, fmt.Errorf("map of format %s: %w", name, err)
	}
	return card, p, nil
}

// Map runs the program on a record, as encoding/json decodes it with numbers as json.Number, and returns what it emits: objects with
// any of prompt, model, outcome, skip and fact, without the nulls in them. A program that does not end is stopped by ctx.
func (p *Program) Map(ctx context.Context, record any, at Place) ([]map[string]any, error) {
	out, err := p.emitted(ctx, record, at)
	for i := range out {
		out[i] = bare(out[i])
	}
	return out, err
}

// emitted is what the program emits, nulls included. It may be constants of the program, which other goroutines see too: it must not
// be changed.
func (p *Program) emitted(ctx context.Context, record any, at Place) ([]map[string]any, error) {
	options := make(map[string]any, len(at.Options))
	for k, v := range at.Options {
		options[k] = v
	}
	beside := at.Beside
	if beside == nil {
		beside = map[string]any{}
	}
	var out []map[string]any
	for it := p.code.RunWithContext(ctx, record, at.File, at.Path, at.Line, options, at.Meta, beside); ; {
		v, more := it.Next()
		if !more {
			return out, nil
		}
		if err, failed := v.(error); failed {
			return out, err
		}
		piece, ok := v.(map[string]any)
		if !ok {
			return out, fmt.Errorf("the map emitted %s; it must emit objects", gojq.Preview(v))
		}
		out = append(out, piece)
	}
}

// bare is a piece without nulls. It is a copy: what a program emits may be a constant of its own, which other goroutines emit too.
func bare(piece map[string]any) map[string]any {
	out := make(map[string]any, len(piece))
	for kind, part := range piece {
		if columns, ok := part.(map[string]any); ok {
			kept := make(map[string]any, len(columns))
			for name, x := range columns {
				if x != nil {
					kept[name] = x
				}
			}
			part = kept
		}
		out[kind] = part
	}
	return out
}

// elementwise tells whether the records of a list are its elements, so that a long one needs not be in memory.
func (c *Card) elementwise(ctx context.Context) (bool, error) {
	if c.Records == "" {
		return true, nil
	}
	probe := []any{map[string]any{"a": 1}, map[string]any{"b": 2}}
	picked, err := c.Pick(ctx, probe)
	return err == nil && reflect.DeepEqual(picked, probe), ctx.Err()
}

// Pick lists the records of a document.
func (c *Card) Pick(ctx context.Context, document any) ([]any, error) {
	if c.Records == "" {
		if list, ok := document.([]any); ok {
			return list, nil
		}
		return []any{document}, nil
	}
	var out []any
	for it := c.pick.RunWithContext(ctx, document); ; {
		v, more := it.Next()
		if !more {
			return out, nil
		}
		if err, failed := v.(error); failed {
			return out, err
		}
		out = append(out, v)
	}
}
