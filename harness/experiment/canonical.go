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
	"strconv"
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
	c.Data.Trace, c.Data.Train, c.Data.Test = "", "", ""
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
