// Package data carries the page about traces and the sample data, for those who installed the program alone.
package data

import "embed"

// Files are README.md and sample/.
//
//go:embed README.md sample
var Files embed.FS
