package bert

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/trilemma-bench/trilemma/harness/encode"
	"github.com/trilemma-bench/trilemma/harness/encode/weights"
	"github.com/trilemma-bench/trilemma/harness/trace/file"
	"github.com/trilemma-bench/trilemma/policies/compute"
)

const shared = "../../../../shared/"

// minilm is the installed model; tests that need it skip where it is not.
func minilm(t testing.TB) *Model {
	t.Helper()
	dir, err := weights.Locate("minilm")
	if err != nil {
		t.Skipf("%v", err)
	}
	return open(t, dir, encode.ModelParams{})
}

// readyBackends are those of this machine.
func readyBackends() []string {
	var names []string
	for _, s := range compute.List() {
		if s.Ready {
			names = append(names, s.Name)
		}
	}
	return names
}

func compare(t *testing.T, e *Encoder, g *Golden) {
	t.Helper()
	r, err := e.Compare(background, g)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d cases by %s: token ids of %d differ, largest difference %.2g", r.Cases, r.Reference, r.WrongIDs, r.Largest)
	if !r.OK() {
		t.Errorf("%+v", r)
	}
}

// Token ids are equal to transformers' and vectors within 1e-5, on every backend of this machine.
func TestGolden(t *testing.T) {
	m := minilm(t)
	if testing.Short() {
		t.Skip("takes seconds a backend")
	}
	own, err := BuiltInGolden()
	if err != nil {
		t.Fatal(err)
	}
	if own.Weights != m.Weights() {
		t.Errorf("the cases are of weights %s, installed are %s", own.Weights, m.Weights())
	}
	theirs, err := ReadGolden(shared + "golden/minilm.json")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	for _, backend := range readyBackends() {
		if backend != compute.Default && os.Getenv("TRILEMMA_FULL") == "" {
			continue // compiling takes ten seconds
		}
		t.Run(strings.ReplaceAll(backend, ":", "-"), func(t *testing.T) {
			e := encoder(t, m, backend)
			compare(t, e, own)
			if theirs == nil {
				t.Skip("no ../shared/golden/minilm.json")
			}
			compare(t, e, theirs)
		})
	}
}

// The ids alone take no time, so they are compared everywhere.
func TestGoldenIDs(t *testing.T) {
	m := minilm(t)
	g, err := BuiltInGolden()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range g.Cases {
		if got := m.Tokens(c.Text); !slices.Equal(got, c.IDs) {
			t.Errorf("%.40q: %v, want %v", c.Text, got, c.IDs)
		}
	}
}

// The vectors that come with mmlu-pro, made by another program, are reproduced within 1e-4: all of them in check-full, else
// a sample.
func TestReproducesPublishedVectors(t *testing.T) {
	const dir = shared + "data/mmlu-pro"
	m := minilm(t)
	if _, err := os.Stat(dir); err != nil {
		t.Skip("no ../shared/data/mmlu-pro")
	}
	tr, err := file.Open(background, dir)
	if err != nil {
		t.Fatal(err)
	}
	want, dim, err := encode.LoadPrecomputed(dir+"/embeddings-minilm.parquet", tr.Prompts.ID)
	if err != nil {
		t.Fatal(err)
	}
	step := 701
	if os.Getenv("TRILEMMA_FULL") != "" {
		step = 1
	} else if testing.Short() {
		t.Skip("takes seconds")
	}
	var rows []int
	var texts []string
	for i := 0; i < len(tr.Prompts.ID); i += step {
		rows, texts = append(rows, i), append(texts, tr.Prompts.Text[i])
	}
	backends := readyBackends()
	backend := backends[min(1, len(backends)-1)] // the faster one, where there is one
	if step > 1 {
		backend = compute.Default
	}
	got := vectors(t, encoder(t, m, backend), texts...)
	var worst float64
	for k, i := range rows {
		for d := range dim {
			worst = max(worst, math.Abs(float64(got[k*dim+d]-want[i*dim+d])))
		}
	}
	t.Logf("%d vectors on %s: largest difference %.2g", len(rows), backend, worst)
	if !(worst <= 1e-4) {
		t.Errorf("largest difference %v, want at most 1e-4", worst)
	}
}

// Throughput by length and backend, with nothing but the model: every text fills its width. PyTorch stands beside where
// TRILEMMA_PYTHON has torch and transformers, in batches of 32, which serve it best.
func BenchmarkMiniLM(b *testing.B) {
	m := minilm(b)
	for _, tokens := range []int{32, 128, 256} {
		b.Run("pytorch-cpu/"+threeDigits(tokens)+"-tokens", func(b *testing.B) { torch(b, m.Dir, tokens) })
	}
	for _, backend := range readyBackends() {
		e := encoder(b, m, backend)
		for _, tokens := range []int{32, 128, 256} {
			b.Run(strings.ReplaceAll(backend, ":", "-")+"/"+threeDigits(tokens)+"-tokens", func(b *testing.B) {
				text := strings.Repeat(" the", tokens-2)
				texts := slices.Repeat([]string{text}, 8192/tokens)
				vectors(b, e, texts[0]) // compiles
				n := 0
				for b.Loop() {
					vectors(b, e, texts...)
					n += len(texts)
				}
				b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "texts/s")
				b.ReportMetric(float64(n*tokens)/b.Elapsed().Seconds(), "tokens/s")
			})
		}
	}
}

func threeDigits(n int) string { return fmt.Sprintf("%03d", n) }

// torch times PyTorch on as many processors as Go has.
func torch(b *testing.B, dir string, tokens int) {
	python := os.Getenv("TRILEMMA_PYTHON")
	if python == "" {
		python = "python3"
	}
	const program = `
import sys, time, torch, transformers
torch.set_num_threads(int(sys.argv[3]))
model, tokens = transformers.AutoModel.from_pretrained(sys.argv[1]).eval(), int(sys.argv[2])
ids = torch.randint(1000, 20000, (32, tokens))
with torch.inference_mode():
    model(input_ids=ids, attention_mask=torch.ones_like(ids))
    start, n = time.time(), 0
    while time.time() - start < 3:
        model(input_ids=ids, attention_mask=torch.ones_like(ids))
        n += len(ids)
    print(n / (time.time() - start))
`
	cmd := exec.Command(python, "-c", program, dir, strconv.Itoa(tokens), strconv.Itoa(runtime.GOMAXPROCS(0)))
	cmd.Env = append(os.Environ(), "HF_HUB_OFFLINE=1", "TRANSFORMERS_VERBOSITY=error")
	out, err := cmd.Output()
	if err != nil {
		b.Skipf("%s has no torch and transformers: %v; set TRILEMMA_PYTHON to one that has", python, err)
	}
	rate, err := strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(rate, "texts/s")
	b.ReportMetric(rate*float64(tokens), "tokens/s")
}

// BenchmarkTokens is what tokenising costs: little beside computing.
func BenchmarkTokens(b *testing.B) {
	m := minilm(b)
	text := strings.Repeat("Which of 29 models answers this question best, and at what cost? ", 8)
	var ids []int32
	for b.Loop() {
		ids = m.tokens.Encode(ids[:0], text, 512)
	}
	b.ReportMetric(float64(len(ids)*b.N)/b.Elapsed().Seconds(), "tokens/s")
}
