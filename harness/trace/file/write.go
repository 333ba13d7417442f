package file

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"unicode/utf8"

	"github.com/trilemma-bench/trilemma/harness/trace"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Write stores a trace in a folder, which must be empty or absent. The folder appears whole or not at all, and equal traces
// give equal bytes. response gives the response of a present outcome; nil writes no column of responses.
//
// Prompt ids and models are checked first, and outcomes as [Open] would: a trace that was written can be read.
func Write(dir string, t *trace.Trace, response func(prompt, model int) string) error {
	w, err := NewWriter(dir, t.Models)
	if err != nil {
		return err
	}
	if err := w.Append(t, response); err != nil {
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

	prompts, outcomes *output
	ids               map[string]struct{}
	columns           string // of the first part
	rows              int    // outcomes
	done              bool
	// create opens a file for writing; tests put a full disk here.
	create func(path string) (io.WriteCloser, error)
}

// NewWriter starts a trace. Either [Writer.Commit] or [Writer.Abort] must follow.
func NewWriter(dir string, models []policy.Model) (*Writer, error) {
	w := &Writer{dir: dir, models: models, ids: map[string]struct{}{}, create: createFile}
	if err := w.begin(); err != nil {
		return nil, fmt.Errorf("writing trace %s: %w", dir, err)
	}
	return w, nil
}

func (w *Writer) begin() error {
	text, err := trace.FormatModels(w.models)
	if err != nil {
		return err
	}
	if _, err := trace.ParseModels(text); err != nil {
		return err
	}
	entries, err := os.ReadDir(w.dir)
	switch {
	case len(entries) > 0:
		return errors.New("the folder is not empty; choose another, or remove it first")
	case err != nil && !errors.Is(err, os.ErrNotExist):
		return err
	}
	if err := os.MkdirAll(filepath.Dir(w.dir), 0o755); err != nil {
		return err
	}
	w.part, err = os.MkdirTemp(filepath.Dir(w.dir), "."+filepath.Base(w.dir)+".partial-")
	return err
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
	if err := check(part, w.ids); err != nil {
		return err
	}
	var at []int // present, prompt by prompt, models in their order
	for cell := range part.Prompts.Len() * len(w.models) {
		if part.Outcomes.Present.Has(cell) {
			at = append(at, cell)
		}
	}
	prompts, outcomes := promptColumns(&part.Prompts), outcomeColumns(part, at, response)
	var names []string
	for _, c := range slices.Concat(prompts, outcomes) {
		names = append(names, c.name)
	}
	have := fmt.Sprint(names, part.Prompts.Dim)
	if w.prompts == nil {
		most := groupRows
		if response != nil {
			most = groupRowsResponses
		}
		var err error
		if w.prompts, err = w.open(trace.PromptsFile, prompts, groupRows); err != nil {
			return err
		}
		if w.outcomes, err = w.open(trace.OutcomesFile, outcomes, most); err != nil {
			return err
		}
		w.columns = have
	}
	if have != w.columns {
		return errors.New("a part has other columns than the first")
	}
	if err := w.prompts.write(prompts, part.Prompts.Len()); err != nil {
		return err
	}
	w.rows += len(at)
	return w.outcomes.write(outcomes, len(at))
}

func (w *Writer) open(name string, columns []column, most int) (*output, error) {
	to, err := w.create(filepath.Join(w.part, name))
	if err != nil {
		return nil, err
	}
	return newOutput(to, name, columns, most), nil
}

// check tells whether the part can be read back.
func check(t *trace.Trace, ids map[string]struct{}) error {
	p, o := &t.Prompts, &t.Outcomes
	n := p.Len()
	for k, c := range trace.Texts {
		text := *c.Column(p)
		if len(text) != n && (text != nil || k == 0) {
			return fmt.Errorf("column %s has %d values for %d prompts", c.Name, len(text), n)
		}
		for i, s := range text {
			if !utf8.ValidString(s) {
				return &trace.Violation{File: trace.PromptsFile, Row: int64(i), Column: c.Name, Value: trace.Clip(s), Problem: "is not valid UTF-8", Fix: castUTF8}
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
		if m == nil {
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
	switch {
	case w.done:
		return errors.New("the writer is closed")
	case w.prompts == nil:
		return errors.New("nothing was written: a trace needs prompts")
	case w.rows == 0:
		return errors.New("no outcome was written: a trace needs outcomes")
	}
	if err := errors.Join(w.prompts.finish(), w.outcomes.finish(), w.writeModels()); err != nil {
		return err
	}
	w.prompts = nil
	if err := syncDir(w.part); err != nil {
		return err
	}
	if err := os.Chmod(w.part, 0o755); err != nil {
		return err
	}
	// An empty folder gives way to a rename; what was put into it meanwhile does not.
	if err := os.Remove(w.dir); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := os.Rename(w.part, w.dir); err != nil {
		return err
	}
	w.done = true
	return syncDir(filepath.Dir(w.dir))
}

func (w *Writer) writeModels() error {
	text, err := trace.FormatModels(w.models)
	if err != nil {
		return err
	}
	f, err := w.create(filepath.Join(w.part, trace.ModelsFile))
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("%s: %w", trace.ModelsFile, err)
	}
	return nil
}

// Abort removes what was written. After Commit it does nothing.
func (w *Writer) Abort() error {
	if w.done {
		return nil
	}
	w.done = true
	for _, f := range []*output{w.prompts, w.outcomes} {
		if f != nil {
			_ = f.to.Close() // the file is removed anyway
		}
	}
	return os.RemoveAll(w.part)
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
