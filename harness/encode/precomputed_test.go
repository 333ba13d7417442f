package encode

import (
	"bytes"
	"errors"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
)

type floatRow struct {
	Extra  int64     `parquet:"zzz"`
	Vector []float32 `parquet:"embedding,list"`
	ID     string    `parquet:"prompt_id,dict"`
}

type doubleRow struct {
	ID     *string   `parquet:"prompt_id,optional"`
	Vector []float64 `parquet:"embedding"`
}

func writeRows[T any](t *testing.T, rows []T, options ...parquet.WriterOption) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "vectors.parquet")
	if err := parquet.WriteFile(path, rows, options...); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLoadPrecomputed(t *testing.T) {
	nan := float32(math.NaN())
	name := func(s string) *string { return &s }
	good := []floatRow{{1, []float32{1, 2}, "a"}, {2, []float32{3, 4}, "b"}, {3, []float32{5, 6}, "c"}}
	for _, test := range []struct {
		name, path string
		ids        []string
		want       []float32
		err        string
	}{
		{"any order", writeRows(t, good), []string{"c", "a"}, []float32{5, 6, 1, 2}, ""},
		{"several row groups", writeRows(t, good, parquet.MaxRowsPerRowGroup(1)), []string{"b", "c", "a"}, []float32{3, 4, 5, 6, 1, 2}, ""},
		{"asked for twice", writeRows(t, good), []string{"b", "b"}, []float32{3, 4, 3, 4}, ""},
		{"double, plain list", writeRows(t, []doubleRow{{name("x"), []float64{0.5, -1}}}), []string{"x"}, []float32{0.5, -1}, ""},
		{"missing ids", writeRows(t, good), []string{"b", "p", "q"}, nil, `2 of 3 prompts are without a vector ("p", "q"); add them`},
		{"duplicate", writeRows(t, append(good, good[0])), []string{"a"}, nil, `rows 0 and 3 are both of prompt "a"`},
		{"ragged", writeRows(t, append(good, floatRow{4, []float32{1}, "d"})), []string{"a"}, nil, "row 3, column embedding: 1 numbers is not the length of the vectors before it, 2"},
		{"long", writeRows(t, append(good, floatRow{4, []float32{1, 2, 3}, "d"})), []string{"d"}, nil, "row 3, column embedding: 3 numbers"},
		{"empty vector", writeRows(t, append(good, floatRow{4, nil, "d"})), []string{"a"}, nil, "row 3, column embedding: is null or empty"},
		{"first empty", writeRows(t, []floatRow{{4, nil, "d"}}), []string{"d"}, nil, "column embedding: holds no vectors"},
		{"NaN", writeRows(t, append(good, floatRow{4, []float32{1, nan}, "d"})), []string{"a"}, nil, "row 3, column embedding: NaN is not a finite number"},
		{"too large", writeRows(t, []doubleRow{{name("x"), []float64{1e300}}}), []string{"x"}, nil, "row 0, column embedding: +Inf is not a finite number"},
		{"null id", writeRows(t, []doubleRow{{nil, []float64{1}}}), []string{"x"}, nil, "row 0, column prompt_id: is null"},
		{"no rows", writeRows(t, []floatRow{}), []string{"x"}, nil, "column embedding: holds no vectors"},
		{"no vectors", writeRows(t, []struct {
			ID string `parquet:"prompt_id"`
		}{{"a"}}), []string{"a"}, nil, `column embedding: is missing; the file has ["prompt_id"]`},
		{"numbers as ids", writeRows(t, []struct {
			ID     int64     `parquet:"prompt_id"`
			Vector []float32 `parquet:"embedding"`
		}{{1, []float32{1}}}), []string{"a"}, nil, "column prompt_id: INT(64,true) is the wrong type"},
		{"text as vectors", writeRows(t, []struct {
			ID     string `parquet:"prompt_id"`
			Vector string `parquet:"embedding"`
		}{{"a", "[1,2]"}}), []string{"a"}, nil, "want a list of floats"},
		{"one number", writeRows(t, []struct {
			ID     string  `parquet:"prompt_id"`
			Vector float32 `parquet:"embedding"`
		}{{"a", 1}}), []string{"a"}, nil, "want a list of floats"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, dim, err := LoadPrecomputed(test.path, test.ids)
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) || !strings.Contains(err.Error(), test.path) {
					t.Fatalf("error %v, want one with %q and the path", err, test.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if dim != len(test.want)/len(test.ids) || !equal(got, test.want) {
				t.Errorf("vectors %v of %d, want %v", got, dim, test.want)
			}
		})
	}
}

