package experiment

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"sort"
	"strings"
	"time"

	"github.com/trilemma-bench/trilemma/harness/encode"
	"github.com/trilemma-bench/trilemma/harness/synth"
)

// The types below can be written in more than one way.

// plainSpec and the like are the same structs without their methods, so that fields can be decoded without recursion.
type (
	plainData    Data
	plainPool    Pool
	plainPolicy  Policy
	plainEncoder Encoder
)

func (x *Data) decode(d *decoder, n *node, path string) {
	if s := n.get("synth"); s != nil {
		// `synth:` alone and `synth: {}` both mean the defaults.
		defaults := synth.Default()
		x.Synth = &defaults
	}
	d.fields(reflect.ValueOf((*plainData)(x)).Elem(), n, path)
}

func (s *Similarity) decode(d *decoder, n *node, path string) {
	if word, _ := n.text(); word == "off" || n.value == false {
		*s = 0
		return
	}
	x, ok := n.number()
	if !ok || !(x > 0 && x <= 1) {
		d.wrong(n.spot, path, "got %s, want a similarity above 0 and up to 1, or off", n.describe())
		return
	}
	*s = Similarity(x)
}

// MarshalJSON writes 0 as "off".
func (s Similarity) MarshalJSON() ([]byte, error) {
	if s.Off() {
		return []byte(`"off"`), nil
	}
	return json.Marshal(float64(s))
}

func (x *Duration) decode(d *decoder, n *node, path string) {
	span := time.Duration(-1)
	if word, ok := n.text(); ok {
		if parsed, err := time.ParseDuration(word); err == nil {
			span = parsed
		}
	} else if sec, ok := n.number(); ok && sec < math.MaxInt64/1e9 {
		span = time.Duration(sec * float64(time.Second))
	}
	if span <= 0 {
		d.wrong(n.spot, path, "got %s, want a time span such as 90s, 30m or 2h", n.describe())
		return
	}
	*x = Duration(span)
}

// Std is the time span as package time has it.
func (x Duration) Std() time.Duration { return time.Duration(x) }

// MarshalJSON writes "1m30s".
func (x Duration) MarshalJSON() ([]byte, error) { return json.Marshal(x.Std().String()) }

const maxSeeds = 1000

func (s *Seeds) decode(d *decoder, n *node, path string) {
	if n.kind == list {
		d.slice(reflect.ValueOf((*[]uint64)(s)).Elem(), n, path)
		seen := map[uint64]bool{}
		for _, x := range *s {
			if seen[x] {
				d.wrong(n.spot, path, "seed %d is there twice", x)
			}
			seen[x] = true
		}
		if len(*s) == 0 || len(*s) > maxSeeds {
			d.wrong(n.spot, path, "%d seeds, want 1 to %d", len(*s), maxSeeds)
		}
		return
	}
	x, ok := n.number()
	if !ok || x != math.Trunc(x) || x < 1 || x > maxSeeds {
		d.wrong(n.spot, path, "got %s, want a list of seeds, such as [1, 2, 3], or how many, 1 to %d", n.describe(), maxSeeds)
		return
	}
	*s = make(Seeds, int(x))
	for i := range *s {
		(*s)[i] = uint64(i + 1)
	}
}

func (c *Choice) decode(d *decoder, n *node, path string) {
	switch v := n.value.(type) {
	case bool:
		*c = Choice(fmt.Sprint(v))
		return
	case string:
		if v == "auto" {
			*c = "auto"
			return
		}
	}
	d.wrong(n.spot, path, "got %s, want true, false or auto", n.describe())
}

func (p *Pools) decode(d *decoder, n *node, path string) {
	if n.kind != dict {
		d.slice(reflect.ValueOf((*[]Pool)(p)).Elem(), n, path)
		return
	}
	// pools: {small: [a, b], open: {open_weights: true}}
	*p = make(Pools, len(n.keys))
	for i, k := range n.keys {
		at, pool := join(path, k.name), &(*p)[i]
		switch {
		case n.items[i].kind == list:
			d.into(reflect.ValueOf(&pool.Models).Elem(), n.items[i], at)
		case n.items[i].get("name") != nil:
			d.wrong(n.items[i].spot, at, "the pool is called %q already: leave the key name out", k.name)
		default:
			d.into(reflect.ValueOf((*plainPool)(pool)).Elem(), n.items[i], at)
		}
		pool.Name = k.name
	}
}

