package moe

import (
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
)

// The losses. E members of the ensemble, B prompts, M models, C answers. Each takes gates [E, B, M] and use [E, B], one
// where the member counts the prompt and zero elsewhere, and gives [E], a mean over the prompts that count.

// node is a value in the computation graph.
type node = graph.Node

// meanOver is the mean of each [E, B] over the prompts that count.
func meanOver(each, use *node) *node {
	return graph.Div(graph.ReduceSum(graph.Mul(each, use), 1), graph.MaxScalar(graph.ReduceSum(use, 1), 1))
}

// expectedTaskLoss is one minus the expected utility where one expert is drawn from the gate,
//
//	L = 1 − Σ_m g_m · u_m,   u = score − λ_cost·cost − λ_carbon·carbon − λ_latency·latency,
//
// over the models that answered, the gate renormalised over them: the objective of an adaptive mixture of local experts
// that compete (Jacobs et al., Neural Computation 3, 1991), with logged outcomes in the experts' place. present and
// utility are [B, M].
func expectedTaskLoss(gate, present, utility, use *node) *node {
	present = graph.InsertAxes(present, 0)
	answered := graph.ReduceSum(graph.Mul(gate, present), 2)
	sum := graph.ReduceSum(graph.Mul(gate, graph.Mul(present, graph.InsertAxes(utility, 0))), 2)
	return meanOver(graph.OneMinus(graph.Div(sum, graph.MaxScalar(answered, 1e-6))), use)
}

// voteCrossEntropy is the cross-entropy of the weighted vote,
//
//	L = −ln p(reference),   p(a) = exp(β·Σ_m v_m·[answer_m = a]) / Σ_b exp(β·Σ_m v_m·[answer_m = b]),
//
// a logarithmic pool of the experts' answers (Hinton, Neural Computation 14, 2002: products of experts). Its gradient
// to v_m is β·(p(answer_m) − [answer_m is right]): an expert gains weight where it is right and the vote is not yet, and
// loses weight where its mistakes are those of the others; so the gate learns whose errors cancel. votes [B, M, C] is
// one-hot, the reference being answer 0; an expert without an answer votes for none. weights are v, beta [E] is positive.
func voteCrossEntropy(weights, beta, votes, use *node) *node {
	// [E, B, M] × [B, M, C] → [B, E, C]
	logits := graph.DotGeneral(weights, []int{2}, []int{1}, votes, []int{1}, []int{0})
	logits = graph.Mul(logits, graph.InsertAxes(beta, 0, 2))
	right := graph.Slice(graph.LogSoftmax(logits, -1), graph.AxisRange(), graph.AxisRange(), graph.AxisRange(0, 1))
	return meanOver(graph.Neg(graph.TransposeAllAxes(graph.Squeeze(right, 2), 1, 0)), use)
}

// voteScoreLoss is one minus the weighted mean of the chosen models' scores, the score of a combination where there are
// no answers to vote on:
//
//	L = 1 − Σ_m v_m · score_m.
func voteScoreLoss(weights, present, score, use *node) *node {
	return expectedTaskLoss(weights, present, score, use)
}

// entropyLoss is the mean entropy of the gate, H = −Σ_m g_m·ln g_m: least where one expert takes the prompt (entropy
// regularisation turned round, Grandvalet and Bengio, NIPS 2004).
func entropyLoss(gate, use *node) *node {
	return meanOver(graph.Neg(graph.ReduceSum(graph.Mul(gate, graph.Log(graph.AddScalar(gate, 1e-9))), 2)), use)
}

// l1Loss is the mean of Σ_m softplus(z_m)/M over the unnormalised gates: the lasso's penalty (Tibshirani, 1996), which a
// softmax gate, whose sum is always one, cannot feel.
func l1Loss(logits, use *node) *node {
	return meanOver(graph.ReduceMean(softplus(logits), 2), use)
}

// importanceLoss is the squared coefficient of variation of the experts' importance, the sum of their gates over the
// batch: CV(Σ_x g(x))² (Shazeer et al., arXiv 1701.06538, equation 7).
func importanceLoss(gate, use *node) *node {
	return squaredVariation(graph.ReduceSum(graph.Mul(gate, graph.InsertAxes(use, -1)), 1))
}

// loadLoss is the squared coefficient of variation of the experts' smooth load, CV(Σ_x P(x, m))², where P(x, m) is the
// probability that m is among the top k under fresh noise (Shazeer et al., appendix A).
func loadLoss(chance, use *node) *node { return importanceLoss(chance, use) }

// squaredVariation is variance/mean² of each row.
func squaredVariation(x *node) *node {
	mean := graph.InsertAxes(graph.ReduceMean(x, 1), -1)
	variance := graph.ReduceMean(graph.Square(graph.Sub(x, mean)), 1)
	return graph.Div(variance, graph.AddScalar(graph.Square(graph.Squeeze(mean, 1)), 1e-10))
}

