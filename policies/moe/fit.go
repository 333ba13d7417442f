package moe

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"

	"github.com/trilemma-bench/trilemma/policies/nn"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// fit learns everything: what outcomes cost, then the gate end to end, then what a combination of it is worth. It also returns what was learned from.
func (p *router) fit(ctx context.Context, t *policy.Task, report func(policy.Progress)) (*state, *examples, error) {
	s := &state{}
	ex, err := p.gather(ctx, t, s, report)
	if err != nil {
		return nil, nil, err
	}
	s.MeanCost = meanCosts(s)
	lists := [][]policy.Preference{ex.prefs}
	switch p.params.Conditioning {
	case "none":
		lists = [][]policy.Preference{{{}}}
	case "each":
		lists = nil
		for _, one := range ex.prefs {
			lists = append(lists, []policy.Preference{one})
		}
	}
	weighed := ex.Outcomes.Weighed()
	if len(weighed) == 0 {
		weighed = []policy.Quantity{policy.Cost} // of which nothing is known: a graph has no axis of length 0
	}
	for i, list := range lists {
		name := "moe"
		if len(lists) > 1 {
			name = fmt.Sprintf("moe %d of %d", i+1, len(lists))
		}
		g := &gate{
			In: ex.in, Depth: p.params.Depth, Width: p.params.Width, Norm: p.params.Norm == "layer", Members: p.params.Members,
			Models: len(p.setup.Models), Classes: len(ex.classes), Weighed: weighed,
		}
		facts := p.facts()
		if p.params.Experts == "features" {
			g.Facts = facts.width
		}
		g.initialise(p.setup.Seed, p.params.Temperature, s.Overall.Row(policy.Quality, 0))
		if err := p.train(ctx, name, g, s, ex, list, report); err != nil {
			return nil, nil, fmt.Errorf("training the gate: %w", err)
		}
		head, err := p.conclude(ctx, g, s, ex, list)
		if err != nil {
			return nil, nil, err
		}
		s.Gates = append(s.Gates, *head)
	}
	if report != nil {
		report(policy.Progress{Stage: "moe", Step: 1, Total: 1, Metrics: s.describe()})
	}
	return s, ex, ctx.Err()
}

// meanCosts is what the seen models cost on average, see [gate.layout].
func meanCosts(s *state) (mean policy.Figures) {
	for _, q := range policy.Weighed {
		n := 0.0
		for m, x := range s.Overall.Row(q, 0) {
			if s.seen[m] && !math.IsNaN(float64(x)) {
				mean[q] += float64(x)
				n++
			}
		}
		if mean[q] /= n; n == 0 {
			mean[q] = 0
		}
	}
	return mean
}

// train fits g by its losses on preferences drawn from list, one a prompt and step.
func (p *router) train(ctx context.Context, name string, g *gate, s *state, ex *examples, list []policy.Preference, report func(policy.Progress)) error {
	n, models, members := ex.Len(), g.Models, g.Members
	k := min(p.params.K, count(s.seen))
	pool := make([]int32, n)
	for i := range pool {
		pool[i] = int32(i)
	}
	evaluated := pool
	if ex.heldOut[0] == nn.FromNobody && members > 1 {
		evaluated = nil
	}
	layouts, weighed := make([][]float32, len(list)), len(g.Weighed)
	for i, one := range list {
		layouts[i] = g.layout(one, s.MeanCost)
	}
	facts := p.facts()
	expected := make([]float64, models)
	shapes := make([][]int, inputCount)
	for i, dims := range map[int][]int{
		inX: {ex.in}, inPref: {weighed}, inPrice: {models}, inPaid: {models, weighed}, inPresent: {models}, inScore: {models},
		inNear: {models}, inVotes: {models, ex.answers}, inVoted: {}, inCategory: {max(g.Classes, 1)}, inUse: {members},
		inNoise: {members, models}, inDrop: {g.Depth, members, g.Width},
	} {
		shapes[i] = dims
	}
	constants := func(any *node) (means, rows, seen *node) {
		gr := any.Graph()
		if g.Classes > 0 {
			means = graph.Reshape(graph.Const(gr, []float32(s.ClassMeans)), g.Classes, models)
		}
		if g.Facts > 0 {
			rows = graph.Reshape(graph.Const(gr, facts.rows), models, g.Facts)
		}
		return means, rows, graph.Const(gr, mask(s.seen))
	}
	once, err := p.once(name, g, s, ex, list)
	if err != nil {
		return err
	}
	loop := &nn.Loop{
		Once:    once,
		Backend: p.setup.Backend, Seed: p.setup.Seed, Name: name, Members: members, Batch: p.params.Batch,
		Epochs: p.params.Epochs, Patience: p.params.Patience, LearningRate: p.params.LearningRate,
		Schedule: nn.Schedule(p.params.Schedule), Warmup: p.params.Warmup, WeightDecay: p.params.WeightDecay,
		ClipNorm: p.params.ClipNorm * math.Sqrt(float64(members)), Variables: g.variables(), Pool: pool, EvalPool: evaluated,
		Inputs: shapes, Terms: g.termNames(),
		Fill: func(epoch, step int, rows []int32, to [][]float32) {
			training := step >= 0
			r := policy.Stream(p.setup.Seed, name, "step", strconv.Itoa(epoch), strconv.Itoa(step))
			for at, row := range rows {
				i := int(row)
				which := i % len(list)
				if training {
					which = r.IntN(len(list))
				}
				preference := list[which]
				copy(to[inX][at*ex.in:], ex.x[i*ex.in:(i+1)*ex.in])
				copy(to[inPref][at*weighed:], layouts[which])
				price(ex.expect, i, preference, expected)
				for m := range models {
					from, out := i*models+m, at*models+m
					if s.seen[m] {
						to[inPrice][out] = float32(expected[m])
					}
					if !ex.Outcomes.Present[from] || !s.seen[m] {
						continue
					}
					to[inPresent][out], to[inScore][out] = 1, ex.Outcomes.Figures[policy.Quality][from]
					for i, q := range g.Weighed {
						if figures := ex.Outcomes.Figures[q]; figures != nil && !math.IsNaN(preference[q]*float64(figures[from])) {
							to[inPaid][out*weighed+i] = float32(preference[q] * float64(figures[from]))
						}
					}
					if a := ex.answer[from]; a >= 0 {
						to[inVotes][out*ex.answers+int(a)] = 1
					}
				}
				if ex.near != nil {
					copy(to[inNear][at*models:], ex.near[i*models:(i+1)*models])
				}
				if ex.voted[i] {
					to[inVoted][at] = 1
				}
				if g.Classes > 0 {
					to[inCategory][at*g.Classes+ex.class[i]] = 1
				}
				for e := range members {
					if (ex.heldOut[i] == int32(e)) != training {
						to[inUse][at*members+e] = 1
					}
				}
			}
			if training && p.params.Noise > 0 {
				for i := range to[inNoise] {
					to[inNoise][i] = float32(r.NormFloat64())
				}
			}
			keep := float32(1 / (1 - p.params.Dropout))
			for i := range to[inDrop] {
				to[inDrop][i] = 1
				if training && p.params.Dropout > 0 {
					if to[inDrop][i] = keep; r.Float64() < p.params.Dropout {
						to[inDrop][i] = 0
					}
				}
			}
		},
		Loss: func(variable func(string) *node, in []*node) []*node {
			means, rows, seen := constants(in[0])
			total, each := p.params.terms(g, variable, in, g.build(variable, in, means, rows, seen), k, true)
			out := []*node{graph.ReduceAllSum(total)}
			for _, term := range each {
				out = append(out, graph.ReduceAllSum(term))
			}
			return out
		},
		EvalLoss: func(variable func(string) *node, in []*node) *node {
			means, rows, seen := constants(in[0])
			total, _ := p.params.terms(g, variable, in, g.build(variable, in, means, rows, seen), k, false)
			held := graph.ReduceSum(in[inUse], 0)
			return graph.Stack([]*node{graph.Mul(total, held), graph.ConvertDType(held, dtypes.Float32)}, 0)
		},
	}
	if err := loop.Run(ctx, report); err != nil {
		return err
	}
	g.fold(s.mean, s.scale)
	return nil
}

