package file

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/trilemma-bench/trilemma/harness/trace"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// peakMB is the most memory that this process has had, 0 where the system does not tell.
func peakMB() float64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range bytes.Lines(status) {
		var kb float64
		if _, err := fmt.Sscanf(string(line), "VmHWM: %f kB", &kb); err == nil {
			return kb / 1024
		}
	}
	return 0
}

func BenchmarkOpenMMLUPro(b *testing.B) {
	dir := shared(b, "data/mmlu-pro")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Open(context.Background(), dir); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(peakMB(), "peak-MB")
}

// BenchmarkOpen10M opens 1,250,000 prompts × 8 models, which it writes first. With TRILEMMA_10M set to a folder, the
// trace is kept there and only opened the next time, so that the peak is that of the opening alone.
func BenchmarkOpen10M(b *testing.B) {
	kept := os.Getenv("TRILEMMA_10M")
	if testing.Short() || kept == "" {
		b.Skip("set TRILEMMA_10M to a folder with 500 MB of room")
	}
	dir := filepath.Join(kept, "trace-10m")
	if _, err := os.Stat(dir); err != nil {
		writeLarge(b, dir, 1_250_000, 8)
	}
	b.ReportAllocs()
	b.ResetTimer()
	for b.Loop() {
		t, err := Open(context.Background(), dir)
		if err != nil {
			b.Fatal(err)
		}
		if t.Prompts.Len() != 1_250_000 {
			b.Fatalf("%d prompts", t.Prompts.Len())
		}
	}
	b.ReportMetric(peakMB(), "peak-MB")
}

func writeLarge(b *testing.B, dir string, prompts, models int) {
	r := policy.Stream(1, "large")
	var pool []policy.Model
	for j := range models {
		pool = append(pool, policy.NewModel(fmt.Sprintf("model-%d", j)))
	}
	w, err := NewWriter(dir, pool)
	if err != nil {
		b.Fatal(err)
	}
	const part = 50_000
	for lo := 0; lo < prompts; lo += part {
		p := trace.Prompts{}
		for i := lo; i < min(lo+part, prompts); i++ {
			p.ID = append(p.ID, fmt.Sprintf("prompt-%07d", i))
			p.Category = append(p.Category, fmt.Sprintf("category-%d", r.IntN(20)))
			p.Text = append(p.Text, words(r, 30))
		}
		t := trace.NewTrace(pool, p)
		t.Outcomes.Logged[policy.Latency] = trace.NewMatrix(len(p.ID) * models)
		t.Outcomes.Answer = make([]uint32, len(p.ID)*models)
		t.Outcomes.AnswerText = []string{"", "A", "B", "C", "D"}
		for at := range t.Outcomes.Logged[policy.Quality] {
			t.Outcomes.Present.Set(at)
			t.Outcomes.Logged[policy.Quality][at] = float32(r.IntN(2))
			t.Outcomes.InputTokens[at] = float32(20 + r.IntN(500))
			t.Outcomes.OutputTokens[at] = float32(20 + r.IntN(500))
			t.Outcomes.Logged[policy.Latency][at] = r.Float32()
			t.Outcomes.Answer[at] = uint32(r.IntN(5))
		}
		if err := w.Append(t, nil); err != nil {
			b.Fatal(err)
		}
	}
	if err := w.Commit(); err != nil {
		b.Fatal(err)
	}
}

func words(r *rand.Rand, n int) string {
	text := ""
	for range n {
		text += fmt.Sprintf("w%d ", r.IntN(20000))
	}
	return text
}