func (p *Pool) decode(d *decoder, n *node, path string) {
	if word, ok := n.text(); ok && word == "all" {
		p.Name = "all"
		return
	}
	d.fields(reflect.ValueOf((*plainPool)(p)).Elem(), n, path)
}

func (e *Encoders) decode(d *decoder, n *node, path string) {
	if n.kind == list {
		d.slice(reflect.ValueOf((*[]Encoder)(e)).Elem(), n, path)
		return
	}
	*e = make(Encoders, 1)
	(*e)[0].decode(d, n, path)
}

func (e *Encoder) decode(d *decoder, n *node, path string) {
	if word, ok := n.text(); ok {
		e.Name = word
		if word == "hash" {
			p := encode.DefaultHash()
			e.Hash = &p
		}
		return
	}
	if word, _ := n.get("name").text(); word != "hash" || n.get("precomputed") != nil {
		d.fields(reflect.ValueOf((*plainEncoder)(e)).Elem(), n, path, func(k key, _ *node) {
			if k.name != "hash" {
				d.wrong(k.spot, path, "unknown key %q, %s", k.name, suggest(k.name, []string{"name", "label", "precomputed", "model", "pooling", "normalise", "max_tokens"}))
			}
		})
		if e.Hash != nil {
			d.wrong(n.spot, path, "the parameters of hash stand beside its name: {name: hash, dim: 384}")
		}
		return
	}
	// {name: hash, dim: 384, …}
	p := encode.DefaultHash()
	e.Hash = &p
	own := &node{kind: dict, spot: n.spot}
	params := &node{kind: dict, spot: n.spot}
	for i, k := range n.keys {
		if k.name == "name" || k.name == "label" {
			own.put(k, n.items[i])
		} else {
			params.put(k, n.items[i])
		}
	}
	d.fields(reflect.ValueOf((*plainEncoder)(e)).Elem(), own, path)
	d.fields(reflect.ValueOf(e.Hash).Elem(), params, path)
}

func (p *Policy) decode(d *decoder, n *node, path string) {
	if word, ok := n.text(); ok {
		p.Name = word
		return
	}
	if n.kind != dict {
		d.wrong(n.spot, path, "got %s, want the name of a policy, or a section {name: …, params: …}", n.describe())
		return
	}
	// Params is any section: json.RawMessage is a slice of bytes to the reflecting decoder, so it is taken out first.
	rest := *n
	rest.keys, rest.items = append([]key(nil), n.keys...), append([]*node(nil), n.items...)
	rest.drop("params")
	d.fields(reflect.ValueOf((*plainPolicy)(p)).Elem(), &rest, path)
	params := n.get("params")
	if params == nil || params.kind == null {
		return
	}
	at := join(path, "params")
	d.where[at] = params.spot
	if params.kind != dict {
		d.wrong(params.spot, at, "got %s, want a section of parameters, such as {k: 10}", params.describe())
		return
	}
	for i, k := range params.keys {
		d.where[join(at, k.name)] = params.items[i].spot
	}
	p.Params = d.rawJSON(params, at)
}

func (g *Grid) decode(d *decoder, n *node, path string) {
	if n.kind != dict {
		d.wrong(n.spot, path, "got %s, want a list of values for each parameter, such as {k: [10, 50]}", n.describe())
		return
	}
	for i, k := range n.keys {
		values, at := n.items[i], join(path, k.name)
		d.where[at] = values.spot
		if values.kind != list || len(values.items) == 0 {
			d.wrong(values.spot, at, "got %s, want a list of values, such as [10, 50]", values.describe())
			continue
		}
		axis := Axis{Name: k.name}
		seen := map[string]bool{}
		for _, v := range values.items {
			raw := d.rawJSON(v, at)
			if seen[string(raw)] {
				d.wrong(v.spot, at, "value %s is there twice", raw)
				continue
			}
			seen[string(raw)] = true
			axis.Values = append(axis.Values, raw)
		}
		*g = append(*g, axis)
	}
}

