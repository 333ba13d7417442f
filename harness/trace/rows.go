package trace

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"slices"

	"github.com/parquet-go/parquet-go"
)

// Row is one outcome as it stands in the file. Figures that were not asked for, are null or have no column are NaN.
type Row struct {
	File  string
	Index int64 // from 0 within the file

	PromptID, ModelID, Response, Answer string

	Score, InputTokens, OutputTokens, CostUSD, LatencySec, EnergyWh, CarbonG, Propensity float64
	CachedInputTokens, ReasoningTokens                                                   float64
}

// figure is the place of a quantity in the row.
func (r *Row) figure(q int) *float64 {
	return [...]*float64{&r.Score, &r.InputTokens, &r.OutputTokens, &r.CostUSD, &r.LatencySec, &r.EnergyWh, &r.CarbonG, &r.Propensity,
		&r.CachedInputTokens, &r.ReasoningTokens}[q]
}

// Rows streams the outcomes of a trace in file order, with the named columns only (nil for all but the response).
// Memory is bounded by a page a column. Rows are not checked against models and prompts; [Validate] does that.
// It stops at the first error of fn.
func Rows(ctx context.Context, dir string, columns []string, fn func(Row) error) error {
	names, err := shards(dir)
	if err == nil {
		err = known(columns)
	}
	for _, name := range names {
		if err != nil {
			break
		}
		err = shardRows(ctx, dir, name, columns, fn)
	}
	if err != nil {
		return fmt.Errorf("reading outcomes of trace %s: %w", dir, err)
	}
	return nil
}

// known tells whether the outcomes can have such columns.
func known(columns []string) error {
	all := []string{colPromptID, colModelID, colResponse, colAnswer}
	for _, q := range quantities {
		all = append(all, q.name)
	}
	for _, c := range columns {
		if !slices.Contains(all, c) {
			return fmt.Errorf("there is no column %q; choose from %q", c, all)
		}
	}
	return nil
}

func shardRows(ctx context.Context, dir, name string, columns []string, fn func(Row) error) error {
	t, err := openTable(name, filepath.Join(dir, name))
	if err != nil {
		return err
	}
	defer t.close()
	wanted := func(c string) bool {
		if columns == nil {
			return c != colResponse
		}
		return slices.Contains(columns, c)
	}
	for g := range t.groups {
		if err := t.groupRows(ctx, g, wanted, fn); err != nil {
			return err
		}
	}
	return nil
}

// cursor walks one column chunk row by row.
type cursor struct {
	pages  parquet.Pages
	page   parquet.Page
	text   *texts // or:
	number *numbers
	rows   int64 // rows of the page
	row    int64 // next row of the page
	value  int   // next value of the page, nulls not counted
}

// next moves to the next row, reading a page where needed.
func (c *cursor) next() error {
	for c.row >= c.rows {
		if c.page != nil {
			parquet.Release(c.page)
			c.page = nil
		}
		page, err := c.pages.ReadPage()
		if err != nil {
			return err
		}
		c.page, c.row, c.rows, c.value = page, 0, page.NumValues(), 0
		if c.text != nil {
			_, err = c.text.read(page)
		} else {
			err = c.number.read(page)
		}
		if err != nil {
			return err
		}
	}
	c.row++
	return nil
}

// string is the text of the current row.
func (c *cursor) string() string {
	d := c.text
	if d.null != nil && d.null[c.row-1] == 0 {
		return ""
	}
	k := c.value
	c.value++
	if d.index != nil {
		return string(d.word(int(d.index[k])))
	}
	return string(d.raw(k))
}

func (t *table) groupRows(ctx context.Context, group int, wanted func(string) bool, fn func(Row) error) (err error) {
	row, at := t.first[group], ""
	reading := true
	defer func() {
		if r := recover(); r != nil {
			if !reading {
				panic(r) // not the library's
			}
			err = broken(t.name, row, at, r)
		}
	}()
	type step struct {
		name string
		cursor
		set func(*Row, *cursor)
	}
	var steps []*step
	defer func() {
		for _, s := range steps {
			if s.page != nil {
				parquet.Release(s.page)
			}
			if e := s.pages.Close(); err == nil {
				err = e
			}
		}
	}()
	add := func(name string, use kind, set func(*Row, *cursor)) error {
		if !wanted(name) {
			return nil
		}
		f, wrong := t.lookup(name, use)
		if wrong != nil {
			return wrong
		}
		if f == nil {
			if name == colPromptID || name == colModelID {
				return t.lacks(name)
			}
			return nil
		}
		s := &step{name: name, set: set}
		s.pages = t.groups[group].ColumnChunks()[f.leaf.Index()].Pages()
		if use == asText {
			s.text = &texts{}
		} else {
			s.number = &numbers{field: f}
		}
		steps = append(steps, s)
		return nil
	}
	texts := map[string]func(*Row, *cursor){
		colPromptID: func(r *Row, c *cursor) { r.PromptID = c.string() },
		colModelID:  func(r *Row, c *cursor) { r.ModelID = c.string() },
		colResponse: func(r *Row, c *cursor) { r.Response = c.string() },
		colAnswer:   func(r *Row, c *cursor) { r.Answer = c.string() },
	}
	for _, name := range []string{colPromptID, colModelID, colResponse, colAnswer} {
		if err := add(name, asText, texts[name]); err != nil {
			return err
		}
	}
	for q := range quantities {
		if err := add(quantities[q].name, asNumber, func(r *Row, c *cursor) { *r.figure(q) = c.number.value[c.row-1] }); err != nil {
			return err
		}
	}
	blank := Row{File: t.name}
	for q := range quantities {
		*blank.figure(q) = math.NaN()
	}
	for end := row + t.groups[group].NumRows(); row < end; row++ {
		if row&1023 == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		r := blank
		r.Index = row
		for _, s := range steps {
			at = s.name
			if err := s.next(); err != nil {
				return broken(t.name, row, at, err)
			}
			s.set(&r, &s.cursor)
		}
		reading = false
		if err := fn(r); err != nil {
			return err
		}
		reading = true
	}
	return nil
}
