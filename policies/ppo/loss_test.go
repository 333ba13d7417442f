package ppo

import (
	"math"
	"slices"
	"testing"

	"github.com/trilemma-bench/trilemma/policies/agent"
	"github.com/trilemma-bench/trilemma/policies/nn/actor"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// played is a rollout of random figures for an actor, with one forbidden action a row.
func played(shape actor.Shape, rows int) *rl.Rollout {
	draw := policy.Stream(3, "played")
	normal := func(n int, scale float64) []float32 {
		x := make([]float32, n)
		for i := range x {
			x[i] = float32(scale * draw.NormFloat64())
		}
		return x
	}
	r = &agent.Rollout{
		Slots: rows, Horizon: 1, Width: shape.In, Actions: shape.Actions, Each: shape.Each,
		State: normal(rows*shape.In, 1), About: normal(rows*shape.Actions*shape.Each, 1), Base: normal(rows*shape.Actions, 1),
		LogP: normal(rows, 0.3), Ahead: normal(rows, 1), Value: normal(rows, 1),
	}
	for i := range rows {
		no := draw.IntN(shape.Actions)
		r.Base[i*shape.Actions+no] = actor.NotAllowed
		r.Action = append(r.Action, int32((no+1+draw.IntN(shape.Actions-1))%shape.Actions))
		r.LogP[i] -= 1.2
	}
	return r, normal(rows, 1), normal(rows, 1)
}

// reference is the loss's statistics computed plainly, row by row in float64.
func reference(p *Params, a *actor.Actor, r *rl.Rollout, advantage, target []float32) [5]float64 {
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
	r, advantage, target := played(shape, 64)
	p := Defaults
	u, err := actor.NewUpdater(actor.UpdateConfig{Minibatches: 1, Size: 64, ClipNorm: 0.5, Epsilon: 1e-5, Facts: r.Facts(), Stats: len(stats)}, net, p.loss)
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	var b agent.Batches
	b.Shuffle(r, policy.Stream(2, "deal"))
	found, steps, err := u.Run(1e-3, func(k int, into actor.Sample) { b.Deal(r, k, 64, advantage, target, into) })
	if err != nil || steps != 1 {
		t.Fatal(steps, err)
	}
	want := reference(&p, net, r, advantage, target)
	for i, name := range stats {
		if math.Abs(found[i]-want[i]) > 1e-4*(1+math.Abs(want[i])) {
			t.Errorf("%s = %v, want %v", name, found[i], want[i])
		}
	}
}

// Several minibatches in one call step as the same minibatches in calls of their own.
func TestOneCallStepsAsMany(t *testing.T) {
	shape := actor.Shape{In: 5, Actions: 3, Hidden: 6}
	net, err := actor.New(shape, policy.Stream(1, "weights"))
	if err != nil {
		t.Fatal(err)
	}
	r, advantage, target := played(shape, 32)
	p := Defaults
	train := func(minibatches int) *actor.Actor {
		u, err := actor.NewUpdater(actor.UpdateConfig{Minibatches: minibatches, Size: 8, ClipNorm: 0.5, Epsilon: 1e-5, Facts: r.Facts(), Stats: len(stats)}, net, p.loss)
		if err != nil {
			t.Fatal(err)
		}
		defer u.Close()
		var b agent.Batches
		b.Shuffle(r, policy.Stream(2, "deal"))
		for from := 0; from < 4; from += minibatches {
			deal := func(k int, into actor.Sample) { b.Deal(r, from+k, 8, advantage, target, into) }
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

func TestTargetKLEndsAnUpdate(t *testing.T) {
	shape := actor.Shape{In: 5, Actions: 3, Hidden: 6}
	net, err := actor.New(shape, policy.Stream(1, "weights"))
	if err != nil {
		t.Fatal(err)
	}
	r, advantage, target := played(shape, 32)
	p := Defaults
	u, err := actor.NewUpdater(actor.UpdateConfig{Minibatches: 4, Size: 8, Epsilon: 1e-5, TargetKL: 1e-9, Facts: r.Facts(), Stats: len(stats)}, net, p.loss)
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	var b agent.Batches
	b.Shuffle(r, policy.Stream(2, "deal"))
	_, steps, err := u.Run(1e-2, func(k int, into actor.Sample) { b.Deal(r, k, 8, advantage, target, into) })
	if err != nil || steps != 0 {
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
