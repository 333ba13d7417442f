package file

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"
)

// parquetFile is a Parquet file being written column by column.
type parquetFile struct {
	name string
	to   io.WriteCloser
	buf  *bufio.Writer
	pq   *parquet.GenericWriter[any]
	rows int64 // in the current row group
}

func (w *Writer) open(name string, columns []columnSpec) (*parquetFile, error) {
	path := filepath.Join(w.part, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	to, err := w.create(path)
	if err != nil {
		return nil, err
	}
	buf := bufio.NewWriterSize(to, 1<<20)
	pq := parquet.NewGenericWriter[any](buf, schemaNamed(strings.TrimSuffix(filepath.Base(name), ".parquet"), columns),
		parquet.Compression(w.codec), parquet.CreatedBy("trilemma", "1", "parquet-go"),
		parquet.PageBufferSize(256<<10), parquet.DictionaryMaxBytes(4<<20))
	return &parquetFile{name: name, to: to, buf: buf, pq: pq}, nil
}

// flush ends the row group.
func (f *parquetFile) flush() error {
	if f.rows == 0 {
		return nil
	}
	f.rows = 0
	if err := f.pq.Flush(); err != nil {
		return fmt.Errorf("%s: %w", f.name, err)
	}
	return nil
}

func (f *parquetFile) finish() error {
	err := f.flush()
	if err == nil {
		err = f.pq.Close()
	}
	if err == nil {
		err = f.buf.Flush()
	}
	if err = errors.Join(err, f.to.Close()); err != nil {
		return fmt.Errorf("%s: %w", f.name, err)
	}
	return nil
}

// codecNamed finds a compression.
func codecNamed(name string) (compress.Codec, error) {
	codecs := map[string]compress.Codec{
		"": &parquet.Zstd, "zstd": &parquet.Zstd, "snappy": &parquet.Snappy, "gzip": &parquet.Gzip,
		"lz4": &parquet.Lz4Raw, "none": &parquet.Uncompressed,
	}
	if c, ok := codecs[name]; ok {
		return c, nil
	}
	return nil, fmt.Errorf("unknown compression %q; choose zstd, snappy, gzip, lz4 or none", name)
}
