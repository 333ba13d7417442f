// Package bert encodes texts with BERT models (Devlin et al., 2019), such as MiniLM, from a folder in the layout of
// Hugging Face. The way of the data:
//
//  1. [Open] reads the configuration, the tokenizer and the header of the weights, and checks that they fit each other. A
//     model is known by the SHA-256 of its files and settings before anything is computed.
//  2. [Model.Encoder] is the encoder of a backend; weights are loaded when it is first used.
//  3. Texts become token ids (package wordpiece) and are gathered by length into batches of few fixed shapes (batch.go).
//     While one batch is computed the next one is tokenised.
//  4. The graph (graph.go) makes vectors: embeddings, transformer layers, pooling.
package bert

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/trilemma-bench/trilemma/harness/encode"
	"github.com/trilemma-bench/trilemma/harness/encode/safetensors"
	"github.com/trilemma-bench/trilemma/harness/encode/wordpiece"
)

const weightsFile = "model.safetensors"

// Model is a checked model folder. It holds the tokenizer, not the weights.
type Model struct {
	Dir    string
	Config Config
	Files  []File // in the order of their names
	// Fingerprint is the SHA-256 of files and settings: models of equal fingerprint give equal vectors, up to the rounding
	// of the backend.
	Fingerprint string
	Parameters  int64

	tokens  *wordpiece.Tokenizer
	tensors map[string]string // our name → name in the file
}

// File is one file that a model's vectors depend on.
type File struct {
	Name   string `json:"name"`
	SHA256 string `json:"sha256"`
	Bytes  int64  `json:"bytes"`
}

// maxPadding is the largest number of rows of embeddings that may be without a token.
const maxPadding = 1024

// version is part of every fingerprint: raise it when the same files come to give other vectors.
const version = "bert/1"

// Open reads and checks a model folder.
func Open(dir string, set encode.ModelParams) (*Model, error) {
	if info, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("opening the model: %w; `trilemma encoder install minilm` fetches one", err)
	} else if !info.IsDir() {
		return nil, fmt.Errorf("opening the model: %s is a file; give the folder of the model", dir)
	}
	m := &Model{Dir: dir}
	var files []string
	var err error
	if m.Config, files, err = readConfig(dir, set); err != nil {
		return nil, err
	}
	var more []string
	if m.tokens, more, err = wordpiece.Load(dir); err != nil {
		return nil, err
	}
	files = append(append(files, more...), weightsFile)
	// Rows beyond the vocabulary are padding, up to the next multiple of a power of two.
	if n := m.tokens.Size(); n > m.Config.Vocabulary || n < m.Config.Vocabulary-maxPadding {
		return nil, fmt.Errorf("model %s: the tokenizer has ids up to %d, config.json and the weights have rows for %d tokens: they are of different models; fetch the whole folder again",
			dir, n-1, m.Config.Vocabulary)
	}
	if err := m.header(); err != nil {
		return nil, err
	}
	return m, m.identify(files)
}

// shapes are the tensors that the model needs, by our names: those of a bare BertModel.
func (m *Model) shapes() map[string][]int64 {
	c := &m.Config
	h, f := int64(c.Hidden), int64(c.Intermediate)
	out := map[string][]int64{
		"embeddings.word_embeddings.weight":       {int64(c.Vocabulary), h},
		"embeddings.position_embeddings.weight":   {int64(c.Positions), h},
		"embeddings.token_type_embeddings.weight": {int64(c.Types), h},
		"embeddings.LayerNorm.weight":             {h},
		"embeddings.LayerNorm.bias":               {h},
	}
	for l := range c.Layers {
		p := fmt.Sprintf("encoder.layer.%d.", l)
		dense := func(name string, outs, ins int64) {
			out[p+name+".weight"], out[p+name+".bias"] = []int64{outs, ins}, []int64{outs}
		}
		for _, name := range []string{"attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"} {
			dense(name, h, h)
		}
		dense("intermediate.dense", f, h)
		dense("output.dense", h, f)
		for _, name := range []string{"attention.output.LayerNorm", "output.LayerNorm"} {
			out[p+name+".weight"], out[p+name+".bias"] = []int64{h}, []int64{h}
		}
	}
	return out
}