// switchLoss is the auxiliary loss of Switch Transformers, M·Σ_m f_m·P_m with f_m the share of prompts whose top k
// hold m (over k, so that shares add up to one; no gradient) and P_m the mean gate: one where both are even
// (Fedus et al., arXiv 2101.03961, equation 4).
func switchLoss(gate, kept, use *node, k int) *node {
	models := float64(gate.Shape().Dimensions[2])
	count := graph.InsertAxes(graph.MaxScalar(graph.ReduceSum(use, 1), 1), -1)
	used := graph.InsertAxes(use, -1)
	share := graph.StopGradient(graph.DivScalar(graph.Div(graph.ReduceSum(graph.Mul(kept, used), 1), count), float64(k)))
	mean := graph.Div(graph.ReduceSum(graph.Mul(gate, used), 1), count)
	return graph.MulScalar(graph.ReduceSum(graph.Mul(share, mean), 1), models)
}

// priceLoss is the expected bill of all experts that are asked, in score, Σ_m P(x, m)·price_m: everybody in the top k
// is paid, whatever its weight. price [B, M] is one of λ_cost·cost, λ_carbon·carbon, λ_latency·latency; chance is the
// P of [loadLoss], or the gate where one expert is drawn.
func priceLoss(chance, price, use *node) *node {
	return meanOver(graph.ReduceSum(graph.Mul(chance, graph.InsertAxes(price, 0)), 2), use)
}

// scoreLoss is the mean cross-entropy of the forecast of every model's score, −y·ln σ(q) − (1−y)·ln(1−σ(q)), over the
// models that answered (a proper score: Gneiting and Raftery, JASA 102, 2007). It gives the trunk M labels a prompt
// where the task gives one.
func scoreLoss(forecast, present, score, use *node) *node {
	y, w := graph.InsertAxes(score, 0), graph.InsertAxes(present, 0)
	each := graph.Add(graph.Sub(graph.MaxScalar(forecast, 0), graph.Mul(forecast, y)), graph.Log1P(graph.Exp(graph.Neg(graph.Abs(forecast)))))
	sum := graph.ReduceSum(graph.Mul(each, w), 2)
	return meanOver(graph.Div(sum, graph.MaxScalar(graph.ReduceSum(w, 2), 1)), use)
}

// categoryLoss is the cross-entropy of the training prompt's category, −Σ_c y_c·ln p_c: a label that comes for nothing
// (Caruana, Machine Learning 28, 1997). logits [E, B, classes], category [B, classes].
func categoryLoss(logits, category, use *node) *node {
	return meanOver(graph.Neg(graph.ReduceSum(graph.Mul(graph.LogSoftmax(logits, -1), graph.InsertAxes(category, 0)), 2)), use)
}

// topChance is P(x, m), the probability that expert m stays among the top k of h = z + noise·σ when its own noise alone
// is drawn again,
//
//	P = Φ((z_m − t_m) / σ_m),
//
// with t_m the k-th greatest of the others' h (Shazeer et al., equation 9). kept [E, B, M] marks the top k of noisy h.
func topChance(clean, noisy, spread, kept *node) *node {
	// For a kept expert the k-th of the others is the greatest that was not kept, for another the least that was.
	far := graph.MulScalar(graph.OnesLike(noisy), 1e9)
	least := graph.InsertAxes(graph.Neg(graph.ReduceMax(graph.Sub(graph.Neg(noisy), graph.Mul(graph.OneMinus(kept), far)), 2)), -1)
	greatest := graph.InsertAxes(graph.ReduceMax(graph.Sub(noisy, graph.Mul(kept, far)), 2), -1)
	threshold := graph.Add(graph.Mul(kept, greatest), graph.Mul(graph.OneMinus(kept), least))
	z := graph.Div(graph.Sub(clean, threshold), spread)
	return graph.MulScalar(graph.OnePlus(graph.Erf(graph.MulScalar(z, 1/math.Sqrt2))), 0.5)
}

// topMask is one for the k greatest of each row, zero elsewhere; no gradient passes. It takes the greatest k times, since
// GoMLX's own top k sorts by a compared pair at a time, which its Go backend does about a thousand times slower. Equals
// are kept together.
func topMask(x *node, k int) *node {
	x = graph.StopGradient(x)
	kept := graph.ZerosLike(x)
	for range k {
		greatest := graph.InsertAxes(graph.ReduceMax(x, 2), -1)
		mark := graph.ConvertDType(graph.GreaterOrEqual(x, greatest), dtypes.Float32)
		kept = graph.Add(kept, mark)
		x = graph.Sub(x, graph.MulScalar(mark, 1e9))
	}
	return graph.MinScalar(kept, 1)
}

// maskedSoftmax is the softmax of z over the entries whose mask is one.
func maskedSoftmax(z, mask *node) *node {
	return graph.Softmax(graph.Add(z, graph.MulScalar(graph.OneMinus(mask), -1e9)), -1)
}

// softplus is ln(1 + eˣ).
func softplus(x *node) *node {
	return graph.Add(graph.MaxScalar(x, 0), graph.Log1P(graph.Exp(graph.Neg(graph.Abs(x)))))
}
