package experiment

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
	failure "github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"github.com/trilemma-bench/trilemma/policies/spelling"
)

// validator holds values against a JSON Schema and says in words what it refuses: experiments against the schema of their
// own, parameters against that of the policy.
type validator struct {
	raw      json.RawMessage
	compiled *jsonschema.Schema
	parts    sync.Map // by address: a hostile file has the same mistake many thousand times
}

func newValidator(raw json.RawMessage) (*validator, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("the schema is not JSON: %w", err)
	}
	c := jsonschema.NewCompiler()
	// A policy's schema may come from a plugin: it must not make this program open files or links.
	c.UseLoader(noLoader{})
	if err := c.AddResource("schema.json", doc); err != nil {
		return nil, err
	}
	compiled, err := c.Compile("schema.json")
	return &validator{raw: raw, compiled: compiled}, err
}

type noLoader struct{}

func (noLoader) Load(url string) (any, error) {
	return nil, fmt.Errorf("%s: a schema must not refer to other files", url)
}

// mistake is one thing that a schema refuses, at a path such as policies[1].params.
type mistake struct{ path, key, message string } // key: the one that is unknown

// mistakes lists everything that the schema refuses in a value.
func (v *validator) mistakes(value any) []mistake {
	var invalid *jsonschema.ValidationError
	if !errors.As(v.compiled.Validate(value), &invalid) {
		return nil
	}
	out := v.explain(invalid, value)
	slices.SortFunc(out, func(a, b mistake) int { return cmp.Or(cmp.Compare(a.path, b.path), cmp.Compare(a.key, b.key)) })
	return out
}

// explain turns the tree of a validation error into what is wrong at its leaves.
func (v *validator) explain(e *jsonschema.ValidationError, root any) []mistake {
	path, got := locate(root, e.InstanceLocation)
	part := v.part(e.SchemaURL)
	one := func(format string, args ...any) []mistake {
		return []mistake{{path: path, message: fmt.Sprintf(format, args...)}}
	}
	_, section := got.(map[string]any)
	_, listed := got.([]any)
	if got == nil && path != "" {
		return one("this entry is empty")
	}
	switch k := e.ErrorKind.(type) {
	case *failure.OneOf:
		// A list or a section is explained by the branch of the union that has its shape.
		if i := slices.IndexFunc(e.Causes, func(c *jsonschema.ValidationError) bool { return fits(c, len(e.InstanceLocation)) }); i >= 0 && (section || listed) {
			return v.explain(e.Causes[i], root)
		}
		hint := ""
		if word, ok := got.(string); ok {
			if near := nearest(word, words(e)); near != "" {
				hint = fmt.Sprintf("; did you mean %q?", near)
			}
		}
		return one("got %s, want %s%s", describe(got), part.want(), hint)
	case *failure.AdditionalProperties:
		var out []mistake
		for _, name := range k.Properties {
			out = append(out, mistake{path, name, fmt.Sprintf("unknown key %q, %s", name, suggest(name, part.keys()))})
		}
		return out
	case *failure.Required:
		var out []mistake
		for _, name := range k.Missing {
			out = append(out, mistake{path: join(path, name), message: "is missing: want " + v.part(e.SchemaURL+"/properties/"+name).want()})
		}
		return out
	case *failure.Enum:
		if word, ok := got.(string); ok && part.Title == "" {
			return one("%q is not one of them, %s", word, suggest(word, words(e)))
		}
		return one("got %s, want %s", describe(got), cmp.Or(part.Title, "one of "+strings.Join(words(e), ", ")))
	case *failure.Minimum, *failure.Maximum:
		return one("%v is out of range, want %s", got, part.bounds())
	case *failure.UniqueItems:
		_, twice := locate(got, []string{strconv.Itoa(k.Duplicates[1])})
		path += fmt.Sprintf("[%d]", k.Duplicates[1])
		return one("%s is there twice", describe(twice))
	case *failure.Type:
		hint := ""
		if !section && !listed && slices.Equal(k.Want, []string{"string"}) {
			hint = fmt.Sprintf(`; put it in quotes: "%v"`, got)
		}
		return one("got %s, want %s%s", describe(got), part.want(), hint)
	case *failure.MinItems, *failure.MaxItems, *failure.MinProperties, *failure.MaxProperties, *failure.Pattern:
		return one("got %s, want %s", describe(got), part.want())
	}
	if len(e.Causes) == 0 {
		return one("got %s: %s", describe(got), e.ErrorKind.LocalizedString(message.NewPrinter(language.English)))
	}
	var unknown []string
	for _, c := range e.Causes {
		if k, ok := c.ErrorKind.(*failure.AdditionalProperties); ok && len(c.InstanceLocation) == len(e.InstanceLocation) {
			unknown = k.Properties
		}
	}
	var out []mistake
	for _, c := range e.Causes {
		if k, ok := c.ErrorKind.(*failure.Required); ok {
			// A missing key that is there misspelt is listed once, as unknown.
			k.Missing = slices.DeleteFunc(slices.Clone(k.Missing), func(name string) bool {
				return slices.ContainsFunc(unknown, func(u string) bool { return nearest(u, []string{name}) != "" })
			})
		}
		out = append(out, v.explain(c, root)...)
	}
	return out
}

