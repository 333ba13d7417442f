package formats

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/trilemma-bench/trilemma/harness/importer"
	"github.com/trilemma-bench/trilemma/harness/importer/gather"
	"github.com/trilemma-bench/trilemma/harness/importer/records"
)

// mapped imports a format by its card and map.
type mapped struct {
	card   *Card
	source string // of the map
}

func (m mapped) Name() string    { return m.card.Name }
func (m mapped) Summary() string { return m.card.Title }

// mostEndless is how many records may run into the bound on time before the import gives up: it is the map that does not end, not the
// record.
const mostEndless = 5

// reading is an import on its way: a reader, and workers that map what it read.
type reading struct {
	card    *Card
	program *Program
	opt     *importer.Options
	sources *records.Sources
	besides map[string]map[string]any
	own     []*records.Member // that records are read from
	files   []*tally          // of each of them
	gather  *gather.Gathering

	mu      sync.Mutex
	first   gather.Seq // of failed
	failed  error      // under --strict, the first in the order of the files
	endless int
}

// tally counts what became of the records of a file.
type tally struct {
	mu                sync.Mutex
	records, imported int
	skipped           map[string]*importer.Skip
}

// skip counts a record. Reasons that name a value differ from record to record: the value stays with the first.
func (t *tally) skip(n int, where string, reason string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.skipped) >= 1000 && t.skipped[reason] == nil {
		reason = "other reasons"
	}
	s := t.skipped[reason]
	if s == nil {
		s = &importer.Skip{Reason: reason, First: n, Where: where}
		t.skipped[reason] = s
	}
	if s.Count++; n < s.First {
		s.First, s.Where = n, where
	}
}

func (m mapped) Import(ctx context.Context, src []string, out string, opt importer.Options) (*importer.Report, error) {
	report, err := m.run(ctx, src, out, opt)
	if err != nil {
		return nil, fmt.Errorf("importing %s: %w", m.card.Name, err)
	}
	return report, nil
}

func (m mapped) run(ctx context.Context, src []string, out string, opt importer.Options) (_ *importer.Report, err error) {
	if entries, err := os.ReadDir(out); err == nil && len(entries) > 0 {
		return nil, fmt.Errorf("the folder %s is not empty; choose another, or remove it first", out)
	}
	out = filepath.Clean(out)
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return nil, err
	}
	// Beside the trace, where there should be room for what the trace takes.
	scratch, err := os.MkdirTemp(filepath.Dir(out), "."+filepath.Base(out)+".import-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	r, err := m.open(ctx, src, scratch, &opt)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.sources.Close()) }()
	r.gather = gather.New(&opt, scratch)
	defer func() { err = errors.Join(err, r.gather.Close()) }()
	if err := r.read(ctx); err != nil {
		return nil, err
	}
	report := r.report()
	err = r.gather.Write(ctx, out, report, r.where)
	for _, n := range r.gather.Notes() {
		report.LeftOut = append(report.LeftOut, importer.Skip{Reason: n.What, Count: n.Count, First: int(n.First.Record), Where: r.where(n.First)})
	}
	if errors.Is(err, gather.ErrNothing) {
		return nil, empty(report)
	}
	if err != nil {
		return nil, err
	}
	return report, nil
}

// open compiles the map and finds the files.
func (m mapped) open(ctx context.Context, src []string, scratch string, opt *importer.Options) (*reading, error) {
	program, err := Compile(m.source)
	if err != nil {
		return nil, fmt.Errorf("the map: %w", err)
	}
	for name := range opt.Format {
		if m.card.Options[name] == "" && !m.card.own {
			return nil, fmt.Errorf("the format has no option %q; it has %v", name, slices.Sorted(maps.Keys(m.card.Options)))
		}
	}
	sources, err := records.Find(src, opt.Stdin, scratch, func(within string) bool { return m.card.wants(within) || m.card.isBeside(within) }, m.card.near)
	if err != nil {
		return nil, err
	}
	r := &reading{card: m.card, program: program, opt: opt, sources: sources}
	if r.besides, err = r.beside(ctx); err != nil {
		return nil, errors.Join(err, sources.Close())
	}
	for i := range sources.Members {
		if f := &sources.Members[i]; !m.card.isBeside(f.Path) || m.card.wants(f.Path) {
			r.own = append(r.own, f)
			r.files = append(r.files, &tally{skipped: map[string]*importer.Skip{}})
		}
	}
	return r, nil
}

