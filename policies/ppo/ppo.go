// Package ppo routes by proximal policy optimisation (Schulman et al., arXiv 1707.06347), in two modes: one-shot, where
// the agent picks a model for a prompt, and sequential, where it asks a model, looks at the answer and decides whether to
// pay for another.
//
// How states become numbers, episodes are played and the trained actor routes is in policies/agent; this package is the
// algorithm, its loop in [algorithm.Update] and its loss in [Params.loss]. One update:
//
//  1. Advantages by generalised estimation (arXiv 1506.02438), targets of the value.
//  2. For each epoch the rollout's rows are shuffled and dealt into minibatches, and one call of the backend steps
//     through all of them: gradients of the loss, their norm clipped, Adam at an annealed rate.
//  3. Minibatches that find the policy further from the one that acted than the target KL no longer step, and the
//     epochs end.
//
// The details that make PPO work are those of Huang et al., "The 37 Implementation Details of Proximal Policy
// Optimization" (ICLR blog track 2022), each a named parameter and on by default: orthogonal initialisation with a small
// policy head (see [actor.New]), Adam with ε 1e-5, annealing, advantage normalisation by minibatch, clipped values,
// entropy bonus, gradient clipping, early stop by KL.
package ppo

import (
	"context"

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
	Clip               float64 `json:"clip" doc:"bound ε of the probability ratio in the surrogate" min:"0.001" max:"10"`
	ClipValue          float64 `json:"clip_value" doc:"bound of the value's change in one update; 0 for none" min:"0" max:"1000"`
	Gamma              float64 `json:"gamma" doc:"discount of later rewards" min:"0" max:"1"`
	GAELambda          float64 `json:"gae_lambda" doc:"weight of longer estimates of the advantage" min:"0" max:"1"`
	Epochs             int     `json:"epochs" doc:"passes over each rollout" min:"1" max:"1000"`
	Minibatches        int     `json:"minibatches" doc:"of one pass; all of them step in one call of the backend" min:"1" max:"256"`
	NormaliseAdvantage bool    `json:"normalise_advantage" doc:"standardise advantages in each minibatch"`
	TargetKL           float64 `json:"target_kl" doc:"divergence from the acting policy at which an update ends; 0 for none" min:"0" max:"100"`
	Entropy            float64 `json:"entropy" doc:"weight of the entropy bonus" min:"0" max:"100"`
	ValueWeight        float64 `json:"value_weight" doc:"weight of the value's loss" min:"0" max:"100"`
	rl.Optimiser
	agent.Objective
}

// Defaults of the parameters.
var Defaults = Params{
	Params: agent.DefaultParams("sequential"),
	Clip:   0.2, ClipValue: 0.2, Gamma: 1, GAELambda: 0.95, Epochs: 4, Minibatches: 8, NormaliseAdvantage: true, TargetKL: 0.03,
	Entropy: 0.003, ValueWeight: 0.5,
	Optimiser: rl.Optimiser{ClipNorm: 0.5, LearningRate: 0.001, Anneal: true},
	Objective: agent.DefaultObjective,
}

// Definition is the policy as the program offers it; warm are the forecasters that it may start from, by name.
func Definition(warm map[string]func() forecast.Forecaster) policy.Definition {
	return params.Define(agent.Describe(policy.Description{
		Name:    "ppo",
		Version: "7",
		Summary: "proximal policy optimisation: asks a model, looks at the answer, decides whether to pay for another",
		Source:  "Schulman et al., arXiv 1707.06347",
	}, Defaults), Defaults, func(p Params, s policy.Setup) (policy.Policy, error) {
		return agent.New(agent.Config{Name: "ppo", Kind: "ppo/5", Setup: s, Params: p.Params, Objective: p.Objective, WarmStarts: warm}, p.start)
	})
}

type algorithm struct {
	*rl.Stepper
	params *Params
}

// start builds the update for an actor.
func (p *Params) start(c *agent.Config, a *actor.Actor) (rl.Algorithm, error) {
	s, err := rl.NewStepper(rl.StepConfig{
		Backend: c.Setup.Backend, Rows: c.Slots * c.Horizon, Minibatches: p.Minibatches, ClipNorm: p.ClipNorm, Epsilon: 1e-5,
		TargetKL: p.TargetKL, Stats: len(stats), Source: policy.Source(c.Setup.Seed, c.Name, "minibatches"),
	}, a, p.loss)
	return &algorithm{s, p}, err
}

