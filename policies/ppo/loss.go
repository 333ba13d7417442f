package ppo

import (
	"github.com/gomlx/gomlx/core/graph"

	"github.com/trilemma-bench/trilemma/policies/nn/actor"
)

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
