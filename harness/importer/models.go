package importer

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
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
}

// ReadModels reads a models.yaml. Beside the keys of the trace format an entry may have `source`, a name or a list of
// names under which result files know the model:
//
//   - id: llama-3-70b
//     source: Meta-Llama-3-70B
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
			Source any `yaml:"source"`
		} `yaml:"models"`
	}
	if err := yaml.Unmarshal(src, &file); err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	models := make([]Model, len(facts))
	for i := range facts {
		models[i].Model = facts[i]
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
			if !same(models[i].ID) && !slices.ContainsFunc(models[i].Sources, same) {
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
