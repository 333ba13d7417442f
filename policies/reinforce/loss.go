package reinforce

import (
	"github.com/gomlx/gomlx/core/graph"

	"github.com/trilemma-bench/trilemma/policies/nn/actor"
)

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
