package agent

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/trilemma-bench/trilemma/policies/env"
	"github.com/trilemma-bench/trilemma/policies/learn"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

const (
	beliefStates    = 6 // drawn for every prompt
	beliefUnasked   = 4 // models not asked that each state teaches
	beliefLongest   = 5 // most models asked in a state
	beliefExamples  = 3e5
	beliefHidden    = 32
	beliefEpochs    = 12
	beliefSelection = 0.1 // temperature, in score, of the draw of models: those that an agent may ask come up more often
)

// learnBelief trains the probability that an answer is right on states drawn at random: a preference, then models by
// their expected utility. The features are the same for every model and count the evidence, so the net is small and what
// holds for one model is learned from all.
func (s *sense) learnBelief(ctx context.Context, c *Config, t *policy.Task, train, validation *learn.Expected, report func(policy.Progress)) error {
	type part struct {
		split *policy.Split
		e     *learn.Expected
		held  int32
	}
	parts := []part{{t.Train, train, learn.FromNobody}}
	if validation != nil {
		parts = append(parts, part{t.Validation, validation, learn.FromEverybody})
	}
	r := policy.Stream(c.Setup.Seed, c.Name, "belief")
	ex := &learn.Examples{}
	l := newLens(s, c)
	prompts := 0
	for _, p := range parts {
		prompts += p.split.Len()
	}
	// Few states a prompt where there are many prompts: the examples must fit into memory.
	keep := min(1, beliefExamples/float64(prompts*beliefStates*(beliefUnasked+2)))
	for _, p := range parts {
		w, err := s.world(p.split, p.e)
		if err != nil {
			return err
		}
		ev, err := env.New(w, env.Config{Slots: 1, Sequential: true, MaxAsks: min(c.MaxAsks, beliefLongest)})
		if err != nil {
			return err
		}
		var seen env.Seen
		place := make([]int, s.Models)
		reward, done := []float32{0}, []bool{false}
		for i := range p.split.Len() {
			if err := ctx.Err(); err != nil {
				return err
			}
			score := p.e.Row(learn.Score, i)
			for range beliefStates {
				if r.Float64() > keep {
					continue
				}
				preference := t.Preferences[r.IntN(len(t.Preferences))]
				ev.Reset(0, int32(i), preference)
				asks := 1 + r.IntN(ev.Config.MaxAsks)
				for range asks {
					if m := s.draw(r.Float64, p.e, i, &preference, ev); m >= 0 {
						ev.Step([]int32{int32(m)}, reward, done)
					}
				}
				ev.Seen(0, &seen)
				if len(seen.Models) == 0 {
					break
				}
				l.votes.count(&seen, s.Choices)
				l.standardise(&seen)
				for m := range place {
					place[m] = -1
				}
				for k, m := range seen.Models {
					place[m] = k
				}
				add := func(m int) {
					at := i*s.Models + m
					if !p.split.Outcomes.Present[at] || score[m] != score[m] {
						return
					}
					from := len(ex.X)
					ex.X = append(ex.X, l.input...)
					l.believe(score, &seen, m, place[m], ex.X[from:])
					ex.Y, ex.W = append(ex.Y, p.split.Outcomes.Score[at]), append(ex.W, 1)
					ex.HeldOut = append(ex.HeldOut, p.held)
					ex.N++
				}
				for _, m := range seen.Models {
					add(int(m))
				}
				for range min(beliefUnasked, s.Models-len(seen.Models)) {
					if m := s.draw(r.Float64, p.e, i, &preference, ev); m >= 0 {
						add(m)
					}
				}
			}
		}
	}
	if ex.N == 0 {
		return nil
	}
	var err error
	s.Belief, err = learn.Train(ctx, learn.Config{
		Backend: c.Setup.Backend, Seed: c.Setup.Seed, Name: c.Name + " belief",
		Blocks: []learn.Block{{Link: learn.Bernoulli, Width: 1, Weight: 1}}, Hidden: beliefHidden, Members: 1,
		LearningRate: 0.003, WeightDecay: 0.01, ClipNorm: 1, Batch: 1024, Epochs: beliefEpochs, Patience: 4,
	}, ex, report)
	if err != nil {
		return fmt.Errorf("training the belief: %w", err)
	}
	return nil
}

// draw picks a model that the state allows, by the softmax of its expected utility; -1 where there is none.
func (s *sense) draw(uniform func() float64, e *learn.Expected, row int, p *policy.Preference, ev *env.Env) int {
	score, cost, carbon, latency := e.Row(learn.Score, row), e.Row(learn.CostUSD, row), e.Row(learn.CarbonG, row), e.Row(learn.LatencySec, row)
	utility := func(m int) float64 {
		if !ev.Allowed(0, m) || score[m] != score[m] {
			return math.Inf(-1)
		}
		u := p.Utility(float64(score[m]), float64(cost[m]), float64(carbon[m]), float64(latency[m]))
		if u != u {
			return math.Inf(-1)
		}
		return u
	}
	// The largest of utilities with Gumbel noise is a draw from their softmax.
	chosen, best := -1, math.Inf(-1)
	for m := range score {
		noise := -math.Log(-math.Log(max(uniform(), 1e-300)))
		if g := utility(m)/beliefSelection + noise; g > best {
			chosen, best = m, g
		}
	}
	return chosen
}

// world lays a split out with the vote weights that its expectations imply. A figure that is not known of an outcome is
// taken to be what is expected: a reward that is not a number would teach nothing.
func (s *sense) world(split *policy.Split, e *learn.Expected) (*env.World, error) {
	weights := make([]float32, split.Len()*s.Models)
	for i := range split.Len() {
		s.weights(e.Row(learn.Score, i), weights[i*s.Models:(i+1)*s.Models])
	}
	seen := *split
	o := &seen.Outcomes
	for _, c := range []struct {
		q      learn.Quantity
		column *[]float32
	}{{learn.CostUSD, &o.CostUSD}, {learn.CarbonG, &o.CarbonG}, {learn.LatencySec, &o.LatencySec}} {
		if len(*c.column) == 0 {
			continue
		}
		*c.column = slices.Clone(*c.column)
		for at, x := range *c.column {
			if o.Present[at] && x != x {
				(*c.column)[at] = e.Value[c.q][at]
			}
		}
	}
	if s.ShapeMean == nil {
		seen.Outcomes.Response = nil
	}
	return env.NewWorld(&seen, weights)
}
