package policy

import (
	"errors"
	"fmt"
)

// Column is one column of a block of rows, for who treats all columns alike: cuts, gathers, joins, keeps back or sends them.
type Column struct {
	Name  string
	Need  Need // without which a policy is not sent it; "" where it always is
	Width int  // values a row
	Values
}

// Values are those of a column, row-major: a [Ref] of strings, float32s, int32s or bools.
type Values interface {
	Len() int                 // −1 where the block does not have the column
	slice(lo, hi int)         // keeps values lo to hi, as a view
	gather([]int32, int)      // copies rows of some width, in that order
	append(more Values) error // of the same type
	Drop()                    // takes the column out of the block
}

// Ref points to the slice that holds a column, nil where the block does not have it.
type Ref[T any] struct{ To *[]T }

func in[T any](column *[]T) Ref[T] { return Ref[T]{column} }

// Len is the number of values, −1 where the block does not have the column.
func (r Ref[T]) Len() int {
	if *r.To == nil {
		return -1
	}
	return len(*r.To)
}

// Drop takes the column out of the block.
func (r Ref[T]) Drop() { *r.To = nil }

func (r Ref[T]) slice(lo, hi int) {
	if *r.To != nil {
		*r.To = (*r.To)[lo:hi:hi]
	}
}

func (r Ref[T]) gather(rows []int32, width int) {
	if *r.To == nil {
		return
	}
	out := make([]T, 0, len(rows)*width)
	for _, i := range rows {
		out = append(out, (*r.To)[int(i)*width:(int(i)+1)*width]...)
	}
	*r.To = out
}

func (r Ref[T]) append(more Values) error {
	m := more.(Ref[T])
	if (r.Len() < 0) != (m.Len() < 0) {
		return errors.New("is in some parts only")
	}
	*r.To = append(*r.To, *m.To...)
	return nil
}

// Columns of the prompts.
func (p *Prompts) Columns() []Column {
	grids := 0
	if p.Len() > 0 {
		grids = len(p.GridGPerKWh) / p.Len()
	}
	return []Column{
		{"id", "", 1, in(&p.ID)}, {"text", NeedText, 1, in(&p.Text)}, {"category", NeedCategory, 1, in(&p.Category)},
		{"vector", NeedVector, p.Dim, in(&p.Vector)}, {"grid_g_per_kwh", NeedGrid, grids, in(&p.GridGPerKWh)},
	}
}

// Columns of the split: of its prompts, references and outcomes.
func (s *Split) Columns() []Column {
	o := &s.Outcomes
	c := append(s.Prompts.Columns(), Column{"reference", NeedAnswer, 1, in(&s.Reference)}, Column{"present", "", o.Models, in(&o.Present)})
	c = append(c, o.Figures.columns(o.Models)...)
	return append(c, []Column{
		{"input_tokens", "", o.Models, in(&o.InputTokens)}, {"output_tokens", "", o.Models, in(&o.OutputTokens)},
		{"propensity", "", o.Models, in(&o.Propensity)}, {"answer", NeedAnswer, o.Models, in(&o.Answer)}, {"response", NeedResponse, o.Models, in(&o.Response)},
	}...)
}

// Columns of what was revealed: one row an entry, so without Offset.
func (a *Asked) Columns() []Column {
	return append([]Column{
		{"model", "", 1, in(&a.Model)}, {"round", "", 1, in(&a.Round)}, {"missing", "", 1, in(&a.Missing)}, {"answer", NeedAnswer, 1, in(&a.Answer)},
		{"response", NeedResponse, 1, in(&a.Response)}, {"input_tokens", "", 1, in(&a.InputTokens)}, {"output_tokens", "", 1, in(&a.OutputTokens)},
	}, a.Figures.columns(1)...)
}

// Columns of the feedback beside its prompts and preferences.
func (f *Feedback) Columns() []Column {
	return append([]Column{{"model", "", 1, in(&f.Model)}, {"propensity", "", 1, in(&f.Propensity)}}, f.Figures.columns(1)...)
}

func (m *Matrix) columns(width int) []Column {
	out := make([]Column, NumQuantities)
	for q := range m {
		out[q] = Column{Quantity(q).Column(), "", width, in(&m[q])}
	}
	return out
}

// Slice are views of the prompts from lo to hi.
func (p *Prompts) Slice(lo, hi int) *Prompts {
	out := *p
	for _, c := range out.Columns() {
		c.slice(lo*c.Width, hi*c.Width)
	}
	return &out
}

// Gather copies some prompts, in that order.
func (p *Prompts) Gather(rows []int32) *Prompts {
	out := *p
	for _, c := range out.Columns() {
		c.gather(rows, c.Width)
	}
	return &out
}

// Slice are views of the rows from lo to hi.
func (s *Split) Slice(lo, hi int) *Split {
	out := *s
	for _, c := range out.Columns() {
		c.slice(lo*c.Width, hi*c.Width)
	}
	return &out
}

// Append adds the rows of more, which must have the same columns of the same widths. The receiver's slices may be shared
// with nobody who minds.
func (s *Split) Append(more *Split) error {
	if s.Prompts.Dim != more.Prompts.Dim || s.Outcomes.Models != more.Outcomes.Models {
		return fmt.Errorf("vectors of %d dimensions and %d models follow %d and %d",
			more.Prompts.Dim, more.Outcomes.Models, s.Prompts.Dim, s.Outcomes.Models)
	}
	from := more.Columns()
	for i, c := range s.Columns() {
		if err := c.append(from[i].Values); err != nil {
			return fmt.Errorf("column %s %w", c.Name, err)
		}
	}
	return nil
}
