package experiment

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// dataEnv names the variable with the folder that data sets lie in.
const dataEnv = "TRILEMMA_DATA"

// getting says of the data sets that the experiments of this repository name what they are, and how to get them.
var getting = map[string]string{
	"mmlu-pro": "It is what 29 models answered to the questions of MMLU-Pro: github.com/TIGER-AI-Lab/MMLU-Pro, folder eval_results " +
		"(Apache-2.0). Build it with `trilemma data import mmlu-pro eval_results --models models.yaml --out data/mmlu-pro`, where " +
		"models.yaml lists the models with their prices (data/README.md). ",
}

// places are the folders where a set may lie, in the order in which they are looked at: in the folder that TRILEMMA_DATA names; in
// data/ beside the folder of experiments, and where the program was started; and in shared/data beside the repository, where its
// developers keep sets that may not be published.
func places(set, experiments string, env func(string) (string, bool)) (dirs []string) {
	if dir, ok := env(dataEnv); ok && dir != "" {
		dirs = append(dirs, dir)
	}
	tree := filepath.Join(experiments, "..")
	dirs = append(dirs, filepath.Join(tree, "data"), "data", filepath.Join(tree, "..", "shared", "data"))
	for i := range dirs {
		dirs[i] = filepath.Join(dirs[i], set)
	}
	return slices.Compact(dirs) // started in the tree, its data/ is both
}

// findSet makes the set of the experiment its trace. Where it lies nowhere, the trace is the place where it should, and
// opening it says so: an experiment can be read and checked without its data.
func (c *checker) findSet() {
	d := &c.spec.Data
	d.Looked = places(d.Set, c.dir, c.env)
	for _, dir := range d.Looked {
		if _, err := os.Stat(filepath.Join(dir, "models.yaml")); err == nil {
			d.Trace, d.Looked = dir, nil
			return
		}
	}
	d.Trace = d.Looked[0]
}

// Missing is the error of an experiment whose data set lies nowhere; nil where it was found, or where it names none.
func (d *Data) Missing() error {
	if d.Set == "" || len(d.Looked) == 0 {
		return nil
	}
	return fmt.Errorf("data.set: the data set %s is not here: looked for a trace at %s. %sSet %s to the folder that holds %s, or name a "+
		"trace of your own: --set data.trace=DIR, or --set data.train=DIR --set data.test=DIR",
		d.Set, strings.Join(d.Looked, ", "), getting[d.Set], dataEnv, d.Set)
}
