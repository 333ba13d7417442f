package ppo

import (
	"context"
	"os"
	"testing"

	"github.com/trilemma-bench/trilemma/policies/agent"
	"github.com/trilemma-bench/trilemma/policies/learn"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// BenchmarkTraining counts environment steps learned from a second: the network's forward pass for every step of a
// rollout, and four epochs of updates, for a network of 384 → 64 → 64 with 11 actions. TRILEMMA_BACKEND names the backend.
func BenchmarkTraining(b *testing.B) {
	shape := learn.ActorShape{In: 384, Actions: 11, Hidden: 64}
	actor, err := learn.NewActor(shape, policy.Stream(1, "bench"))
	if err != nil {
		b.Fatal(err)
	}
	const rows = 4096
	r, _, _ := played(shape, rows)
	r.Slots, r.Horizon, r.Last = 128, rows/128, make([]float32, 128)
	r.Reward, r.Done = make([]float32, rows), make([]bool, rows)
	p := Defaults
	p.TargetKL = 0 // every epoch is counted
	g, err := p.start(&agent.Config{Setup: policy.Setup{Backend: os.Getenv("TRILEMMA_BACKEND")}, Slots: r.Slots, Horizon: r.Horizon}, actor)
	if err != nil {
		b.Fatal(err)
	}
	defer g.Close()
	for b.Loop() {
		err := learn.EachChunk(context.Background(), rows, func(lo, hi int) {
			logits, room := make([]float32, shape.Actions), shape.NewScratch()
			for i := lo; i < hi; i++ {
				r.Value[i] = actor.Forward(r.State[i*384:(i+1)*384], nil, r.Base[i*11:(i+1)*11], logits, room)
				learn.LogSoftmax(logits)
				r.LogP[i] = logits[r.Action[i]]
			}
		})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := g.Update(context.Background(), r, 1); err != nil {
			b.Fatal(err)
		}
		if err := g.Read(actor); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*rows/b.Elapsed().Seconds(), "steps/s")
}
