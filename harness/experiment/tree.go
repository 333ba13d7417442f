package experiment

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// kind is what a node is.
type kind uint8

const (
	null kind = iota
	scalar
	list
	dict
)

// spot is where a node was written.
type spot struct {
	line, column int
	set          string // the --set that gave it
}

// node is a YAML value with the place where it was written. Anchors and merge keys are resolved.
type node struct {
	kind  kind
	value any     // scalar: bool, int64, uint64, float64 or string
	keys  []key   // dict
	items []*node // list; dict, beside keys
	spot  spot
}

type key struct {
	name string
	spot spot
}

// Limits that keep a hostile file from taking the machine: no experiment comes near them.
const (
	maxBytes = 256 << 10
	maxNodes = 100_000
	maxDepth = 100
)

// parseYAML reads one document. Positions carry set where it came from the command line.
func parseYAML(data []byte, file, set string) (n *node, err error) {
	fail := func(line, column int, message string) error {
		return Problems{{File: file, Line: line, Column: column, Set: set, Message: message}}
	}
	if len(data) > maxBytes {
		return nil, fail(0, 0, fmt.Sprintf("%d bytes are too many for an experiment file, want at most %d", len(data), maxBytes))
	}
	// The parser is not ours, and the file may be anything.
	defer func() {
		if p := recover(); p != nil {
			n, err = nil, fail(0, 0, fmt.Sprintf("this is not YAML that can be read: %v", p))
		}
	}()
	parsed, err := parser.ParseBytes(data, 0)
	if err != nil {
		var at interface {
			GetToken() *token.Token
			GetMessage() string
		}
		if errors.As(err, &at) && at.GetToken() != nil && at.GetToken().Position != nil {
			return nil, fail(at.GetToken().Position.Line, at.GetToken().Position.Column, "not valid YAML: "+at.GetMessage())
		}
		return nil, fail(0, 0, "not valid YAML: "+err.Error())
	}
	var bodies []ast.Node
	for _, doc := range parsed.Docs {
		if doc.Body != nil && doc.Body.Type() != ast.CommentType && doc.Body.Type() != ast.DirectiveType {
			bodies = append(bodies, doc.Body)
		}
	}
	switch len(bodies) {
	case 0:
		return &node{spot: spot{line: 1, column: 1, set: set}}, nil
	case 1:
	default:
		return nil, fail(bodies[1].GetToken().Position.Line, 1, "a second YAML document: give each experiment a file of its own")
	}
	c := converter{set: set, anchors: map[string]*node{}}
	n = c.convert(bodies[0], 0)
	for i := range c.problems {
		c.problems[i].File, c.problems[i].Set = file, set
	}
	if len(c.problems) > 0 {
		return nil, c.problems
	}
	return n, nil
}

type converter struct {
	set      string
	anchors  map[string]*node
	nodes    int
	problems Problems
}

func (c *converter) spot(n ast.Node) spot {
	s := spot{set: c.set}
	if t := n.GetToken(); t != nil && t.Position != nil {
		s.line, s.column = t.Position.Line, t.Position.Column
	}
	return s
}

// full tells whether one more value is too many.
func (c *converter) full(depth int) bool {
	c.nodes++
	return c.nodes > maxNodes || depth > maxDepth
}

func (c *converter) problem(at spot, format string, args ...any) *node {
	p := Problem{Line: at.line, Column: at.column, Message: fmt.Sprintf(format, args...)}
	if n := len(c.problems); n == 0 || c.problems[n-1].Message != p.Message { // an alias bomb is listed once
		c.problems = append(c.problems, p)
	}
	return &node{spot: at}
}

func (c *converter) convert(n ast.Node, depth int) *node {
	if n == nil {
		return &node{spot: spot{set: c.set}}
	}
	at := c.spot(n)
	if c.full(depth) {
		return c.problem(at, "too many or too deeply nested values")
	}
	switch n := n.(type) {
	case *ast.NullNode:
		return &node{spot: at}
	case *ast.AnchorNode:
		out := c.convert(n.Value, depth+1)
		if n.Name != nil {
			c.anchors[n.Name.String()] = out
		}
		return out
	case *ast.AliasNode:
		if n.Value != nil {
			if a := c.anchors[n.Value.String()]; a != nil {
				return c.copy(a, depth)
			}
			return c.problem(at, "alias *%s: no anchor of this name was written before it", n.Value.String())
		}
		return c.problem(at, "an alias without a name")
	case *ast.TagNode:
		return c.problem(at, "tag %s: tags have no meaning in an experiment, leave it out", n.Start.Value)
	case *ast.StringNode:
		return c.plain(n, at)
	case *ast.LiteralNode:
		return &node{kind: scalar, value: n.Value.Value, spot: at}
	case ast.ScalarNode:
		return &node{kind: scalar, value: n.GetValue(), spot: at}
	case *ast.SequenceNode:
		out := &node{kind: list, spot: at}
		for _, v := range n.Values {
			out.items = append(out.items, c.convert(v, depth+1))
		}
		return out
	case *ast.MappingNode:
		return c.mapping(n.Values, at, depth)
	case *ast.MappingValueNode:
		return c.mapping([]*ast.MappingValueNode{n}, at, depth)
	}
	return c.problem(at, "a %v has no meaning in an experiment", n.Type())
}

