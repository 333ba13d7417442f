// Package berttest makes small BERT models of random weights for tests, and computes their vectors slowly and plainly in
// float64, as a reference that shares no code with the graph.
package berttest

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Model is a small model: sizes, and how its folder says that it is used.
type Model struct {
	Hidden, Layers, Heads, Intermediate, Positions int
	Activation                                     string
	Pooling                                        string // of the folder: mean, cls, or "" for a folder without sentence-transformers files
	Normalise                                      bool
	Prefix                                         string // of tensor names, such as "bert."
	Seed                                           uint64

	vocabulary []string
	weights    map[string][]float64
	shapes     map[string][]int
}

// Default is a model of two layers that takes a millisecond a text.
func Default() *Model {
	return &Model{Hidden: 16, Layers: 2, Heads: 4, Intermediate: 24, Positions: 64, Activation: "gelu", Pooling: "mean", Normalise: true, Seed: 1}
}

// Vocabulary has letters and a few pieces, so that any English text is more than unknown tokens.
func vocabulary() []string {
	v := strings.Fields("[PAD] [UNK] [CLS] [SEP] [MASK] the of which what is a prime number court law cell ##s ##ing ##ed , . ? ! ( ) = + -")
	for r := 'a'; r <= 'z'; r++ {
		if r != 'a' {
			v = append(v, string(r))
		}
		v = append(v, "##"+string(r))
	}
	for r := '0'; r <= '9'; r++ {
		v = append(v, string(r), "##"+string(r))
	}
	return v
}

// draw makes the weights.
func (m *Model) draw() {
	m.vocabulary = vocabulary()
	m.weights, m.shapes = map[string][]float64{}, map[string][]int{}
	h, f := m.Hidden, m.Intermediate
	add := func(name string, shape ...int) {
		n := 1
		for _, d := range shape {
			n *= d
		}
		random := policy.Stream(m.Seed, "berttest", name)
		w := make([]float64, n)
		for i := range w {
			// Rounded to float32, as they are stored.
			w[i] = float64(float32(random.NormFloat64() / 3))
			if strings.HasSuffix(name, "LayerNorm.weight") {
				w[i] = float64(float32(1 + w[i]/2))
			}
		}
		m.weights[name], m.shapes[name] = w, shape
	}
	norm := func(name string) { add(name+".weight", h); add(name+".bias", h) }
	dense := func(name string, out, in int) { add(name+".weight", out, in); add(name+".bias", out) }
	add("embeddings.word_embeddings.weight", len(m.vocabulary), h)
	add("embeddings.position_embeddings.weight", m.Positions, h)
	add("embeddings.token_type_embeddings.weight", 2, h)
	norm("embeddings.LayerNorm")
	for l := range m.Layers {
		p := fmt.Sprintf("encoder.layer.%d.", l)
		for _, name := range []string{"attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"} {
			dense(p+name, h, h)
		}
		norm(p + "attention.output.LayerNorm")
		dense(p+"intermediate.dense", f, h)
		dense(p+"output.dense", h, f)
		norm(p + "output.LayerNorm")
	}
}

// Write puts the model into a folder that exists.
func (m *Model) Write(dir string) error {
	m.draw()
	files := map[string]any{
		"config.json": map[string]any{
			"model_type": "bert", "architectures": []string{"BertModel"}, "hidden_size": m.Hidden, "num_hidden_layers": m.Layers,
			"num_attention_heads": m.Heads, "intermediate_size": m.Intermediate, "max_position_embeddings": m.Positions,
			"type_vocab_size": 2, "vocab_size": len(m.vocabulary), "hidden_act": m.Activation, "layer_norm_eps": 1e-12,
			"position_embedding_type": "absolute",
		},
		"tokenizer_config.json": map[string]any{"do_lower_case": true},
	}
	if m.Pooling != "" {
		modules := []map[string]string{
			{"path": "", "type": "sentence_transformers.models.Transformer"}, {"path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
		}
		if m.Normalise {
			modules = append(modules, map[string]string{"path": "2_Normalize", "type": "sentence_transformers.models.Normalize"})
		}
		files["modules.json"] = modules
		files["1_Pooling/config.json"] = map[string]any{
			"word_embedding_dimension": m.Hidden, "pooling_mode_mean_tokens": m.Pooling == "mean", "pooling_mode_cls_token": m.Pooling == "cls", "pooling_mode_max_tokens": false,
		}
		files["sentence_bert_config.json"] = map[string]any{"max_seq_length": m.Positions - 8}
	}
	if err := os.MkdirAll(filepath.Join(dir, "1_Pooling"), 0o755); err != nil {
		return err
	}
	for name, v := range files {
		text, err := json.Marshal(v)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "vocab.txt"), []byte(strings.Join(m.vocabulary, "\n")+"\n"), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "model.safetensors"), m.safetensors(), 0o644)
}

