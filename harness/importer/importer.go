// Package importer turns result files that others published into traces.
//
// The way of the data:
//
//  1. [ReadModels] reads the pool: a models.yaml whose entries may say under which name (source) a model's results go.
//  2. [Find] lists the result files in the folders and files that the user named.
//  3. An [Importer], one package a source format, reads their records, matches each file with a model ([Match]), skips
//     what is no record, settles what the files disagree about, and builds an [Imported] trace.
//  4. The [Report] counts what was read and says what was skipped and why; nothing is dropped in silence.
//  5. [Imported.Write] stores the trace.
//
// The formats at hand are listed in package formats.
package importer

import (
	"context"
	"fmt"
	"io"
	"sort"
	"strings"

	"github.com/trilemma-bench/trilemma/harness/trace"
	"github.com/trilemma-bench/trilemma/harness/trace/file"
)

// Importer reads one source format.
type Importer interface {
	// Name is that of the format, such as "mmlu-pro".
	Name() string
	// Summary is one line on what it reads.
	Summary() string
	// Import reads the files and folders src and writes the trace to the folder out, which must be empty or absent and appears whole
	// or not at all. It fails where nothing can be built, or where Options.Strict forbids what had to be settled; what was merely
	// skipped is in the report.
	Import(ctx context.Context, src []string, out string, opt Options) (*Report, error)
}

// Options of an import.
type Options struct {
	// Models is the pool. Results of a model that is not in it are an error, unless SkipUnknown. Where there is none, the models
	// are those that the files name, with what they tell of them.
	Models []Model
	// Tokens counts the tokens of prompts and responses where the source does not. nil means [Estimate].
	Tokens TokenCounter
	// Estimate counts tokens where the log has none, and marks them in the column tokens_estimated.
	Estimate bool
	// Strict makes an error of what else is skipped and counted: records that cannot be read or mapped, files that disagree.
	Strict bool
	// SkipUnknown leaves out files of models that are not in the pool.
	SkipUnknown bool
	// Scale is the range of the log's scores.
	Scale Scale
	// Grade scores the answers that the log has no score of; nil leaves them out.
	Grade *Grader
	// FirstSample takes the first of several samples of an answer; else the mean counts.
	FirstSample bool
	// Redact masks secrets and e-mail addresses before anything is written.
	Redact bool
	// Format are options of the format's own, by name.
	Format map[string]string
	// Stdin is what the source "-" reads.
	Stdin io.Reader
}

// Counter is Tokens, or the default.
func (o Options) Counter() TokenCounter {
	if o.Tokens == nil {
		return Estimate{}
	}
	return o.Tokens
}

// Imported is a trace in memory with its responses.
type Imported struct {
	Trace *trace.Trace
	// Responses is [prompts × models]; "" where there is no outcome.
	Responses []string
	Report    Report
}

// Response is that of model to prompt.
func (i *Imported) Response(prompt, model int) string {
	return i.Responses[i.Trace.Outcomes.At(prompt, model)]
}

// Write stores the trace in a folder.
func (i *Imported) Write(dir string) error {
	return file.Write(dir, i.Trace, i.Response)
}

// Report says what an import read.
type Report struct {
	Format   string       `json:"format"`
	Files    []FileReport `json:"files"`
	Prompts  int          `json:"prompts"`
	Models   int          `json:"models"`
	Outcomes int          `json:"outcomes"`
	// TokenCounter is how tokens were counted.
	TokenCounter string `json:"token_counter"`
	// WithoutResults lists models of the pool that no file was of; they are not in the trace.
	WithoutResults []string `json:"models_without_results,omitempty"`
	// UnknownFiles were left out because their model is not in the pool.
	UnknownFiles []string `json:"unknown_files,omitempty"`
	// Disagreements are prompts that files told differently, by what differs.
	Disagreements []Disagreement `json:"disagreements,omitempty"`
	// LeftOut are fields that could not be taken, by why.
	LeftOut []Skip `json:"left_out,omitempty"`
	// Unscored are answers that have no score, by why; they are not in the trace unless no answer has one (Unscorable).
	Unscored   []Skip `json:"unscored,omitempty"`
	Unscorable bool   `json:"no_scores,omitempty"`
	// Graded are answers that the import scored, Repeated those of several samples.
	Graded   int `json:"graded,omitempty"`
	Repeated int `json:"repeated,omitempty"`
	// RefusedEntries are entries of archives whose names lead out of them.
	RefusedEntries []string `json:"refused_entries,omitempty"`
}

