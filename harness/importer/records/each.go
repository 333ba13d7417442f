package records

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/trilemma-bench/trilemma/harness/textfile"
	"github.com/trilemma-bench/trilemma/harness/trace/file"
)

// Each hands on the documents of a member, some at a time and in their order. elements makes an element of a JSON list a document;
// else a list is one. What cannot be read is a document with an error; the error returned is for a member of which nothing more can be
// read, and names it.
//
// A batch belongs to who got it: its texts are not used again.
func (s *Sources) Each(ctx context.Context, m *Member, elements bool, emit func([]Doc) error) (err error) {
	r, closeAll, err := m.unpacked()
	if err != nil {
		return err
	}
	defer func() {
		if err = errors.Join(err, closeAll()); err != nil && ctx.Err() == nil {
			err = fmt.Errorf("reading %s: %w", m.Path, err)
		}
	}()
	b := &batch{ctx: ctx, emit: emit}
	head, _ := r.Peek(8) // its error comes again
	switch ext := path.Ext(bareName(m.Path)); {
	case bytes.HasPrefix(head, []byte("PAR1")) || bytes.HasPrefix(head, []byte("PARE")) || ext == ".parquet":
		err = s.parquet(ctx, m, r, b)
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		return errors.New("it is a zip within an archive, or one without its ending: unpack it first")
	case len(head) > 1 && head[0] == 0x80 && head[1] <= 5:
		return errors.New("it is a Python pickle, which can run code when it is read: convert it, as with pandas.read_pickle(…).to_parquet(…)")
	case ext == ".csv" || ext == ".tsv":
		err = table(r, b)
	default:
		err = text(bufio.NewReaderSize(textfile.NewReader(r), 1<<16), ext == ".jsonl" || ext == ".ndjson", elements, b)
	}
	if err != nil {
		return err
	}
	return b.flush()
}

// batch gathers documents.
type batch struct {
	ctx  context.Context
	emit func([]Doc) error
	docs []Doc
	size int
}

func (b *batch) add(d Doc, size int) error {
	b.docs = append(b.docs, d)
	if b.size += size + 64; b.size < batchBytes {
		return nil
	}
	return b.flush()
}

func (b *batch) flush() error {
	if err := b.ctx.Err(); err != nil {
		return err
	}
	if len(b.docs) == 0 {
		return nil
	}
	docs := b.docs
	b.docs, b.size = nil, 0
	return b.emit(docs)
}

func (s *Sources) parquet(ctx context.Context, m *Member, r io.Reader, b *batch) error {
	name, err := s.unfold(Member{Path: m.Path, open: func() (io.ReadCloser, error) { return io.NopCloser(r), nil }})
	if err != nil {
		return err
	}
	return file.Records(ctx, path.Base(m.Path), name, func(row int64, record map[string]any) error {
		size := 0
		for _, v := range record {
			if t, ok := v.(string); ok {
				size += len(t)
			}
			size += 16
		}
		return b.add(Doc{Number: int(row) + 1, Value: record}, size)
	})
}

// table reads values separated by commas, tabs or semicolons. A row of another length than the heading is an error of its own: which of its fields
// stands under which name cannot be known.
func table(r *bufio.Reader, b *batch) error {
	t, err := textfile.NewTable(r, separator(r))
	if err != nil {
		return err
	}
	for n := 1; ; n++ {
		row, line, err := t.Next()
		var parse *csv.ParseError
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.As(err, &parse):
			if err := b.add(Doc{Number: n, Line: parse.StartLine, Err: parse.Err}, 0); err != nil {
				return err
			}
			continue
		case err != nil && line == 0:
			return err // of the disk, or of what it is packed in
		case err != nil:
			if err := b.add(Doc{Number: n, Line: line, Err: err}, 0); err != nil {
				return err
			}
			continue
		}
		record := make(map[string]any, len(row))
		size := 0
		for i, h := range t.Head {
			record[h] = strings.ToValidUTF8(row[i], "\uFFFD")
			size += len(row[i]) + 16
		}
		if err := b.add(Doc{Number: n, Line: line, Value: record}, size); err != nil {
			return err
		}
	}
}

// separator is the sign that the heading has most of.
func separator(r *bufio.Reader) rune {
	head, _ := r.Peek(r.Size()) // its error comes again
	line, _, _ := bytes.Cut(head, []byte("\n"))
	best := ','
	for _, c := range "\t;" {
		if bytes.Count(line, []byte(string(c))) > bytes.Count(line, []byte(string(best))) {
			best = c
		}
	}
	return best
}

// text reads JSON: a value a line where the first line is a value or lines says so, else values that may span lines.
func text(r *bufio.Reader, lines, elements bool, b *batch) error {
	in := &splitter{r: r, line: 1, b: b, elements: elements}
	first, err := in.skip()
	if err != nil || first == 0 {
		return err
	}
	if first == '[' && elements && !lines {
		return in.values()
	}
	if !lines {
		// The first line tells: what does not fit into the look ahead is judged by its being cut off or not.
		head, err := r.Peek(r.Size())
		if end := bytes.IndexByte(head, '\n'); end >= 0 {
			lines = json.Valid(head[:end])
		} else if err == nil {
			lines = compact(head)
		} else {
			lines = true // it is the only one
		}
	}
	if lines {
		return in.lines()
	}
	return in.values()
}

// compact tells whether the start of a long line looks like a value of one line; a value that spans lines breaks them early.
func compact(head []byte) bool { return head[0] == '{' || head[0] == '[' }

