package file

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go/compress"

	"github.com/trilemma-bench/trilemma/harness/trace"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// WriteOptions say how a trace is stored. The zero value is a good choice.
type WriteOptions struct {
	// Compression is "zstd" (the default), "snappy", "gzip", "lz4" or "none".
	Compression string
	// Response gives the response of a present outcome; nil writes no column of responses.
	Response func(prompt, model int) string
	// RowsPerShard splits the outcomes into outcomes/part-00000.parquet and so on, each of at most so many rows.
	// 0 writes a single outcomes.parquet.
	RowsPerShard int
	// Replace allows a trace that is there already to be replaced. Anything else in the way is never removed.
	Replace bool
	// Files are stored beside the trace, by name. Names of the trace's own files are refused.
	Files map[string][]byte
}

// Write stores a trace in a folder. The folder appears whole or not at all, and equal traces give equal bytes.
//
// Prompt ids and models are checked first, and outcomes as [Open] would: a trace that was written can be read.
func Write(dir string, t *trace.Trace, opts WriteOptions) error {
	w, err := NewWriter(dir, t.Models, opts)
	if err != nil {
		return err
	}
	if err := w.Append(t, opts.Response); err != nil {
		return errors.Join(err, w.Abort())
	}
	return w.Commit()
}

// Writer stores a trace part by part, so that it need not fit into memory. Everything is written to a folder beside the
// final one, which [Writer.Commit] renames; until then there is no trace.
type Writer struct {
	dir    string
	part   string // the folder being written
	models []policy.Model
	opts   WriteOptions
	codec  compress.Codec

	prompts  *parquetFile
	outcomes *parquetFile
	shard    int
	rows     int // in the current shard
	ids      map[string]struct{}
	have     schema
	any      bool
	done     bool
	// create opens a file for writing; tests put a full disk here.
	create func(path string) (io.WriteCloser, error)
}

// NewWriter starts a trace. Either [Writer.Commit] or [Writer.Abort] must follow.
func NewWriter(dir string, models []policy.Model, opts WriteOptions) (*Writer, error) {
	w, err := newWriter(dir, models, opts)
	if err != nil {
		return nil, fmt.Errorf("writing trace %s: %w", dir, err)
	}
	return w, nil
}

func newWriter(dir string, models []policy.Model, opts WriteOptions) (*Writer, error) {
	codec, err := codecNamed(opts.Compression)
	if err != nil {
		return nil, err
	}
	for name := range opts.Files {
		if !filepath.IsLocal(name) || name == trace.ModelsFile || name == trace.PromptsFile || name == trace.OutcomesFile ||
			strings.HasPrefix(filepath.ToSlash(filepath.Clean(name))+"/", trace.OutcomesDir+"/") {
			return nil, fmt.Errorf("an extra file cannot be called %q", name)
		}
	}
	text, err := trace.FormatModels(models)
	if err != nil {
		return nil, err
	}
	if _, err := trace.ParseModels(text); err != nil {
		return nil, err
	}
	if err := free(dir, opts.Replace); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return nil, err
	}
	part, err := os.MkdirTemp(filepath.Dir(dir), "."+filepath.Base(dir)+".partial-")
	if err != nil {
		return nil, err
	}
	w := &Writer{dir: dir, part: part, models: models, opts: opts, codec: codec, ids: map[string]struct{}{}, create: createFile}
	w.opts.Files = map[string][]byte{trace.ModelsFile: text}
	for name, content := range opts.Files {
		w.opts.Files[name] = content
	}
	return w, nil
}

// free tells whether a trace may be written to dir.
func free(dir string, replace bool) error {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return err
	case len(entries) == 0:
		return nil
	case !replace:
		return errors.New("the folder is not empty; choose another, or remove it first")
	}
	for _, e := range entries {
		if e.Name() == trace.ModelsFile {
			return nil
		}
	}
	return errors.New("the folder is not empty and holds no trace, so it is not replaced; choose another")
}

