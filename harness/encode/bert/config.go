package bert

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/trilemma-bench/trilemma/harness/encode"
	"github.com/trilemma-bench/trilemma/harness/textfile"
)

// Config is how a model computes, as its folder and [encode.ModelParams] say.
type Config struct {
	Vocabulary   int     `json:"vocab_size"`
	Hidden       int     `json:"hidden_size"` // length of a vector
	Layers       int     `json:"num_hidden_layers"`
	Heads        int     `json:"num_attention_heads"`
	Intermediate int     `json:"intermediate_size"`
	Positions    int     `json:"max_position_embeddings"`
	Types        int     `json:"type_vocab_size"`
	Epsilon      float64 `json:"layer_norm_eps"`
	Activation   string  `json:"hidden_act"`

	Pooling   string `json:"pooling"`
	Normalise bool   `json:"normalise"`
	MaxTokens int    `json:"max_tokens"`
}

const configFile = "config.json"

// sane bounds what a config may ask for, so that a damaged one is an error and not an allocation of terabytes.
const sane = 1 << 24

// readJSON reads a file of the folder; found tells whether it is there.
func readJSON(dir, name string, into any) (found bool, err error) {
	path := filepath.Join(dir, name)
	text, err := textfile.Read(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("reading the model: %w", err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		return false, fmt.Errorf("reading %s: %w; fetch the file again", path, err)
	}
	return true, nil
}

// readConfig reads the configuration of a folder and the names of the files it came from.
func readConfig(dir string, set encode.ModelParams) (Config, []string, error) {
	var raw struct {
		Config
		Type          string   `json:"model_type"`
		Architectures []string `json:"architectures"`
		Position      string   `json:"position_embedding_type"`
		Decoder       bool     `json:"is_decoder"`
	}
	if err := set.Check(); err != nil {
		return Config{}, nil, err
	}
	found, err := readJSON(dir, configFile, &raw)
	if err != nil {
		return Config{}, nil, err
	}
	path := filepath.Join(dir, configFile)
	if !found {
		return Config{}, nil, fmt.Errorf("there is no %s: give the folder of a model in Hugging Face's layout (config.json, model.safetensors, vocab.txt or tokenizer.json)", path)
	}
	c := raw.Config
	if c.Epsilon == 0 {
		c.Epsilon = 1e-12
	}
	if c.Activation == "" {
		c.Activation = "gelu"
	}
	var wrong []error
	switch {
	case raw.Type != "" && raw.Type != "bert", raw.Type == "" && !anyBERT(raw.Architectures):
		return c, nil, fmt.Errorf("%s: model_type is %q and architectures %q; only BERT encoders are supported (model_type bert, such as MiniLM, BERT and BGE)", path, raw.Type, raw.Architectures)
	case raw.Position != "" && raw.Position != "absolute":
		wrong = append(wrong, fmt.Errorf("position_embedding_type is %q, only absolute is supported", raw.Position))
	case raw.Decoder:
		wrong = append(wrong, errors.New("is_decoder is true, only encoders are supported"))
	}
	if _, ok := activations[c.Activation]; !ok {
		wrong = append(wrong, fmt.Errorf("hidden_act is %q, want gelu, gelu_new or relu", c.Activation))
	}
	for _, size := range []struct {
		name string
		n    int
	}{
		{"vocab_size", c.Vocabulary}, {"hidden_size", c.Hidden}, {"num_hidden_layers", c.Layers}, {"num_attention_heads", c.Heads},
		{"intermediate_size", c.Intermediate}, {"max_position_embeddings", c.Positions}, {"type_vocab_size", c.Types},
	} {
		if size.n < 1 || size.n > sane {
			wrong = append(wrong, fmt.Errorf("%s is %d, want a positive number", size.name, size.n))
		}
	}
	if c.Heads > 0 && c.Hidden%c.Heads != 0 {
		wrong = append(wrong, fmt.Errorf("hidden_size %d is no multiple of num_attention_heads %d", c.Hidden, c.Heads))
	}
	if c.Epsilon < 0 || c.Epsilon > 1 {
		wrong = append(wrong, fmt.Errorf("layer_norm_eps is %v, want a small positive number", c.Epsilon))
	}
	if err := errors.Join(wrong...); err != nil {
		return c, nil, fmt.Errorf("%s: %w", path, err)
	}
	files, err := c.sentence(dir)
	if err != nil {
		return c, nil, err
	}
	return c, append([]string{configFile}, files...), c.override(dir, set)
}

func anyBERT(architectures []string) bool {
	for _, a := range architectures {
		if strings.HasPrefix(a, "Bert") {
			return true
		}
	}
	return false
}

// sentence reads what sentence-transformers keep beside a model: pooling, normalisation and length.
func (c *Config) sentence(dir string) (files []string, err error) {
	c.Pooling, c.MaxTokens = encode.PoolMean, min(c.Positions, 512)
	var length struct {
		Max int `json:"max_seq_length"`
	}
	found, err := readJSON(dir, "sentence_bert_config.json", &length)
	if err != nil {
		return nil, err
	}
	if found {
		files = append(files, "sentence_bert_config.json")
		if length.Max > 0 {
			c.MaxTokens = min(length.Max, c.MaxTokens)
		}
	}
	var modules []struct {
		Path string `json:"path"`
		Type string `json:"type"`
	}
	found, err = readJSON(dir, "modules.json", &modules)
	if err != nil || !found {
		return files, err
	}
	files = append(files, "modules.json")
	for _, m := range modules {
		switch kind := m.Type[strings.LastIndex(m.Type, ".")+1:]; kind {
		case "Transformer":
		case "Normalize":
			c.Normalise = true
		case "Pooling":
			name := filepath.Join(filepath.FromSlash(m.Path), configFile)
			if !filepath.IsLocal(name) {
				return files, fmt.Errorf("%s names the folder %q outside of the model", filepath.Join(dir, "modules.json"), m.Path)
			}
			if err := c.pooling(dir, name); err != nil {
				return files, err
			}
			files = append(files, name)
		default:
			return files, fmt.Errorf("%s has a module %s, which is not supported; want Transformer, Pooling and Normalize", filepath.Join(dir, "modules.json"), kind)
		}
	}
	return files, nil
}

// pooling reads the configuration of a pooling module: exactly one mode is on.
func (c *Config) pooling(dir, name string) error {
	modes := map[string]any{}
	found, err := readJSON(dir, name, &modes)
	if err != nil {
		return err
	}
	path := filepath.Join(dir, name)
	if !found {
		return fmt.Errorf("there is no %s, which modules.json names: fetch the model's whole folder", path)
	}
	var on []string
	for key, v := range modes {
		if mode, ok := strings.CutPrefix(key, "pooling_mode_"); ok && v == true {
			on = append(on, mode)
		}
	}
	slices.Sort(on)
	switch {
	case len(on) == 1 && on[0] == "mean_tokens":
		c.Pooling = encode.PoolMean
	case len(on) == 1 && on[0] == "cls_token":
		c.Pooling = encode.PoolCLS
	default:
		return fmt.Errorf("%s pools by %q; only mean_tokens and cls_token, one of them, are supported", path, on)
	}
	return nil
}

// override puts settings over the configuration.
func (c *Config) override(dir string, set encode.ModelParams) error {
	if set.Pooling != "" {
		c.Pooling = set.Pooling
	}
	if set.Normalise != nil {
		c.Normalise = *set.Normalise
	}
	if set.MaxTokens > 0 {
		if set.MaxTokens > c.Positions {
			return fmt.Errorf("max_tokens is %d, the model in %s knows %d positions: give at most that", set.MaxTokens, dir, c.Positions)
		}
		c.MaxTokens = set.MaxTokens
	}
	if c.MaxTokens < 2 {
		return fmt.Errorf("the model in %s has room for %d tokens, want at least 2", dir, c.MaxTokens)
	}
	return nil
}
