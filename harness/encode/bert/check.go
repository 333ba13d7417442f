package bert

import (
	"context"
	_ "embed"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/trilemma-bench/trilemma/harness/textfile"
)

// Tolerance is how far a figure of a unit vector may be from the reference's.
const Tolerance = 1e-5

// Golden is what a reference implementation makes of some texts with one model.
type Golden struct {
	Reference string       // the program that made it
	Weights   string       // SHA-256 of model.safetensors; "" where the file does not say
	Cases     []GoldenCase // of mean pooling, unit length and 256 tokens
}

// GoldenCase is one text, its token ids and its vector.
type GoldenCase struct {
	Text   string
	IDs    []int32
	Vector []float32
}

// builtIn are the cases of all-MiniLM-L6-v2; minilm.py beside them made them.
//
//go:embed golden/minilm.json
var builtIn []byte

// BuiltInGolden returns the cases that the program carries, of the model minilm.
func BuiltInGolden() (*Golden, error) { return ParseGolden(builtIn) }

// ReadGolden reads cases from a file.
func ReadGolden(path string) (*Golden, error) {
	text, err := textfile.Read(path)
	if err != nil {
		return nil, fmt.Errorf("reading golden cases: %w", err)
	}
	g, err := ParseGolden(text)
	if err != nil {
		return nil, fmt.Errorf("reading golden cases from %s: %w", path, err)
	}
	return g, nil
}

// ParseGolden reads cases from JSON: {"cases": [{"text": …, "ids": […], "vector": …}]}, a vector being a list of numbers
// or the base64 of little-endian 32-bit floats.
func ParseGolden(text []byte) (*Golden, error) {
	var file struct {
		Reference string `json:"reference"`
		Weights   string `json:"weights_sha256"`
		Cases     []struct {
			Text   string          `json:"text"`
			IDs    []int32         `json:"ids"`
			Vector json.RawMessage `json:"vector"`
		} `json:"cases"`
	}
	if err := json.Unmarshal(textfile.Trim(text), &file); err != nil {
		return nil, err
	}
	if len(file.Cases) == 0 {
		return nil, errors.New("there are no cases")
	}
	g := &Golden{Reference: file.Reference, Weights: file.Weights}
	for i, c := range file.Cases {
		out := GoldenCase{Text: c.Text, IDs: c.IDs}
		var packed string
		if json.Unmarshal(c.Vector, &packed) == nil {
			raw, err := base64.StdEncoding.DecodeString(packed)
			if err != nil || len(raw)%4 != 0 {
				return nil, fmt.Errorf("case %d: the vector is no base64 of 32-bit floats", i)
			}
			for ; len(raw) > 0; raw = raw[4:] {
				out.Vector = append(out.Vector, math.Float32frombits(binary.LittleEndian.Uint32(raw)))
			}
		} else if err := json.Unmarshal(c.Vector, &out.Vector); err != nil {
			return nil, fmt.Errorf("case %d: %w", i, err)
		}
		g.Cases = append(g.Cases, out)
	}
	return g, nil
}

// Report is what a check found.
type Report struct {
	Reference  string  `json:"reference"`
	Cases      int     `json:"cases"`
	WrongIDs   int     `json:"wrong_ids"` // cases whose token ids differ
	FirstWrong string  `json:"first_wrong,omitempty"`
	Largest    float64 `json:"largest_difference"` // of any figure of any vector
	At         string  `json:"at"`                 // the text where it is
}

// OK tells whether all ids are equal and all vectors within [Tolerance].
func (r *Report) OK() bool { return r.WrongIDs == 0 && r.Largest <= Tolerance }

// Compare encodes the cases and compares ids and vectors.
func (e *Encoder) Compare(ctx context.Context, g *Golden) (*Report, error) {
	r := &Report{Reference: g.Reference, Cases: len(g.Cases)}
	var texts []string
	for i, c := range g.Cases {
		if len(c.Vector) != e.Dim() {
			return nil, fmt.Errorf("case %d has a vector of %d figures, the model's have %d: the cases are of another model", i, len(c.Vector), e.Dim())
		}
		if !slices.Equal(e.model.Tokens(c.Text), c.IDs) {
			if r.WrongIDs++; r.FirstWrong == "" {
				r.FirstWrong = c.Text
			}
		}
		texts = append(texts, c.Text)
	}
	vectors, err := e.Encode(ctx, texts)
	if err != nil {
		return nil, err
	}
	for i, c := range g.Cases {
		for d, want := range c.Vector {
			if diff := math.Abs(float64(vectors[i*e.Dim()+d]) - float64(want)); diff > r.Largest || math.IsNaN(diff) {
				r.Largest, r.At = diff, c.Text
			}
		}
	}
	return r, nil
}

// Consistent encodes the texts of cases one by one and all together, and returns how much the vectors differ: 0, where all
// is well. It is what can be checked of a model that there is no reference of.
func (e *Encoder) Consistent(ctx context.Context, g *Golden) (*Report, error) {
	r := &Report{Reference: "itself, text by text", Cases: len(g.Cases)}
	var texts []string
	for _, c := range g.Cases {
		texts = append(texts, c.Text)
	}
	together, err := e.Encode(ctx, texts)
	if err != nil {
		return nil, err
	}
	for i, text := range texts {
		alone, err := e.Encode(ctx, []string{text})
		if err != nil {
			return nil, err
		}
		for d, x := range alone {
			if diff := math.Abs(float64(x) - float64(together[i*e.Dim()+d])); diff > r.Largest {
				r.Largest, r.At = diff, text
			}
		}
	}
	return r, nil
}
