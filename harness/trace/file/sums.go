package file

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/trilemma-bench/trilemma/harness/trace"
)

// Sum is one file of a trace and the SHA-256 of its content, in hex.
type Sum struct {
	Name   string `json:"name"` // relative to the trace's folder, with forward slashes
	SHA256 string `json:"sha256"`
	Bytes  int64  `json:"bytes"`
}

// Files lists the files that make up a trace: models.yaml, prompts.parquet and the outcomes, in the order in which they
// are read. Whatever else lies in the folder does not count.
func Files(dir string) ([]Sum, error) {
	names, err := Shards(dir)
	if err != nil {
		return nil, fmt.Errorf("summing trace %s: %w", dir, err)
	}
	var sums []Sum
	for _, name := range append([]string{trace.ModelsFile, trace.PromptsFile}, names...) {
		sum, err := sumFile(dir, name)
		if err != nil {
			return nil, fmt.Errorf("summing trace %s: %w", dir, err)
		}
		sums = append(sums, sum)
	}
	return sums, nil
}

func sumFile(dir, name string) (Sum, error) {
	f, err := os.Open(filepath.Join(dir, name))
	if errors.Is(err, os.ErrNotExist) {
		return Sum{}, &trace.Violation{File: name, Row: -1, Problem: "is missing", Fix: "check the path " + dir}
	}
	if err != nil {
		return Sum{}, err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, f)
	if err != nil {
		return Sum{}, err
	}
	return Sum{Name: name, SHA256: hex.EncodeToString(h.Sum(nil)), Bytes: n}, nil
}
