package rl

import (
	"math"
	"testing"

	"github.com/gomlx/gomlx/core/graph"

	"github.com/trilemma-bench/trilemma/policies/nn/actor"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Minibatches together hold every row once, each with its own figures.
func TestBatchesDealEveryRowOnce(t *testing.T) {
	const slots, horizon, width, actions, each, count = 4, 3, 2, 3, 2, 3
	r := NewRollout(slots, horizon, actor.Shape{In: width, Actions: actions, Each: each})
	r.State, r.About, r.Base = nil, nil, nil
	for row := range r.Rows() {
		x := float32(row)
		r.State = append(r.State, x, x+0.5)
		for a := range actions {
			r.About = append(r.About, 10*x+float32(a), x)
			r.Base = append(r.Base, 100*x+float32(a))
		}
		r.Action[row], r.LogP[row], r.Ahead[row], r.Value[row] = int32(row%actions), -x, 2*x, 3*x
		r.Advantage[row], r.Target[row] = x+0.25, x+0.75
	}
	order := make([]int32, 0, r.Rows())
	for _, row := range policy.Stream(1, "deal").Perm(r.Rows()) {
		order = append(order, int32(row))
	}
	size := r.Rows() / count
	seen := map[int]bool{}
	facts := 2*actions + 5
	for k := range count {
		into := actor.Sample{
			State: make([]float32, size*width), About: make([]float32, actions*size*each), Facts: make([]float32, facts*size),
		}
		r.deal(order[k*size:(k+1)*size], into)
		for i := range size {
			row := int(into.State[i*width])
			if seen[row] {
				t.Errorf("row %d is dealt twice", row)
			}
			seen[row] = true
			x, fact := float32(row), func(j int) float32 { return into.Facts[j*size+i] }
			for a := range actions {
				want := float32(0)
				if a == row%actions {
					want = 1
				}
				if fact(a) != 100*x+float32(a) || fact(actions+a) != want || into.About[(a*size+i)*each] != 10*x+float32(a) {
					t.Errorf("row %d, action %d: base %v, taken %v, about %v", row, a, fact(a), fact(actions+a), into.About[(a*size+i)*each])
				}
			}
			for j, want := range []float32{-x, 2 * x, 3 * x, x + 0.25, x + 0.75} {
				if fact(2*actions+j) != want {
					t.Errorf("row %d: fact %d is %v, want %v", row, j, fact(2*actions+j), want)
				}
			}
		}
	}
	if len(seen) != r.Rows() {
		t.Errorf("%d rows are dealt, want %d", len(seen), r.Rows())
	}
}

// Several minibatches in one call step as the same minibatches in calls of their own.
func TestOneCallStepsAsMany(t *testing.T) {
	shape := actor.Shape{In: 5, Actions: 3, Hidden: 6}
	net, err := actor.New(shape, policy.Stream(1, "weights"))
	if err != nil {
		t.Fatal(err)
	}
	r := NewRollout(32, 1, shape)
	draw := policy.Stream(3, "played")
	for _, x := range [][]float32{r.State, r.Base, r.Advantage, r.Target} {
		for i := range x {
			x[i] = float32(draw.NormFloat64())
		}
	}
	for i := range r.Action {
		r.Action[i] = int32(draw.IntN(shape.Actions))
	}
	order := make([]int32, 0, 32)
	for _, row := range draw.Perm(32) {
		order = append(order, int32(row))
	}
	loss := func(logits, value *graph.Node, b actor.Minibatch) (loss, moved *graph.Node, stats []*graph.Node) {
		taken := graph.ReduceSum(graph.Mul(graph.LogSoftmax(logits, 0), b["action"]), 0)
		miss := graph.Square(graph.Sub(value, b["target"]))
		loss = graph.ReduceAllMean(graph.Sub(miss, graph.Mul(taken, b["advantage"])))
		return loss, nil, []*graph.Node{loss}
	}
	train := func(minibatches int) *actor.Actor {
		u, err := actor.NewUpdater(actor.UpdateConfig{Minibatches: minibatches, Size: 8, ClipNorm: 0.5, Epsilon: 1e-5, Facts: facts(shape.Actions), Stats: 1}, net, loss)
		if err != nil {
			t.Fatal(err)
		}
		defer u.Close()
		for from := 0; from < 4; from += minibatches {
			deal := func(k int, into actor.Sample) { r.deal(order[(from+k)*8:(from+k+1)*8], into) }
			if _, _, err := u.Run(1e-2, deal); err != nil {
				t.Fatal(err)
			}
		}
		out := net.Clone()
		if err := u.Read(out); err != nil {
			t.Fatal(err)
		}
		return out
	}
	one, many := train(4), train(1)
	moved := 0.0
	for i := range one.Weights {
		moved += math.Abs(float64(one.Weights[i] - net.Weights[i]))
		if d := math.Abs(float64(one.Weights[i] - many.Weights[i])); d > 1e-5 {
			t.Fatalf("weight %d differs by %v", i, d)
		}
	}
	if moved == 0 {
		t.Error("nothing moved")
	}
}
