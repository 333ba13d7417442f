package formats

import (
	"archive/zip"
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/parquet-go/parquet-go"

	"github.com/trilemma-bench/trilemma/harness/textfile"
)

// member is a file, or a file in an archive, that records are read from.
type member struct {
	path string // within the import
	own  string // on disk, with the place in an archive
	open func() (io.ReadCloser, error)
}

// members lists what the card's globs pick of the sources: files as they are named, with what the card wants to know beside them,
// folders with all below them, archives with all in them.
func (c *Card) members(src []string) ([]member, func() error, error) {
	var found []member
	var archives []io.Closer
	closeAll := func() error {
		var errs []error
		for _, a := range archives {
			errs = append(errs, a.Close())
		}
		return errors.Join(errs...)
	}
	add := func(name, within string, named bool) error {
		if ext := strings.ToLower(path.Ext(within)); ext == ".zip" || ext == ".eval" {
			a, err := zip.OpenReader(name)
			if err != nil {
				return fmt.Errorf("reading %s: %w; it may be truncated", name, err)
			}
			archives = append(archives, a)
			for _, f := range a.File {
				if f.FileInfo().IsDir() || strings.HasPrefix(f.Name, "__MACOSX/") || !fs.ValidPath(f.Name) {
					continue
				}
				found = append(found, member{path.Join(within, f.Name), name + "\x00" + f.Name, f.Open})
			}
			return nil
		}
		if named || c.wants(within) || c.isBeside(within) {
			whole, err := filepath.Abs(name)
			if err != nil {
				return err
			}
			found = append(found, member{within, whole, func() (io.ReadCloser, error) { return os.Open(name) }})
		}
		return nil
	}
	for _, at := range src {
		info, err := os.Stat(at)
		if err == nil && !info.IsDir() {
			// Folders above tell some formats the model: of a file that is named, its own last two count.
			whole, err2 := filepath.Abs(at)
			parts := strings.Split(filepath.ToSlash(whole), "/")
			within := strings.Join(parts[max(0, len(parts)-4):], "/")
			err = errors.Join(err2, add(at, within, true))
			for _, glob := range c.Beside {
				near, err3 := filepath.Glob(filepath.Join(filepath.Dir(whole), glob))
				for _, name := range near {
					err3 = errors.Join(err3, add(name, path.Join(path.Dir(within), filepath.Base(name)), false))
				}
				err = errors.Join(err, err3)
			}
		} else if err == nil {
			err = filepath.WalkDir(at, func(name string, entry fs.DirEntry, err error) error {
				if err != nil || entry.IsDir() {
					return err
				}
				within, err := filepath.Rel(filepath.Dir(filepath.Clean(at)), name)
				if err != nil {
					return err
				}
				return add(name, filepath.ToSlash(within), false)
			})
		}
		if err != nil {
			return nil, closeAll, err
		}
	}
	slices.SortStableFunc(found, func(a, b member) int { return cmp.Or(strings.Compare(a.path, b.path), strings.Compare(a.own, b.own)) })
	return slices.CompactFunc(found, func(a, b member) bool { return a.own == b.own }), closeAll, nil
}

func (c *Card) wants(within string) bool { return matchAny(c.Files, within) }

func (c *Card) isBeside(within string) bool {
	for _, glob := range c.Beside {
		if matchAny([]string{glob}, within) {
			return true
		}
	}
	return false
}

// matchAny tells whether a glob matches the end of a path that has as many parts as it.
func matchAny(globs []string, within string) bool {
	within = strings.TrimSuffix(within, ".gz")
	for _, g := range globs {
		parts := strings.Split(within, "/")
		if ok, _ := path.Match(g, strings.Join(parts[max(0, len(parts)-1-strings.Count(g, "/")):], "/")); ok {
			return true
		}
	}
	return false
}

