package file

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"runtime"
	"time"
	"unicode/utf8"
	"unsafe"

	"github.com/parquet-go/parquet-go"
	"golang.org/x/sync/errgroup"

	"github.com/trilemma-bench/trilemma/harness/trace"
)

// Columns of prompts.parquet.
const (
	colPromptID  = "prompt_id"
	colBenchmark = "benchmark"
	colCategory  = "category"
	colSource    = "source"
	colPrompt    = "prompt"
	colReference = "reference"
	colSplit     = "split"
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
	type column struct {
		name   string
		use    kind
		dst    *[]string
		intern bool
	}
	columns := []column{
		{colPromptID, asText, &p.ID, false},
		{colBenchmark, asText, &p.Benchmark, true},
		{colCategory, asText, &p.Category, true},
		{colSource, asText, &p.Source, true},
		{colPrompt, asText, &p.Text, false},
		{colReference, asText, &p.Reference, true},
		{colSplit, asText, &p.Split, true},
		{colArrivedAt, asTime, nil, false},
		{colEmbedding, asVector, nil, false},
	}
	// Each column is read by itself, so that the first to fail is the first in the file whatever the scheduling.
	parts := make([]trace.Findings, len(columns))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i, c := range columns {
		parts[i].Limit = found.Limit
		f, wrong := t.lookup(c.name, c.use)
		if wrong != nil {
			parts[i].Add(*wrong)
			continue
		}
		if f == nil {
			if c.name == colPromptID {
				parts[i].Add(*t.lacks(c.name))
			}
			continue
		}
		g.Go(func() error {
			var err error
			switch c.use {
			case asText:
				*c.dst, err = t.strings(ctx, f, c.intern, &parts[i])
			case asTime:
				p.ArrivedAt, err = t.instants(ctx, f)
			case asVector:
				p.Embedding, p.Dim, err = t.vectors(ctx, f, &parts[i])
			}
			return parts[i].Take(err)
		})
	}
	if err := g.Wait(); err != nil {
		return nil, nil, fmt.Errorf("reading %s: %w", filepath.Join(dir, trace.PromptsFile), err)
	}
	whole := parts[0].Total == 0
	index := make(map[string]int32, len(p.ID))
	if t.rows > math.MaxInt32 {
		parts[0].Add(trace.Violation{File: t.name, Row: -1, Problem: fmt.Sprintf("has %d rows", t.rows), Fix: "split it into traces of at most 2^31 prompts"})
	} else {
		for i, id := range p.ID {
			if id == "" {
				if whole { // else the null was told already
					parts[0].Add(trace.Violation{File: t.name, Row: int64(i), Column: colPromptID, Problem: "is empty", Fix: "give every prompt an id"})
				}
				continue
			}
			if first, twice := index[id]; twice {
				parts[0].Add(trace.Violation{File: t.name, Row: int64(i), Column: colPromptID, Value: trace.Clip(id),
					Problem: fmt.Sprintf("is the id of row %d already", first), Fix: "remove one of the two, or give it another id"})
				continue
			}
			index[id] = int32(i)
		}
	}
	if t.rows == 0 && parts[0].Total == 0 {
		parts[0].Add(trace.Violation{File: t.name, Row: -1, Problem: "has no prompts", Fix: "a trace needs at least one prompt"})
	}
	for i := range parts {
		found.Merge(&parts[i])
	}
	if parts[0].Total > 0 && len(p.ID) == 0 {
		index = nil
	}
	return p, index, nil
}

// lacks tells that a column that must be there is not.
func (t *table) lacks(column string) *trace.Violation {
	var have []string
	for _, c := range t.pq.Root().Columns() {
		have = append(have, c.Name())
	}
	return &trace.Violation{File: t.name, Row: -1, Column: column, Problem: fmt.Sprintf("is missing; the file has %q", have),
		Fix: "add the column or rename the one that holds it"}
}

// strings reads a whole column of text. Nulls are "".
func (t *table) strings(ctx context.Context, f *field, intern bool, found *trace.Findings) ([]string, error) {
	out := make([]string, 0, min(t.rows, 1<<20))
	var (
		d     texts
		words []string
		known = map[string]string{}
	)
	for group := range t.groups {
		d.dict = nil
		err := t.pages(ctx, group, f, func(row int64, page parquet.Page) error {
			fresh, err := d.read(page)
			if err != nil {
				return broken(t.name, row, f.name, err)
			}
			if fresh {
				words = words[:0]
				all := string(d.wdata)
				for k := range d.words {
					w := all[d.woffset[k]:d.woffset[k+1]]
					if intern {
						w = share(known, w)
					}
					words = append(words, w)
				}
			}
			var all string
			if d.index == nil && !intern && len(d.data) > 0 {
				all = string(d.data)
			}
			at := 0
			for i := range int(page.NumValues()) {
				if d.null != nil && d.null[i] == 0 {
					if f.name == colPromptID {
						found.Add(trace.Violation{File: t.name, Row: row + int64(i), Column: f.name, Problem: "is null", Fix: "give every prompt an id"})
					}
					out = append(out, "")
					continue
				}
				var s string
				switch {
				case d.index != nil:
					s = words[d.index[at]]
				case intern:
					s = share(known, view(d.raw(at)))
				default:
					s = all[d.offset[at]:d.offset[at+1]]
				}
				at++
				if !utf8.ValidString(s) {
					found.Add(trace.Violation{File: t.name, Row: row + int64(i), Column: f.name, Value: trace.Clip(s), Problem: "is not valid UTF-8", Fix: castUTF8})
				}
				out = append(out, s)
			}
			return nil
		})
		if err != nil {
			return out, err
		}
	}
	return out, nil
}

// share returns the one copy of a short text that repeats.
func share(known map[string]string, s string) string {
	if have, ok := known[s]; ok {
		return have
	}
	s = string([]byte(s))
	if len(known) < 1<<16 {
		known[s] = s
	}
	return s
}

// view is b as a string, for a look-up that does not outlive b.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// instants reads a whole column of times. Nulls are the zero time.
func (t *table) instants(ctx context.Context, f *field) ([]time.Time, error) {
	out := make([]time.Time, 0, min(t.rows, 1<<20))
	var packed []time.Time
	for group := range t.groups {
		err := t.pages(ctx, group, f, func(row int64, page parquet.Page) (err error) {
			if packed, err = f.times(page, packed); err != nil {
				return broken(t.name, row, f.name, err)
			}
			at := 0
			null := page.DefinitionLevels()
			for i := range int(page.NumValues()) {
				if len(null) > 0 && null[i] == 0 {
					out = append(out, time.Time{})
					continue
				}
				if at >= len(packed) {
					return broken(t.name, row, f.name, errLength)
				}
				out = append(out, packed[at])
				at++
			}
			return nil
		})
		if err != nil {
			return out, err
		}
	}
	return out, nil
}
