package bert

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"math"
	"os"
	"slices"
	"testing"

	"github.com/trilemma-bench/trilemma/harness/encode"
)

type goldenCase struct {
	Text   string    `json:"text"`
	IDs    []int32   `json:"ids"`
	Vector []float32 `json:"vector"`
}

func golden(t testing.TB) []goldenCase {
	t.Helper()
	text, err := os.ReadFile("../../../../shared/golden/minilm.json")
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("no ../shared/golden/minilm.json")
	}
	var file struct {
		Cases []goldenCase `json:"cases"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	return file.Cases
}

func minilm(t testing.TB) *Model {
	t.Helper()
	dir := os.Getenv("TRILEMMA_MINILM")
	if dir == "" {
		t.Skip("set TRILEMMA_MINILM")
	}
	m, err := Open(dir, encode.ModelParams{})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestGolden(t *testing.T) {
	cases, m := golden(t), minilm(t)
	e, err := m.Encoder("minilm", os.Getenv("BACKEND"))
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, c := range cases {
		if got := m.Tokens(c.Text); !slices.Equal(got, c.IDs) {
			t.Errorf("%.40q: ids %v, want %v", c.Text, got, c.IDs)
		}
		texts = append(texts, c.Text)
	}
	v, err := e.Encode(context.Background(), texts)
	if err != nil {
		t.Fatal(err)
	}
	var worst float64
	for i, c := range cases {
		for d, x := range c.Vector {
			worst = max(worst, math.Abs(float64(x-v[i*e.Dim()+d])))
		}
	}
	t.Logf("largest difference %.2g; %+v", worst, m.Config)
	if worst > 1e-5 {
		t.Error("too far")
	}
}

func BenchmarkLen(b *testing.B) {
	m := minilm(b)
	e, err := m.Encoder("minilm", os.Getenv("BACKEND"))
	if err != nil {
		b.Fatal(err)
	}
	for _, w := range []int{32, 128, 256} {
		b.Run(string(rune('0'+w/100))+string(rune('0'+w/10%10))+string(rune('0'+w%10)), func(b *testing.B) {
			text := ""
			for len(m.Tokens(text)) < w {
				text += " the"
			}
			texts := slices.Repeat([]string{text}, 8*e.plan.size(w))
			e.Encode(context.Background(), texts[:e.plan.size(w)])
			n := 0
			b.ResetTimer()
			for b.Loop() {
				e.Encode(context.Background(), texts)
				n += len(texts)
			}
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "texts/s")
		})
	}
}
