package experiment

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// canonical is the one JSON text of a value: keys sorted, no space, each number in its shortest form (10, 10.0 and 1e1
// are 10), nothing escaped that need not be.
func canonical(v any) ([]byte, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("writing canonical JSON: %w", err)
	}
	return canonicalText(text)
}

func canonicalText(text []byte) ([]byte, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var tree any
	if err := dec.Decode(&tree); err != nil {
		return nil, fmt.Errorf("writing canonical JSON: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("writing canonical JSON: more than one value")
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(shortest(tree)); err != nil {
		return nil, fmt.Errorf("writing canonical JSON: %w", err)
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}

// shortest rewrites the numbers of a tree.
func shortest(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			v[k] = shortest(x)
		}
	case []any:
		for i, x := range v {
			v[i] = shortest(x)
		}
	case json.Number:
		// Whole numbers may be too large for a float64 to hold exactly: seeds are.
		if i, err := strconv.ParseInt(v.String(), 10, 64); err == nil {
			return i
		}
		if u, err := strconv.ParseUint(v.String(), 10, 64); err == nil {
			return u
		}
		if x, err := v.Float64(); err == nil {
			if x == math.Trunc(x) && math.Abs(x) < 1<<53 {
				return int64(x)
			}
			return x
		}
	}
	return v
}

// digest is the SHA-256 of the canonical JSON of a value.
func digest(v any) (string, error) {
	text, err := canonical(v)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}

// Canonical is the canonical JSON of all that the experiment's results depend on. Paths are not among it: what lies
// there is identified by its content. Neither are the description, plots, time limits and the size of batches.
func (s *Spec) Canonical() ([]byte, error) {
	c := *s
	c.Description, c.Plots, c.Timeout, c.Batch = "", Plots{}, 0, 0
	c.Data.Set, c.Data.Trace, c.Data.Train, c.Data.Test = "", "", "", ""
	c.Encoders = append(Encoders(nil), s.Encoders...)
	for i := range c.Encoders {
		c.Encoders[i].Precomputed, c.Encoders[i].Model = "", ""
	}
	c.Policies = append(Policies(nil), s.Policies...)
	for i := range c.Policies {
		c.Policies[i].Plugin, c.Policies[i].Timeout = "", 0
	}
	return canonical(c)
}

// Resolved is the whole experiment as JSON, defaults filled in and paths resolved: what a manifest keeps.
func (s *Spec) Resolved() ([]byte, error) { return canonical(s) }

// RunID names a run by what it computes: the experiment, its cells and the fingerprints of its inputs. The same
// experiment on the same input has the same id, and so goes on where it was.
func RunID(s *Spec, cells []Cell, inputs map[string]string) (string, error) {
	text, err := s.Canonical()
	if err != nil {
		return "", err
	}
	ids := make([]string, len(cells))
	for i, c := range cells {
		ids[i] = c.ID + " " + c.Label
	}
	id, err := digest(struct {
		Spec   json.RawMessage   `json:"spec"`
		Cells  []string          `json:"cells"`
		Inputs map[string]string `json:"inputs"`
	}{text, ids, inputs})
	if err != nil {
		return "", err
	}
	return id[:12], nil
}

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
