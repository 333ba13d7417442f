package reinforce

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/trilemma-bench/trilemma/policies/nn/actor"
	"github.com/trilemma-bench/trilemma/policies/policy"
	"github.com/trilemma-bench/trilemma/policies/rl"
)

// played is a rollout of random figures in which one action a row is forbidden.
func played(shape actor.Shape, rows int) *rl.Rollout {
	draw := policy.Stream(3, "played")
	r := rl.NewRollout(rows, 1, shape)
	for _, x := range [][]float32{r.State, r.About, r.Base, r.LogP, r.Ahead, r.Value, r.Advantage, r.Target} {
		for i := range x {
			x[i] = float32(draw.NormFloat64())
		}
	}
	for i := range rows {
		no := draw.IntN(shape.Actions)
		r.Base[i*shape.Actions+no] = actor.NotAllowed
		r.Action[i] = int32((no + 1 + draw.IntN(shape.Actions-1)) % shape.Actions)
	}
	return r
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
	r := played(shape, rows)
	p := Defaults
	u, err := rl.NewStepper(rl.StepConfig{Rows: rows, Minibatches: 1, ClipNorm: 0.5, Epsilon: 1e-8, Stats: len(stats), Source: policy.Source(2)}, net, p.loss)
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	found, steps, _, err := u.Epoch(r, 1e-3)
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
		want[0] -= float64(logits[r.Action[i]]) * float64(r.Advantage[i]) / rows
		miss := float64(value+r.Ahead[i]) - float64(r.Target[i])
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
