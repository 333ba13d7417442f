package agent

import (
	"context"
	"fmt"
	"testing"

	"github.com/trilemma-bench/trilemma/policies/nn/actor"
	"github.com/trilemma-bench/trilemma/policies/policy"
	"github.com/trilemma-bench/trilemma/policies/rl"
)

// asked is a split of n prompts and three models with answers A to D, whose right one is A; two are cheap, one is dear and
// better. missing is the share of outcomes that are not there.
func asked(stream string, n int, missing float64) *policy.Split {
	r := policy.Stream(3, "asked", stream)
	s := &policy.Split{Outcomes: policy.Outcomes{Models: 3}}
	s.Prompts.Dim = 2
	o := &s.Outcomes
	for i := range n {
		s.Prompts.ID = append(s.Prompts.ID, fmt.Sprint(stream, i))
		s.Prompts.Text = append(s.Prompts.Text, "")
		s.Prompts.Vector = append(s.Prompts.Vector, float32(i%2), 1)
		s.Reference = append(s.Reference, "A")
		for m, right := range []float64{0.5, 0.6, 0.9} {
			answer, score := string(rune('B'+r.IntN(3))), float32(0)
			if r.Float64() < right {
				answer, score = "A", 1
			}
			there := r.Float64() >= missing
			if !there {
				answer, score = "", nan32
			}
			o.Present, o.Figures[policy.Quality], o.Answer = append(o.Present, there), append(o.Figures[policy.Quality], score), append(o.Answer, answer)
			cost := []float32{0.01, 0.02, 0.3}[m] * (1 + r.Float32())
			o.Figures[policy.Cost], o.Figures[policy.Latency] = append(o.Figures[policy.Cost], cost), append(o.Figures[policy.Latency], 10*cost)
		}
	}
	return s
}

var (
	pool  = []policy.Model{policy.NewModel("a"), policy.NewModel("b"), policy.NewModel("dear")}
	sweep = []policy.Preference{{}, {policy.Cost: 0.5}, {policy.Cost: 3, policy.Latency: 0.01}}
)

// small is a sequential agent that starts from the pool's means.
func small() Config {
	return Config{
		Name: "test", Kind: "test/1", Setup: policy.Setup{Models: pool, Seed: 7},
		Params: Params{
			Mode: "sequential", MaxAsks: 3, WarmStart: cold, Conditioned: true, Temperature: 0.2, Hidden: 5, Scorer: 3, Steps: 60, Passes: 100,
			Slots: 6, Horizon: 5, Checks: 2,
		},
		Objective: Objective{MultiplierRate: 0.02, RiskLevel: 0.25},
	}
}

// laid are the estimator and the datasets, train and validation, of a task.
func laid(t testing.TB, c *Config, task *policy.Task) (*estimator, []*dataset, actor.Shape) {
	t.Helper()
	s := &estimator{}
	train, validation, err := s.learn(t.Context(), c, task, nil)
	if err != nil {
		t.Fatal(err)
	}
	datasets, err := s.lay(t.Context(), c, task, train, validation, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s, datasets, c.shape(s)
}

func taskOf(train, validation *policy.Split) *policy.Task {
	return &policy.Task{Train: train, Validation: validation, Preferences: sweep}
}

func actorOf(t testing.TB, shape actor.Shape) *actor.Actor {
	t.Helper()
	a, err := actor.New(shape, policy.Stream(7, "actor"))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// idle is an algorithm that learns nothing, or turns the actor into something else at one update.
type idle struct {
	actor   *actor.Actor
	at      int
	spoil   func(*actor.Actor)
	updates *[]*rl.Rollout
	n       int
}

func (g *idle) Update(_ context.Context, r *rl.Rollout, _ float64) ([]policy.Metric, error) {
	if g.n++; g.spoil != nil && g.n == g.at {
		g.spoil(g.actor)
	}
	if g.updates != nil {
		*g.updates = append(*g.updates, r)
	}
	return nil, nil
}

func (g *idle) Read(a *actor.Actor) error {
	copy(a.Weights, g.actor.Weights)
	return nil
}

func (g *idle) State() (rl.StepperState, error) { return rl.StepperState{}, nil }
func (g *idle) Restore(rl.StepperState) error   { return nil }
func (g *idle) Close()                          {}