// splitter cuts JSON text at its lines or values.
type splitter struct {
	r        *bufio.Reader
	line     int // at which r stands
	number   int // documents before
	b        *batch
	elements bool
}

// skip skips blanks and tells what comes next, 0 at the end.
func (s *splitter) skip() (byte, error) {
	for {
		c, err := s.r.ReadByte()
		if errors.Is(err, io.EOF) {
			return 0, nil
		}
		if err != nil {
			return 0, err
		}
		switch c {
		case '\n':
			s.line++
		case ' ', '\t', '\r':
		default:
			return c, s.r.UnreadByte()
		}
	}
}

// lines hands on a document for each line that is not blank.
func (s *splitter) lines() error {
	for {
		text, long, err := s.until('\n', maxLine)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		ended := err != nil
		switch {
		case long:
			err = s.b.add(Doc{Number: s.line, Line: s.line, Err: fmt.Errorf("the line is longer than %d MB", maxLine>>20)}, 0)
		case len(bytes.TrimSpace(text)) > 0:
			err = s.b.add(Doc{Number: s.line, Line: s.line, Text: text}, len(text))
		default:
			err = nil
		}
		if err != nil || ended {
			return err
		}
		s.line++
	}
}

// until reads up to a byte; what is longer than most is skipped and told.
func (s *splitter) until(end byte, most int) (text []byte, long bool, err error) {
	for {
		part, err := s.r.ReadSlice(end)
		if !long {
			if len(text)+len(part) > most {
				long, text = true, nil
			} else {
				text = append(text, part...)
			}
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return text, long, err
		}
	}
}

// values hands on a document for each value, or for each element of the lists among them.
func (s *splitter) values() error {
	for {
		first, err := s.skip()
		if err != nil || first == 0 {
			return err
		}
		if first == '[' && s.elements {
			err = s.list()
		} else {
			err = s.value(false)
		}
		if err != nil {
			return err
		}
	}
}

func (s *splitter) list() error {
	if _, err := s.r.Discard(1); err != nil {
		return err
	}
	for empty := true; ; empty = false {
		c, err := s.skip()
		switch {
		case err != nil:
			return err
		case c == 0:
			return s.wrong(s.line, "the file ends within a list: it is cut off")
		case c == ']' && empty:
			_, err := s.r.Discard(1)
			return err
		}
		if err := s.value(true); err != nil {
			return err
		}
		if c, err = s.skip(); err != nil {
			return err
		}
		switch c {
		case ',', ']':
			if _, err := s.r.Discard(1); err != nil || c == ']' {
				return err
			}
		case 0:
			return s.wrong(s.line, "the file ends within a list: it is cut off")
		}
	}
}

// wrong hands on a document that could not be read.
func (s *splitter) wrong(line int, why string) error {
	s.number++
	return s.b.add(Doc{Number: s.number, Line: line, Err: errors.New(why)}, 0)
}

// value hands on the value that comes next: to its closing bracket or quote, or, of a number or word, to what ends it. An element of
// a list also ends before a comma or bracket that is not its own.
func (s *splitter) value(element bool) error {
	most := maxDocument
	if element {
		most = maxLine
	}
	var out []byte
	line, depth, quoted, escaped, begun, long := s.line, 0, false, false, false, false
	take := func(part []byte) {
		if long = long || len(out)+len(part) > most; long {
			out = nil
		} else {
			out = append(out, part...)
		}
	}
	for {
		if _, err := s.r.Peek(1); errors.Is(err, io.EOF) {
			if depth > 0 || quoted {
				return s.wrong(line, "the file ends within a value that begins here: it is cut off")
			}
			return s.end(out, line, element, long)
		} else if err != nil {
			return err
		}
		part, _ := s.r.Peek(s.r.Buffered())
		done := -1
	scan:
		for i := 0; i < len(part); i++ {
			c := part[i]
			if c == '\n' {
				s.line++
			}
			switch {
			case escaped:
				escaped = false
			case quoted:
				switch c {
				case '\\':
					escaped = true
				case '"':
					if quoted = false; depth == 0 {
						done = i + 1
						break scan
					}
				}
			case c == '"':
				quoted, begun = true, true
			case c == '{' || c == '[':
				depth++
				begun = true
			case (c == '}' || c == ']' || c == ',') && depth == 0 && element:
				if done = i; !begun && i == 0 && len(out) == 0 && c == '}' {
					done = 1 // a bracket that closes nothing must not stop the reading
				}
				break scan
			case c == '}' || c == ']':
				if depth--; depth <= 0 {
					done = i + 1
					break scan
				}
			case depth == 0 && begun && (c == ' ' || c == '\n' || c == '\t' || c == '\r'):
				if c == '\n' {
					s.line--
				}
				done = i
				break scan
			default:
				begun = true
			}
		}
		if done < 0 {
			take(part)
			if _, err := s.r.Discard(len(part)); err != nil {
				return err
			}
			continue
		}
		take(part[:done])
		if _, err := s.r.Discard(done); err != nil {
			return err
		}
		return s.end(out, line, element, long)
	}
}

func (s *splitter) end(text []byte, line int, element, long bool) error {
	switch {
	case long && element:
		return s.wrong(line, fmt.Sprintf("the element that begins here is longer than %d MB", maxLine>>20))
	case long:
		return s.wrong(line, fmt.Sprintf("the value that begins here is longer than %d MB, and would be held as a whole: write its records as JSON lines", maxDocument>>20))
	}
	s.number++
	return s.b.add(Doc{Number: s.number, Line: line, Text: text, Element: element}, len(text))
}
