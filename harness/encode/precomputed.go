package encode

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/trilemma-bench/trilemma/harness/trace/file"
)

// ErrNoVector is wrapped by the error for prompts that a file of vectors does not have.
var ErrNoVector = errors.New("without a vector")

// LoadPrecomputed reads the vectors of the prompts ids from a Parquet file with the columns prompt_id (string) and
// embedding (a list of float or double, of the same length in every row), in any order of rows and columns and with any
// others beside them. It returns len(ids) × dim floats, row-major in the order of ids.
//
// What is wrong with the file itself is a [trace.Violation]; prompts that it lacks are an [ErrNoVector].
func LoadPrecomputed(path string, ids []string) (vectors []float32, dim int, err error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, 0, fmt.Errorf("reading vectors: %w; give the path of a Parquet file with the columns prompt_id and embedding", err)
	}
	have, rows, dim, err := file.ReadVectors(context.Background(), path)
	if err != nil {
		return nil, 0, fmt.Errorf("reading vectors from %s: %w", path, err)
	}
	rowOf := make(map[string]int, len(have))
	for row, id := range have {
		if first, twice := rowOf[id]; twice {
			return nil, 0, fmt.Errorf("reading vectors from %s: rows %d and %d are both of prompt %q; keep one row a prompt", path, first, row, id)
		}
		rowOf[id] = row
	}
	vectors = make([]float32, len(ids)*dim)
	var missing []string
	for i, id := range ids {
		row, ok := rowOf[id]
		if !ok {
			missing = append(missing, id)
			continue
		}
		copy(vectors[i*dim:(i+1)*dim], rows[row*dim:])
	}
	if len(missing) > 0 {
		return nil, 0, fmt.Errorf("reading vectors from %s: %d of %d prompts are %w (%s); add them to the file, or use the hash encoder, which needs no file",
			path, len(missing), len(ids), ErrNoVector, few(missing))
	}
	return vectors, dim, nil
}

// few quotes the first names of a list.
func few(names []string) string {
	var b strings.Builder
	for i, name := range names {
		if i > 0 {
			b.WriteString(", ")
		}
		if i == 5 {
			b.WriteString("…")
			break
		}
		fmt.Fprintf(&b, "%q", name)
	}
	return b.String()
}
