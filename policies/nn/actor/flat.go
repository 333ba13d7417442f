package actor

import (
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"

	"github.com/trilemma-bench/trilemma/policies/checkpoint"
)

// flatParts is the order in which the backend keeps an actor's weights, one after another in a single vector: what an
// optimiser does is the same for all of them, and one operation on one long vector costs little more than one on a short
// one. The policy's and the value's heads lie together so that one product computes both.
func (s Shape) flatParts() []int {
	order := []int{actorW1, actorB1, actorW2, actorB2, actorPolicy, actorValue, actorPolicyBias, actorValueBias}
	if s.Each > 0 {
		order = append(order, actorScorerState, actorScorerAction, actorScorerBias, actorScorer)
	}
	return order
}

// flatRows divides the length of the flat vector, so that it is a matrix of that many rows too.
const flatRows = 32

// flatSize is the number of weights, and zeros up to whole rows.
func (s Shape) flatSize() int {
	n := 0
	for _, p := range s.parts() {
		n += p.size()
	}
	return (n + flatRows - 1) / flatRows * flatRows
}

// flatten writes an actor's weights, or anything of their shapes, into out [flatSize].
func (s Shape) flatten(weights []checkpoint.F32s, out []float32) {
	for _, i := range s.flatParts() {
		out = out[copy(out, weights[i]):]
	}
}

// unflatten is the inverse of flatten.
func (s Shape) unflatten(flat []float32, weights []checkpoint.F32s) {
	for _, i := range s.flatParts() {
		flat = flat[copy(weights[i], flat):]
	}
}

// layers are the weights as the forward pass reads them, or the gradients by them.
type layers struct {
	w1, b1, w2, b2   *graph.Node // [Hidden, In], [Hidden], [Hidden, Hidden], [Hidden]
	heads, headsBias *graph.Node // [Actions + 1, Hidden], [Actions + 1]: the value comes last
	scorerState      *graph.Node // [Scorer, Hidden]
	scorerAction     *graph.Node // [Scorer, Each]
	scorerBias       *graph.Node // [Scorer]
	scorer           *graph.Node // [1, Scorer]
}

// all lists the layers in the order of flatParts, with their dimensions.
func (l *layers) all(s Shape) []layer {
	list := []layer{
		{&l.w1, []int{s.Hidden, s.In}}, {&l.b1, []int{s.Hidden}}, {&l.w2, []int{s.Hidden, s.Hidden}}, {&l.b2, []int{s.Hidden}},
		{&l.heads, []int{s.Actions + 1, s.Hidden}}, {&l.headsBias, []int{s.Actions + 1}},
	}
	if s.Each > 0 {
		list = append(list, layer{&l.scorerState, []int{s.Scorer, s.Hidden}}, layer{&l.scorerAction, []int{s.Scorer, s.Each}},
			layer{&l.scorerBias, []int{s.Scorer}}, layer{&l.scorer, []int{1, s.Scorer}})
	}
	return list
}

type layer struct {
	node **graph.Node
	dims []int
}

func (l layer) size() int { return actorPart{dims: l.dims}.size() }

// split cuts a flat vector [flatSize] into layers.
func (s Shape) split(flat *graph.Node) *layers {
	l, from := &layers{}, 0
	for _, part := range l.all(s) {
		*part.node = graph.Reshape(graph.Slice(flat, graph.AxisRange(from, from+part.size())), part.dims...)
		from += part.size()
	}
	return l
}

// join is the inverse of split.
func (l *layers) join(s Shape) *graph.Node {
	var flat []*graph.Node
	size := 0
	for _, part := range l.all(s) {
		flat = append(flat, graph.Reshape(*part.node, part.size()))
		size += part.size()
	}
	if short := s.flatSize() - size; short > 0 {
		flat = append(flat, graph.Zeros(l.w1.Graph(), shapes.Make(l.w1.DType(), short)))
	}
	return graph.Concatenate(flat, 0)
}