// Append adds the prompts of part and their outcomes. Parts have the writer's models, and the columns of the first part.
// response gives the responses, by the part's own prompt numbers; nil where there are none.
func (w *Writer) Append(part *trace.Trace, response func(prompt, model int) string) error {
	if err := w.append(part, response); err != nil {
		return fmt.Errorf("writing trace %s: %w", w.dir, err)
	}
	return nil
}

func (w *Writer) append(part *trace.Trace, response func(prompt, model int) string) error {
	if part.Outcomes.Models != len(w.models) {
		return fmt.Errorf("a part has %d models, want %d", part.Outcomes.Models, len(w.models))
	}
	have := schemaOf(part, response != nil)
	if !w.any {
		w.have, w.any = have, true
	}
	if have != w.have {
		return errors.New("a part has other columns than the first")
	}
	if err := check(part, w.ids); err != nil {
		return err
	}
	if w.prompts == nil {
		f, err := w.open(trace.PromptsFile, promptColumns(w.have))
		if err != nil {
			return err
		}
		w.prompts = f
	}
	if err := w.writePrompts(&part.Prompts); err != nil {
		return err
	}
	return w.writeOutcomes(part, response)
}

// check tells whether the part can be read back.
func check(t *trace.Trace, ids map[string]struct{}) error {
	p, o := &t.Prompts, &t.Outcomes
	n := p.Len()
	for _, c := range []struct {
		name string
		text []string
		set  bool
	}{
		{colPromptID, p.ID, true},
		{colBenchmark, p.Benchmark, p.Benchmark != nil}, {colCategory, p.Category, p.Category != nil},
		{colSource, p.Source, p.Source != nil}, {colPrompt, p.Text, p.Text != nil},
		{colReference, p.Reference, p.Reference != nil}, {colSplit, p.Split, p.Split != nil},
	} {
		if c.set && len(c.text) != n {
			return fmt.Errorf("column %s has %d values for %d prompts", c.name, len(c.text), n)
		}
		for i, s := range c.text {
			if !utf8.ValidString(s) {
				return &trace.Violation{File: trace.PromptsFile, Row: int64(i), Column: c.name, Value: trace.Clip(s), Problem: "is not valid UTF-8", Fix: castUTF8}
			}
		}
	}
	if p.ArrivedAt != nil && len(p.ArrivedAt) != n {
		return fmt.Errorf("column %s has %d values for %d prompts", colArrivedAt, len(p.ArrivedAt), n)
	}
	if p.Embedding != nil && (p.Dim <= 0 || len(p.Embedding) != n*p.Dim) {
		return fmt.Errorf("the embedding has %d numbers for %d prompts of %d", len(p.Embedding), n, p.Dim)
	}
	for i, x := range p.Embedding {
		if x-x != 0 {
			return &trace.Violation{File: trace.PromptsFile, Row: int64(i / p.Dim), Column: colEmbedding, Value: fmt.Sprint(x), Problem: "is not a finite number"}
		}
	}
	for i, id := range p.ID {
		if id == "" {
			return &trace.Violation{File: trace.PromptsFile, Row: int64(i), Column: colPromptID, Problem: "is empty", Fix: "give every prompt an id"}
		}
		if _, twice := ids[id]; twice {
			return &trace.Violation{File: trace.PromptsFile, Row: int64(i), Column: colPromptID, Value: trace.Clip(id), Problem: "is the id of an earlier prompt", Fix: "give it another id"}
		}
		ids[id] = struct{}{}
	}
	cells := n * o.Models
	if o.Answer != nil && len(o.Answer) != cells {
		return fmt.Errorf("%d answers for %d outcomes", len(o.Answer), cells)
	}
	for q := range trace.Figures {
		spec := &trace.Figures[q]
		m := *spec.Matrix(o)
		if m == nil && q != trace.ScoreFigure {
			continue
		}
		if len(m) != cells {
			return fmt.Errorf("%s has %d values for %d prompts × %d models", spec.Name, len(m), n, o.Models)
		}
		for at, x := range m {
			if !o.Present.Has(at) || spec.Valid(float64(x)) || x != x && q != trace.ScoreFigure {
				continue
			}
			return fmt.Errorf("the outcome of prompt %q and model %s: %s %v %s; %s",
				p.ID[at/o.Models], t.Models[at%o.Models].ID, spec.Name, x, spec.Problem, spec.Fix)
		}
	}
	return nil
}

