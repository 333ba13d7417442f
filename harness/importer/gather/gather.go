// Package gather puts the pieces that the maps of formats emit together to a trace on disk, in bounded memory. The way of the data:
//
//  1. A [Worker] takes the pieces of a record ([Worker.Add]): texts made of messages, figures checked, secrets masked. Each becomes
//     a few bytes under its prompt's id in a sorted run; runs that memory has no room for go to disk.
//  2. Pieces that know a key and no prompt are joined with the outcomes that bear the key.
//  3. The runs are merged: all pieces of a prompt come together, in the order of the files, whichever worker had them. What was
//     told first holds, what is told otherwise later is counted.
//  4. Outcomes without a score are graded, tokens that no log has are counted, of several samples the mean is taken.
//  5. Prompts are handed to a file.Writer in the order of their ids, so that equal files give equal traces.
//
// Memory holds a run for each worker, the pieces of one prompt, and the names of the models.
package gather

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/trilemma-bench/trilemma/harness/importer"
	"github.com/trilemma-bench/trilemma/harness/trace"
)

// Seq is where a piece was found; pieces are taken in this order.
type Seq struct {
	Member, Record, Piece uint32
}

func (s Seq) compare(o Seq) int {
	return cmp.Or(cmp.Compare(s.Member, o.Member), cmp.Compare(s.Record, o.Record), cmp.Compare(s.Piece, o.Piece))
}

// Gathering is one import.
type Gathering struct {
	opt     *importer.Options
	scratch string // folder for what memory has no room for
	redact  *redactor
	workers []*Worker
}

// New begins a gathering. scratch is a folder of its own, which the caller removes.
func New(opt *importer.Options, scratch string) *Gathering {
	g := &Gathering{opt: opt, scratch: scratch}
	if opt.Redact {
		g.redact = &redactor{}
	}
	return g
}

// Worker takes pieces; it is of one goroutine.
type Worker struct {
	g       *Gathering
	rows    sorter // by prompt
	keyed   sorter // by key
	facts   map[string]bool
	models  map[string]*facts
	names   map[string]bool // of models with outcomes
	seen    uint32          // fields that a piece had, as in record.has
	figures uint16          // figures likewise
	notes   map[string]*Note
	buf     []byte
}

// Note counts fields that were left out, or other things that a reader should know.
type Note struct {
	Count int
	First Seq
	What  string
}

// Worker adds a worker, one of so many.
func (g *Gathering) Worker(of int) *Worker {
	w := &Worker{g: g, facts: map[string]bool{}, models: map[string]*facts{}, names: map[string]bool{}, notes: map[string]*Note{}}
	n := len(g.workers)
	w.rows.most, w.keyed.most = runsBytes/of, runsBytes/of/4
	w.rows.path = filepath.Join(g.scratch, fmt.Sprintf("rows-%d", n))
	w.keyed.path = filepath.Join(g.scratch, fmt.Sprintf("keyed-%d", n))
	g.workers = append(g.workers, w)
	return w
}

func (w *Worker) note(at Seq, format string, args ...any) {
	what := fmt.Sprintf(format, args...)
	n := w.notes[what]
	switch {
	case n != nil:
		n.Count++
		if at.compare(n.First) < 0 {
			n.First = at
		}
	case len(w.notes) < 1000:
		w.notes[what] = &Note{1, at, what}
	}
}

// Notes are those of all workers, the most frequent first.
func (g *Gathering) Notes() []Note {
	all := map[string]*Note{}
	for _, w := range g.workers {
		for what, n := range w.notes {
			if o := all[what]; o != nil {
				o.Count += n.Count
				if n.First.compare(o.First) < 0 {
					o.First = n.First
				}
			} else {
				all[what] = &Note{n.Count, n.First, what}
			}
		}
	}
	var list []Note
	for _, what := range slices.Sorted(maps.Keys(all)) {
		list = append(list, *all[what])
	}
	slices.SortStableFunc(list, func(a, b Note) int { return cmp.Or(cmp.Compare(b.Count, a.Count), a.First.compare(b.First)) })
	return list
}

// Close removes what lies on disk.
func (g *Gathering) Close() error {
	var errs []error
	for _, w := range g.workers {
		errs = append(errs, w.rows.close(), w.keyed.close())
	}
	return errors.Join(errs...)
}