// FileReport is what one file held.
type FileReport struct {
	Path     string `json:"path"`
	Model    string `json:"model"`
	Records  int    `json:"records"`
	Imported int    `json:"imported"`
	Skipped  []Skip `json:"skipped,omitempty"`
}

// Skip counts the records of a file that were skipped for one reason. Records count from 0.
type Skip struct {
	Reason string `json:"reason"`
	Count  int    `json:"count"`
	First  int    `json:"first_record"`
	Where  string `json:"first,omitempty"` // the first by its line or row
}

func (s Skip) where() string {
	if s.Where != "" {
		return s.Where
	}
	return fmt.Sprintf("record %d", s.First)
}

// Skip counts a skipped record.
func (f *FileReport) Skip(record int, reason string) {
	for i := range f.Skipped {
		if f.Skipped[i].Reason == reason {
			f.Skipped[i].Count++
			return
		}
	}
	f.Skipped = append(f.Skipped, Skip{Reason: reason, Count: 1, First: record})
}

// Disagreement is one field of prompts that files tell differently.
type Disagreement struct {
	Field string `json:"field"`
	// Prompts is how many prompts it concerns; Spacing of them differ by spaces and case only.
	Prompts int `json:"prompts"`
	Spacing int `json:"spacing_only"`
	// Examples name file, record and prompt of the first few whose telling was outvoted.
	Examples []string `json:"examples"`
}

// Skipped is the number of records skipped in all files.
func (r *Report) Skipped() int {
	n := 0
	for _, f := range r.Files {
		for _, s := range f.Skipped {
			n += s.Count
		}
	}
	return n
}

// filesShown is how many files a report names.
const filesShown = 20

// Print writes the report for a reader.
func (r *Report) Print(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%d prompts, %d models, %d outcomes from %d files; %d records skipped; tokens: %s\n",
		r.Prompts, r.Models, r.Outcomes, len(r.Files), r.Skipped(), r.TokenCounter)
	quiet := 0
	for i, f := range r.Files {
		// Of many files those are named of which something was skipped.
		if i >= filesShown && len(f.Skipped) == 0 {
			quiet++
			continue
		}
		if f.Model != "" {
			fmt.Fprintf(&b, "  %s → %s: %d of %d records\n", f.Path, f.Model, f.Imported, f.Records)
		} else {
			fmt.Fprintf(&b, "  %s: %d of %d records\n", f.Path, f.Imported, f.Records)
		}
		skipped := append([]Skip(nil), f.Skipped...)
		sort.SliceStable(skipped, func(i, j int) bool { return skipped[i].Count > skipped[j].Count })
		for _, s := range skipped {
			fmt.Fprintf(&b, "    skipped %d: %s (first: %s)\n", s.Count, s.Reason, s.where())
		}
	}
	if quiet > 0 {
		fmt.Fprintf(&b, "  and %d more files, of which nothing was skipped\n", quiet)
	}
	for _, s := range r.LeftOut {
		fmt.Fprintf(&b, "  %s (%d, first: %s)\n", s.Reason, s.Count, s.where())
	}
	if r.Repeated > 0 {
		fmt.Fprintf(&b, "  %d outcomes are of several samples\n", r.Repeated)
	}
	if r.Graded > 0 {
		fmt.Fprintf(&b, "  %d answers were graded\n", r.Graded)
	}
	for _, s := range r.Unscored {
		fmt.Fprintf(&b, "  left out %d answers without a score: %s\n", s.Count, s.Reason)
	}
	if r.Unscorable {
		b.WriteString("  no answer has a score: the trace tells cost, time and carbon, and no policy can be compared on it; --grade scores answers by the reference\n")
	}
	for _, e := range r.RefusedEntries {
		fmt.Fprintf(&b, "  refused an archive's file whose name leads out of it: %s\n", e)
	}
	if len(r.UnknownFiles) > 0 {
		fmt.Fprintf(&b, "  left out, not in the pool: %s\n", strings.Join(r.UnknownFiles, ", "))
	}
	if len(r.WithoutResults) > 0 {
		fmt.Fprintf(&b, "  no results of: %s\n", strings.Join(r.WithoutResults, ", "))
	}
	for _, d := range r.Disagreements {
		fmt.Fprintf(&b, "  warning: files disagree about the %s of %d prompts (%d of them by spaces or case only); the telling of most files counts\n", d.Field, d.Prompts, d.Spacing)
		for _, e := range d.Examples {
			fmt.Fprintf(&b, "    %s\n", e)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
