package importer

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/goccy/go-yaml"

	"github.com/trilemma-bench/trilemma/harness/textfile"
	"github.com/trilemma-bench/trilemma/harness/trace"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Model is a model of the pool and the names that sources give it.
type Model struct {
	policy.Model
	// Sources are names of the model in result files, beside its id.
	Sources []string
	// Aliases are names that mean the model for some time.
	Aliases []Alias
}

// Alias is a name that means a model from one day until another; "" is an open end.
type Alias struct {
	Name  string `yaml:"name"`
	From  string `yaml:"from"`
	Until string `yaml:"until"`
}

// covers tells whether the name meant the model at a time. Until is the first day on which it does not.
func (a Alias) covers(t time.Time) bool {
	day := t.UTC().Format(time.DateOnly)
	return day >= a.From && (a.Until == "" || day < a.Until)
}

// ReadModels reads a models.yaml. Beside the keys of the trace format an entry may have `source`, a name or a list of
// names under which result files know the model:
//
//   - id: llama-3-70b
//     source: Meta-Llama-3-70B
//
// and `aliases`, names that meant the model between two days, the second not included:
//
//   - id: gpt-4o-2024-08-06
//     aliases: [{name: gpt-4o, from: 2024-10-02, until: 2024-11-20}]
func ReadModels(path string) ([]Model, error) {
	src, err := textfile.Read(path)
	if err != nil {
		return nil, fmt.Errorf("reading the models: %w; give a models.yaml that lists the pool", err)
	}
	facts, err := trace.ParseModels(src)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	var file struct {
		Models []struct {
			Source  any     `yaml:"source"`
			Aliases []Alias `yaml:"aliases"`
		} `yaml:"models"`
	}
	if err := yaml.Unmarshal(src, &file); err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	models := make([]Model, len(facts))
	for i := range facts {
		models[i].Model = facts[i]
		models[i].Aliases = file.Models[i].Aliases
		for _, a := range models[i].Aliases {
			for _, day := range []string{a.From, a.Until} {
				if _, err := time.Parse(time.DateOnly, day); err != nil && day != "" || a.Name == "" {
					return nil, fmt.Errorf("reading %s: an alias of model %s is %+v; write {name: NAME, from: YYYY-MM-DD, until: YYYY-MM-DD}, of which from and until may be left out", path, facts[i].ID, a)
				}
			}
		}
		switch s := file.Models[i].Source.(type) {
		case nil:
		case string:
			models[i].Sources = []string{s}
		case []any:
			for _, name := range s {
				models[i].Sources = append(models[i].Sources, fmt.Sprint(name))
			}
		default:
			return nil, fmt.Errorf("reading %s: the source of model %s is %v; write a name or a list of names", path, facts[i].ID, s)
		}
	}
	return models, nil
}

// ErrUnknownModel is wrapped by the errors for results of a model that the pool does not have.
var ErrUnknownModel = errors.New("not a model of the pool")

// Match finds the model that a source calls name. It tries, in this order, and takes the first that fits one model:
//
//  1. a source name or id, exactly;
//  2. the same, whatever the case and punctuation: "Phi-3-mini-4k-instruct" is phi-3-mini-4k-instruct;
//  3. without a maker's prefix or a packaging suffix: "Meta-Llama-3-70B" is llama-3-70b, "Llama-2-7b-hf" llama-2-7b;
//  4. without a version at the end: "Mathstral-7B-v0.1" is mathstral-7b.
func Match(name string, models []Model) (int, error) {
	bare := plain(name)
	// Only the source's name is cut down, never the pool's: a pool may have a model with a version and one without.
	for step, tried := range []string{name, name, bare, unversioned(bare)} {
		same := func(known string) bool { return fold(known) == fold(tried) }
		if step == 0 {
			same = func(known string) bool { return known == tried }
		}
		found := -1
		for i := range models {
			if !same(models[i].ID) && !slices.ContainsFunc(models[i].Sources, same) &&
				!slices.ContainsFunc(models[i].Aliases, func(a Alias) bool { return a.From == "" && a.Until == "" && same(a.Name) }) {
				continue
			}
			if found >= 0 {
				return -1, fmt.Errorf("%q may be %s or %s of the pool; add `source: %s` to the right one in the models file",
					name, models[found].ID, models[i].ID, name)
			}
			found = i
		}
		if found >= 0 {
			return found, nil
		}
	}
	return -1, fmt.Errorf("%q is %w; add it to the models file, or `source: %s` to the entry that it is another name of", name, ErrUnknownModel, name)
}

// Dated lists the models that a name means by the day: those with an alias of it that begins or ends.
func Dated(name string, models []Model) (of []int) {
	for i, m := range models {
		if slices.ContainsFunc(m.Aliases, func(a Alias) bool { return a.Name == name && (a.From != "" || a.Until != "") }) {
			of = append(of, i)
		}
	}
	return of
}

// MatchAt is the model that a name of [Dated] means at a time, microseconds since 1970.
func MatchAt(name string, at int64, known bool, models []Model) (int, error) {
	if !known {
		return -1, fmt.Errorf("%s means one model or another by its day (aliases of the models file), and the record has no time", name)
	}
	when := time.UnixMicro(at)
	for i, m := range models {
		if slices.ContainsFunc(m.Aliases, func(a Alias) bool { return a.Name == name && a.covers(when) }) {
			return i, nil
		}
	}
	return -1, fmt.Errorf("%s means no model on %s (aliases of the models file)", name, when.UTC().Format(time.DateOnly))
}

// fold keeps letters and digits, in lower case.
func fold(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, s)
}

// plain drops the prefixes by which makers mark their models and the suffixes of packagings.
func plain(s string) string {
	s = strings.ToLower(s)
	for _, prefix := range []string{"meta-", "c4ai-", "ai21-", "microsoft-", "google-", "mistralai-"} {
		s = strings.TrimPrefix(s, prefix)
	}
	for _, suffix := range []string{"-hf", "-fp16", "-bf16"} {
		s = strings.TrimSuffix(s, suffix)
	}
	return s
}

var version = regexp.MustCompile(`-v\d+(\.\d+)*$`)

// unversioned drops a version such as "-v0.1" at the end.
func unversioned(s string) string { return version.ReplaceAllString(s, "") }
