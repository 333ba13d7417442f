package ppo

import (
	"math"
	"slices"
	"testing"

	"github.com/trilemma-bench/trilemma/policies/nn/actor"
	"github.com/trilemma-bench/trilemma/policies/policy"
	"github.com/trilemma-bench/trilemma/policies/rl"
)

// played is a rollout of random figures for an actor, with one forbidden action a row.
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
		r.LogP[i] = 0.3*r.LogP[i] - 1.2
	}
	return r
}

// reference is the loss's statistics computed plainly, row by row in float64.
func reference(p *Params, a *actor.Actor, r *rl.Rollout) [5]float64 {
	advantage, target := r.Advantage, r.Target
	n := float64(r.Rows())
	mean, square := 0.0, 0.0
	for _, x := range advantage {
		mean += float64(x) / n
	}
	for _, x := range advantage {
		square += (float64(x) - mean) * (float64(x) - mean) / n
	}
	var out [5]float64
	logits := make([]float32, r.Actions)
	for i := range r.Rows() {
		one := []float32{0}
		a.Batch().Forward(1, r.State[i*r.In:], r.About[i*r.Actions*r.Each:], r.Base[i*r.Actions:], logits, one, new(actor.Scratch))
		value := one[0]
		actor.LogSoftmax(logits)
		ratio := math.Exp(float64(logits[r.Action[i]] - r.LogP[i]))
		adv := (float64(advantage[i]) - mean) / (math.Sqrt(square) + 1e-8)
		out[0] -= min(ratio*adv, min(max(ratio, 1-p.Clip), 1+p.Clip)*adv) / n
		v, old, y := float64(value+r.Ahead[i]), float64(r.Value[i]), float64(target[i])
		near := old + min(max(v-old, -p.ClipValue), p.ClipValue)
		out[1] += 0.5 * max((v-y)*(v-y), (near-y)*(near-y)) / n
		for _, l := range logits {
			if l > -50 {
				out[2] -= math.Exp(float64(l)) * float64(l) / n
			}
		}
		out[3] += (ratio - 1 - math.Log(ratio)) / n
		if math.Abs(ratio-1) > p.Clip {
			out[4] += 1 / n
		}
	}
	return out
}

func TestLossIsThePaperS(t *testing.T) {
	shape := actor.Shape{In: 7, Actions: 4, Hidden: 9, Each: 3, Scorer: 5}
	net, err := actor.New(shape, policy.Stream(1, "weights"))
	if err != nil {
		t.Fatal(err)
	}
	r := played(shape, 64)
	p := Defaults
	u, err := rl.NewStepper(rl.StepConfig{Rows: 64, Minibatches: 1, ClipNorm: 0.5, Epsilon: 1e-5, Stats: len(stats), Source: policy.Source(2)}, net, p.loss)
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	found, steps, _, err := u.Epoch(r, 1e-3)
	if err != nil || steps != 1 {
		t.Fatal(steps, err)
	}
	want := reference(&p, net, r)
	for i, name := range stats {
		if math.Abs(found[i]-want[i]) > 1e-4*(1+math.Abs(want[i])) {
			t.Errorf("%s = %v, want %v", name, found[i], want[i])
		}
	}
}

func TestTargetKLEndsAnUpdate(t *testing.T) {
	shape := actor.Shape{In: 5, Actions: 3, Hidden: 6}
	net, err := actor.New(shape, policy.Stream(1, "weights"))
	if err != nil {
		t.Fatal(err)
	}
	r := played(shape, 32)
	p := Defaults
	u, err := rl.NewStepper(rl.StepConfig{Rows: 32, Minibatches: 4, Epsilon: 1e-5, TargetKL: 1e-9, Stats: len(stats), Source: policy.Source(2)}, net, p.loss)
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	_, steps, all, err := u.Epoch(r, 1e-2)
	if err != nil || steps != 0 || all {
		t.Fatalf("%d steps beyond the bound (%v)", steps, err)
	}
	same := net.Clone()
	if err := u.Read(same); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(same.Weights, net.Weights) {
		t.Fatal("weights moved beyond the bound")
	}
}
