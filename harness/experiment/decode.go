package experiment

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// decoder turns nodes into structs and collects every mistake on the way. It remembers where each value was written, so
// that checks of meaning, made afterwards, can point at it.
type decoder struct {
	file     string
	problems Problems
	where    map[string]spot
}

// decodable is a type that can be written in more than one way.
type decodable interface {
	decode(d *decoder, n *node, path string)
}

func (d *decoder) wrong(at spot, path, format string, args ...any) {
	d.problems = append(d.problems, Problem{
		File: d.file, Line: at.line, Column: at.column, Set: at.set, Path: path, Message: fmt.Sprintf(format, args...),
	})
}

// wrongAt reports a mistake in the value of a path, at the nearest enclosing place that is known.
func (d *decoder) wrongAt(path, format string, args ...any) {
	at := path
	for {
		if s, ok := d.where[at]; ok || at == "" {
			d.wrong(s, path, format, args...)
			return
		}
		cut := strings.LastIndexAny(at, ".[")
		at = at[:max(cut, 0)]
	}
}

// given tells whether the experiment has the path.
func (d *decoder) given(path string) bool {
	_, ok := d.where[path]
	return ok
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// into decodes a node into v, over what v holds: what is left out, or null, keeps its default.
func (d *decoder) into(v reflect.Value, n *node, path string) {
	if n.kind == null {
		return
	}
	d.where[path] = n.spot
	if u, ok := v.Addr().Interface().(decodable); ok {
		u.decode(d, n, path)
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		d.into(v.Elem(), n, path)
	case reflect.Struct:
		d.fields(v, n, path)
	case reflect.Slice:
		d.slice(v, n, path)
	case reflect.String:
		s, ok := n.text()
		if !ok {
			hint := ""
			if n.kind == scalar {
				hint = fmt.Sprintf(`; put it in quotes: "%v"`, n.value)
			}
			d.wrong(n.spot, path, "got %s, want text%s", n.describe(), hint)
			return
		}
		v.SetString(s)
	case reflect.Bool:
		b, ok := n.value.(bool)
		if !ok {
			d.wrong(n.spot, path, "got %s, want true or false", n.describe())
			return
		}
		v.SetBool(b)
	case reflect.Int, reflect.Uint64:
		d.whole(v, n, path)
	case reflect.Float64:
		x, ok := n.number()
		if !ok || math.IsNaN(x) || math.IsInf(x, 0) {
			d.wrong(n.spot, path, "got %s, want a number", n.describe())
			return
		}
		v.SetFloat(x)
	default:
		d.wrong(n.spot, path, "the program cannot read a %v; please report this", v.Type())
	}
}

func (d *decoder) whole(v reflect.Value, n *node, path string) {
	signed := v.Kind() == reflect.Int
	switch x := n.value.(type) {
	case int64:
		if signed {
			v.SetInt(x)
			return
		}
		if x >= 0 {
			v.SetUint(uint64(x))
			return
		}
	case uint64:
		if !signed {
			v.SetUint(x)
			return
		}
		if x <= math.MaxInt64 {
			v.SetInt(int64(x))
			return
		}
	case float64:
		if x == math.Trunc(x) && math.Abs(x) <= 1<<53 && (signed || x >= 0) {
			if signed {
				v.SetInt(int64(x))
			} else {
				v.SetUint(uint64(x))
			}
			return
		}
	}
	want := "a whole number"
	if !signed {
		want += " of 0 or more"
	}
	d.wrong(n.spot, path, "got %s, want %s", n.describe(), want)
}

func (d *decoder) slice(v reflect.Value, n *node, path string) {
	if n.kind != list {
		d.wrong(n.spot, path, "got %s, want a list, such as [a, b]", n.describe())
		return
	}
	out := reflect.MakeSlice(v.Type(), len(n.items), len(n.items))
	for i, item := range n.items {
		at := fmt.Sprintf("%s[%d]", path, i)
		if item.kind == null {
			d.wrong(item.spot, at, "this entry is empty")
			continue
		}
		d.into(out.Index(i), item, at)
	}
	v.Set(out)
}

// fields decodes a section into a struct by its json tags. other receives the keys that the struct does not have; where
// it is absent, they are mistakes.
func (d *decoder) fields(v reflect.Value, n *node, path string, other ...func(k key, n *node)) {
	if n.kind != dict {
		d.wrong(n.spot, path, "got %s, want a section of keys: %s", n.describe(), strings.Join(names(v.Type()), ", "))
		return
	}
	index := map[string]int{}
	for i := range v.NumField() {
		if name := tag(v.Type().Field(i)); name != "" {
			index[name] = i
		}
	}
	for i, k := range n.keys {
		f, ok := index[k.name]
		switch {
		case ok:
			at, before := join(path, k.name), len(d.problems)
			d.into(v.Field(f), n.items[i], at)
			if len(d.problems) == before && n.items[i].kind != null {
				d.bounds(v.Field(f), v.Type().Field(f).Tag.Get("jsonschema"), n.items[i], at)
			}
		case len(other) > 0:
			other[0](k, n.items[i])
		default:
			d.wrong(k.spot, path, "unknown key %q, %s", k.name, suggest(k.name, names(v.Type())))
		}
	}
}

// tag is the name of a field in YAML, "" where it has none.
func tag(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	if name == "-" || f.Tag.Get("yaml") == "-" {
		return ""
	}
	return name
}

// names lists the keys of a struct, in order.
func names(t reflect.Type) []string {
	var list []string
	for i := range t.NumField() {
		if name := tag(t.Field(i)); name != "" {
			list = append(list, name)
		}
	}
	return list
}

// rawJSON is a node as canonical JSON: sorted keys, shortest numbers.
func (d *decoder) rawJSON(n *node, path string) json.RawMessage {
	raw, err := json.Marshal(n.plainValue())
	if err != nil {
		d.wrong(n.spot, path, "%s cannot be a parameter: %v", n.describe(), err)
		return nil
	}
	return raw
}

// bounds holds a value to what the published schema says of it: enum, minimum and maximum of the field's tag. Of a list
// it is every entry that is meant.
func (d *decoder) bounds(v reflect.Value, tag string, n *node, path string) {
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	if v.Kind() == reflect.Slice && n.kind == list && v.Len() == len(n.items) && strings.Contains(tag, "enum=") {
		for i := range n.items {
			d.bounds(v.Index(i), tag, n.items[i], fmt.Sprintf("%s[%d]", path, i))
		}
		return
	}
	var allowed []string
	low, high := math.Inf(-1), math.Inf(1)
	for _, part := range strings.Split(tag, ",") {
		name, text, _ := strings.Cut(part, "=")
		x, err := strconv.ParseFloat(text, 64)
		switch {
		case name == "enum":
			allowed = append(allowed, text)
		case name == "minimum" && err == nil:
			low = x
		case name == "maximum" && err == nil:
			high = x
		}
	}
	if v.Kind() == reflect.String && len(allowed) > 0 && !slices.Contains(allowed, v.String()) {
		d.wrong(n.spot, path, "%q is not one of them, %s", v.String(), suggest(v.String(), allowed))
	}
	if x, ok := n.number(); ok && (x < low || x > high) {
		plain := func(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }
		want := plain(low) + " to " + plain(high)
		switch {
		case math.IsInf(high, 1):
			want = plain(low) + " or more"
		case math.IsInf(low, -1):
			want = "at most " + plain(high)
		}
		d.wrong(n.spot, path, "%v is out of range, want %s", n.value, want)
	}
}

// wrongErr reports each of the errors that were joined into one.
func (d *decoder) wrongErr(path string, err error) {
	if err == nil {
		return
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range joined.Unwrap() {
			d.wrongErr(path, one)
		}
		return
	}
	d.wrongAt(path, "%v", err)
}

// sorted returns the problems by place, those of the command line last.
func (d *decoder) sorted() Problems {
	sort.SliceStable(d.problems, func(i, j int) bool {
		a, b := d.problems[i], d.problems[j]
		if (a.Set != "") != (b.Set != "") {
			return a.Set == ""
		}
		if a.Line != b.Line {
			return a.Line < b.Line
		}
		return a.Column < b.Column
	})
	return d.problems
}
