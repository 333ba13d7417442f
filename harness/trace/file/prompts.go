package file

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"runtime"
	"strconv"
	"time"
	"unicode/utf8"
	"unsafe"

	"github.com/parquet-go/parquet-go"
	"golang.org/x/sync/errgroup"

	"github.com/trilemma-bench/trilemma/harness/trace"
)

// Columns of prompts.parquet beside [trace.Texts].
const (
	colPromptID  = "prompt_id"
	colArrivedAt = "arrived_at"
	colEmbedding = "embedding"
)

const castUTF8 = "write it as UTF-8 text"

// readPrompts reads prompts.parquet and numbers its ids. What is wrong with the file goes to found, and then the index
// may be nil; err is for what is not the file's fault.
func readPrompts(ctx context.Context, dir string, found *trace.Findings) (*trace.Prompts, map[string]int32, error) {
	t, err := openTable(trace.PromptsFile, filepath.Join(dir, trace.PromptsFile))
	if err != nil {
		return nil, nil, found.Take(err)
	}
	defer t.close()
	p := &trace.Prompts{}
	// Each column is read by itself, so that the first to fail is the first in the file whatever the scheduling.
	parts := make([]trace.Findings, len(trace.Texts)+2)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	read := func(i int, name string, as *use, fn func(f *field, found *trace.Findings) error) {
		parts[i].Limit = found.Limit
		if f := t.field(name, as, i == 0, &parts[i]); f != nil {
			g.Go(func() error { return parts[i].Take(fn(f, &parts[i])) })
		}
	}
	for i, c := range trace.Texts {
		read(i, c.Name, &asText, func(f *field, found *trace.Findings) (err error) {
			*c.Column(p), err = t.strings(ctx, f, c.Repeats, found)
			return err
		})
	}
	read(len(trace.Texts), colArrivedAt, &asTime, func(f *field, _ *trace.Findings) (err error) {
		p.ArrivedAt, err = t.instants(ctx, f)
		return err
	})
	read(len(trace.Texts)+1, colEmbedding, &asVector, func(f *field, found *trace.Findings) (err error) {
		p.Embedding, p.Dim, err = t.vectors(ctx, f, found)
		return err
	})
	if err := g.Wait(); err != nil {
		return nil, nil, fmt.Errorf("reading %s: %w", filepath.Join(dir, trace.PromptsFile), err)
	}
	index := number(t, p.ID, &parts[0])
	for i := range parts {
		found.Merge(&parts[i])
	}
	return p, index, nil
}

// number numbers the prompts by their ids; nil where there are none.
func number(t *table, ids []string, found *trace.Findings) map[string]int32 {
	whole := found.Total == 0 // else nulls were told already
	bad := func(row int, value, problem, fix string) {
		found.Add(trace.Violation{File: t.name, Row: int64(row), Column: colPromptID, Value: value, Problem: problem, Fix: fix})
	}
	switch {
	case t.rows > math.MaxInt32:
		found.Add(trace.Violation{File: t.name, Row: -1, Problem: fmt.Sprintf("has %d rows", t.rows), Fix: "split it into traces of at most 2^31 prompts"})
		return nil
	case t.rows == 0 && whole:
		found.Add(trace.Violation{File: t.name, Row: -1, Problem: "has no prompts", Fix: "a trace needs at least one prompt"})
	}
	if len(ids) == 0 {
		return nil
	}
	index := make(map[string]int32, len(ids))
	for i, id := range ids {
		first, twice := index[id]
		switch {
		case id == "" && whole:
			bad(i, "", "is empty", "give every prompt an id")
		case id == "":
		case twice:
			bad(i, trace.Clip(id), fmt.Sprintf("is the id of row %d already", first), "remove one of the two, or give it another id")
		default:
			index[id] = int32(i)
		}
	}
	return index
}

