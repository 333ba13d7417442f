package ppo

import (
	"context"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/trilemma-bench/trilemma/policies/agent"
	"github.com/trilemma-bench/trilemma/policies/compute"
	"github.com/trilemma-bench/trilemma/policies/env"
	"github.com/trilemma-bench/trilemma/policies/nn/actor"
	"github.com/trilemma-bench/trilemma/policies/policy"
	"github.com/trilemma-bench/trilemma/policies/rl"
)

// BenchmarkTraining counts environment steps learned from a second: the rollout, in which the network acts in the
// environment, and four epochs of updates, for a network of 384 → 64 → 64 with 11 actions. TRILEMMA_BACKEND names the backend.
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
// in each iteration: "ratio" is how many times its steps a second ours are. It needs PyTorch (TRILEMMA_PYTHON names the
// interpreter) and the XLA plugin (make xla).
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
	if err := compute.Check("xla:cpu"); err != nil {
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

// game is one-shot episodes over stored outcomes, 128 side by side: the environment of testdata/peer.py.
type game struct {
	rl.Environment // only what is played is needed
	split          *policy.Split
	env            *env.Env
	shape          actor.Shape
	draw           *rand.Rand
}

func newGame() (*game, error) {
	const slots, prompts, models, dim = 128, 8192, 11, 384
	g := &game{split: &policy.Split{}, shape: actor.Shape{In: dim, Actions: models, Hidden: 64}, draw: policy.Stream(1, "game")}
	p, o := &g.split.Prompts, &g.split.Outcomes
	p.Dim, o.Models = dim, models
	p.ID, p.Text = make([]string, prompts), make([]string, prompts)
	for range prompts * dim {
		p.Vector = append(p.Vector, float32(g.draw.NormFloat64()))
	}
	for range prompts * models {
		o.Present, o.Figures[policy.Quality] = append(o.Present, true), append(o.Figures[policy.Quality], g.draw.Float32())
	}
	world, err := env.NewWorld(g.split, nil, nil)
	if err != nil {
		return nil, err
	}
	g.env, err = env.New(world, env.Config{Slots: slots})
	g.reset()
	return g, err
}

func (g *game) reset() {
	for slot := range g.env.Config.Slots {
		g.env.Reset(slot, int32(g.draw.IntN(g.split.Len())), policy.Preference{})
	}
}

func (g *game) Observe(slot int, state, _, _ []float32) float32 {
	copy(state, g.split.Prompts.Row(int(g.env.Prompt[slot])))
	return 0
}

func (g *game) Step(action []int32, reward []float32, done []bool) {
	g.env.Step(action, reward, done)
	g.reset()
}

func (g *game) collector() *rl.Collector {
	return rl.NewCollector(g, g.env.Config.Slots, rows/g.env.Config.Slots, g.shape, g.draw)
}

func (g *game) config(backend string) *agent.Config {
	return &agent.Config{Setup: policy.Setup{Backend: backend}, Params: agent.Params{Slots: g.env.Config.Slots, Horizon: rows / g.env.Config.Slots}}
}

// training returns one round of it, rollout and update, which has run once so that everything is compiled, and its end.
func training(b *testing.B, backend string) (iterate, end func()) {
	g, err := newGame()
	if err != nil {
		b.Fatal(err)
	}
	net, err := actor.New(g.shape, policy.Stream(1, "bench"))
	if err != nil {
		b.Fatal(err)
	}
	p := Defaults
	p.TargetKL = 0 // every epoch is counted
	update, err := p.start(g.config(backend), net)
	if err != nil {
		b.Fatal(err)
	}
	collector := g.collector()
	iterate = func() {
		r, err := collector.Collect(context.Background(), net)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := update.Update(context.Background(), r, 1); err != nil {
			b.Fatal(err)
		}
		if err := update.Read(net); err != nil {
			b.Fatal(err)
		}
	}
	iterate()
	return iterate, update.Close
}

// The benchmark learns: it does what training does.
func TestBenchmarkLearns(t *testing.T) {
	g, err := newGame()
	if err != nil {
		t.Fatal(err)
	}
	// One model is better than the others.
	for i := 3; i < len(g.split.Outcomes.Figures[policy.Quality]); i += g.shape.Actions {
		g.split.Outcomes.Figures[policy.Quality][i] += 0.5
	}
	net, err := actor.New(g.shape, policy.Stream(1, "bench"))
	if err != nil {
		t.Fatal(err)
	}
	update, err := Defaults.start(g.config(""), net)
	if err != nil {
		t.Fatal(err)
	}
	defer update.Close()
	collector := g.collector()
	var means []float64
	for range 7 {
		r, err := collector.Collect(t.Context(), net)
		if err != nil {
			t.Fatal(err)
		}
		mean := 0.0
		for _, x := range r.Reward {
			mean += float64(x) / rows
		}
		means = append(means, mean)
		if _, err := update.Update(t.Context(), r, 1); err != nil {
			t.Fatal(err)
		}
		if err := update.Read(net); err != nil {
			t.Fatal(err)
		}
	}
	if means[6] < means[0]+0.1 {
		t.Errorf("mean rewards %.3f do not rise", means)
	}
}