// Commit finishes the files and puts the folder in its place.
func (w *Writer) Commit() error {
	if err := w.commit(); err != nil {
		return errors.Join(fmt.Errorf("writing trace %s: %w", w.dir, err), w.Abort())
	}
	return nil
}

func (w *Writer) commit() error {
	if w.done {
		return errors.New("the writer is closed")
	}
	if w.prompts == nil {
		return errors.New("nothing was written: a trace needs prompts")
	}
	if w.outcomes == nil && w.shard == 0 {
		return errors.New("no outcome was written: a trace needs outcomes")
	}
	for _, f := range []*parquetFile{w.prompts, w.outcomes} {
		if f != nil {
			if err := f.finish(); err != nil {
				return err
			}
		}
	}
	w.prompts, w.outcomes = nil, nil
	for _, name := range slices.Sorted(maps.Keys(w.opts.Files)) {
		if err := w.writeFile(name, w.opts.Files[name]); err != nil {
			return err
		}
	}
	if err := syncDir(w.part); err != nil {
		return err
	}
	if err := os.Chmod(w.part, 0o755); err != nil {
		return err
	}
	if err := w.settle(); err != nil {
		return err
	}
	w.done = true
	return syncDir(filepath.Dir(w.dir))
}

// settle renames the finished folder, moving what it replaces out of the way.
func (w *Writer) settle() error {
	// What is in the way may have changed since the beginning.
	if err := free(w.dir, w.opts.Replace); err != nil {
		return err
	}
	if _, err := os.Lstat(w.dir); errors.Is(err, os.ErrNotExist) {
		return os.Rename(w.part, w.dir)
	}
	old, err := os.MkdirTemp(filepath.Dir(w.dir), "."+filepath.Base(w.dir)+".replaced-")
	if err != nil {
		return err
	}
	if err := os.Rename(w.dir, filepath.Join(old, "trace")); err != nil {
		return errors.Join(err, os.Remove(old))
	}
	if err := os.Rename(w.part, w.dir); err != nil {
		return errors.Join(err, os.Rename(filepath.Join(old, "trace"), w.dir), os.RemoveAll(old))
	}
	return os.RemoveAll(old)
}

// Abort removes what was written. After Commit it does nothing.
func (w *Writer) Abort() error {
	if w.done {
		return nil
	}
	w.done = true
	for _, f := range []*parquetFile{w.prompts, w.outcomes} {
		if f != nil {
			_ = f.to.Close() // the file is removed anyway
		}
	}
	return os.RemoveAll(w.part)
}

func (w *Writer) writeFile(name string, content []byte) error {
	path := filepath.Join(w.part, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := w.create(path)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// syncedFile is on disk when it is closed.
type syncedFile struct{ *os.File }

func createFile(path string) (io.WriteCloser, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return nil, err
	}
	return syncedFile{f}, nil
}

func (f syncedFile) Close() error { return errors.Join(f.Sync(), f.File.Close()) }

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// schema says which columns a trace has.
type schema struct {
	benchmark, category, source, text, reference, split, arrivedAt, response, answer bool
	dim                                                                              int
	quantity                                                                         [len(trace.Figures)]bool
}

func schemaOf(t *trace.Trace, response bool) schema {
	p := &t.Prompts
	s := schema{
		benchmark: p.Benchmark != nil, category: p.Category != nil, source: p.Source != nil, text: p.Text != nil,
		reference: p.Reference != nil, split: p.Split != nil, arrivedAt: p.ArrivedAt != nil,
		response: response, answer: t.Outcomes.Answer != nil,
	}
	if p.Embedding != nil {
		s.dim = p.Dim
	}
	for q := range trace.Figures {
		s.quantity[q] = *trace.Figures[q].Matrix(&t.Outcomes) != nil
	}
	return s
}

// known32 tells whether a figure is known.
func known32(x float32) bool { return !math.IsNaN(float64(x)) }
