// Package exporter writes traces in other benchmarks' formats, so that what was imported here can be used there. The way of the data:
//
//  1. A trace is opened once; [Write] goes through its prompts in blocks and reads the responses of one block at a time.
//  2. A format turns a block into its own rows: RouterBench's wide table, or records of Every Eval Ever. What a format has no place
//     for is counted, never made up.
//  3. The file appears whole or not at all. [Croissant] describes a trace's own files instead of copying them.
//
// Reading an export with the importer of the same name gives the same rows: tests hold both to that.
package exporter

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/trilemma-bench/trilemma/harness/trace"
	"github.com/trilemma-bench/trilemma/harness/trace/file"
	"github.com/trilemma-bench/trilemma/harness/wholefile"
)

// Left counts the outcomes that a format had no place for, or only in part.
type Left struct {
	Outcomes int // written
	NoScore  int // left out, where a format demands a score
	NoCost   int // written without a cost, where a format has one
}

// block is a run of prompts with the responses of their outcomes, by [trace.Outcomes.At] of the whole trace.
type block struct {
	*trace.Trace
	from, to  int
	responses func(prompt, model int) string
}

// format writes the rows of blocks.
type format interface {
	begin(w io.Writer, t *trace.Trace) error
	write(w io.Writer, b *block, left *Left) error
}

var writers = map[string]func() format{
	"every-eval-ever": func() format { return &everyEvalEver{} },
	"routerbench":     func() format { return &routerBench{} },
}

// Formats are the names that [Write] knows.
func Formats() []string {
	var names []string
	for name := range writers {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// blockCells bounds the outcomes whose responses are in memory at once: of 4 kB each about a quarter of a gigabyte.
const blockCells = 1 << 16

// Write writes the trace in a folder to a file in one of [Formats].
func Write(ctx context.Context, dir, name, path string) (Left, error) {
	left, err := write(ctx, dir, name, path)
	if err != nil {
		return left, fmt.Errorf("exporting trace %s as %s: %w", dir, name, err)
	}
	return left, nil
}

func write(ctx context.Context, dir, name, path string) (left Left, err error) {
	start, ok := writers[name]
	if !ok {
		return left, fmt.Errorf("there is no such format; there are %s, and croissant", strings.Join(Formats(), ", "))
	}
	t, err := file.Open(ctx, dir)
	if err != nil {
		return left, err
	}
	out, err := wholefile.Create(path)
	if err != nil {
		return left, err
	}
	defer func() { err = errors.Join(err, out.Discard()) }()
	w, f := bufio.NewWriterSize(out, 1<<20), start()
	if err := f.begin(w, t); err != nil {
		return left, err
	}
	step := max(1, blockCells/len(t.Models))
	for from := 0; from < t.Prompts.Len(); from += step {
		b := &block{Trace: t, from: from, to: min(from+step, t.Prompts.Len())}
		texts, err := file.Responses(ctx, t, func(prompt, _ int) bool { return b.from <= prompt && prompt < b.to })
		if err != nil {
			return left, err
		}
		b.responses = func(prompt, model int) string { return texts[t.Outcomes.At(prompt, model)] }
		if err := f.write(w, b, &left); err != nil {
			return left, err
		}
	}
	if err := w.Flush(); err != nil {
		return left, err
	}
	return left, out.Replace()
}

// column is a text of a prompt, "" where the trace lacks the column.
func column(texts []string, prompt int) string {
	if texts == nil {
		return ""
	}
	return texts[prompt]
}

// figure is a figure of an outcome; unknown ones are not ok.
func figure(m []float32, at int) (x float32, ok bool) {
	if m == nil || m[at] != m[at] {
		return 0, false
	}
	return m[at], true
}
