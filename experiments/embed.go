// Package experiments carries the experiments, for those who installed the program alone.
package experiments

import "embed"

// Files are the experiments and their schema.
//
//go:embed *.yaml schema.json
var Files embed.FS