// fits tells whether a value at some depth has the shape of a branch of a union, so that it is meant.
func fits(branch *jsonschema.ValidationError, depth int) bool {
	not := func(c *jsonschema.ValidationError) bool { return !fits(c, depth) }
	switch branch.ErrorKind.(type) {
	case *failure.Const, *failure.Not:
		return false
	case *failure.Type, *failure.Enum:
		return len(branch.InstanceLocation) > depth
	case *failure.OneOf:
		return len(branch.InstanceLocation) > depth ||
			slices.ContainsFunc(branch.Causes, func(c *jsonschema.ValidationError) bool { return fits(c, depth) })
	}
	return !slices.ContainsFunc(branch.Causes, not)
}

// words are the texts that an error says are allowed.
func words(e *jsonschema.ValidationError) []string {
	var out []string
	if k, ok := e.ErrorKind.(*failure.Enum); ok {
		for _, w := range k.Want {
			out = append(out, fmt.Sprint(w))
		}
	}
	for _, c := range e.Causes {
		out = append(out, words(c)...)
	}
	return out
}

// locate follows a validation error to its value, and writes its path as experiments do.
func locate(value any, tokens []string) (path string, at any) {
	for _, t := range tokens {
		switch v := value.(type) {
		case map[string]any:
			path, value = join(path, t), v[t]
		case []any:
			i, _ := strconv.Atoi(t)
			path, value = path+"["+t+"]", v[i]
		}
	}
	return path, value
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// part is what a message needs of one schema.
type part struct {
	Title            string          `json:"title"` // what is wanted, in words
	Type             any             `json:"type"`
	Minimum, Maximum *float64        `json:",omitempty"`
	Properties       json.RawMessage `json:"properties"`
}

// part looks a schema up by its address. Of what cannot be read there nothing is known.
func (v *validator) part(address string) (p part) {
	if known, ok := v.parts.Load(address); ok {
		return known.(part)
	}
	defer func() { v.parts.Store(address, p) }()
	raw := v.raw
	_, pointer, _ := strings.Cut(address, "#/")
	for _, step := range strings.Split(pointer, "/") {
		if step == "" {
			break
		}
		step, _ = url.PathUnescape(step)
		step = strings.NewReplacer("~1", "/", "~0", "~").Replace(step)
		var list []json.RawMessage
		if i, err := strconv.Atoi(step); err == nil && json.Unmarshal(raw, &list) == nil && i < len(list) {
			raw = list[i]
			continue
		}
		section := map[string]json.RawMessage{}
		_ = json.Unmarshal(raw, &section)
		raw = section[step]
	}
	_ = json.Unmarshal(raw, &p)
	return p
}

// keys lists the properties in the order of the schema.
func (p part) keys() []string {
	var names []string
	for _, f := range fields(p.Properties) {
		names = append(names, f.name)
	}
	return names
}

// want says in words what the schema takes.
func (p part) want() string {
	if p.Title != "" {
		return p.Title
	}
	kinds := map[string]string{
		"string": "text", "boolean": "true or false", "integer": "a whole number", "number": "a number", "array": "a list, such as [a, b]",
		"object": "a section of keys: " + strings.Join(p.keys(), ", "),
	}
	name, _ := p.Type.(string)
	what := cmp.Or(kinds[name], fmt.Sprint(p.Type))
	if limits := p.bounds(); limits != "" {
		what += ", " + limits
	}
	return what
}

// bounds says between which numbers a value may be.
func (p part) bounds() string {
	plain := func(x *float64) string { return strconv.FormatFloat(*x, 'f', -1, 64) }
	switch {
	case p.Minimum != nil && p.Maximum != nil:
		return plain(p.Minimum) + " to " + plain(p.Maximum)
	case p.Minimum != nil:
		return plain(p.Minimum) + " or more"
	case p.Maximum != nil:
		return "at most " + plain(p.Maximum)
	}
	return ""
}

// describe says what a value is.
func describe(v any) string {
	switch v := v.(type) {
	case nil:
		return "nothing"
	case []any:
		if len(v) == 0 {
			return "an empty list"
		}
		return fmt.Sprintf("a list of %d", len(v))
	case map[string]any:
		names := slices.Sorted(maps.Keys(v))
		if len(names) > 3 {
			names = append(names[:3], "…")
		}
		return "a section {" + strings.Join(names, ", ") + "}"
	case string:
		if len(v) > 60 {
			v = v[:57] + "…"
		}
		return strconv.Quote(v)
	}
	return fmt.Sprint(v)
}

// Problem is one mistake in an experiment.
type Problem struct {
	File         string // "" for what --set gave
	Line, Column int    // from 1; 0 where unknown
	Set          string // the --set that gave it, "" for the file
	Path         string // where in the experiment: "policies[1].params.k"
	Message      string
}

func (p Problem) Error() string {
	at := p.File
	switch {
	case p.Set != "":
		at = "--set " + p.Set
	case p.Line > 0:
		at = fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
	}
	if p.Path != "" {
		at += ": " + p.Path
	}
	return at + ": " + p.Message
}

// Problems are all mistakes that were found, in the order of the file.
type Problems []Problem

func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, one := range p {
		lines[i] = one.Error()
	}
	return strings.Join(lines, "\n")
}