// Add takes one piece that a map emitted: an object with any of prompt, model, outcome and fact. The error says what is wrong with it
// and in which field; then nothing of it was taken.
func (w *Worker) Add(at Seq, piece map[string]any) error {
	for kind := range piece {
		switch kind {
		case "prompt", "model", "outcome", "fact", "skip":
		default:
			return fmt.Errorf("the map emitted %q; it emits prompt, model and outcome, and also fact and skip", kind)
		}
	}
	r := record{at: at}
	prompt, err := object(piece, "prompt")
	if err != nil {
		return err
	}
	outcome, err := object(piece, "outcome")
	if err != nil {
		return err
	}
	model, err := object(piece, "model")
	if err != nil {
		return err
	}
	if err := w.prompt(&r, prompt); err != nil {
		return err
	}
	var keys []string
	if outcome != nil {
		if keys, err = w.outcome(&r, outcome); err != nil {
			return err
		}
	}
	if model != nil {
		if err := w.model(at, model); err != nil {
			return err
		}
	}
	if fact, ok := piece["fact"].(string); ok {
		w.facts[fact] = true
	}
	switch {
	case outcome == nil && prompt == nil:
		return nil
	case outcome != nil && r.model == "":
		// Some other record knows whose it is.
		for _, k := range keys {
			if err := w.put(&w.keyed, k, &r); err != nil {
				return err
			}
		}
		return nil
	}
	if err := w.put(&w.rows, r.id, &r); err != nil {
		return err
	}
	for _, k := range keys {
		own := record{at: at, has: hasOwner | r.has&(has(fieldBenchmark)|has(fieldModel)|has(fieldSample)), model: r.model, sample: r.sample, owner: r.id}
		own.texts[fieldBenchmark] = r.texts[fieldBenchmark]
		if err := w.put(&w.keyed, k, &own); err != nil {
			return err
		}
	}
	return nil
}

func (w *Worker) put(to *sorter, key string, r *record) error {
	w.buf = r.encode(w.buf[:0])
	return to.add(key, r.at, w.buf)
}

func object(piece map[string]any, kind string) (map[string]any, error) {
	switch v := piece[kind].(type) {
	case nil:
		return nil, nil
	case map[string]any:
		return v, nil
	default:
		return nil, fmt.Errorf("the map emitted the %s %s: it must be an object", kind, trace.Clip(render(v)))
	}
}

// prompt takes the prompt's fields. An id is made of benchmark and text where there is none.
func (w *Worker) prompt(r *record, prompt map[string]any) error {
	if prompt == nil {
		return nil
	}
	for name, v := range prompt {
		f, known := promptFields[name]
		switch {
		case v == nil:
		case name == "prompt_id":
			r.id = w.identity(render(v))
		case name == "arrived_at":
			t, err := Instant(v)
			if err != nil {
				w.note(r.at, "left out prompt.arrived_at: %v", err)
				continue
			}
			r.arrived = t.UnixMicro()
			r.has |= has(fieldArrived)
		case !known:
			w.note(r.at, "left out prompt.%s: there is no such column", name)
		default:
			text := render
			if f == fieldPrompt {
				text = Chat
			}
			if text := w.masked(text(v)); text != "" {
				r.texts[f] = text
				r.has |= has(f)
			}
		}
	}
	if r.id == "" {
		if r.texts[fieldPrompt] == "" {
			return errors.New("prompt has neither prompt_id nor prompt")
		}
		r.id = hash(r.texts[fieldBenchmark], r.texts[fieldPrompt])
	}
	w.seen |= r.has
	return nil
}

func (w *Worker) masked(s string) string { return w.g.Masked(s) }

// Masked is a text as the import writes it: without secrets and e-mail addresses where that is asked for.
func (g *Gathering) Masked(s string) string {
	if g.redact == nil {
		return s
	}
	return g.redact.mask(s)
}

// identity is an id, or a hash of one that holds a secret: masked, ids of several people would be one.
func (w *Worker) identity(id string) string {
	if w.masked(id) != id {
		return hash("redacted", id)
	}
	return id
}

