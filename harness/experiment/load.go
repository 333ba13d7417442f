// Package experiment turns an experiment file into cells. The way of the data:
//
//  1. [Load] parses YAML, puts `--set` changes over the tree, holds it against the schema, reads it into a [Spec] and
//     checks what a schema cannot say. Every mistake is listed, each with file, line and column and, where a name is near
//     another, a suggestion.
//  2. The caller opens the traces, and says in [Facts] what the plan depends on: the models, what each policy is, and
//     the fingerprints of everything that goes in.
//  3. [Preferences.Expand] turns the sweeps into labelled preferences, once the scale of cost and carbon is known.
//  4. [Expand] multiplies pools × policies × parameters × encoders × seeds (× preferences, where a policy cannot take one
//     as input) into [Cell]s. A cell's id is the hash of the canonical JSON of all that determines its result, so equal
//     work has equal names and nothing is computed twice.
//  5. [RunID] names the run from its cells.
//
// `experiments/schema.json` is made from the same structs, for completion in editors.
package experiment

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/trilemma-bench/trilemma/harness/energy"
	"github.com/trilemma-bench/trilemma/harness/synth"
	"github.com/trilemma-bench/trilemma/harness/textfile"
)

// Load reads an experiment file and puts the `--set` changes over it. Paths in the file are relative to the file's
// folder, those of a --set to the working directory. The error is [Problems] where the experiment is wrong.
func Load(path string, sets []string) (*Spec, []Notice, error) {
	data, err := textfile.Read(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil, fmt.Errorf("reading the experiment: %w; name a file such as experiments/quickstart.yaml; `trilemma init` writes those that the program brings with it", err)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("reading the experiment: %w", err)
	}
	return Parse(data, path, sets, os.LookupEnv)
}

// Parse is [Load] of text. file names it in errors and is the place that relative paths start from; env looks
// environment variables up.
func Parse(data []byte, file string, sets []string, env func(string) (string, bool)) (*Spec, []Notice, error) {
	root, err := parseYAML(textfile.Trim(data), file, "")
	if err != nil {
		return nil, nil, err
	}
	var paths [][]step
	var wrong Problems
	for _, s := range sets {
		path, err := applySet(root, s)
		var problems Problems
		switch {
		case errors.As(err, &problems):
			wrong = append(wrong, problems...)
		case err != nil:
			return nil, nil, err
		default:
			paths = append(paths, path)
		}
	}
	if len(wrong) > 0 {
		return nil, nil, wrong
	}
	if root.kind == null {
		return nil, nil, Problems{{File: file, Message: "the experiment is empty; begin with name, data and policies, as experiments/quickstart.yaml does"}}
	}
	notices := replaceData(root, paths)
	if synth := root.get("data").get("synth"); synth != nil && synth.kind == null {
		synth.kind = dict // `synth:` alone and `synth: {}` both mean the defaults
	}
	root.dropNulls()

	spec := defaults()
	c := checker{findings: &findings{file: file, root: root}, spec: &spec, env: env, dir: filepath.Dir(file)}
	form := c.form()
	// What can be read in spite of its form is checked for its meaning too; of one place only the first mistake is listed.
	if c.problems = nil; c.read(len(form) == 0) {
		c.check()
	}
	c.problems = slices.Concat(form, slices.DeleteFunc(c.problems, func(p Problem) bool {
		return slices.ContainsFunc(form, func(f Problem) bool { return f.Path != "" && within(f.Path, p.Path) })
	}))
	if len(c.problems) > 0 {
		return nil, nil, c.sorted()
	}
	spec.File, spec.Sets, spec.root = file, append([]string(nil), sets...), root
	return &spec, append(notices, c.notices...), nil
}

// form holds the experiment against its schema.
func (c *checker) form() Problems {
	schema, err := ownSchema()
	if err != nil {
		c.wrongAt("", "the schema of experiments: %v", err)
		return c.problems
	}
	for _, m := range schema.mistakes(c.root.plain()) {
		n, _, _ := c.root.find(m.path)
		at := n.spot
		if m.key != "" {
			_, at, _ = c.root.find(join(m.path, m.key))
		}
		c.wrong(at, m.path, m.message)
	}
	return c.problems
}

// read decodes the experiment. That it cannot be read is a mistake only where its form is right: otherwise it follows
// from one that is listed.
func (c *checker) read(tell bool) bool {
	if c.root.get("data").get("synth") != nil {
		parameters := synth.Default()
		c.spec.Data.Synth = &parameters
	}
	text, err := json.Marshal(c.root)
	if err == nil {
		err = json.Unmarshal(text, c.spec)
	}
	if err == nil {
		return true
	}
	var misfit *json.UnmarshalTypeError
	switch {
	case !tell:
	case errors.As(err, &misfit):
		c.wrongAt(misfit.Field, "%s is too large, or not whole", misfit.Value)
	default:
		c.wrongAt("", "%v", err)
	}
	return false
}

// notGiven marks a share of the split that the experiment leaves out.
const notGiven = -1

const (
	defaultTimeout    = 30 * time.Minute
	defaultBatch      = 1024
	defaultSimilarity = 0.8
	defaultResamples  = 10_000
	defaultMargin     = 0.01
)

