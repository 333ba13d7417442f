package actor

import (
	"math"
	"slices"
	"testing"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/trilemma-bench/trilemma/policies/checkpoint"
	"github.com/trilemma-bench/trilemma/policies/compute"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// The gradients that are written out are those of automatic differentiation.
func TestBackwardEqualsAutomaticDifferentiation(t *testing.T) {
	for _, s := range []Shape{{In: 7, Actions: 4, Hidden: 5}, {In: 7, Actions: 4, Hidden: 5, Each: 3, Scorer: 6}} {
		const batch = 9
		r := policy.Stream(4, "pass")
		random := func(dims ...int) any {
			n := 1
			for _, d := range dims {
				n *= d
			}
			x := make([]float32, n)
			for i := range x {
				x[i] = float32(r.NormFloat64()) / 2
			}
			return tensors.FromFlatDataAndDimensions(x, dims...)
		}
		args := []any{random(s.flatSize()), random(batch, s.In), random(s.Actions*batch, max(s.Each, 1)), random(s.Actions, batch)}
		backend, err := compute.Open(compute.Default)
		if err != nil {
			t.Fatal(err)
		}
		exec, err := graph.NewExec(backend, func(in []*graph.Node) []*graph.Node {
			p := forward(s, s.split(in[0]), in[1], in[2], in[3])
			loss := graph.Add(graph.ReduceAllSum(graph.Exp(graph.LogSoftmax(p.logits, 0))), graph.ReduceAllSum(graph.Mul(p.value, graph.Square(graph.ReduceSum(p.logits, 0)))))
			by := graph.Gradient(loss, p.logits, p.value)
			return []*graph.Node{p.backward(by[0], by[1]).join(s), graph.Gradient(loss, in[0])[0]}
		})
		if err != nil {
			t.Fatal(err)
		}
		out, err := exec.Call(args...)
		if err != nil {
			t.Fatal(err)
		}
		gradient := func(at int) []checkpoint.F32s {
			weights := room(s)
			if err := tensors.ConstFlatData(out[at], func(x []float32) { s.unflatten(x, weights) }); err != nil {
				t.Fatal(err)
			}
			return weights
		}
		gotAll, wantAll := gradient(0), gradient(1)
		for i, p := range s.parts() {
			got, want := gotAll[i], wantAll[i]
			size := 0.0
			for _, x := range want {
				size = math.Max(size, math.Abs(float64(x)))
			}
			if size == 0 {
				t.Errorf("%+v: the loss does not depend on %s", s, p.name)
			}
			for j := range want {
				if math.Abs(float64(got[j]-want[j])) > 1e-4*size {
					t.Errorf("%+v: gradient by %s[%d] is %v, want %v", s, p.name, j, got[j], want[j])
					break
				}
			}
		}
	}
}

// room are weights of zeros.
func room(s Shape) (w []checkpoint.F32s) {
	for _, p := range s.parts() {
		w = append(w, make(checkpoint.F32s, p.size()))
	}
	return w
}

// The backend's flat vector holds every weight once.
func TestFlatWeightsComeBack(t *testing.T) {
	for _, s := range []Shape{{In: 7, Actions: 4, Hidden: 5}, {In: 7, Actions: 4, Hidden: 5, Each: 3, Scorer: 6}} {
		a, err := New(s, policy.Stream(4, "flat"))
		if err != nil {
			t.Fatal(err)
		}
		for i := range a.Weights {
			for j := range a.Weights[i] {
				a.Weights[i][j] = float32(100*i + j + 1)
			}
		}
		flat, back := make([]float32, s.flatSize()), room(s)
		s.flatten(a.Weights, flat)
		s.unflatten(flat, back)
		for i := range back {
			if !slices.Equal(back[i], a.Weights[i]) {
				t.Errorf("%s came back as %v", s.parts()[i].name, back[i])
			}
		}
	}
}