func equal(a, b []float32) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func TestLoadPrecomputedFromBrokenFiles(t *testing.T) {
	if _, _, err := LoadPrecomputed(filepath.Join(t.TempDir(), "absent.parquet"), nil); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "give the path") {
		t.Errorf("missing file: %v", err)
	}
	if _, _, err := LoadPrecomputed(t.TempDir(), nil); err == nil {
		t.Error("a folder: no error")
	}
	whole := brokenSource(t)
	for _, n := range []int{0, 3, 11, len(whole) / 2, len(whole) - 1} {
		path := filepath.Join(t.TempDir(), "cut.parquet")
		if err := os.WriteFile(path, whole[:n], 0o644); err != nil {
			t.Fatal(err)
		}
		if _, _, err := LoadPrecomputed(path, []string{"a"}); err == nil || !strings.Contains(err.Error(), "truncated") {
			t.Errorf("the first %d of %d bytes: %v, want an error that says truncated", n, len(whole), err)
		}
	}
}

func brokenSource(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := parquet.Write(&b, []floatRow{{1, []float32{1, 2}, "a"}, {2, []float32{3, 4}, "b"}}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Whatever bytes a file holds, reading ends in vectors or an error.
func FuzzLoadPrecomputed(f *testing.F) {
	whole := brokenSource(f)
	f.Add(whole)
	for i := 4; i < len(whole); i += 97 {
		harmed := bytes.Clone(whole)
		harmed[i] ^= 0x55
		f.Add(harmed)
	}
	path := filepath.Join(f.TempDir(), "fuzz.parquet")
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
		v, dim, err := LoadPrecomputed(path, []string{"a", "b"})
		if err == nil && len(v) != 2*dim {
			t.Fatalf("%d floats of dimension %d", len(v), dim)
		}
	})
}

func TestLoadPrecomputedFromPyarrow(t *testing.T) {
	python := os.Getenv("TRILEMMA_PYTHON")
	if python == "" {
		python = "python3"
	}
	if err := exec.Command(python, "-c", "import pyarrow").Run(); err != nil {
		t.Skipf("%s has no pyarrow: set TRILEMMA_PYTHON to one that has", python)
	}
	dir := t.TempDir()
	script := `
import pyarrow as pa, pyarrow.parquet as pq, sys
v = [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]
for name, kind in {"list": pa.list_(pa.float32()), "double": pa.list_(pa.float64()), "large": pa.large_list(pa.float32()), "fixed": pa.list_(pa.float32(), 2)}.items():
    for codec in ["snappy", "zstd", "gzip", "none"]:
        t = pa.table({"embedding": pa.array(v, kind), "n": [1, 2, 3], "prompt_id": pa.array(["a", "b", "c"], pa.large_string())})
        pq.write_table(t, f"{sys.argv[1]}/{name}-{codec}.parquet", compression=codec, row_group_size=2, use_dictionary=codec != "zstd", data_page_version="2.0" if codec == "gzip" else "1.0")
pq.write_table(pa.table({"prompt_id": ["a"], "embedding": pa.array([[1.0, None]], pa.list_(pa.float32()))}), f"{sys.argv[1]}/null.parquet")
`
	if out, err := exec.Command(python, "-c", script, dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	paths, err := filepath.Glob(filepath.Join(dir, "*-*.parquet"))
	if err != nil || len(paths) != 16 {
		t.Fatalf("%d files, %v", len(paths), err)
	}
	for _, path := range paths {
		v, dim, err := LoadPrecomputed(path, []string{"c", "a", "b"})
		if err != nil || dim != 2 || !equal(v, []float32{5, 6, 1, 2, 3, 4}) {
			t.Errorf("%s: %v of %d, %v", filepath.Base(path), v, dim, err)
		}
	}
	if _, _, err := LoadPrecomputed(filepath.Join(dir, "null.parquet"), []string{"a"}); err == nil || !strings.Contains(err.Error(), "holds a null") {
		t.Errorf("a null element: %v", err)
	}
}

// sharedData finds ../shared/data beside the repository.
func sharedData(t testing.TB, path ...string) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		if filepath.Dir(dir) == dir {
			t.Fatal("no go.mod above the test")
		}
		dir = filepath.Dir(dir)
	}
	found := filepath.Join(append([]string{dir, "..", "shared", "data"}, path...)...)
	if _, err := os.Stat(found); err != nil {
		t.Skipf("%s is absent", filepath.Join(append([]string{"../shared/data"}, path...)...))
	}
	return found
}

func TestLoadPrecomputedMiniLM(t *testing.T) {
	path := sharedData(t, "mmlu-pro", "embeddings-minilm.parquet")
	rows, err := parquet.ReadFile[struct {
		ID string `parquet:"prompt_id"`
	}](sharedData(t, "mmlu-pro", "prompts.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, row := range rows {
		ids = append(ids, row.ID)
	}
	start := time.Now()
	v, dim, err := LoadPrecomputed(path, ids)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d vectors of %d in %v", len(ids), dim, time.Since(start))
	if dim != 384 || len(v) != 8470*384 {
		t.Fatalf("%d floats of dimension %d", len(v), dim)
	}
	for i := range ids {
		if length := dot(v[i*dim:(i+1)*dim], v[i*dim:(i+1)*dim]); math.Abs(length-1) > 1e-4 {
			t.Fatalf("vector of %s has squared length %v, want 1", ids[i], length)
		}
	}
}
