package importer

import (
	"archive/zip"
	"context"
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

	"github.com/trilemma-bench/trilemma/harness/textfile"
)

// Find lists the result files in src, sorted and each once. A folder stands for the files in it, not below it, whose
// name want accepts; a file stands for itself, whatever its name.
func Find(src []string, want func(name string) bool) ([]string, error) {
	if len(src) == 0 {
		return nil, errors.New("nothing to import: name the result files, or a folder that holds them")
	}
	var files []string
	for _, at := range src {
		info, err := os.Stat(at)
		if err != nil {
			return nil, fmt.Errorf("looking for result files: %w", err)
		}
		if !info.IsDir() {
			files = append(files, filepath.Clean(at))
			continue
		}
		entries, err := os.ReadDir(at)
		if err != nil {
			return nil, fmt.Errorf("looking for result files: %w", err)
		}
		before := len(files)
		for _, e := range entries {
			if !e.IsDir() && want(e.Name()) {
				files = append(files, filepath.Join(at, e.Name()))
			}
		}
		if len(files) == before {
			return nil, fmt.Errorf("looking for result files: %s holds none; name the folder that does, or the files themselves", at)
		}
	}
	slices.Sort(files)
	return slices.Compact(files), nil
}

// maxDocument bounds what one zipped file may unfold to, 4 GiB, so that a damaged or hostile archive cannot fill memory.
const maxDocument = 4 << 30

// EachDocument calls visit with every JSON document of a file: the file itself, or the .json files within a .zip.
// name is the document's own, to be told in errors.
func EachDocument(file string, visit func(name string, r io.Reader) error) error {
	if !strings.EqualFold(filepath.Ext(file), ".zip") {
		f, err := os.Open(file)
		if err != nil {
			return err
		}
		defer f.Close()
		return visit(file, f)
	}
	archive, err := zip.OpenReader(file)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return err
	}
	if err != nil {
		return fmt.Errorf("reading %s: %w; it may be truncated: download it again", file, err)
	}
	defer func() { _ = archive.Close() }() // opened for reading only
	documents := 0
	for _, entry := range archive.File {
		base := path.Base(entry.Name)
		// macOS archives carry a shadow of every file.
		if entry.FileInfo().IsDir() || !strings.EqualFold(path.Ext(base), ".json") || strings.HasPrefix(base, ".") || strings.HasPrefix(entry.Name, "__MACOSX/") {
			continue
		}
		documents++
		r, err := entry.Open()
		if err != nil {
			return fmt.Errorf("reading %s: %s: %w; download it again", file, entry.Name, err)
		}
		err = visit(file+":"+entry.Name, &bounded{from: r, left: maxDocument})
		if err := errors.Join(err, r.Close()); err != nil {
			return err
		}
	}
	if documents == 0 {
		return fmt.Errorf("reading %s: there is no .json file in it", file)
	}
	return nil
}

// bounded fails where more than left bytes follow.
type bounded struct {
	from io.Reader
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.from.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return n, fmt.Errorf("more than %d bytes", int64(maxDocument))
	}
	return n, err
}

// EachElement calls visit with every element of the JSON array that r holds, one at a time. Elements count from 0.
func EachElement(ctx context.Context, name string, r io.Reader, visit func(i int, element json.RawMessage) error) error {
	dec := json.NewDecoder(textfile.NewReader(r))
	first, err := dec.Token()
	if err != nil {
		return fmt.Errorf("reading %s: %w; it must be a JSON array of records", name, whole(err))
	}
	if first != json.Delim('[') {
		return fmt.Errorf("reading %s: it begins with %v; it must be a JSON array of records", name, first)
	}
	for i := 0; dec.More(); i++ {
		if i%256 == 0 {
			if err := ctx.Err(); err != nil {
				return fmt.Errorf("reading %s: %w", name, err)
			}
		}
		var element json.RawMessage
		if err := dec.Decode(&element); err != nil {
			return fmt.Errorf("reading %s record %d: %w; the file may be truncated: download it again", name, i, whole(err))
		}
		if err := visit(i, element); err != nil {
			return fmt.Errorf("reading %s record %d: %w", name, i, err)
		}
	}
	if _, err := dec.Token(); err != nil {
		return fmt.Errorf("reading %s: %w; the file may be truncated: download it again", name, whole(err))
	}
	return nil
}

// whole tells the end of a file within a value for what it is.
func whole(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
