// Package formats has the source formats that can be imported. A format is a folder: a card (what it is, who writes it, which files),
// a jq program that maps one record to pieces of a trace, and a sample with what it becomes. The way of the data:
//
//  1. [Card] picks the files of what the user named, and the records of their documents.
//  2. [Program] maps a record to pieces: prompts, models and outcomes, each with what that record knows of them.
//  3. A gathering puts pieces of one prompt, model or outcome together, and tells what files disagree about.
//  4. The trace is built: of several samples the mean.
package formats

import (
	"fmt"
	"path"
	"strings"

	"github.com/trilemma-bench/trilemma/harness/importer"
	"github.com/trilemma-bench/trilemma/harness/importer/mmlupro"
)

// All lists the formats by name: mmlu-pro's own package settles what files disagree about, all others are a card and a map.
func All() []importer.Importer {
	cards, err := Cards()
	if err != nil {
		panic(err) // they are part of the program, and tested
	}
	var all []importer.Importer
	for i := range cards {
		if cards[i].Name == (mmlupro.Importer{}).Name() {
			all = append(all, mmlupro.Importer{})
			continue
		}
		source, err := embedded.ReadFile(path.Join(cards[i].Name, "map.jq"))
		if err != nil {
			panic(err) // as above
		}
		all = append(all, mapped{&cards[i], string(source)})
	}
	return all
}

// Named finds a format.
func Named(name string) (importer.Importer, error) {
	var names []string
	for _, i := range All() {
		if i.Name() == name {
			return i, nil
		}
		names = append(names, i.Name())
	}
	return nil, fmt.Errorf("unknown source format %q; this program imports %s", name, strings.Join(names, ", "))
}

// List tells of all formats, a line each.
func List() string {
	var b strings.Builder
	for _, i := range All() {
		fmt.Fprintf(&b, "  %-16s %s\n", i.Name(), i.Summary())
	}
	return b.String()
}
