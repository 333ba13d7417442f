// Package reinforce routes by the plain policy gradient: REINFORCE (Williams, Machine Learning 8, 1992),
//
//	∇E[R] = E[Σ_t ∇ln π(a_t|s_t)·(G_t − b)],  G_t = Σ_{k≥t} r_k,
//
// with a baseline b that depends on no action: the value network, or the mean return of the rollout's other episodes
// (leave-one-out, Kool et al., 2019). States, play and routing are those of policies/agent; the loop is [algorithm.Update], the loss [Params.loss].
package reinforce

import (
	"context"
	"math"

	"github.com/gomlx/gomlx/core/graph"

	"github.com/trilemma-bench/trilemma/policies/agent"
	"github.com/trilemma-bench/trilemma/policies/forecast"
	"github.com/trilemma-bench/trilemma/policies/nn/actor"
	"github.com/trilemma-bench/trilemma/policies/params"
	"github.com/trilemma-bench/trilemma/policies/policy"
	"github.com/trilemma-bench/trilemma/policies/rl"
)

// Params of the policy.
type Params struct {
	agent.Params
	Baseline        string  `json:"baseline" doc:"learned: the value network; leave-one-out: the mean return of the rollout's other episodes; none" enum:"learned,leave-one-out,none"`
	Minibatches     int     `json:"minibatches" doc:"steps that a rollout is dealt into, each row used once; all of them in one call of the backend" min:"1" max:"256"`
	NormaliseReturn bool    `json:"normalise_return" doc:"divide what is left after the baseline by its spread in the rollout"`
	Entropy         float64 `json:"entropy" doc:"weight of the entropy bonus" min:"0" max:"100"`
	ValueWeight     float64 `json:"value_weight" doc:"weight of the learned baseline's loss" min:"0" max:"100"`
	rl.Optimiser
	agent.Objective
}

// Defaults of the parameters.
var Defaults = Params{
	Params:   agent.DefaultParams("one-shot"),
	Baseline: "learned", Minibatches: 4, NormaliseReturn: true, Entropy: 0.003, ValueWeight: 0.5,
	Optimiser: rl.Optimiser{ClipNorm: 0.5, LearningRate: 0.001, Anneal: true},
	Objective: agent.DefaultObjective,
}

// Definition is the policy as the program offers it; warm are the forecasters that it may start from, by name.
func Definition(warm map[string]func() forecast.Forecaster) policy.Definition {
	return params.Define(agent.Describe(policy.Description{
		Name:    "reinforce",
		Version: "7",
		Summary: "policy gradient with a baseline: learns from the reward of the models that it tries",
		Source:  "Williams, Machine Learning 8, 1992",
	}, Defaults), Defaults, func(p Params, s policy.Setup) (policy.Policy, error) {
		return agent.New(agent.Config{Name: "reinforce", Kind: "reinforce/5", Setup: s, Params: p.Params, Objective: p.Objective, WarmStarts: warm}, p.start)
	})
}

type algorithm struct {
	*rl.Stepper
	params *Params
}

// start builds the update for an actor.
func (p *Params) start(c *agent.Config, a *actor.Actor) (rl.Algorithm, error) {
	s, err := rl.NewStepper(rl.StepConfig{
		Backend: c.Setup.Backend, Rows: c.Slots * c.Horizon, Minibatches: p.Minibatches, ClipNorm: p.ClipNorm, Epsilon: 1e-8,
		Stats: len(stats), Source: policy.Source(c.Setup.Seed, c.Name, "minibatches"),
	}, a, p.loss)
	return &algorithm{s, p}, err
}

// Update implements [rl.Algorithm].
func (g *algorithm) Update(ctx context.Context, r *rl.Rollout, left float64) ([]policy.Metric, error) {
	p := g.params
	// With λ = 1 the estimate is the whole return less the value; the return of an episode that goes on beyond the rollout
	// ends in the value of where it stands.
	r.GAE(1, 1)
	p.baseline(r.Target, r.Advantage)
	if p.NormaliseReturn {
		normalise(r.Advantage)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	rate := p.Rate(left)
	found, _, _, err := g.Epoch(r, rate)
	if err != nil {
		return nil, err
	}
	metrics := make([]policy.Metric, 0, len(stats)+2)
	for i, name := range stats {
		metrics = append(metrics, policy.Metric{Name: name, Value: found[i]})
	}
	return append(metrics,
		policy.Metric{Name: "explained_variance", Value: r.ExplainedVariance()},
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

// stats are the statistics of the loss, in their order.
var stats = []string{"policy_loss", "value_loss", "policy_entropy"}

// loss is to become small: its gradient is that of −E[ln π(a|s)·A], of c_v·½E[(V−G)²] for the learned baseline, and of
// −c_e·E[H(π)].
func (p *Params) loss(logits, value *graph.Node, b actor.Minibatch) (loss, moved *graph.Node, stats []*graph.Node) {
	logp := graph.LogSoftmax(logits, 0)
	taken := graph.ReduceSum(graph.Mul(logp, b["action"]), 0)
	policyLoss := graph.Neg(graph.ReduceAllMean(graph.Mul(taken, b["advantage"])))
	valueLoss := graph.MulScalar(graph.ReduceAllMean(graph.Square(graph.Sub(graph.Add(value, b["ahead"]), b["target"]))), 0.5)
	entropy := graph.Neg(graph.ReduceAllMean(graph.ReduceSum(graph.Mul(graph.Exp(logp), graph.MaxScalar(logp, -50)), 0)))
	loss = graph.Add(policyLoss, graph.MulScalar(valueLoss, p.ValueWeight))
	loss = graph.Sub(loss, graph.MulScalar(entropy, p.Entropy))
	return loss, nil, []*graph.Node{policyLoss, valueLoss, entropy}
}
