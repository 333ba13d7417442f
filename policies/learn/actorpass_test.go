package learn

import (
	"math"
	"testing"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/trilemma-bench/trilemma/policies/policy"
)

// The gradients that are written out are those of automatic differentiation.
func TestBackwardEqualsAutomaticDifferentiation(t *testing.T) {
	for _, s := range []ActorShape{{In: 7, Actions: 4, Hidden: 5}, {In: 7, Actions: 4, Hidden: 5, Each: 3, Scorer: 6}} {
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
		var args []any
		for _, p := range s.parts() {
			args = append(args, random(p.dims...))
		}
		n := len(args)
		args = append(args, random(s.In, batch), random(max(s.Each, 1), batch*s.Actions), random(batch, s.Actions))
		backend, err := OpenBackend(DefaultBackend)
		if err != nil {
			t.Fatal(err)
		}
		exec, err := graph.NewExec(backend, func(in []*graph.Node) []*graph.Node {
			p := forward(s, in[:n], in[n], in[n+1], in[n+2])
			loss := graph.Add(graph.ReduceAllSum(graph.Exp(graph.LogSoftmax(p.logits))), graph.ReduceAllSum(graph.Mul(p.value, graph.Square(graph.ReduceSum(p.logits, 1)))))
			by := graph.Gradient(loss, p.logits, p.value)
			return append(p.backward(by[0], by[1]), graph.Gradient(loss, in[:n]...)...)
		})
		if err != nil {
			t.Fatal(err)
		}
		out, err := exec.Call(args...)
		if err != nil {
			t.Fatal(err)
		}
		for i, p := range s.parts() {
			var got, want []float32
			for _, c := range []struct {
				to *[]float32
				at int
			}{{&got, i}, {&want, n + i}} {
				if err := tensors.ConstFlatData(out[c.at], func(x []float32) { *c.to = append(*c.to, x...) }); err != nil {
					t.Fatal(err)
				}
			}
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