// besides parses the card's files beside others, by folder and key; of several the last by name holds.
func (c *Card) besides(all []member) (map[string]map[string]any, error) {
	found := map[string]map[string]any{}
	for _, m := range all {
		for key, glob := range c.Beside {
			if !matchAny([]string{glob}, m.path) {
				continue
			}
			err := eachDocument(context.Background(), m, func(document any, _ int) error {
				dir := path.Dir(m.path)
				if found[dir] == nil {
					found[dir] = map[string]any{}
				}
				found[dir][key] = document
				return nil
			})
			if err != nil {
				return nil, err
			}
		}
	}
	return found, nil
}

// near is what lies beside a path, or in the nearest folder above it.
func near(besides map[string]map[string]any, within string) map[string]any {
	out := map[string]any{}
	for dir := path.Dir(within); ; dir = path.Dir(dir) {
		for key, document := range besides[dir] {
			if out[key] == nil {
				out[key] = document
			}
		}
		if dir == "." || dir == "/" {
			return out
		}
	}
}

// eachDocument hands on the JSON documents, lines or rows of a file, with their number from 1.
func eachDocument(ctx context.Context, m member, visit func(document any, n int) error) error {
	f, err := m.open()
	if err != nil {
		return fmt.Errorf("reading %s: %w", m.path, err)
	}
	defer f.Close()
	var r io.Reader = f
	name := strings.ToLower(m.path)
	if strings.HasSuffix(name, ".gz") {
		if r, err = gzip.NewReader(f); err != nil {
			return fmt.Errorf("reading %s: %w", m.path, err)
		}
		name = strings.TrimSuffix(name, ".gz")
	}
	n, failing := 0, 1
	next := func(document any) error {
		n++
		failing = n
		if n%256 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		err := visit(document, n)
		if err == nil {
			failing++
		}
		return err
	}
	switch path.Ext(name) {
	case ".csv", ".tsv":
		err = eachRow(textfile.NewReader(r), path.Ext(name) == ".tsv", next)
	case ".parquet":
		err = eachParquetRow(r, next)
	default:
		dec := json.NewDecoder(textfile.NewReader(r))
		dec.UseNumber()
		for {
			var document any
			if err = dec.Decode(&document); errors.Is(err, io.EOF) {
				return nil
			} else if err == nil {
				err = next(document)
			}
			if err != nil {
				break
			}
		}
	}
	if err != nil {
		return fmt.Errorf("reading %s, record %d: %w", m.path, failing, err)
	}
	return nil
}

func eachRow(r io.Reader, tabs bool, next func(any) error) error {
	c := csv.NewReader(r)
	if tabs {
		c.Comma, c.LazyQuotes = '\t', true
	}
	head, err := c.Read()
	if errors.Is(err, io.EOF) {
		return errors.New("the file is empty: want a heading and rows")
	}
	if err != nil {
		return err
	}
	for {
		row, err := c.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		record := make(map[string]any, len(row))
		for i, h := range head {
			record[h] = row[i]
		}
		if err := next(record); err != nil {
			return err
		}
	}
}

// eachParquetRow reads flat columns; nested ones are left out.
func eachParquetRow(r io.Reader, next func(any) error) error {
	all, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	f, err := parquet.OpenFile(bytes.NewReader(all), int64(len(all)))
	if err != nil {
		return err
	}
	columns := f.Schema().Columns()
	rows := parquet.NewReader(f)
	defer func() { _ = rows.Close() }() // opened for reading only
	buffer := make([]parquet.Row, 256)
	for {
		n, err := rows.ReadRows(buffer)
		for _, row := range buffer[:n] {
			record := map[string]any{}
			for _, v := range row {
				if at := columns[v.Column()]; len(at) == 1 && !v.IsNull() {
					record[at[0]] = plain(v)
				}
			}
			if err := next(record); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func plain(v parquet.Value) any {
	switch v.Kind() {
	case parquet.Boolean:
		return v.Boolean()
	case parquet.Int32, parquet.Int64:
		return int(v.Int64())
	case parquet.Float:
		return float64(v.Float())
	case parquet.Double:
		return v.Double()
	}
	return string(v.ByteArray())
}
