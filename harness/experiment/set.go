package experiment

import (
	"fmt"
	"strconv"
	"strings"
)

// step is one step of a --set path: a key, or an index where that is not −1.
type step struct {
	key   string
	index int // −1 for a key
}

func (s step) String() string {
	if s.index >= 0 {
		return fmt.Sprintf("[%d]", s.index)
	}
	return s.key
}

// parsePath reads `a.b[0]."a key with dots".c`.
func parsePath(text string) ([]step, error) {
	var steps []step
	rest := text
	for first := true; rest != "" || first; first = false {
		switch {
		case strings.HasPrefix(rest, "[") && !first:
			inner, after, ok := strings.Cut(rest[1:], "]")
			i, err := strconv.Atoi(inner)
			if !ok || err != nil || i < 0 {
				return nil, fmt.Errorf("%q: an index is a number in brackets, such as policies[0]", text)
			}
			steps, rest = append(steps, step{index: i}), after
			continue
		case !first:
			if rest[0] != '.' {
				return nil, fmt.Errorf("%q: separate keys by dots", text)
			}
			rest = rest[1:]
		}
		var name string
		if strings.HasPrefix(rest, `"`) {
			inner, after, ok := strings.Cut(rest[1:], `"`)
			if !ok {
				return nil, fmt.Errorf("%q: a quote is not closed", text)
			}
			name, rest = inner, after
		} else {
			end := strings.IndexAny(rest, ".[")
			if end < 0 {
				end = len(rest)
			}
			name, rest = rest[:end], rest[end:]
		}
		if name == "" {
			return nil, fmt.Errorf("%q: a key is empty; write key=value, such as policies.knn.params.k=10", text)
		}
		steps = append(steps, step{key: name, index: -1})
	}
	return steps, nil
}

// splitSet cuts "path=value" at the first equals sign outside quotes.
func splitSet(text string) (path, value string, ok bool) {
	quoted := false
	for i := range len(text) {
		switch {
		case text[i] == '"':
			quoted = !quoted
		case text[i] == '=' && !quoted:
			return text[:i], text[i+1:], true
		}
	}
	return "", "", false
}

// applySet puts one --set over a tree and returns its path.
func applySet(root *node, text string) ([]step, error) {
	fail := func(format string, args ...any) error {
		return Problems{{Set: text, Message: fmt.Sprintf(format, args...)}}
	}
	left, right, ok := splitSet(text)
	if !ok {
		return nil, fail("want key=value, such as --set policies.knn.params.k=10")
	}
	path, err := parsePath(strings.TrimSpace(left))
	if err != nil {
		return nil, fail("%v", err)
	}
	if strings.TrimSpace(right) == "" {
		return nil, fail("no value after the equals sign; write null to go back to the default")
	}
	value, err := parseYAML([]byte(right), "", text)
	if err != nil {
		return nil, err
	}
	at := spot{set: text}
	mark(value, at)
	if root.kind == null {
		root.kind = dict
	}
	n := root
	for i, s := range path {
		slot, err := descend(n, s, path[:i], at)
		if err != nil {
			return nil, fail("%v", err)
		}
		if i == len(path)-1 {
			*slot = value
			break
		}
		n = *slot
		if n.kind == null {
			*n = node{kind: dict, spot: at}
		}
		if word, ok := n.text(); ok && namedEntry(path[:i+1]) {
			// policies: [knn] and encoder: hash are short for {name: …}.
			name := *n
			*n = node{kind: dict, spot: at, keys: []key{{"name", at}}, items: []*node{{kind: scalar, value: word, spot: name.spot}}}
		}
	}
	return path, nil
}

func mark(n *node, at spot) {
	n.spot = at
	for i := range n.keys {
		n.keys[i].spot = at
	}
	for _, item := range n.items {
		mark(item, at)
	}
}

// namedEntry tells whether a path is that of an entry that may be written as its name alone.
func namedEntry(path []step) bool {
	root := path[0].key
	return root == "policies" && len(path) == 2 || root == "encoder" && len(path) <= 2
}

// descend finds the place that a step leads to, making a key that is not there.
func descend(n *node, s step, above []step, at spot) (**node, error) {
	here := pathString(above)
	switch {
	case n.kind == dict && s.index < 0:
		if i := n.index(s.key); i >= 0 {
			return &n.items[i], nil
		}
		n.keys, n.items = append(n.keys, key{s.key, at}), append(n.items, &node{spot: at})
		return &n.items[len(n.items)-1], nil
	case n.kind == list && s.index >= 0:
		if s.index >= len(n.items) {
			return nil, fmt.Errorf("%s has %d entries, counted from 0: there is no [%d]", here, len(n.items), s.index)
		}
		return &n.items[s.index], nil
	case n.kind == list:
		var known []string
		found := -1
		for i, item := range n.items {
			for _, name := range entryNames(item) {
				known = append(known, name)
				if name != s.key {
					continue
				}
				if found >= 0 && found != i {
					return nil, fmt.Errorf("%s has several entries called %q: give its number, as in %s[%d]", here, s.key, here, found)
				}
				found = i
			}
		}
		if found < 0 {
			return nil, fmt.Errorf("%s has no entry called %q, %s", here, s.key, suggest(s.key, known))
		}
		return &n.items[found], nil
	case s.index >= 0:
		return nil, fmt.Errorf("%s is %s, not a list: it has no [%d]", here, describe(n.plain()), s.index)
	}
	return nil, fmt.Errorf("%s is %s, not a section: it has no key %q", here, describe(n.plain()), s.key)
}

// entryNames is what an entry of a list can be called: itself where it is text, else its label and its name.
func entryNames(n *node) []string {
	if s, ok := n.text(); ok {
		return []string{s}
	}
	var out []string
	for _, k := range []string{"label", "name"} {
		if s, ok := n.get(k).text(); ok && (len(out) == 0 || out[0] != s) {
			out = append(out, s)
		}
	}
	return out
}

func pathString(path []step) string {
	var b strings.Builder
	for i, s := range path {
		if i > 0 && s.index < 0 {
			b.WriteByte('.')
		}
		b.WriteString(s.String())
	}
	if b.Len() == 0 {
		return "the experiment"
	}
	return b.String()
}

// replaceData drops the sources of data that --set replaced by another: an experiment has one.
func replaceData(root *node, sets [][]step) []Notice {
	data := root.get("data")
	if data == nil || data.kind != dict {
		return nil
	}
	form := map[string]string{"trace": "trace", "train": "train and test", "test": "train and test", "synth": "synth"}
	chosen := map[string]bool{}
	for _, s := range sets {
		if len(s) >= 2 && s[0].key == "data" && form[s[1].key] != "" {
			chosen[form[s[1].key]] = true
		}
	}
	if len(chosen) != 1 {
		return nil
	}
	var notices []Notice
	for _, name := range []string{"trace", "train", "test", "synth"} {
		if !chosen[form[name]] && data.get(name) != nil {
			data.drop(name)
			for c := range chosen {
				notices = append(notices, Notice{"data." + name, fmt.Sprintf("replaced by data.%s from --set", strings.ReplaceAll(c, " and ", " and data."))})
			}
		}
	}
	return notices
}