// safetensors is the file of weights.
func (m *Model) safetensors() []byte {
	header := map[string]any{"__metadata__": map[string]string{"format": "pt"}}
	var names []string
	for name := range m.weights {
		names = append(names, name)
	}
	slices.Sort(names)
	var data []byte
	for _, name := range names {
		begin := len(data)
		for _, x := range m.weights[name] {
			data = binary.LittleEndian.AppendUint32(data, math.Float32bits(float32(x)))
		}
		header[m.Prefix+name] = map[string]any{"dtype": "F32", "shape": m.shapes[name], "data_offsets": []int{begin, len(data)}}
	}
	text, err := json.Marshal(header)
	if err != nil {
		panic(err) // strings and numbers
	}
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(text)))
	return append(append(b, text...), data...)
}

// Vector is what the model, once written, makes of token ids: the definition, number by number.
func (m *Model) Vector(ids []int32, pooling string, normalise bool) []float64 {
	h := m.Hidden
	w := func(name string) []float64 { return m.weights[name] }
	x := make([][]float64, len(ids))
	for t, id := range ids {
		x[t] = make([]float64, h)
		for d := range h {
			x[t][d] = w("embeddings.word_embeddings.weight")[int(id)*h+d] + w("embeddings.position_embeddings.weight")[t*h+d] + w("embeddings.token_type_embeddings.weight")[d]
		}
		x[t] = m.norm(x[t], "embeddings.LayerNorm")
	}
	for l := range m.Layers {
		p := fmt.Sprintf("encoder.layer.%d.", l)
		attended := m.attention(x, p+"attention.self.")
		for t := range x {
			x[t] = m.norm(plus(x[t], m.dense(attended[t], p+"attention.output.dense")), p+"attention.output.LayerNorm")
			inner := m.dense(x[t], p+"intermediate.dense")
			for i, v := range inner {
				inner[i] = m.activate(v)
			}
			x[t] = m.norm(plus(x[t], m.dense(inner, p+"output.dense")), p+"output.LayerNorm")
		}
	}
	out := slices.Clone(x[0])
	if pooling == "mean" {
		for _, row := range x[1:] {
			out = plus(out, row)
		}
		for d := range out {
			out[d] /= float64(len(x))
		}
	}
	if normalise {
		var square float64
		for _, v := range out {
			square += v * v
		}
		for d := range out {
			out[d] /= math.Sqrt(square)
		}
	}
	return out
}

// attention is softmax(q·kᵀ/√d)·v, head by head.
func (m *Model) attention(x [][]float64, p string) [][]float64 {
	size := m.Hidden / m.Heads
	var q, k, v [][]float64
	for _, row := range x {
		q, k, v = append(q, m.dense(row, p+"query")), append(k, m.dense(row, p+"key")), append(v, m.dense(row, p+"value"))
	}
	out := make([][]float64, len(x))
	for t := range x {
		out[t] = make([]float64, m.Hidden)
		for head := range m.Heads {
			lo, hi := head*size, (head+1)*size
			var total float64
			share := make([]float64, len(x))
			for s := range x {
				var score float64
				for d := lo; d < hi; d++ {
					score += q[t][d] * k[s][d]
				}
				share[s] = math.Exp(score / math.Sqrt(float64(size)))
				total += share[s]
			}
			for s := range x {
				for d := lo; d < hi; d++ {
					out[t][d] += share[s] / total * v[s][d]
				}
			}
		}
	}
	return out
}

func (m *Model) dense(x []float64, name string) []float64 {
	w, out := m.weights[name+".weight"], slices.Clone(m.weights[name+".bias"])
	for o := range out {
		for i, v := range x {
			out[o] += w[o*len(x)+i] * v
		}
	}
	return out
}

func (m *Model) norm(x []float64, name string) []float64 {
	var mean, variance float64
	for _, v := range x {
		mean += v / float64(len(x))
	}
	for _, v := range x {
		variance += (v - mean) * (v - mean) / float64(len(x))
	}
	out := make([]float64, len(x))
	for d, v := range x {
		out[d] = (v-mean)/math.Sqrt(variance+1e-12)*m.weights[name+".weight"][d] + m.weights[name+".bias"][d]
	}
	return out
}

func (m *Model) activate(x float64) float64 {
	switch m.Activation {
	case "relu":
		return max(x, 0)
	case "gelu_new":
		return x / 2 * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x)))
	}
	return x / 2 * (1 + math.Erf(x/math.Sqrt2))
}

func plus(a, b []float64) []float64 {
	out := slices.Clone(a)
	for d := range out {
		out[d] += b[d]
	}
	return out
}
