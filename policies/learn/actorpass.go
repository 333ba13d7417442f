package learn

import "github.com/gomlx/gomlx/core/graph"

// pass is an actor's forward pass inside a graph, with what its backward pass needs.
//
// The batch is the last axis of all that the layers see, and the gradients are written out: every product is then one
// that the Go backend multiplies as it lies. Those of automatic differentiation are the same, but nearly all of them are
// transposed first, which took longer than the products did.
type pass struct {
	shape         ActorShape
	w             []*graph.Node // in the order of the shape's parts
	batch         int
	state, each   *graph.Node
	h1, h2        *graph.Node // [Hidden, B]
	scored        *graph.Node // [Scorer, B·Actions]
	logits, value *graph.Node // [B, Actions], [B]
}

// times is w [out, in] · x [in, B].
func times(w, x *graph.Node) *graph.Node {
	return graph.DotGeneral(w, []int{1}, nil, x, []int{0}, nil)
}

// timesTurned is a [out, B] · x [in, B]ᵀ.
func timesTurned(a, x *graph.Node) *graph.Node {
	return graph.DotGeneral(a, []int{1}, nil, x, []int{1}, nil)
}

// forward is [Actor.Forward] for a batch: state [In, B], each [Each, B·Actions] (read only where the shape has Each), base
// [B, Actions].
func forward(s ActorShape, w []*graph.Node, state, each, base *graph.Node) *pass {
	p := &pass{shape: s, w: w, state: state, each: each, batch: state.Shape().Dimensions[1]}
	dense := func(weight, bias int, x *graph.Node) *graph.Node {
		return graph.Add(times(w[weight], x), graph.InsertAxes(w[bias], -1))
	}
	p.h1 = graph.Tanh(dense(actorW1, actorB1, state))
	p.h2 = graph.Tanh(dense(actorW2, actorB2, p.h1))
	p.logits = graph.Add(base, graph.Transpose(dense(actorPolicy, actorPolicyBias, p.h2), 0, 1))
	if s.Each > 0 {
		context := graph.InsertAxes(dense(actorScorerState, actorScorerBias, p.h2), -1) // [Scorer, B, 1]
		z := graph.Add(graph.Reshape(times(w[actorScorerAction], each), s.Scorer, p.batch, s.Actions), context)
		p.scored = graph.Reshape(graph.Tanh(z), s.Scorer, p.batch*s.Actions)
		p.logits = graph.Add(p.logits, graph.Reshape(times(w[actorScorer], p.scored), p.batch, s.Actions))
	}
	p.value = graph.Reshape(dense(actorValue, actorValueBias, p.h2), -1)
	return p
}

// backward turns the gradients by logits [B, Actions] and value [B] into those by the weights.
func (p *pass) backward(logits, value *graph.Node) []*graph.Node {
	s, w := p.shape, p.w
	grads := make([]*graph.Node, len(w))
	// layer takes the gradient by a layer's output [out, B], for an input x [in, B], and returns that by the input.
	layer := func(weight, bias int, by, x *graph.Node) *graph.Node {
		grads[weight], grads[bias] = timesTurned(by, x), graph.ReduceSum(by, 1)
		return times(graph.Transpose(w[weight], 0, 1), by)
	}
	// bent is the gradient before a tanh that gave y.
	bent := func(by, y *graph.Node) *graph.Node { return graph.Mul(by, graph.OneMinus(graph.Square(y))) }

	byH2 := layer(actorPolicy, actorPolicyBias, graph.Transpose(logits, 0, 1), p.h2)
	row := graph.Reshape(value, 1, p.batch)
	grads[actorValue], grads[actorValueBias] = timesTurned(row, p.h2), graph.ReduceSum(row, 1)
	byH2 = graph.Add(byH2, graph.Mul(graph.Transpose(w[actorValue], 0, 1), row))
	if s.Each > 0 {
		flat := graph.Reshape(logits, 1, p.batch*s.Actions)
		grads[actorScorer] = timesTurned(flat, p.scored)
		z := bent(graph.Mul(graph.Transpose(w[actorScorer], 0, 1), flat), p.scored)
		grads[actorScorerAction] = timesTurned(z, p.each)
		context := graph.ReduceSum(graph.Reshape(z, s.Scorer, p.batch, s.Actions), 2)
		byH2 = graph.Add(byH2, layer(actorScorerState, actorScorerBias, context, p.h2))
	}
	z2 := bent(byH2, p.h2)
	z1 := bent(layer(actorW2, actorB2, z2, p.h1), p.h1)
	grads[actorW1], grads[actorB1] = timesTurned(z1, p.state), graph.ReduceSum(z1, 1)
	return grads
}
