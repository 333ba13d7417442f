// Package reinforce routes by the plain policy gradient: REINFORCE (Williams, Machine Learning 8, 1992),
//
//	∇E[R] = E[Σ_t ∇ln π(a_t|s_t)·(G_t − b)],  G_t = Σ_{k≥t} r_k,
//
// with a baseline b that depends on no action: the value network, or the mean return of the rollout's other episodes
// (leave-one-out, Kool et al., 2019). States, play and routing are those of policies/agent; the loss is in loss.go.
package reinforce

import (
	"context"
	"math"

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
	s, err := agent.NewStepper(c, a, agent.Steps{Minibatches: p.Minibatches, ClipNorm: p.ClipNorm, Epsilon: 1e-8, Stats: len(stats)}, p.loss)
	return &algorithm{s, p}, err
}

// Update implements [agent.Algorithm].
func (g *algorithm) Update(ctx context.Context, r *agent.Rollout, left float64) ([]policy.Metric, error) {
	p := g.params
	// With λ = 1 the estimate is the whole return less the value; the return of an episode that goes on beyond the rollout
	// ends in the value of where it stands.
	r.GAE(1, 1, g.Advantage, g.Target)
	p.baseline(g.Target, g.Advantage)
	if p.NormaliseReturn {
		normalise(g.Advantage)
	}
	rate := p.LearningRate
	if p.Anneal {
		rate *= left
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	found, _, _, err := g.Epoch(r, rate)
	if err != nil {
		return nil, err
	}
	metrics := make([]policy.Metric, 0, len(stats)+2)
	for i, name := range stats {
		metrics = append(metrics, policy.Metric{Name: name, Value: found[i]})
	}
	return append(metrics,
		policy.Metric{Name: "explained_variance", Value: agent.ExplainedVariance(r.Value, g.Target)},
		policy.Metric{Name: "learning_rate", Value: rate}), nil
}

// baseline replaces return − value by return − b where b is not the value.
func (p *Params) baseline(returns, advantage []float32) {
	var sum float64
	for _, x := range returns {
		sum += float64(x)
	}
	others := float64(max(len(returns)-1, 1))
	for i, x := range returns {
		switch p.Baseline {
		case "leave-one-out":
			advantage[i] = x - float32((sum-float64(x))/others)
		case "none":
			advantage[i] = x
		}
	}
}

// normalise divides by the root mean square, which leaves the sign of every advantage as it is.
func normalise(advantage []float32) {
	var square float64
	for _, x := range advantage {
		square += float64(x) * float64(x)
	}
	scale := float32(1 / (math.Sqrt(square/float64(max(len(advantage), 1))) + 1e-8))
	for i := range advantage {
		advantage[i] *= scale
	}
}