// job is a batch of documents of one file.
type job struct {
	file int
	docs []records.Doc
}

// read reads all files in their order and maps their records in as many goroutines as there are processors. What comes of it does not
// depend on which did what: pieces bear their place.
func (r *reading) read(ctx context.Context) error {
	elements, err := r.card.elementwise(ctx)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	workers := min(runtime.GOMAXPROCS(0), 16)
	jobs := make(chan job, workers)
	group.Go(func() error {
		defer close(jobs)
		for i, f := range r.own {
			err := r.sources.Each(ctx, f, elements, func(docs []records.Doc) error {
				if r.stopped() {
					return errStopped
				}
				select {
				case jobs <- job{i, docs}:
					return nil
				case <-ctx.Done():
					return ctx.Err()
				}
			})
			switch {
			case errors.Is(err, errStopped):
				return nil
			case ctx.Err() != nil:
				return ctx.Err()
			case err != nil:
				// What was read of the file before counts.
				r.bad(gather.Seq{Member: uint32(i), Record: 1<<32 - 1}, "the rest of the file", err.Error())
			}
		}
		return nil
	})
	var limits []*limit
	var all []*worker
	for range workers {
		w := &worker{reading: r, pieces: r.gather.Worker(workers), limit: &limit{Context: ctx}}
		all, limits = append(all, w), append(limits, w.limit)
	}
	defer watch(ctx, limits)()
	for _, w := range all {
		group.Go(func() error {
			for j := range jobs {
				for k := range j.docs {
					if err := w.document(ctx, j.file, &j.docs[k]); err != nil {
						return err
					}
				}
			}
			return nil
		})
	}
	return errors.Join(group.Wait(), r.failed)
}

var errStopped = errors.New("stopped")

func (r *reading) stopped() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failed != nil
}

// bad counts a record, or a part of a file, that could not be read, mapped or taken; under --strict it ends the import.
func (r *reading) bad(at gather.Seq, where, why string) {
	why = r.gather.Masked(why)
	if !r.opt.Strict {
		r.files[at.Member].skip(int(at.Record), where, why)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failed == nil || at.Member < r.first.Member || at.Member == r.first.Member && at.Record < r.first.Record {
		r.first, r.failed = at, fmt.Errorf("%s, %s: %s", r.own[at.Member].Path, where, why)
	}
}

func (r *reading) where(at gather.Seq) string {
	if int(at.Member) >= len(r.own) {
		return ""
	}
	where := fmt.Sprintf("%s record %d", r.own[at.Member].Path, at.Record)
	if at.Piece > 0 {
		where += fmt.Sprintf(", piece %d", at.Piece+1)
	}
	return where
}

// worker maps documents in one goroutine.
type worker struct {
	*reading
	pieces  *gather.Worker
	limit   *limit
	decoder records.Decoder
}

func (w *worker) document(ctx context.Context, file int, d *records.Doc) error {
	t := w.files[file]
	at := gather.Seq{Member: uint32(file), Record: uint32(d.Number)}
	taken, seen := 0, 0
	err := w.mapped(ctx, file, d, func(_ any, pieces []map[string]any, err error) error {
		seen++
		if err != nil {
			if errors.Is(err, context.DeadlineExceeded) && w.tooOften() {
				return fmt.Errorf("%s, %s: %w, as for %d records before: mend the map", w.own[file].Path, d.Where(), errEndless(d), mostEndless-1)
			}
			w.bad(at, d.Where(), reason(err, d))
			return nil
		}
		good := false
		for _, piece := range pieces {
			if why, ok := piece["skip"].(string); ok {
				t.skip(d.Number, d.Where(), strings.Clone(w.gather.Masked(why)))
				continue
			}
			if err := w.pieces.Add(at, piece); err != nil {
				var disk *os.PathError
				if errors.As(err, &disk) {
					return err
				}
				w.bad(at, d.Where(), err.Error())
				continue
			}
			good = true
			at.Piece++
		}
		if good {
			taken++
		}
		return nil
	})
	t.mu.Lock()
	t.records += seen
	t.imported += taken
	t.mu.Unlock()
	return err
}

// mapped decodes a document, picks its records and maps each: visit gets the record and what the map emitted.
func (w *worker) mapped(ctx context.Context, file int, d *records.Doc, visit func(record any, pieces []map[string]any, err error) error) error {
	w.limit.renew(d.Size())
	document, err := d.Decode(&w.decoder)
	if err != nil {
		return visit(nil, nil, err)
	}
	picked := []any{document}
	if !d.Element {
		picked, err = w.card.Pick(w.limit, document)
	}
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return visit(document, nil, fmt.Errorf("no records of the format: %w", err))
	}
	member := w.own[file]
	base, _, _ := strings.Cut(path.Base(member.Path), ".")
	place := Place{File: base, Path: member.Path, Line: d.Number, Options: w.opt.Format}
	if len(w.besides) > 0 {
		place.Beside = near(w.besides, member.Path)
	}
	if w.card.Records != "" && !d.Element {
		place.Meta = document
	}
	for i, record := range picked {
		if len(picked) > 1 { // unique in the file, and counted from 1 where the file is one document
			place.Line = (d.Number-1)*1_000_000 + i + 1
		}
		pieces, err := w.program.emitted(w.limit, record, place)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := visit(record, pieces, err); err != nil {
			return err
		}
	}
	return nil
}

