package nn

import (
	"math"
	"testing"

	"github.com/trilemma-bench/trilemma/policies/checkpoint"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

func TestOneHotsAgree(t *testing.T) {
	const features, classes = 9, 5
	r := policy.Stream(1, "one-hots")
	draw := func(n int) checkpoint.F32s {
		x := make(checkpoint.F32s, n)
		for i := range x {
			x[i] = float32(r.NormFloat64())
		}
		return x
	}
	in := features + classes
	n := &Net{
		In: in, Hidden: 7, Members: 3, Blocks: []Block{{Link: Bernoulli, Width: 1, Weight: 1}},
		W1: draw(3 * 7 * in), B1: draw(3 * 7), W2: draw(3 * 7), B2: draw(3),
	}
	many, hidden, out := n.NewOneHots(), make([]float32, n.Hidden), make([]float32, n.Out())
	for _, member := range []int{Everybody, 0, 2, Everybody} {
		x := draw(features)
		many.Share(member, x)
		for hot := range classes {
			x[0] = float32(r.NormFloat64())
			whole := make([]float32, in)
			copy(whole, x)
			whole[features+hot] = 1
			want := 0.0
			for k := range n.Members {
				if member == Everybody || member == k {
					n.raw(k, whole, hidden, out)
					want += 1 / (1 + math.Exp(-float64(out[0])))
				}
			}
			if member == Everybody {
				want /= float64(n.Members)
			}
			one, got := n.OneHot(member, x, hot, hidden, out), many.At(x[0], hot)
			if math.Abs(float64(got)-want) > 1e-6 || math.Abs(float64(one)-want) > 1e-6 {
				t.Errorf("member %d, hot %d: %v and %v, want %v", member, hot, got, one, want)
			}
		}
	}
}
