package experiment

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"time"

	"github.com/trilemma-bench/trilemma/harness/energy"
	"github.com/trilemma-bench/trilemma/harness/textfile"
)

// Load reads an experiment file and puts the `--set` changes over it. Paths in the file are relative to the file's
// folder, those of a --set to the working directory. The error is [Problems] where the experiment is wrong.
func Load(path string, sets []string) (*Spec, []Notice, error) {
	data, err := textfile.Read(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil, fmt.Errorf("reading the experiment: %w; name a file such as experiments/quickstart.yaml", err)
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

	d := &decoder{file: file, where: map[string]spot{}}
	spec := defaults()
	d.into(reflect.ValueOf(&spec).Elem(), root, "")
	c := checker{decoder: d, spec: &spec, env: env, dir: filepath.Dir(file)}
	// Checks of meaning would only repeat what is wrong with the form.
	if len(d.problems) == 0 {
		c.check()
	}
	if len(d.problems) > 0 {
		return nil, nil, d.sorted()
	}
	spec.File, spec.Sets, spec.where = file, append([]string(nil), sets...), d.where
	return &spec, append(notices, c.notices...), nil
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
