package experiment

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// maxLabel bounds a label, in characters: tables have room for no more, nor have names of files.
const maxLabel = 80

// reserved begin the labels of what the harness computes itself, as [FileName] writes them.
var reserved = []string{"oracle", "zero-router", "single-"}

var unfit = regexp.MustCompile(`[^A-Za-z0-9._-]+`)

// FileName is a label as a part of the name of a file: other characters than letters, digits, '.', '_' and '-' become '-'.
// Every file that is named after a policy, an encoder or a pool is named by it.
func FileName(label string) string { return strings.Trim(unfit.ReplaceAllString(label, "-"), "-") }

// fileKey is equal for labels whose files would be the same one, on a disk that does not tell capitals apart too.
func fileKey(label string) string { return strings.ToLower(FileName(label)) }

// wrongLabel says why a label of an experiment cannot stand; "" where it can.
func wrongLabel(label string) string {
	switch n := utf8.RuneCountInString(label); {
	case n > maxLabel:
		return fmt.Sprintf("%q has %d characters, want at most %d: give a shorter label", label, n, maxLabel)
	case fileKey(label) == "":
		return fmt.Sprintf("%q cannot name a file: use letters or digits of ASCII", label)
	}
	for _, word := range reserved {
		if strings.HasPrefix(fileKey(label), word) || strings.HasPrefix(strings.ToLower(label), "single:") {
			return fmt.Sprintf("%q begins as what the harness computes itself, and is reserved as are oracle, zero-router and single:…: give another label", label)
		}
	}
	return ""
}

// named is what a file is named after.
type named struct{ pool, label, path string }

// claim keeps the files of a policy in a pool for itself. It is false where they would be another's: plots are named after
// both, so that label and pool together must differ.
func (p *planner) claim(pool, label, path string) bool {
	key := fileKey(label) + "-" + fileKey(pool)
	other, taken := p.files[key]
	if !taken {
		p.files[key] = named{pool, label, path}
		return true
	}
	if other == (named{pool, label, path}) {
		return true
	}
	in, otherIn := "", ""
	if pool != other.pool {
		in, otherIn = " in pool "+pool, " in pool "+other.pool
	}
	p.wrongAt(path, "files of %q%s would be those of %q%s, which %s has: give one of them another label", label, in, other.label, otherIn, other.path)
	return false
}