func (r *reading) tooOften() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.endless++
	return r.endless >= mostEndless
}

func errEndless(d *records.Doc) error {
	return fmt.Errorf("the map did not end within %v", mapTime+mapTimeMB*time.Duration(d.Size()>>20))
}

// reason is why a record was not taken, without the value at hand, which gojq tells in brackets at the end: it differs from record
// to record.
func reason(err error, d *records.Doc) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return errEndless(d).Error()
	}
	var syntax *records.SyntaxError
	if errors.As(err, &syntax) {
		return "it is no JSON: " + syntax.Why
	}
	text := err.Error()
	if i := strings.Index(text, " ("); i > 0 && strings.HasSuffix(text, ")") {
		text = text[:i]
	}
	return text
}

// report tells of the files.
func (r *reading) report() *importer.Report {
	report := &importer.Report{Format: r.card.Name, RefusedEntries: r.sources.Refused}
	for i, f := range r.own {
		t := r.files[i]
		file := importer.FileReport{Path: f.Path, Records: t.records, Imported: t.imported}
		for _, reason := range slices.Sorted(maps.Keys(t.skipped)) {
			file.Skipped = append(file.Skipped, *t.skipped[reason])
		}
		slices.SortStableFunc(file.Skipped, func(a, b importer.Skip) int {
			return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.First, b.First))
		})
		const most = 20 // of reasons
		for i := most; i < len(file.Skipped); i++ {
			if i > most {
				file.Skipped[most].Count += file.Skipped[i].Count
			}
			file.Skipped[most].Reason = "other reasons"
		}
		file.Skipped = file.Skipped[:min(len(file.Skipped), most+1)]
		report.Files = append(report.Files, file)
	}
	return report
}

// empty tells why nothing was imported.
func empty(report *importer.Report) error {
	if len(report.Files) == 0 {
		return errors.New("no file of the format was found in what was named")
	}
	var why []string
	for _, f := range report.Files {
		for _, s := range f.Skipped {
			why = append(why, fmt.Sprintf("%s, %s: %s (%d records)", f.Path, s.Where, s.Reason, s.Count))
		}
	}
	for _, s := range report.LeftOut {
		why = append(why, fmt.Sprintf("%s: %s (%d)", s.Where, s.Reason, s.Count))
	}
	if len(why) == 0 {
		why = []string{"--explain 3 shows what the map makes of their records"}
	}
	return fmt.Errorf("no answer was found in %d files; %s", len(report.Files), strings.Join(why[:min(3, len(why))], "; "))
}

// beside parses the card's files beside others, by folder and key; of several the last by name holds.
func (r *reading) beside(ctx context.Context) (map[string]map[string]any, error) {
	found := map[string]map[string]any{}
	var decoder records.Decoder
	for i := range r.sources.Members {
		f := &r.sources.Members[i]
		for key, glob := range r.card.Beside {
			if !matchAny([]string{glob}, f.Path) {
				continue
			}
			err := r.sources.Each(ctx, f, false, func(docs []records.Doc) error {
				for k := range docs {
					document, err := docs[k].Decode(&decoder)
					if err != nil {
						return fmt.Errorf("%s: %w", docs[k].Where(), err)
					}
					dir := path.Dir(f.Path)
					if found[dir] == nil {
						found[dir] = map[string]any{}
					}
					found[dir][key] = document
				}
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
