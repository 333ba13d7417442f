package moe

import (
	"github.com/gomlx/gomlx/core/graph"
)

// The inputs of one batch, in the order of [inputs].
const (
	inX        = iota // [B, in] standardised
	inPref            // [B, W] see layout
	inPrice           // [B, M] expected price under the preference, in score
	inPaid            // [B, M, W] what was paid under the preference for each weighed quantity, in score
	inPresent         // [B, M]
	inScore           // [B, M]
	inNear            // [B, M] mean score of the nearest prompts about the overall mean
	inVotes           // [B, M, C] one-hot answers, the reference first
	inVoted           // [B] 1 where there is a vote that can be won
	inCategory        // [B, classes]
	inUse             // [B, members] 1 where the member counts the prompt
	inNoise           // [B, members, M] standard normal
	inDrop            // [B, depth, members, width] 0, or 1/(1−dropout) where the unit stays
	inputCount
)

// network is what the losses read of a batch, each [E, B, M] but classes [E, B, classes].
type network struct {
	forecast *node // f, a logit
	logits   *node // z under the preference
	free     *node // v, of the vote's weights
	spread   *node // of the noise
	classes  *node // logits; nil without categories
}

// build is the gate's graph; see [gate] for the formulas.
func (g *gate) build(variable func(string) *node, in []*node, means, facts, seen *node) network {
	batch := in[inX].Shape().Dimensions[0]
	h := in[inX] // [B, in], then [E, B, width]
	for l := range g.Depth {
		w := variable(layer("w", l))
		if l == 0 {
			// One product for all members: [B, in] × [E·width, in]ᵀ.
			w = graph.Reshape(w, g.Members*g.Width, g.In)
			h = graph.Reshape(graph.DotGeneral(h, []int{1}, nil, w, []int{1}, nil), batch, g.Members, g.Width)
			h = graph.TransposeAllAxes(h, 1, 0, 2)
		} else {
			h = graph.DotGeneral(h, []int{2}, []int{0}, w, []int{2}, []int{0})
		}
		h = graph.Add(h, graph.InsertAxes(variable(layer("b", l)), 1))
		if g.Norm {
			h = graph.Sub(h, graph.InsertAxes(graph.ReduceMean(h, 2), -1))
			h = graph.Div(h, graph.Sqrt(graph.AddScalar(graph.InsertAxes(graph.ReduceMean(graph.Square(h), 2), -1), normEpsilon)))
			h = graph.Mul(h, graph.InsertAxes(variable(layer("gain", l)), 1))
		}
		h = graph.MaxScalar(h, 0)
		drop := graph.Squeeze(graph.Slice(in[inDrop], graph.AxisRange(), graph.AxisRange(l, l+1)), 1) // [B, E, width]
		h = graph.Mul(h, graph.TransposeAllAxes(drop, 1, 0, 2))
	}
	head := func(name string, h *node) *node { // [E, B, out]
		w, b := variable(name), variable(name+"_bias")
		if g.Facts > 0 && (name == "score" || name == "gate") {
			// [M, facts] × [E, facts, width+1] → [E, M, width+1]: the rows that the facts predict.
			predicted := graph.TransposeAllAxes(graph.DotGeneral(facts, []int{1}, nil, variable(name+"_facts"), []int{1}, nil), 1, 0, 2)
			w = graph.Add(w, graph.Slice(predicted, graph.AxisRange(), graph.AxisRange(), graph.AxisRange(0, g.Width)))
			b = graph.Add(b, graph.Squeeze(graph.Slice(predicted, graph.AxisRange(), graph.AxisRange(), graph.AxisRange(g.Width, g.Width+1)), 2))
		}
		return graph.Add(graph.DotGeneral(h, []int{2}, []int{0}, w, []int{2}, []int{0}), graph.InsertAxes(b, 1))
	}
	scale := func(name string) *node { return graph.InsertAxes(variable(name), 1) } // [E, 1, 1]

	var out network
	out.forecast = graph.Add(head("score", h), graph.Mul(scale("near_share"), graph.InsertAxes(in[inNear], 0)))
	if g.Classes > 0 {
		out.classes = head("class", h)
		// [E, B, classes] × [classes, M]
		expected := graph.DotGeneral(graph.Softmax(out.classes, -1), []int{2}, nil, means, []int{0}, nil)
		out.forecast = graph.Add(out.forecast, graph.Mul(scale("class_share"), expected))
	}
	// [B, W] × [E, width, W] → [E, B, width], and the same for the models
	film := graph.TransposeAllAxes(graph.DotGeneral(in[inPref], []int{1}, nil, variable("film"), []int{2}, nil), 1, 0, 2)
	lean := graph.TransposeAllAxes(graph.DotGeneral(in[inPref], []int{1}, nil, variable("lean"), []int{2}, nil), 1, 0, 2)
	absent := graph.MulScalar(graph.InsertAxes(graph.OneMinus(seen), 0, 0), never) // [1, 1, M]
	tau := graph.Exp(scale("log_tau"))
	score := graph.Sigmoid(out.forecast)
	out.free = graph.Add(graph.Add(graph.Mul(scale("vote_share"), out.forecast), graph.InsertAxes(variable("vote_bias"), 1)), absent)
	utility := graph.Div(graph.Sub(score, graph.InsertAxes(in[inPrice], 0)), tau)
	led := graph.Add(head("gate", graph.Mul(h, graph.OnePlus(film))), lean)
	out.logits = graph.Add(graph.Add(utility, led), absent)
	out.spread = graph.AddScalar(softplus(head("noise", h)), 1e-2)
	return out
}

