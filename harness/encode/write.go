package encode

import (
	"errors"
	"fmt"

	"github.com/parquet-go/parquet-go"

	"github.com/trilemma-bench/trilemma/harness/wholefile"
)

// vectorRow is one row of a file of vectors.
type vectorRow struct {
	Prompt    string    `parquet:"prompt_id"`
	Embedding []float32 `parquet:"embedding,list"`
}

// rowsAtOnce bounds what is converted to rows at a time.
const rowsAtOnce = 1024

// WritePrecomputed writes vectors, len(ids) × dim, to a Parquet file that [LoadPrecomputed] reads: all or nothing.
// Facts go into its metadata. Equal input gives equal bytes.
func WritePrecomputed(path string, ids []string, vectors []float32, dim int, facts map[string]string) (err error) {
	if dim < 1 || len(vectors) != len(ids)*dim {
		return fmt.Errorf("writing vectors to %s: %d floats for %d prompts of %d figures", path, len(vectors), len(ids), dim)
	}
	f, err := wholefile.Create(path)
	if err != nil {
		return fmt.Errorf("writing vectors: %w; name another file with --out", err)
	}
	defer func() { err = errors.Join(err, f.Discard()) }()
	options := []parquet.WriterOption{parquet.Compression(&parquet.Zstd), parquet.CreatedBy("trilemma", "", "")}
	for key, value := range facts {
		options = append(options, parquet.KeyValueMetadata(key, value))
	}
	w := parquet.NewGenericWriter[vectorRow](f, options...)
	rows := make([]vectorRow, 0, rowsAtOnce)
	for lo := 0; lo < len(ids); lo += rowsAtOnce {
		rows = rows[:0]
		for i := lo; i < min(lo+rowsAtOnce, len(ids)); i++ {
			rows = append(rows, vectorRow{ids[i], vectors[i*dim : (i+1)*dim]})
		}
		if _, err := w.Write(rows); err != nil {
			return fmt.Errorf("writing vectors to %s: %w", path, err)
		}
	}
	if err := w.Close(); err != nil {
		return fmt.Errorf("writing vectors to %s: %w", path, err)
	}
	if err := f.Replace(); err != nil {
		return fmt.Errorf("writing vectors to %s: %w", path, err)
	}
	return nil
}
