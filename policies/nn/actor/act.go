package actor

import (
	"github.com/trilemma-bench/trilemma/policies/compute"
)

// Batch runs an actor on many states at a time. It is a copy of the weights, laid out for the kernel that multiplies them,
// and may be used by several goroutines, each with a [Scratch] of its own.
type Batch struct {
	shape                     Shape
	h1, h2, heads             *compute.Dense
	scorerState, scorerAction *compute.Dense
	scorer                    []float32
}

// Batch lays an actor out for acting.
func (a *Actor) Batch() *Batch {
	s := a.Shape
	b := &Batch{
		shape: s,
		h1:    compute.NewDense(s.In, a.Layer("w1"), a.Layer("b1")),
		h2:    compute.NewDense(s.Hidden, a.Layer("w2"), a.Layer("b2")),
		heads: compute.NewDense(s.Hidden, a.Layer("heads"), a.Layer("heads_bias")),
	}
	if s.Each > 0 {
		b.scorerState = compute.NewDense(s.Hidden, a.Layer("scorer_state"), a.Layer("scorer_bias"))
		b.scorerAction = compute.NewDense(s.Each, a.Layer("scorer_action"), make([]float32, s.Scorer))
		b.scorer = a.Layer("scorer")
	}
	return b
}

// Scratch is room that [Batch.Forward] works in, as large as the largest batch so far; one a goroutine.
type Scratch struct{ h1, h2, heads, context, scored []float32 }

// Forward computes n states' logits [n × Actions] and what is added to their values [n]. states are [n × In], each
// [n × Actions × Each], base [n × Actions]. A state's bits do not depend on which others come with it.
func (b *Batch) Forward(n int, states, each, base, logits, value []float32, room *Scratch) {
	s := b.shape
	layer := func(d *compute.Dense, n int, x []float32, stride int, z *[]float32) []float32 {
		if len(*z) < n*d.Width() {
			*z = make([]float32, n*d.Width())
		}
		d.Apply(n, x, stride, *z)
		return (*z)[:n*d.Width()]
	}
	h1 := layer(b.h1, n, states, s.In, &room.h1)
	compute.Tanhs(h1)
	h2 := layer(b.h2, n, h1, b.h1.Width(), &room.h2)
	compute.Tanhs(h2)
	heads, width := layer(b.heads, n, h2, b.h2.Width(), &room.heads), b.heads.Width()
	for i := range n {
		value[i] = heads[i*width+s.Actions]
		for j, known := range base[i*s.Actions : (i+1)*s.Actions] {
			if logits[i*s.Actions+j] = known; known > NotAllowed {
				logits[i*s.Actions+j] += heads[i*width+j]
			}
		}
	}
	if s.Each == 0 {
		return
	}
	context := layer(b.scorerState, n, h2, b.h2.Width(), &room.context)
	width = b.scorerState.Width()
	for i := range n {
		scored := layer(b.scorerAction, s.Actions, each[i*s.Actions*s.Each:], s.Each, &room.scored)
		for j := range s.Actions {
			row := scored[j*width : (j+1)*width]
			for k, c := range context[i*width : (i+1)*width] {
				row[k] += c
			}
		}
		compute.Tanhs(scored)
		for j, known := range base[i*s.Actions : (i+1)*s.Actions] {
			if known > NotAllowed {
				logits[i*s.Actions+j] += compute.Dot(b.scorer, scored[j*width:j*width+s.Scorer])
			}
		}
	}
}
