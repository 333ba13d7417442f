package split

import (
	"cmp"
	"slices"

	"github.com/trilemma-bench/trilemma/harness/trace"
)

// Ordered is the trace in an order that does not depend on that of its files: models by id, prompts by a hash of their
// ids, so that neither a place in the order nor the first so many prompts tell anything of what they are about. rows are
// the places that its prompts had in t, models those of its models. t is left as it is.
func Ordered(t *trace.Trace) (ordered *trace.Trace, rows, models []int) {
	p, o := &t.Prompts, &t.Outcomes
	rows, models = upTo(p.Len()), upTo(len(t.Models))
	hash := make([]uint64, p.Len())
	for i, id := range p.ID {
		hash[i] = hashOf(0, "order\x00"+id)
	}
	slices.SortFunc(rows, func(i, j int) int { return cmp.Or(cmp.Compare(hash[i], hash[j]), cmp.Compare(p.ID[i], p.ID[j])) })
	slices.SortFunc(models, func(i, j int) int { return cmp.Compare(t.Models[i].ID, t.Models[j].ID) })

	out := *t
	out.Models, out.CopyOf = reordered(t.Models, models, 1), reordered(t.CopyOf, models, 1)
	out.Prompts = *p
	for _, c := range trace.Texts {
		column := c.Column(&out.Prompts)
		*column = reordered(*column, rows, 1)
	}
	out.Prompts.ArrivedAt = reordered(p.ArrivedAt, rows, 1)
	out.Prompts.Embedding = reordered(p.Embedding, rows, p.Dim)

	cells := make([]int, 0, len(rows)*len(models))
	for _, i := range rows {
		for _, m := range models {
			cells = append(cells, o.At(i, m))
		}
	}
	for q := range trace.Figures {
		matrix := trace.Figures[q].Matrix(&out.Outcomes)
		*matrix = reordered(*matrix, cells, 1)
	}
	out.Outcomes.Answer = reordered(o.Answer, cells, 1)
	out.Outcomes.Present = reorderedBits(o.Present, cells)
	out.Outcomes.Estimated = reorderedBits(o.Estimated, cells)
	return &out, rows, models
}

// reordered takes the blocks of a column of width entries each in an order; a column that is not there stays so.
func reordered[T any](column []T, order []int, width int) []T {
	if column == nil {
		return nil
	}
	out := make([]T, 0, len(column))
	for _, i := range order {
		out = append(out, column[i*width:(i+1)*width]...)
	}
	return out
}

// reordered takes the bits in an order; a bitmap that is not there stays so.
func reorderedBits(b trace.Bitmap, order []int) trace.Bitmap {
	if b == nil {
		return nil
	}
	out := trace.NewBitmap(len(order))
	for to, from := range order {
		if b.Has(from) {
			out.Set(to)
		}
	}
	return out
}

func upTo(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}