// normEpsilon keeps a layer without variance finite (Ba et al., arXiv 1607.06450).
const normEpsilon = 1e-5

// never is the logit of an expert that does not take part.
const never = -1e4

// terms are the losses of a batch by the names of [gate.termNames], each [E] and weighted, and then their sum first. Without
// noise it is what a member is stopped by.
func (p *Params) terms(g *gate, variable func(string) *node, in []*node, net network, k int, training bool) (total *node, each []*node) {
	use := graph.TransposeAllAxes(in[inUse], 1, 0) // [E, B]
	voted := graph.InsertAxes(in[inVoted], 0)
	noisy, spread := net.logits, graph.MulScalar(net.spread, p.Noise)
	if training && p.Noise > 0 {
		noisy = graph.Add(noisy, graph.Mul(spread, graph.TransposeAllAxes(in[inNoise], 1, 0, 2)))
	}
	kept, chance := topMask(noisy, k), (*node)(nil)
	if k < g.Models && training && p.Noise > 0 {
		chance = topChance(net.logits, noisy, spread, kept)
	}
	dense := graph.Softmax(noisy, -1)
	bill := chance // who is paid
	if k == 1 || bill == nil {
		bill = dense
	}
	add := func(weight float64, loss func() *node) {
		var term *node
		if weight > 0 {
			term = graph.MulScalar(loss(), weight)
		} else {
			term = graph.MulScalar(graph.Squeeze(variable("log_tau"), 1), 0)
		}
		each = append(each, term)
		if total == nil {
			total = term
		} else {
			total = graph.Add(total, term)
		}
	}
	// One expert is drawn from the whole gate, so that its value has a gradient; several vote by the gate over them.
	if k == 1 {
		add(p.Task, func() *node { return expectedTaskLoss(dense, in[inPresent], in[inScore], use) })
		add(0, nil)
	} else {
		weights := maskedSoftmax(net.free, kept)
		if chance != nil {
			// An expert that was only just kept counts for less: so the vote reaches the choice as well as the weights.
			weights = maskedSoftmax(graph.Add(net.free, graph.Log(graph.AddScalar(chance, 1e-4))), kept)
		}
		beta := graph.Exp(graph.Squeeze(variable("log_beta"), 1))
		add(p.Task, func() *node {
			return voteScoreLoss(weights, in[inPresent], in[inScore], graph.Mul(use, graph.OneMinus(voted)))
		})
		add(p.Vote, func() *node { return voteCrossEntropy(weights, beta, in[inVotes], graph.Mul(use, voted)) })
	}
	for i, q := range g.Weighed {
		add(p.priceWeight(q), func() *node {
			paid := graph.Squeeze(graph.Slice(in[inPaid], graph.AxisRange(), graph.AxisRange(), graph.AxisRange(i, i+1)), 2)
			return priceLoss(bill, paid, use)
		})
	}
	add(p.Score, func() *node { return scoreLoss(net.forecast, in[inPresent], in[inScore], use) })
	if g.Classes > 0 {
		add(p.Category, func() *node { return categoryLoss(net.classes, in[inCategory], use) })
	} else {
		add(0, nil)
	}
	add(p.Entropy, func() *node { return entropyLoss(dense, use) })
	add(p.L1, func() *node { return l1Loss(net.logits, use) })
	if !training {
		// What balances a batch says nothing of a single held-out prompt.
		return total, each
	}
	add(p.Importance, func() *node { return importanceLoss(dense, use) })
	if chance != nil {
		add(p.Load, func() *node { return loadLoss(chance, use) })
	} else {
		add(0, nil)
	}
	add(p.Switch, func() *node { return switchLoss(dense, kept, use, k) })
	return total, each
}

// termNames are the names of the terms.
func (g *gate) termNames() []string {
	names := []string{"task", "vote"}
	for _, q := range g.Weighed {
		names = append(names, q.String())
	}
	return append(names, "score", "category", "entropy", "l1", "importance", "load", "switch")
}
