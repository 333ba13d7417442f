package file

import (
	"context"
	"slices"
	"sync"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"

	"github.com/trilemma-bench/trilemma/harness/trace"
)

// answers numbers answer texts while several row groups are read.
type answers struct {
	mu   sync.Mutex
	once sync.Once
	code map[string]uint32
	text []string
}

func (a *answers) number(text []byte) uint32 {
	a.mu.Lock()
	defer a.mu.Unlock()
	if c, ok := a.code[string(text)]; ok {
		return c
	}
	c := uint32(len(a.text))
	s := string(text)
	a.code[s] = c
	a.text = append(a.text, s)
	return c
}

// settle numbers the answers by their order as texts, so that codes do not depend on which row group came first.
func (a *answers) settle(o *trace.Outcomes) {
	if len(o.Answer) == 0 || len(a.text) == 1 {
		o.Answer = nil
		return
	}
	o.AnswerText = slices.Sorted(slices.Values(a.text))
	rank := make(map[string]uint32, len(a.text))
	for i, s := range o.AnswerText {
		rank[s] = uint32(i)
	}
	become := make([]uint32, len(a.text))
	for old, s := range a.text {
		become[old] = rank[s]
	}
	for i, c := range o.Answer {
		o.Answer[i] = become[c]
	}
	a.code, a.text = nil, nil
}

// letters reads the answers of a group.
func (s *scan) letters(ctx context.Context, t *table, f *field, group int, cell []int64, found *trace.Findings) error {
	if s.out != nil {
		s.answers.once.Do(func() { s.out.Answer = make([]uint32, s.cells) })
	}
	var (
		d     texts
		words []uint32
		valid []bool
		seen  = map[string]uint32{} // spares the lock where a page has no dictionary
	)
	first := t.first[group]
	return t.pages(ctx, group, f, func(row int64, page parquet.Page) error {
		fresh, err := d.read(page)
		if err != nil {
			return broken(t.name, row, f.name, err)
		}
		if fresh {
			words, valid = grow(words, d.words), grow(valid, d.words)
			for k := range words {
				valid[k] = utf8.Valid(d.word(k))
				if s.out != nil {
					words[k] = s.answers.number(d.word(k))
				}
			}
		}
		at := 0
		to := cell[row-first:]
		for i := range int(page.NumValues()) {
			if d.null != nil && d.null[i] == 0 {
				continue
			}
			var code uint32
			var good bool
			if d.index != nil {
				code, good = words[d.index[at]], valid[d.index[at]]
			} else {
				raw := d.raw(at)
				good = utf8.Valid(raw)
				if s.out != nil {
					have, ok := seen[string(raw)]
					if !ok {
						have = s.answers.number(raw)
						if len(seen) < 1<<16 {
							seen[string(raw)] = have
						}
					}
					code = have
				}
			}
			if !good {
				raw := d.raw
				k := at
				if d.index != nil {
					raw, k = d.word, int(d.index[at])
				}
				found.Add(trace.Violation{File: t.name, Row: row + int64(i), Column: f.name, Value: trace.Clip(string(raw(k))),
					Problem: "is not valid UTF-8", Fix: castUTF8})
			}
			at++
			if s.out != nil && to[i] >= 0 {
				s.out.Answer[to[i]] = code
			}
		}
		return nil
	})
}
