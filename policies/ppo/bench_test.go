package ppo

import (
	"context"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/trilemma-bench/trilemma/policies/agent"
	"github.com/trilemma-bench/trilemma/policies/learn"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// BenchmarkTraining counts environment steps learned from a second: the network's forward pass for every step of a
// rollout, and four epochs of updates, for a network of 384 → 64 → 64 with 11 actions. TRILEMMA_BACKEND names the backend.
func BenchmarkTraining(b *testing.B) {
	iterate, end := training(b, os.Getenv("TRILEMMA_BACKEND"))
	defer end()
	for b.Loop() {
		iterate()
	}
	b.ReportMetric(float64(b.N)*rows/b.Elapsed().Seconds(), "steps/s")
}

// rows is the number of environment steps between two updates.
const rows = 4096

// BenchmarkAgainstTorch measures a PPO written with PyTorch (testdata/peer.py) and this one on xla:cpu, one after the other
// in each iteration: "ratio" is how many times its steps a second ours are. It needs PyTorch (TRILEMMA_PYTHON names the interpreter) and
// the XLA plugin (make xla).
//
//	go test -run '^$' -bench AgainstTorch -benchtime 1x ./policies/ppo
func BenchmarkAgainstTorch(b *testing.B) {
	python := os.Getenv("TRILEMMA_PYTHON")
	if python == "" {
		python = "python3"
	}
	if err := exec.Command(python, "-c", "import torch").Run(); err != nil {
		b.Skipf("%s has no PyTorch: set TRILEMMA_PYTHON to an interpreter that has", python)
	}
	if err := learn.CheckBackend("xla:cpu"); err != nil {
		b.Skipf("no xla:cpu (make xla fetches it): %v", err)
	}
	iterate, end := training(b, "xla:cpu")
	defer end()
	var theirs, ours float64
	for b.Loop() {
		out, err := exec.Command(python, "testdata/peer.py", "5").Output()
		if err != nil {
			b.Fatalf("%s testdata/peer.py: %v", python, err)
		}
		x, err := strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
		if err != nil {
			b.Fatalf("testdata/peer.py printed %q, want steps a second", out)
		}
		theirs += x
		steps := 0
		began := time.Now()
		for time.Since(began) < 5*time.Second {
			iterate()
			steps += rows
		}
		ours += float64(steps) / time.Since(began).Seconds()
	}
	b.ReportMetric(theirs/float64(b.N), "torch-steps/s")
	b.ReportMetric(ours/float64(b.N), "steps/s")
	b.ReportMetric(ours/theirs, "ratio")
}

// training returns one round of it, rollout and update, which has run once so that everything is compiled, and its end.
func training(b *testing.B, backend string) (iterate, end func()) {
	shape := learn.ActorShape{In: 384, Actions: 11, Hidden: 64}
	actor, err := learn.NewActor(shape, policy.Stream(1, "bench"))
	if err != nil {
		b.Fatal(err)
	}
	r, _, _ := played(shape, rows)
	r.Slots, r.Horizon, r.Last = 128, rows/128, make([]float32, 128)
	r.Reward, r.Done = make([]float32, rows), make([]bool, rows)
	p := Defaults
	p.TargetKL = 0 // every epoch is counted
	g, err := p.start(&agent.Config{Setup: policy.Setup{Backend: backend}, Slots: r.Slots, Horizon: r.Horizon}, actor)
	if err != nil {
		b.Fatal(err)
	}
	iterate = func() {
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
	iterate()
	return iterate, g.Close
}
