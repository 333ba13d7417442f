// Package experiments carries the experiment that needs nothing beside the program, for those who installed the program alone.
package experiments

import _ "embed"

// QuickstartFile is the name that the experiment goes by where there is no such file.
const QuickstartFile = "quickstart"

// Quickstart is experiments/quickstart.yaml.
//
//go:embed quickstart.yaml
var Quickstart []byte