// Notice is something that the user should know, though it stops nothing.
type Notice struct {
	Path string
	Text string
}

func (n Notice) String() string { return n.Path + ": " + n.Text }

// suggest says what a wrong name may have meant: "did you mean …?" where one is near, and the known names.
func suggest(name string, known []string) string {
	if len(known) == 0 {
		return "there are none"
	}
	list := known
	if len(list) > 20 {
		list = append(append([]string(nil), list[:20]...), fmt.Sprintf("… (%d in all)", len(known)))
	}
	hint := "known: " + strings.Join(list, ", ")
	if near := nearest(name, known); near != "" {
		return fmt.Sprintf("did you mean %q? (%s)", near, hint)
	}
	return hint
}

// nearest is the known name that a wrong one may have meant, "" where none is near.
func nearest(name string, known []string) string {
	best, distance := "", max(2, len(name)/3)+1
	for _, k := range known {
		if d := spelling.Distance(strings.ToLower(name), strings.ToLower(k)); d < distance && d < max(len(name), len(k)) {
			best, distance = k, d
		}
	}
	return best
}

// findings are the mistakes of one experiment, each at the place in its tree that it is about.
type findings struct {
	file     string
	root     *node
	problems Problems
}

func (f *findings) wrong(at spot, path, message string) {
	f.problems = append(f.problems, Problem{File: f.file, Line: at.line, Column: at.column, Set: at.set, Path: path, Message: message})
}

// wrongAt reports a mistake in the value of a path, at the nearest enclosing place that is known.
func (f *findings) wrongAt(path, format string, args ...any) {
	n, _, _ := f.root.find(path)
	f.wrong(n.spot, path, fmt.Sprintf(format, args...))
}

// given tells whether the experiment has the path.
func (f *findings) given(path string) bool {
	_, _, whole := f.root.find(path)
	return whole
}

// within tells whether a path is another one or leads into it.
func within(path, outer string) bool {
	rest, ok := strings.CutPrefix(path, outer)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

// wrongErr reports each of the errors that were joined into one.
func (f *findings) wrongErr(path string, err error) {
	if err == nil {
		return
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range joined.Unwrap() {
			f.wrongErr(path, one)
		}
		return
	}
	f.wrongAt(path, "%v", err)
}

// sorted returns the problems by place, those of the command line last.
func (f *findings) sorted() Problems {
	slices.SortStableFunc(f.problems, func(a, b Problem) int {
		if (a.Set != "") != (b.Set != "") {
			return cmp.Compare(len(a.Set), len(b.Set)) // one of them is 0
		}
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return f.problems
}
