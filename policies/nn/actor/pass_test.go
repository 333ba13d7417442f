package actor

import (
	"math"
	"testing"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

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
		args := []any{random(s.size()), random(batch, s.In), random(s.Actions*batch, max(s.Each, 1)), random(s.Actions, batch)}
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
		gotAll, err := tensors.CopyFlatData[float32](out[0])
		if err != nil {
			t.Fatal(err)
		}
		wantAll, err := tensors.CopyFlatData[float32](out[1])
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range s.layers() {
			got, want := gotAll[l.from:l.to], wantAll[l.from:l.to]
			size := 0.0
			for _, x := range want {
				size = math.Max(size, math.Abs(float64(x)))
			}
			if size == 0 {
				t.Errorf("%+v: the loss does not depend on %s", s, l.name)
			}
			for j := range want {
				if math.Abs(float64(got[j]-want[j])) > 1e-4*size {
					t.Errorf("%+v: gradient by %s[%d] is %v, want %v", s, l.name, j, got[j], want[j])
					break
				}
			}
		}
	}
}
