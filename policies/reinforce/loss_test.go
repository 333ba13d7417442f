package reinforce

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/trilemma-bench/trilemma/policies/agent"
	"github.com/trilemma-bench/trilemma/policies/nn/actor"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// played is a rollout of random figures in which one action a row is forbidden.
func played(shape actor.Shape, rows int) *rl.Rollout {
	draw := policy.Stream(3, "played")
	normal := func(n int) []float32 {
		x := make([]float32, n)
		for i := range x {
			x[i] = float32(draw.NormFloat64())
		}
		return x
	}
	r = &agent.Rollout{
		Slots: rows, Horizon: 1, Width: shape.In, Actions: shape.Actions, Each: shape.Each, State: normal(rows * shape.In),
		About: normal(rows * shape.Actions * shape.Each), Base: normal(rows * shape.Actions), LogP: normal(rows), Ahead: normal(rows), Value: normal(rows),
	}
	for i := range rows {
		no := draw.IntN(shape.Actions)
		r.Base[i*shape.Actions+no] = actor.NotAllowed
		r.Action = append(r.Action, int32((no+1+draw.IntN(shape.Actions-1))%shape.Actions))
	}
	return r, normal(rows), normal(rows)
}

// The loss is −E[ln π(a|s)·A], ½E[(V−G)²] and the entropy, here summed row by row in float64. What acted before does not
// enter: REINFORCE has no ratio.
func TestLossIsTheGradientSEstimate(t *testing.T) {
	shape := actor.Shape{In: 6, Actions: 4, Hidden: 7, Each: 3, Scorer: 4}
	net, err := actor.New(shape, policy.Stream(1, "weights"))
	if err != nil {
		t.Fatal(err)
	}
	const rows = 48
	r, advantage, target := played(shape, rows)
	p := Defaults
	u, err := actor.NewUpdater(actor.UpdateConfig{Minibatches: 1, Size: rows, ClipNorm: 0.5, Epsilon: 1e-8, Facts: r.Facts(), Stats: len(stats)}, net, p.loss)
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	var b agent.Batches
	b.Shuffle(r, policy.Stream(2, "deal"))
	found, steps, err := u.Run(1e-3, func(k int, into actor.Sample) { b.Deal(r, k, rows, advantage, target, into) })
	if err != nil || steps != 1 {
		t.Fatal(steps, err)
	}
	var want [3]float64
	logits := make([]float32, shape.Actions)
	for i := range rows {
		one := []float32{0}
		net.Batch().Forward(1, r.State[i*r.In:], r.About[i*r.Actions*r.Each:], r.Base[i*r.Actions:], logits, one, new(actor.Scratch))
		value := one[0]
		actor.LogSoftmax(logits)
		want[0] -= float64(logits[r.Action[i]]) * float64(advantage[i]) / rows
		miss := float64(value+r.Ahead[i]) - float64(target[i])
		want[1] += miss * miss / 2 / rows
		for _, l := range logits {
			if l > -50 {
				want[2] -= math.Exp(float64(l)) * float64(l) / rows
			}
		}
	}
	for i, name := range stats {
		if math.Abs(found[i]-want[i]) > 1e-4*(1+math.Abs(want[i])) {
			t.Errorf("%s = %v, want %v", name, found[i], want[i])
		}
	}
}

func TestBaselines(t *testing.T) {
	returns := []float32{1, 2, 6}
	value := []float32{0.5, 0.5, 0.5} // what is left after a learned baseline
	for baseline, want := range map[string][]float32{
		"learned": value, "none": returns,
		"leave-one-out": {1 - 4, 2 - 3.5, 6 - 1.5}, // the mean of the other two
	} {
		got := append([]float32{}, value...)
		(&Params{Baseline: baseline}).baseline(returns, got)
		for i := range want {
			if math.Abs(float64(got[i]-want[i])) > 1e-6 {
				t.Errorf("%s: %v, want %v", baseline, got, want)
				break
			}
		}
	}
	one := []float32{9}
	(&Params{Baseline: "leave-one-out"}).baseline([]float32{3}, one)
	if one[0] != 3 {
		t.Errorf("a single return less that of nobody else is %v", one[0])
	}
}

func TestNormalise(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := rapid.SliceOfN(rapid.Float32Range(-100, 100), 1, 20).Draw(t, "advantage")
		before := append([]float32{}, x...)
		normalise(x)
		var square float64
		for i := range x {
			if x[i]*before[i] < 0 {
				t.Fatalf("%v turns into %v", before[i], x[i])
			}
			square += float64(x[i]) * float64(x[i]) / float64(len(x))
		}
		if square > 1e-6 && math.Abs(square-1) > 0.01 && !tiny(before) {
			t.Fatalf("a mean square of %v", square)
		}
	})
}

// tiny figures stay below one: the divisor has a floor.
func tiny(x []float32) bool {
	for _, v := range x {
		if math.Abs(float64(v)) > 1e-4 {
			return false
		}
	}
	return true
}
