package learn

// ActorBatch runs an actor on many states at a time: [Actor.Forward] but for rounding, several times as fast. It is a copy of
// the weights, laid out anew, and may be used by several goroutines, each with a [BatchScratch] of its own.
type ActorBatch struct {
	shape                     ActorShape
	h1, h2                    *dense
	heads                     *dense // of the policy, and of the value, which comes last
	scorerState, scorerAction *dense
	scorer                    F32s
}

// Batch lays an actor out for running it on many states at a time.
func (a *Actor) Batch() *ActorBatch {
	s, w := a.Shape, a.Weights
	b := &ActorBatch{
		shape: s,
		h1:    newDense(s.In, []F32s{w[actorW1]}, []F32s{w[actorB1]}),
		h2:    newDense(s.Hidden, []F32s{w[actorW2]}, []F32s{w[actorB2]}),
		heads: newDense(s.Hidden, []F32s{w[actorPolicy], w[actorValue]}, []F32s{w[actorPolicyBias], w[actorValueBias]}),
	}
	if s.Each > 0 {
		b.scorerState = newDense(s.Hidden, []F32s{w[actorScorerState]}, []F32s{w[actorScorerBias]})
		b.scorerAction = newDense(s.Each, []F32s{w[actorScorerAction]}, []F32s{make(F32s, s.Scorer)})
		b.scorer = w[actorScorer]
	}
	return b
}

// BatchScratch is room that [ActorBatch.Forward] works in, as large as the largest batch so far; one a goroutine.
type BatchScratch struct{ h1, h2, heads, context, scored []float32 }

// Forward computes n states' logits [n × Actions] and what is added to their values [n]. states are [n × In], each
// [n × Actions × Each], base [n × Actions]. A state's bits do not depend on which others come with it.
func (b *ActorBatch) Forward(n int, states, each, base, logits, value []float32, room *BatchScratch) {
	s := b.shape
	layer := func(d *dense, n int, x []float32, stride int, z *[]float32) []float32 {
		if len(*z) < n*d.width() {
			*z = make([]float32, n*d.width())
		}
		d.apply(n, x, stride, *z)
		return (*z)[:n*d.width()]
	}
	h1 := layer(b.h1, n, states, s.In, &room.h1)
	tanhs(h1)
	h2 := layer(b.h2, n, h1, b.h1.width(), &room.h2)
	tanhs(h2)
	heads, width := layer(b.heads, n, h2, b.h2.width(), &room.heads), b.heads.width()
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
	context := layer(b.scorerState, n, h2, b.h2.width(), &room.context)
	width = b.scorerState.width()
	for i := range n {
		scored := layer(b.scorerAction, s.Actions, each[i*s.Actions*s.Each:], s.Each, &room.scored)
		for j := range s.Actions {
			row := scored[j*width : (j+1)*width]
			for k, c := range context[i*width : (i+1)*width] {
				row[k] += c
			}
		}
		tanhs(scored)
		for j, known := range base[i*s.Actions : (i+1)*s.Actions] {
			if known > NotAllowed {
				logits[i*s.Actions+j] += sdot(b.scorer, scored[j*width:j*width+s.Scorer])
			}
		}
	}
}
