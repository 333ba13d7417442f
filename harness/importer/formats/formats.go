// Package formats lists the source formats that can be imported. A new one is a package beside mmlupro and a line here.
package formats

import (
	"fmt"
	"strings"

	"github.com/trilemma-bench/trilemma/harness/importer"
	"github.com/trilemma-bench/trilemma/harness/importer/mmlupro"
)

// All lists the formats by name.
func All() []importer.Importer {
	return []importer.Importer{
		mmlupro.Importer{},
	}
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