func (w *Worker) outcome(r *record, outcome map[string]any) (keys []string, err error) {
	if own := render(outcome["prompt_id"]); own != "" {
		r.id = w.identity(own)
	}
	r.has |= has(fieldOutcome)
	for name, v := range outcome {
		if v == nil {
			continue
		}
		switch name {
		case "prompt_id":
		case "model_id":
			r.model = render(v)
			r.has |= has(fieldModel)
		case "sample":
			r.sample = w.identity(render(v))
			r.has |= has(fieldSample)
		case "key":
			list, ok := v.([]any)
			if !ok {
				list = []any{v}
			}
			for _, k := range list {
				keys = append(keys, render(k))
			}
		case "response":
			r.response = w.masked(Chat(v))
			if r.response != "" {
				r.has |= has(fieldResponse)
			}
		case "answer":
			r.answer = w.masked(render(v))
			if r.answer != "" {
				r.has |= has(fieldAnswer)
			}
		case "otherwise":
			o, ok := v.(map[string]any)
			if !ok {
				return nil, fmt.Errorf("outcome.otherwise is %s: it must be an object", trace.Clip(render(v)))
			}
			r.given = render(o["given"])
			r.has |= has(fieldOtherwise)
			for q := range numFigures {
				if x, ok, err := w.figure(r.at, q, o[trace.Figures[q].Name]); err != nil {
					return nil, fmt.Errorf("outcome.otherwise.%w", err)
				} else if ok {
					r.other[q] = float32(x)
					r.others |= 1 << q
				}
			}
		default:
			q, known := figureOf[name]
			if !known {
				w.note(r.at, "left out outcome.%s: there is no such column", name)
				continue
			}
			x, ok, err := w.figure(r.at, q, v)
			if err != nil {
				return nil, fmt.Errorf("outcome.%w", err)
			}
			if ok {
				r.figure[q] = float32(x)
				r.figures |= 1 << q
			}
		}
	}
	switch {
	case r.model == "" && len(keys) == 0:
		return nil, errors.New("outcome has neither model_id nor key: whose is it?")
	case r.model != "" && r.id == "":
		return nil, fmt.Errorf("outcome of model %s has no prompt_id, and no prompt stands beside it", trace.Clip(r.model))
	}
	if r.model != "" && !w.names[r.model] {
		w.names[clone(r.model)] = true
	}
	w.seen |= r.has
	w.figures |= r.figures | r.others
	return keys, nil
}

// figure reads a figure. A score that is none is an error; of other figures, what cannot be is left out and noted.
func (w *Worker) figure(at Seq, q int, v any) (float64, bool, error) {
	if v == nil {
		return 0, false, nil
	}
	spec := &trace.Figures[q]
	if q == trace.ScoreFigure {
		x, err := w.g.opt.Scored(v)
		if err != nil {
			return 0, false, fmt.Errorf("%s: %w", spec.Name, err)
		}
		return x, true, nil
	}
	x, ok := importer.Number(v)
	if !ok {
		w.note(at, "left out outcome.%s: it is no number", spec.Name)
		return 0, false, nil
	}
	if !spec.Valid(x) || x > math.MaxFloat32 {
		w.note(at, "left out outcome.%s: it %s", spec.Name, strings.TrimPrefix(spec.Problem, "it "))
		return 0, false, nil
	}
	return x, true, nil
}

// Instant is a time: RFC 3339 and the spellings near it, UTC where no zone is told; or seconds, milliseconds, microseconds or
// nanoseconds since 1970, told by their size.
func Instant(v any) (time.Time, error) {
	if s, ok := v.(string); ok {
		for _, layout := range []string{time.RFC3339Nano, "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999-07", "2006-01-02T15:04:05.999999999-0700",
			"2006-01-02 15:04:05.999999999 -0700", "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999", "2006-01-02 15:04:05.999999999 MST", time.RFC1123Z, "2006-01-02"} {
			if t, err := time.Parse(layout, s); err == nil {
				return t.UTC(), nil
			}
		}
		x, ok := importer.Number(s)
		if !ok {
			return time.Time{}, fmt.Errorf("%q is no time", trace.Clip(s))
		}
		v = x
	}
	x, ok := importer.Number(v)
	if _, truth := v.(bool); !ok || truth {
		return time.Time{}, fmt.Errorf("%s is no time", trace.Clip(render(v)))
	}
	for _, unit := range []float64{1, 1e3, 1e6, 1e9} {
		if at := x / unit; math.Abs(at) < 1e11 { // the year 5138
			whole, part := math.Modf(at)
			return time.Unix(int64(whole), int64(part*1e9)).UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%v is no time", x)
}

// spool makes a file of the scratch folder.
func spool(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
}
