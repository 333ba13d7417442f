// Package ppo routes by proximal policy optimisation (Schulman et al., arXiv 1707.06347), in two modes: one-shot, where
// the agent picks a model for a prompt, and sequential, where it asks a model, looks at the answer and decides whether to
// pay for another.
//
// How states become numbers, episodes are played and the trained actor routes is in policies/agent; this package is the
// algorithm. One update:
//
//  1. Advantages by generalised estimation (arXiv 1506.02438), targets of the value.
//  2. For each epoch the rollout's rows are shuffled and dealt into minibatches, and one call of the backend steps
//     through all of them: gradients of the loss in loss.go, their norm clipped, Adam at an annealed rate.
//  3. Minibatches that find the policy further from the one that acted than the target KL no longer step, and the
//     epochs end.
//
// The details that make PPO work are those of Huang et al., "The 37 Implementation Details of Proximal Policy
// Optimization" (ICLR blog track 2022), each a named parameter and on by default: orthogonal initialisation with a small
// policy head (see [learn.NewActor]), Adam with ε 1e-5, annealing, advantage normalisation by minibatch, clipped values,
// entropy bonus, gradient clipping, early stop by KL.
package ppo

import (
	"context"

	"github.com/trilemma-bench/trilemma/policies/agent"
	"github.com/trilemma-bench/trilemma/policies/nn/actor"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

type algorithm struct {
	*agent.Stepper
	params *Params
}

// start builds the update for an actor.
func (p *Params) start(c *agent.Config, a *actor.Actor) (agent.Algorithm, error) {
	s, err := agent.NewStepper(c, a, agent.Steps{
		Minibatches: p.Minibatches, ClipNorm: p.ClipNorm, Epsilon: 1e-5, TargetKL: p.TargetKL, Stats: len(stats),
	}, p.loss)
	return &algorithm{s, p}, err
}

// Update implements [agent.Algorithm].
func (g *algorithm) Update(ctx context.Context, r *agent.Rollout, left float64) ([]policy.Metric, error) {
	p := g.params
	r.GAE(p.Gamma, p.GAELambda, g.Advantage, g.Target)
	rate := p.LearningRate
	if p.Anneal {
		rate *= left
	}
	total, steps := make([]float64, len(stats)), 0
	for range p.Epochs {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		found, took, all, err := g.Epoch(r, rate)
		if err != nil {
			return nil, err
		}
		for i, x := range found {
			total[i] += x * float64(took)
		}
		steps += took
		if !all {
			break
		}
	}
	metrics := make([]policy.Metric, 0, len(stats)+3)
	for i, name := range stats {
		metrics = append(metrics, policy.Metric{Name: name, Value: total[i] / float64(max(steps, 1))})
	}
	return append(metrics,
		policy.Metric{Name: "explained_variance", Value: agent.ExplainedVariance(r.Value, g.Target)},
		policy.Metric{Name: "learning_rate", Value: rate}, policy.Metric{Name: "minibatch_steps", Value: float64(steps)}), nil
}
