package encode

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestWrittenVectorsAreReadBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "v.parquet")
	var ids []string
	var vectors []float32
	for i := range 2500 {
		ids = append(ids, string(rune('a'+i%26))+string(rune('0'+i/26)))
		vectors = append(vectors, float32(i), -float32(i)/3, 1)
	}
	var first []byte
	for range 2 {
		if err := WritePrecomputed(path, ids, vectors, 3, map[string]string{"b": "1", "a": "2"}); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if first != nil && !bytes.Equal(first, b) {
			t.Error("the same vectors give other bytes")
		}
		first = b
	}
	got, dim, err := LoadPrecomputed(path, ids)
	if err != nil || dim != 3 || !slices.Equal(got, vectors) {
		t.Errorf("dim %d, %v", dim, err)
	}
	if err := WritePrecomputed(path, ids, vectors[1:], 3, nil); err == nil {
		t.Error("too few floats: no error")
	}
	if err := WritePrecomputed(filepath.Join(path, "below"), ids, vectors, 3, nil); err == nil {
		t.Error("below a file: no error")
	}
	if left, err := os.ReadDir(filepath.Dir(path)); err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