// once names all that determines what [router.train] learns: [router.conclude] says what it is worth afterwards.
func (p *router) once(name string, g *gate, s *state, ex *examples, list []policy.Preference) (nn.Once, error) {
	parts := []any{
		"moe.train/1", name, p.params, len(p.setup.Models), p.facts().rows, p.setup.Seed, p.setup.Backend, g.Weighed, list, s.MeanCost,
		ex.x, ex.heldOut, ex.near, ex.class, ex.answers, ex.answer, ex.voted, ex.Outcomes.Present, s.seen, []float32(s.ClassMeans),
	}
	for q := range ex.expect.Value {
		parts = append(parts, []float32(ex.expect.Value[q]), ex.Outcomes.Figures[q])
	}
	return nn.NewOnce(p.setup.Memo, parts...)
}

// fold rewrites the first layer for inputs as they come: W·(x−mean)/scale + b.
func (g *gate) fold(mean []float32, scale float64) {
	w, b := g.Weights[0].Value, g.Weights[1].Value
	for unit := range b {
		row := w[unit*g.In : (unit+1)*g.In]
		shift := 0.0
		for j := range row {
			row[j] = float32(float64(row[j]) / scale)
			shift += float64(row[j]) * float64(mean[j])
		}
		b[unit] = float32(float64(b[unit]) - shift)
	}
}

func count(list []bool) (n int) {
	for _, x := range list {
		if x {
			n++
		}
	}
	return n
}

func mask(list []bool) []float32 {
	out := make([]float32, len(list))
	for i, x := range list {
		if x {
			out[i] = 1
		}
	}
	return out
}

// conclude adds the experts that joined later, and learns what a combination is worth from how the members would have
// combined the prompts that they did not train on.
func (p *router) conclude(ctx context.Context, g *gate, s *state, ex *examples, list []policy.Preference) (*head, error) {
	if g.Facts > 0 {
		g.settle(p.facts())
	}
	raw := s.Features.Inputs(&ex.Prompts)
	if err := p.temper(ctx, g, s, ex, raw, list); err != nil {
		return nil, err
	}
	read, err := g.read(ctx, raw, ex.near, s.ClassMeans)
	if err != nil {
		return nil, err
	}
	if len(p.unseen) > 0 {
		before := p.first(g, s, ex, read, s.seen, list)
		if err := p.join(g, s, ex, read); err != nil {
			return nil, err
		}
		if read, err = g.read(ctx, raw, ex.near, s.ClassMeans); err != nil {
			return nil, err
		}
		s.compare(before, p.first(g, s, ex, read, s.may(), list))
	}
	h := &head{Gate: g, Preferences: list}
	if p.params.K > 1 {
		h.Worth = p.worth(g, s, ex, read, list)
	}
	return h, ctx.Err()
}

var errNotFitted = errors.New("moe was not fitted")