// names are those that a tensor may have in a file: with the prefix of a model with a head, and as the first checkpoints
// called the parameters of layer normalisation.
func names(name string) []string {
	old := strings.NewReplacer("LayerNorm.weight", "LayerNorm.gamma", "LayerNorm.bias", "LayerNorm.beta").Replace(name)
	return []string{name, "bert." + name, old, "bert." + old}
}

// header checks that the weights are all there, of the right shape.
func (m *Model) header() error {
	path := filepath.Join(m.Dir, weightsFile)
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		for _, other := range []string{"pytorch_model.bin", "model.safetensors.index.json", "tf_model.h5"} {
			if _, err := os.Stat(filepath.Join(m.Dir, other)); err == nil {
				return fmt.Errorf("model %s has %s but no %s: only weights in one safetensors file are read; save it again with safe_serialization=True", m.Dir, other, weightsFile)
			}
		}
	}
	f, err := safetensors.Open(path)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // only read from
	m.tensors = map[string]string{}
	var wrong []string
	for name, shape := range m.shapes() {
		i := slices.IndexFunc(names(name), func(n string) bool { _, ok := f.Find(n); return ok })
		if i < 0 {
			wrong = append(wrong, "tensor "+name+" is missing")
			continue
		}
		t, _ := f.Find(names(name)[i])
		if !slices.Equal(t.Shape, shape) {
			wrong = append(wrong, fmt.Sprintf("tensor %s has shape %v, config.json says %v", t.Name, t.Shape, shape))
		}
		m.tensors[name] = t.Name
		m.Parameters += t.Len()
	}
	if len(wrong) > 0 {
		slices.Sort(wrong)
		n := len(wrong)
		if n > 5 {
			wrong = append(wrong[:5], fmt.Sprintf("and %d more", n-5))
		}
		return fmt.Errorf("model %s: %s; weights and config.json are of different models, or no BERT: fetch the whole folder again", m.Dir, strings.Join(wrong, "; "))
	}
	return nil
}

// identify hashes the files.
func (m *Model) identify(files []string) error {
	slices.Sort(files)
	for _, name := range files {
		sum, n, err := hashFile(filepath.Join(m.Dir, name))
		if err != nil {
			return fmt.Errorf("hashing the model: %w", err)
		}
		m.Files = append(m.Files, File{Name: filepath.ToSlash(name), SHA256: sum, Bytes: n})
	}
	// Only content counts: the tokenizer as it was understood, so that vocab.txt and tokenizer.json of one model are the
	// same, and the weights.
	text, err := json.Marshal(struct {
		Version  string             `json:"version"`
		Config   Config             `json:"config"`
		Settings wordpiece.Settings `json:"tokenizer"`
		Tokens   []string           `json:"tokens"`
		Weights  string             `json:"weights"`
	}{version, m.Config, m.tokens.Settings(), m.tokens.Tokens(), m.Weights()})
	if err != nil {
		return fmt.Errorf("describing the model: %w", err)
	}
	sum := sha256.Sum256(text)
	m.Fingerprint = hex.EncodeToString(sum[:])
	return nil
}

// Weights is the SHA-256 of the file of weights.
func (m *Model) Weights() string {
	for _, f := range m.Files {
		if f.Name == weightsFile {
			return f.SHA256
		}
	}
	return ""
}

func hashFile(path string) (sum string, n int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	h := sha256.New()
	if n, err = io.Copy(h, f); err != nil {
		return "", 0, err
	}
	return hex.EncodeToString(h.Sum(nil)), n, nil
}

// Tokens returns the token ids of a text, as the model sees it: [CLS] first, [SEP] last, at most MaxTokens.
func (m *Model) Tokens(text string) []int32 {
	return m.tokens.Encode(nil, text, m.Config.MaxTokens)
}