// strings reads a whole column of text, with one copy of each where they repeat. Nulls are "".
func (t *table) strings(ctx context.Context, f *field, repeats bool, found *trace.Findings) ([]string, error) {
	out := make([]string, 0, min(t.rows, 1<<20))
	known := map[string]string{}
	for group := range t.groups {
		err := t.values(ctx, group, f, func(row int64, batch []parquet.Value) {
			for i, v := range batch {
				raw := v.ByteArray()
				s, have := "", false
				if repeats {
					s, have = known[view(raw)]
				}
				if !have {
					s = string(raw)
					valid := utf8.ValidString(s)
					if !valid {
						found.Add(trace.Violation{File: t.name, Row: row + int64(i), Column: f.name, Value: trace.Clip(s), Problem: "is not valid UTF-8", Fix: castUTF8})
					}
					if valid && repeats && len(known) < 1<<16 {
						known[s] = s
					}
				}
				if v.IsNull() && f.name == colPromptID {
					found.Add(trace.Violation{File: t.name, Row: row + int64(i), Column: f.name, Problem: "is null", Fix: "give every prompt an id"})
				}
				out = append(out, s)
			}
		})
		if err != nil {
			return out, err
		}
	}
	return out, nil
}

// view is b as a string, for a look-up that does not outlive b.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// instants reads a whole column of times. Nulls are the zero time.
func (t *table) instants(ctx context.Context, f *field) ([]time.Time, error) {
	out := make([]time.Time, 0, min(t.rows, 1<<20))
	for group := range t.groups {
		err := t.values(ctx, group, f, func(_ int64, batch []parquet.Value) {
			for _, v := range batch {
				var at time.Time
				if !v.IsNull() {
					at = f.time(v).UTC()
				}
				out = append(out, at)
			}
		})
		if err != nil {
			return out, err
		}
	}
	return out, nil
}

// vectors reads a column of lists of floats, all of the same length, to one row-major matrix. A column that is null
// everywhere is no column.
func (t *table) vectors(ctx context.Context, f *field, found *trace.Findings) (out []float32, dim int, err error) {
	var (
		row   = int64(-1) // row being read
		have  int         // its values so far
		nulls bool        // rows without a list came first
		wrong bool
	)
	bad := func(row int64, value, problem string) {
		wrong = true
		found.Add(trace.Violation{File: t.name, Row: row, Column: f.name, Value: value, Problem: problem,
			Fix: "give every prompt a vector of the same length, all numbers finite, or leave the column out"})
	}
	end := func() {
		switch {
		case row < 0:
		case have == 0 && dim == 0:
			nulls = true
		case have == 0:
			bad(row, "", "is null or empty")
		case dim == 0:
			if dim = have; nulls {
				bad(0, "", "is null or empty")
			}
		case have != dim:
			bad(row, strconv.Itoa(have)+" numbers", fmt.Sprintf("is not the length of the vectors before it, %d", dim))
		}
	}
	for group := range t.groups {
		err := t.values(ctx, group, f, func(_ int64, batch []parquet.Value) {
			for _, v := range batch {
				if v.RepetitionLevel() == 0 {
					end()
					row, have = row+1, 0
				}
				switch {
				case !v.IsNull():
					x := float32(f.number(v))
					if x-x != 0 {
						bad(row, fmt.Sprint(x), "is not a finite number")
					}
					have++
					out = append(out, x)
				case f.leaf.Optional() && v.DefinitionLevel() == f.leaf.MaxDefinitionLevel()-1: // else the list is null or empty
					have++
					bad(row, "", "holds a null")
				}
			}
		})
		if err != nil {
			return nil, 0, err
		}
	}
	if end(); wrong || dim == 0 {
		return nil, 0, nil
	}
	return out, dim, nil
}

// ReadVectors reads a Parquet file of precomputed prompt vectors: columns prompt_id and embedding (a list of floats of
// equal length a row). The vectors are [len(ids) × dim], row-major. What is wrong with the file is a *trace.Violation.
func ReadVectors(ctx context.Context, path string) (ids []string, vectors []float32, dim int, err error) {
	t, err := openTable(filepath.Base(path), path)
	if err != nil {
		return nil, nil, 0, err
	}
	defer t.close()
	found := &trace.Findings{Limit: 1}
	if f := t.field(colPromptID, &asText, true, found); f != nil {
		ids, err = t.strings(ctx, f, false, found)
	}
	if f := t.field(colEmbedding, &asVector, true, found); f != nil && err == nil && found.Total == 0 {
		vectors, dim, err = t.vectors(ctx, f, found)
	}
	if err != nil {
		return nil, nil, 0, fmt.Errorf("reading %s: %w", path, err)
	}
	if dim == 0 && found.Total == 0 {
		found.Add(trace.Violation{File: t.name, Row: -1, Column: colEmbedding, Problem: "holds no vectors", Fix: "give every prompt a vector"})
	}
	if found.Total > 0 {
		return nil, nil, 0, found.First(nil)
	}
	return ids, vectors, dim, nil
}
