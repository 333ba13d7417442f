package bert

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/trilemma-bench/trilemma/harness/encode"
	"github.com/trilemma-bench/trilemma/harness/encode/bert/berttest"
)

var background = context.Background()

// write puts a model into a new folder.
func write(t testing.TB, m *berttest.Model) string {
	t.Helper()
	dir := t.TempDir()
	if err := m.Write(dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

func open(t testing.TB, dir string, p encode.ModelParams) *Model {
	t.Helper()
	m, err := Open(dir, p)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func encoder(t testing.TB, m *Model, backend string) *Encoder {
	t.Helper()
	e, err := m.Encoder("test", backend)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func vectors(t testing.TB, e *Encoder, texts ...string) []float32 {
	t.Helper()
	v, err := e.Encode(background, texts)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// awkward are texts of every length and kind.
var awkward = []string{
	"", "a", "Which is the prime number?", "The courts of law: a cell (what?)", "\xff\xfe broken \xc3 bytes", "日本語 é \x00 [SEP] x",
	strings.Repeat("what is the law of the court ", 20), strings.Repeat("abcde ", 100_000/6), strings.Repeat("x", 100_000),
	"16 tokens a b c d e f g h i j k l m n o p", "a b c d e f g h i j k l m n", "a b c d e f g h i j k l m n o",
}

// The graph agrees with the definition, for every kind of model.
func TestGraphEqualsDefinition(t *testing.T) {
	yes, no := true, false
	cases := map[string]struct {
		change    func(*berttest.Model)
		params    encode.ModelParams
		pooling   string
		normalise bool
	}{
		"mean, unit":         {func(*berttest.Model) {}, encode.ModelParams{}, "mean", true},
		"cls, as it comes":   {func(m *berttest.Model) { m.Pooling, m.Normalise = "cls", false }, encode.ModelParams{}, "cls", false},
		"no sentence files":  {func(m *berttest.Model) { m.Pooling = "" }, encode.ModelParams{}, "mean", false},
		"overridden":         {func(*berttest.Model) {}, encode.ModelParams{Pooling: "cls", Normalise: &no, MaxTokens: 9}, "cls", false},
		"overridden to unit": {func(m *berttest.Model) { m.Pooling = "" }, encode.ModelParams{Normalise: &yes, MaxTokens: 64}, "mean", true},
		"relu, one head":     {func(m *berttest.Model) { m.Activation, m.Heads = "relu", 1 }, encode.ModelParams{}, "mean", true},
		"gelu_new, prefixed": {func(m *berttest.Model) { m.Activation, m.Prefix = "gelu_new", "bert." }, encode.ModelParams{}, "mean", true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			reference := berttest.Default()
			c.change(reference)
			m := open(t, write(t, reference), c.params)
			got := vectors(t, encoder(t, m, ""), awkward...)
			for i, text := range awkward {
				ids := m.Tokens(text)
				if len(ids) > m.Config.MaxTokens {
					t.Fatalf("%d tokens", len(ids))
				}
				for d, want := range reference.Vector(ids, c.pooling, c.normalise) {
					if diff := math.Abs(want - float64(got[i*m.Config.Hidden+d])); diff > 2e-6 {
						t.Fatalf("%.30q: figure %d is off by %.2g", text, d, diff)
					}
				}
			}
		})
	}
}

// A vector depends on its text alone, bit by bit: not on the batch, its order or what else is in it.
func TestVectorsDoNotDependOnTheBatch(t *testing.T) {
	m := open(t, write(t, berttest.Default()), encode.ModelParams{})
	e := encoder(t, m, "")
	var texts []string
	for i := range 300 {
		texts = append(texts, strings.Repeat("what is the law ", i%17)+strings.Repeat("a", i%5))
	}
	want := vectors(t, e, texts...)
	dim := e.Dim()
	rapid.Check(t, func(r *rapid.T) {
		some := rapid.SliceOfN(rapid.IntRange(0, len(texts)-1), 1, 80).Draw(r, "texts")
		var asked []string
		for _, i := range some {
			asked = append(asked, texts[i])
		}
		got, err := e.Encode(background, asked)
		if err != nil {
			r.Fatal(err)
		}
		for k, i := range some {
			if !slices.Equal(got[k*dim:(k+1)*dim], want[i*dim:(i+1)*dim]) {
				r.Fatalf("text %d among %d others has another vector", i, len(some))
			}
		}
	})
}

// Same files, same fingerprint; whatever changes vectors changes it.
func TestFingerprint(t *testing.T) {
	of := func(change func(*berttest.Model), p encode.ModelParams) string {
		m := berttest.Default()
		change(m)
		return open(t, write(t, m), p).Fingerprint
	}
	same := func(*berttest.Model) {}
	base := of(same, encode.ModelParams{})
	if of(same, encode.ModelParams{}) != base {
		t.Error("the same model has two fingerprints")
	}
	no := false
	for name, other := range map[string]string{
		"weights":   of(func(m *berttest.Model) { m.Seed = 2 }, encode.ModelParams{}),
		"pooling":   of(same, encode.ModelParams{Pooling: "cls"}),
		"normalise": of(same, encode.ModelParams{Normalise: &no}),
		"length":    of(same, encode.ModelParams{MaxTokens: 10}),
		"gelu":      of(func(m *berttest.Model) { m.Activation = "relu" }, encode.ModelParams{}),
	} {
		if other == base {
			t.Errorf("another %s has the same fingerprint", name)
		}
	}
}

func TestCancelledEncoding(t *testing.T) {
	e := encoder(t, open(t, write(t, berttest.Default()), encode.ModelParams{}), "")
	ctx, cancel := context.WithCancel(background)
	texts := slices.Repeat([]string{"what is the law"}, 5000)
	batches := 0
	err := e.Stream(ctx, texts, func([]int, []float32) error {
		if batches++; batches == 2 {
			cancel()
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) || batches > 20 {
		t.Errorf("%d batches, error %v", batches, err)
	}
	broken := errors.New("broken")
	if err := e.Stream(background, texts, func([]int, []float32) error { return broken }); !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
}

func TestBadFolders(t *testing.T) {
	edit := func(name string, change func(map[string]any)) func(string) error {
		return func(dir string) error {
			path := filepath.Join(dir, name)
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			var v map[string]any
			if err := json.Unmarshal(text, &v); err != nil {
				return err
			}
			change(v)
			if text, err = json.Marshal(v); err != nil {
				return err
			}
			return os.WriteFile(path, text, 0o644)
		}
	}
	config := func(key string, value any) func(string) error {
		return edit("config.json", func(v map[string]any) { v[key] = value })
	}
	put := func(name, text string) func(string) error {
		return func(dir string) error { return os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644) }
	}
	drop := func(name string) func(string) error {
		return func(dir string) error { return os.Remove(filepath.Join(dir, name)) }
	}
	cut := func(name string, by int64) func(string) error {
		return func(dir string) error {
			info, err := os.Stat(filepath.Join(dir, name))
			if err != nil {
				return err
			}
			return os.Truncate(filepath.Join(dir, name), info.Size()-by)
		}
	}
	cases := map[string]struct {
		harm func(string) error
		want string
	}{
		"architecture":      {config("model_type", "roberta"), "only BERT encoders"},
		"decoder":           {config("is_decoder", true), "is_decoder"},
		"relative position": {config("position_embedding_type", "relative_key"), "position_embedding_type"},
		"activation":        {config("hidden_act", "swish"), "hidden_act"},
		"heads":             {config("num_attention_heads", 5), "no multiple"},
		"no layers":         {config("num_hidden_layers", 0), "num_hidden_layers is 0"},
		"negative":          {config("hidden_size", -16), "hidden_size is -16"},
		"huge":              {config("hidden_size", 1<<40), "hidden_size"},
		"more layers":       {config("num_hidden_layers", 3), "encoder.layer.2"},
		"shape":             {config("intermediate_size", 25), "config.json says [25"},
		"vocabulary":        {config("vocab_size", 40), "the tokenizer has ids up to"},
		"cut vocabulary":    {config("vocab_size", 5000), "the tokenizer has ids up to"},
		"bad JSON":          {put("config.json", `{"model_type": "bert",`), "config.json: unexpected end"},
		"wrong JSON type":   {config("hidden_size", "16"), "config.json"},
		"no config":         {drop("config.json"), "there is no"},
		"no weights":        {drop("model.safetensors"), "opening weights"},
		"other weights": {func(d string) error {
			return errors.Join(drop("model.safetensors")(d), put("pytorch_model.bin", "x")(d))
		}, "safe_serialization"},
		"truncated weights": {cut("model.safetensors", 5), "cut short"},
		"no weights at all": {put("model.safetensors", ""), "too few"},
		"text for weights":  {put("model.safetensors", "version https://git-lfs.example/spec/v1\noid sha256:0\n"), "cut short, or no safetensors"},
		"no tokenizer":      {drop("vocab.txt"), "neither tokenizer.json nor vocab.txt"},
		"empty vocabulary":  {put("vocab.txt", ""), "[UNK]"},
		"tokenizer":         {put("tokenizer.json", `{"model":{"type":"BPE"}}`), "is a BPE"},
		"pooling":           {edit("1_Pooling/config.json", func(v map[string]any) { v["pooling_mode_max_tokens"] = true }), "pools by"},
		"no pooling":        {drop("1_Pooling/config.json"), "which modules.json names"},
		"module":            {put("modules.json", `[{"path":"2_Dense","type":"sentence_transformers.models.Dense"}]`), "module Dense"},
		"path":              {put("modules.json", `[{"path":"../../etc","type":"sentence_transformers.models.Pooling"}]`), "outside"},
		"length":            {config("max_position_embeddings", 1), "room for 1 tokens"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			dir := write(t, berttest.Default())
			if err := c.harm(dir); err != nil {
				t.Fatal(err)
			}
			if _, err := Open(dir, encode.ModelParams{}); err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), dir) {
				t.Errorf("error %v, want %q and the folder in it", err, c.want)
			}
		})
	}
	dir := write(t, berttest.Default())
	for _, p := range []encode.ModelParams{{Pooling: "max"}, {MaxTokens: 1}, {MaxTokens: 65}} {
		if _, err := Open(dir, p); err == nil {
			t.Errorf("%+v: no error", p)
		}
	}
	if _, err := Open(filepath.Join(dir, "none"), encode.ModelParams{}); err == nil || !strings.Contains(err.Error(), "encoder install") {
		t.Errorf("no folder: %v", err)
	}
	if _, err := Open(filepath.Join(dir, "vocab.txt"), encode.ModelParams{}); err == nil || !strings.Contains(err.Error(), "is a file") {
		t.Errorf("a file: %v", err)
	}
	if _, err := open(t, dir, encode.ModelParams{}).Encoder("x", "gpu"); err == nil || !strings.Contains(err.Error(), "want go, xla:cpu") {
		t.Errorf("no backend: %v", err)
	}
}

// Damage that no header shows is found when vectors are computed, and nothing of it is cached.
func TestNaNWeightsAreAnError(t *testing.T) {
	dir := write(t, berttest.Default())
	path := filepath.Join(dir, weightsFile)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := len(b) - 64; i < len(b); i++ {
		b[i] = 0xff
	}
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
	e := encoder(t, open(t, dir, encode.ModelParams{}), "")
	cache := &encode.Cache{Dir: t.TempDir()}
	if _, _, err := cache.Encode(background, e, []string{"a"}); err == nil || !strings.Contains(err.Error(), "NaN") {
		t.Errorf("error %v", err)
	}
	if left, err := os.ReadDir(cache.Dir); err != nil || len(left) > 0 {
		t.Errorf("left in the cache: %v, %v", left, err)
	}
}

func TestNoPluginIsAnError(t *testing.T) {
	m := open(t, write(t, berttest.Default()), encode.ModelParams{})
	e := encoder(t, m, filepath.Join(t.TempDir(), "libpjrt_cpu.so"))
	if _, err := e.Encode(background, []string{"a"}); err == nil || !strings.Contains(err.Error(), "there is no PJRT plugin at that path") {
		t.Errorf("error %v", err)
	}
}