// plain reads a scalar that the parser took for text. It knows no numbers such as 1e-3 with an exponent but no point.
func (c *converter) plain(n *ast.StringNode, at spot) *node {
	if t := n.GetToken(); t != nil && t.Type == token.StringType && strings.ContainsAny(n.Value, "eE") && strings.Trim(n.Value, "0123456789.eE+-") == "" {
		if x, err := strconv.ParseFloat(n.Value, 64); err == nil {
			return &node{kind: scalar, value: x, spot: at}
		}
	}
	return &node{kind: scalar, value: n.Value, spot: at}
}

// copy repeats an anchored value: a --set below it must not change the original.
func (c *converter) copy(n *node, depth int) *node {
	if c.full(depth) {
		return c.problem(n.spot, "aliases multiply to too many values")
	}
	out := *n
	out.keys = append([]key(nil), n.keys...)
	out.items = make([]*node, len(n.items))
	for i, item := range n.items {
		out.items[i] = c.copy(item, depth+1)
	}
	return &out
}

func (c *converter) mapping(pairs []*ast.MappingValueNode, at spot, depth int) *node {
	out := &node{kind: dict, spot: at}
	var merged []*node
	for _, pair := range pairs {
		if pair.Key.IsMergeKey() {
			m := c.convert(pair.Value, depth+1)
			if m.kind == list {
				merged = append(merged, m.items...)
			} else {
				merged = append(merged, m)
			}
			continue
		}
		out.keys = append(out.keys, key{keyName(pair.Key), c.spot(pair.Key)}) // the parser has refused keys that are there twice
		out.items = append(out.items, c.convert(pair.Value, depth+1))
	}
	if len(out.keys) > 0 {
		out.spot = out.keys[0].spot
	}
	for _, m := range merged {
		if m.kind != dict {
			c.problem(m.spot, "<< needs a section to merge in")
			continue
		}
		for i, k := range m.keys {
			if out.index(k.name) < 0 {
				out.keys, out.items = append(out.keys, k), append(out.items, m.items[i])
			}
		}
	}
	return out
}

func keyName(k ast.MapKeyNode) string {
	if s, ok := k.(ast.ScalarNode); ok {
		return fmt.Sprint(s.GetValue())
	}
	return strings.TrimSpace(k.String())
}

// get is the value of a key, nil where the node has none.
func (n *node) get(name string) *node {
	if i := n.index(name); i >= 0 {
		return n.items[i]
	}
	return nil
}

// index is where a section has a key, −1 where it has none.
func (n *node) index(name string) int {
	if n == nil || n.kind != dict {
		return -1
	}
	return slices.IndexFunc(n.keys, func(k key) bool { return k.name == name })
}

// drop removes a key, if it is there.
func (n *node) drop(name string) {
	if i := n.index(name); i >= 0 {
		n.keys, n.items = slices.Delete(n.keys, i, i+1), slices.Delete(n.items, i, i+1)
	}
}

// dropNulls removes every key without a value: it keeps its default.
func (n *node) dropNulls() {
	for i := len(n.items) - 1; i >= 0; i-- {
		if n.kind == dict && n.items[i].kind == null {
			n.drop(n.keys[i].name)
			continue
		}
		n.items[i].dropNulls()
	}
}

// find follows a path such as policies[1].params.k as far as the tree goes. It returns the value found last, the place of
// its key, and whether the whole path is there.
func (n *node) find(path string) (last *node, name spot, whole bool) {
	name = n.spot
	for path != "" {
		i, rest := n.child(strings.TrimPrefix(path, "."))
		if i < 0 {
			return n, name, false
		}
		name = n.items[i].spot
		if n.kind == dict {
			name = n.keys[i].spot
		}
		n, path = n.items[i], rest
	}
	return n, name, true
}

// child is the item that a path begins with, −1 where there is none, and the rest of the path. Keys may have dots.
func (n *node) child(path string) (int, string) {
	inner, rest, _ := strings.Cut(strings.TrimPrefix(path, "["), "]")
	if i, err := strconv.Atoi(inner); n.kind == list && err == nil && i >= 0 && i < len(n.items) {
		return i, rest
	}
	for i, k := range n.keys {
		if rest, ok := strings.CutPrefix(path, k.name); ok && (rest == "" || rest[0] == '.' || rest[0] == '[') {
			return i, rest
		}
	}
	return -1, ""
}

// text is the scalar's string, and whether it is one.
func (n *node) text() (string, bool) {
	if n == nil || n.kind != scalar {
		return "", false
	}
	s, ok := n.value.(string)
	return s, ok
}

// plain is the value as a JSON Schema is held against it.
func (n *node) plain() any {
	text, err := json.Marshal(n)
	if err != nil {
		return nil
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil
	}
	return v
}

// MarshalJSON writes the value with its keys in the order of the file: that of a grid is the order of its cells. JSON has
// no infinity: it counts as text, which is no number.
func (n *node) MarshalJSON() ([]byte, error) {
	switch x, _ := n.value.(float64); {
	case n.kind == list:
		return json.Marshal(append([]*node{}, n.items...)) // an empty list is no null
	case math.IsNaN(x) || math.IsInf(x, 0):
		return json.Marshal(fmt.Sprint(x))
	case n.kind != dict:
		return json.Marshal(n.value)
	}
	var b bytes.Buffer
	b.WriteByte('{')
	for i, k := range n.keys {
		name, err := json.Marshal(k.name)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(n.items[i])
		if err != nil {
			return nil, err
		}
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(append(append(name, ':'), value...))
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}