// Update implements [rl.Algorithm].
func (g *algorithm) Update(ctx context.Context, r *rl.Rollout, left float64) ([]policy.Metric, error) {
	p := g.params
	r.GAE(p.Gamma, p.GAELambda)
	rate := p.Rate(left)
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
		if !all { // the target KL was passed
			break
		}
	}
	metrics := make([]policy.Metric, 0, len(stats)+3)
	for i, name := range stats {
		metrics = append(metrics, policy.Metric{Name: name, Value: total[i] / float64(max(steps, 1))})
	}
	return append(metrics,
		policy.Metric{Name: "explained_variance", Value: r.ExplainedVariance()},
		policy.Metric{Name: "learning_rate", Value: rate}, policy.Metric{Name: "minibatch_steps", Value: float64(steps)}), nil
}

// stats are the statistics of the loss, in their order.
var stats = []string{"policy_loss", "value_loss", "policy_entropy", "approx_kl", "clip_fraction"}

// loss is PPO's, to become small (Schulman et al., arXiv 1707.06347, equations 7 and 9). With the ratio
// ρ = π(a|s)/π_old(a|s) and advantages A standardised over the minibatch,
//
//	L = −E[min(ρA, clip(ρ, 1−ε, 1+ε)A)] + c_v·½E[max((V−R)², (V_old + clip(V−V_old, ±ε_v) − R)²)] − c_e·E[H(π)].
//
// The KL divergence from the policy that acted is estimated by E[(ρ − 1) − ln ρ], which is never negative (Schulman,
// "Approximating KL divergence", 2020).
func (p *Params) loss(logits, value *graph.Node, b actor.Minibatch) (loss, moved *graph.Node, stats []*graph.Node) {
	logp := graph.LogSoftmax(logits, 0)
	taken := graph.ReduceSum(graph.Mul(logp, b["action"]), 0)

	advantage := b["advantage"]
	if p.NormaliseAdvantage {
		advantage = graph.Sub(advantage, graph.ReduceAllMean(advantage))
		spread := graph.Sqrt(graph.ReduceAllMean(graph.Square(advantage)))
		advantage = graph.Div(advantage, graph.AddScalar(spread, 1e-8))
	}
	difference := graph.ClipScalar(graph.Sub(taken, b["logp"]), -20, 20)
	ratio := graph.Exp(difference)
	surrogate := graph.Min(graph.Mul(ratio, advantage), graph.Mul(graph.ClipScalar(ratio, 1-p.Clip, 1+p.Clip), advantage))
	policyLoss := graph.Neg(graph.ReduceAllMean(surrogate))

	value = graph.Add(value, b["ahead"])
	valueError := graph.Square(graph.Sub(value, b["target"]))
	if p.ClipValue > 0 {
		near := graph.Add(b["value"], graph.ClipScalar(graph.Sub(value, b["value"]), -p.ClipValue, p.ClipValue))
		valueError = graph.Max(valueError, graph.Square(graph.Sub(near, b["target"])))
	}
	valueLoss := graph.MulScalar(graph.ReduceAllMean(valueError), 0.5)

	// An action of probability zero adds nothing: its logarithm is kept finite.
	entropy := graph.Neg(graph.ReduceAllMean(graph.ReduceSum(graph.Mul(graph.Exp(logp), graph.MaxScalar(logp, -50)), 0)))

	loss = graph.Add(policyLoss, graph.MulScalar(valueLoss, p.ValueWeight))
	loss = graph.Sub(loss, graph.MulScalar(entropy, p.Entropy))

	kl := graph.ReduceAllMean(graph.Sub(graph.AddScalar(ratio, -1), difference))
	outside := graph.GreaterThan(graph.Abs(graph.AddScalar(ratio, -1)), graph.Scalar(ratio.Graph(), ratio.DType(), p.Clip))
	clipped := graph.ReduceAllMean(graph.ConvertDType(outside, ratio.DType()))
	return loss, kl, []*graph.Node{policyLoss, valueLoss, entropy, kl, clipped}
}