// MarshalJSON writes {"k": [10, 50]}, keys in the order written.
func (g Grid) MarshalJSON() ([]byte, error) {
	var b strings.Builder
	b.WriteByte('{')
	for i, axis := range g {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := json.Marshal(axis.Name)
		if err != nil {
			return nil, err
		}
		values, err := json.Marshal(axis.Values)
		if err != nil {
			return nil, err
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(values)
	}
	b.WriteByte('}')
	return []byte(b.String()), nil
}

// maxSweep bounds the preferences of one sweep.
const maxSweep = 10_000

func (s *Sweep) decode(d *decoder, n *node, path string) {
	const want = "want auto, {auto: n}, {log: [from, to, n]}, {linear: [from, to, n]} or a list of numbers"
	if word, ok := n.text(); ok && word == "auto" {
		*s = Sweep{Auto: defaultAuto(path)}
		return
	}
	if x, ok := n.number(); ok {
		n = &node{kind: list, items: []*node{{kind: scalar, value: x, spot: n.spot}}, spot: n.spot}
	}
	switch {
	case n.kind == list:
		*s = Sweep{}
		d.slice(reflect.ValueOf(&s.Values).Elem(), n, path)
		for i, x := range s.Values {
			if x < 0 {
				d.wrong(n.items[i].spot, path, "λ is %v, want 0 or more", x)
			}
		}
		if len(s.Values) == 0 || len(s.Values) > maxSweep {
			d.wrong(n.spot, path, "%d values, want 1 to %d", len(s.Values), maxSweep)
		}
	case n.kind == dict && len(n.keys) == 1:
		*s = Sweep{}
		at := join(path, n.keys[0].name)
		switch n.keys[0].name {
		case "auto":
			d.into(reflect.ValueOf(&s.Auto).Elem(), n.items[0], at)
			if s.Auto < 1 || s.Auto > maxSweep {
				d.wrong(n.items[0].spot, at, "got %s, want how many, 1 to %d", n.items[0].describe(), maxSweep)
			}
		case "log":
			s.Log = d.span(n.items[0], at, true)
		case "linear":
			s.Linear = d.span(n.items[0], at, false)
		default:
			d.wrong(n.keys[0].spot, path, "unknown key %q, %s", n.keys[0].name, suggest(n.keys[0].name, []string{"auto", "log", "linear"}))
		}
	default:
		d.wrong(n.spot, path, "got %s, %s", n.describe(), want)
	}
}

func defaultAuto(path string) int {
	if strings.HasSuffix(path, "lambda_cost") {
		return autoCost
	}
	return autoOther
}

func (d *decoder) span(n *node, path string, log bool) *Span {
	var x []float64
	d.into(reflect.ValueOf(&x).Elem(), n, path)
	switch {
	case len(x) != 3 || x[2] != math.Trunc(x[2]) || x[2] < 1 || x[2] > maxSweep:
		d.wrong(n.spot, path, "got %s, want [from, to, n] with n a whole number from 1 to %d", n.describe(), maxSweep)
	case x[0] < 0 || x[1] < x[0] || x[2] > 1 && x[1] == x[0]:
		d.wrong(n.spot, path, "from %v to %v: want numbers of 0 or more, the smaller one first", x[0], x[1])
	case log && x[0] == 0:
		d.wrong(n.spot, path, "a logarithmic sweep cannot begin at 0; λ = 0 is always swept, so begin above it")
	default:
		return &Span{x[0], x[1], int(x[2])}
	}
	return nil
}

// MarshalJSON writes [from, to, n].
func (s Span) MarshalJSON() ([]byte, error) {
	return json.Marshal([]float64{s.From, s.To, float64(s.N)})
}

// sortedKeys lists the keys of a map in order.
func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}