// defaults is the experiment that a file is written over.
func defaults() Spec {
	e := energy.Default()
	return Spec{
		Data:     Data{Split: Split{Method: "hash", Train: notGiven, Validation: notGiven, Selection: notGiven, Test: notGiven, Seed: 1, NearDuplicates: defaultSimilarity}},
		Coverage: "complete",
		Seeds:    Seeds{1},
		Metrics:  Metrics{Resamples: defaultResamples, Seed: 1, Margin: defaultMargin, Strata: "category"},
		Plots:    Plots{Formats: []string{"png", "svg", "pdf"}, LogCost: "auto", Style: "screen"},
		Stream:   Stream{Batch: 32, Seed: 1},
		Accounting: Accounting{
			PUE: e.PUE, BatchSize: e.BatchSize, QuantisationBits: e.QuantisationBits, Prefill: true, PrefillUtilisation: e.Prefill.Utilisation,
		},
		Backend: "go", Timeout: Duration(defaultTimeout), Batch: defaultBatch,
	}
}

var variable = regexp.MustCompile(`\$\{([A-Za-z_][A-Za-z0-9_]*)(:-([^}]*))?\}`)

// expand replaces ${VAR} and ${VAR:-default}; a variable that is empty counts as unset where there is a default. lead
// tells that the text begins with a variable taken from the environment.
func expand(text string, env func(string) (string, bool)) (out string, lead bool, err error) {
	var missing []string
	for i, m := range variable.FindAllStringSubmatchIndex(text, -1) {
		name := text[m[2]:m[3]]
		if value, ok := env(name); ok && value != "" && i == 0 && m[0] == 0 {
			lead = true
		}
	}
	out = variable.ReplaceAllStringFunc(text, func(ref string) string {
		m := variable.FindStringSubmatch(ref)
		value, ok := env(m[1])
		switch {
		case m[2] != "" && value == "":
			return m[3]
		case !ok:
			missing = append(missing, m[1])
		}
		return value
	})
	if len(missing) > 0 {
		return "", false, fmt.Errorf("the environment variable %s is not set: set it, or write ${%s:-default}", strings.Join(missing, " and "), missing[0])
	}
	if strings.Contains(out, "${") {
		return "", false, fmt.Errorf("%q: write a variable as ${NAME} or ${NAME:-default}", text)
	}
	return out, lead, nil
}

// base is the folder that the relative path at a place starts from: the working directory for what --set gave, else the
// experiment file's folder.
func (c *checker) base(path string) string {
	if n, _, given := c.root.find(path); given && n.spot.set != "" {
		return "."
	}
	return c.dir
}

// path resolves variables, ~ and the starting folder of a path. A path that begins with a variable of the environment
// starts, like one of --set, from the working directory.
func (c *checker) path(at, text string) string {
	if text == "" {
		return ""
	}
	out, lead, err := expand(text, c.env)
	if err != nil {
		c.wrongAt(at, "%v", err)
		return ""
	}
	if rest, ok := strings.CutPrefix(out, "~/"); ok {
		if home, err := os.UserHomeDir(); err == nil {
			out = filepath.Join(home, rest)
		}
	}
	if !filepath.IsAbs(out) && !lead {
		out = filepath.Join(c.base(at), out)
	}
	return filepath.Clean(out)
}

// step is one step of a --set path: a key, or an index where that is not −1.
type step struct {
	key   string
	index int // −1 for a key
}

// stepPattern is a key after its dot, a key in quotes, or an index in brackets.
var stepPattern = regexp.MustCompile(`^(?:\.?"([^"]+)"|\.?([^."\[]+)|\[([0-9]+)\])`)

// parsePath reads `a.b[0]."a key with dots".c`.
func parsePath(text string) ([]step, error) {
	var steps []step
	for rest := "." + text; rest != ""; {
		m := stepPattern.FindStringSubmatch(rest)
		if m == nil || len(steps) == 0 && m[3] != "" || m[3] == "" && rest[0] != '.' {
			return nil, fmt.Errorf("%q: at %q, want key=value with keys between dots, in quotes where they have dots, and indexes in brackets, such as policies.knn.params.k=10", text, rest)
		}
		s := step{m[1] + m[2], -1}
		if m[3] != "" {
			var err error
			if s.index, err = strconv.Atoi(m[3]); err != nil {
				return nil, fmt.Errorf("%q: there is no entry %s", text, m[0])
			}
		}
		steps, rest = append(steps, s), rest[len(m[0]):]
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
	var out string
	for _, s := range path {
		if s.index >= 0 {
			out += fmt.Sprintf("[%d]", s.index)
		} else {
			out = join(out, s.key)
		}
	}
	return cmp.Or(out, "the experiment")
}

// replaceData drops the sources of data that --set replaced by another: an experiment has one.
func replaceData(root *node, sets [][]step) []Notice {
	data := root.get("data")
	if data == nil || data.kind != dict {
		return nil
	}
	form := map[string]string{"set": "set", "trace": "trace", "train": "train and test", "test": "train and test", "synth": "synth"}
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
	drop := func(in *node, section, name, why string) {
		if in == nil || in.kind != dict || in.get(name) == nil {
			return
		}
		in.drop(name)
		for c := range chosen {
			notices = append(notices, Notice{section + "." + name, fmt.Sprintf("%s by data.%s from --set", why, strings.ReplaceAll(c, " and ", " and data."))})
		}
	}
	simulated := data.get("synth") != nil && !chosen["synth"]
	for _, name := range []string{"set", "trace", "train", "test", "synth"} {
		if !chosen[form[name]] {
			drop(data, "data", name, "replaced")
		}
	}
	if !simulated {
		return notices
	}
	// Times, places and grids that stood beside a simulated trace are of that world.
	for _, of := range []struct {
		section, name string
	}{{"data", "arrivals"}, {"data", "regions"}, {"accounting", "hourly"}} {
		if !slices.ContainsFunc(sets, func(s []step) bool { return len(s) >= 2 && s[0].key == of.section && s[1].key == of.name }) {
			drop(root.get(of.section), of.section, of.name, "belongs to the simulated trace, which is replaced")
		}
	}
	return notices
}
