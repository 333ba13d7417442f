package agent

import (
	"context"
	"fmt"
	"math"

	"github.com/trilemma-bench/trilemma/policies/env"
	"github.com/trilemma-bench/trilemma/policies/forecast"
	"github.com/trilemma-bench/trilemma/policies/nn"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

const (
	beliefStates    = 6 // drawn for every prompt
	beliefUnasked   = 4 // models not asked that each state teaches
	beliefLongest   = 5 // most models asked in a state
	beliefExamples  = 3e5
	beliefSelection = 0.1 // temperature, in score, of the draw of models: those that an agent may ask come up more often
)

const (
	judgeHidden  = 64
	judgeMembers = 4       // each trained without a quarter of the prompts
	judgeMany    = 100_000 // examples
)

// judgeConfig is how the nets that judge answers are trained. Where examples are many, most of them are the same prompts in
// other states: they are learned by heart after a few epochs.
func judgeConfig(c *Config, name string, examples int) nn.Config {
	batch, epochs := 256, 30
	if examples > judgeMany {
		batch, epochs = 1024, 8
	}
	return nn.Config{
		Backend: c.Setup.Backend, Seed: c.Setup.Seed, Name: c.Name + " " + name,
		Blocks: []nn.Block{{Link: nn.Bernoulli, Width: 1, Weight: 1}}, Hidden: judgeHidden, Members: judgeMembers,
		LearningRate: 0.003, WeightDecay: 0.5, ClipNorm: 1, Batch: batch, Epochs: epochs, Patience: 4,
	}
}

// learnBelief trains the probability that an answer is right on states drawn at random: a preference, then models by
// their expected utility. The features are the same for every model and count the evidence, so the net is small; which
// model it is about is one input among them.
func (s *sense) learnBelief(ctx context.Context, c *Config, preferences []policy.Preference, grounds []*ground, report func(policy.Progress)) error {
	r := policy.Stream(c.Setup.Seed, c.Name, "belief")
	ex := &nn.Examples{}
	l := newLens(s, c)
	prompts := 0
	for _, g := range grounds {
		prompts += g.split.Len()
	}
	// Few states a prompt where there are many prompts: the examples must fit into memory.
	keep := min(1, beliefExamples/float64(prompts*beliefStates*(beliefUnasked+2)))
	features := s.beliefWidth()
	width := features + s.Models
	for _, g := range grounds {
		ev, err := env.New(g.world, env.Config{Slots: 1, Sequential: true, MaxAsks: min(c.MaxAsks, beliefLongest)})
		if err != nil {
			return err
		}
		var seen env.Seen
		place := make([]int, s.Models)
		reward, done := []float32{0}, []bool{false}
		for i := range g.split.Len() {
			if err := ctx.Err(); err != nil {
				return err
			}
			score := g.expect.Row(policy.Quality, i)
			for range beliefStates {
				if r.Float64() > keep {
					continue
				}
				preference := preferences[r.IntN(len(preferences))]
				ev.Reset(0, int32(i), preference)
				asks := 1 + r.IntN(ev.Config.MaxAsks)
				for range asks {
					if m := s.draw(r.Float64, g.expect, i, &preference, ev); m >= 0 {
						ev.Step([]int32{int32(m)}, reward, done)
					}
				}
				ev.Seen(0, &seen)
				if len(seen.Models) == 0 {
					break
				}
				l.read(score, &seen)
				for m := range place {
					place[m] = -1
				}
				for k, m := range seen.Models {
					place[m] = k
				}
				add := func(m int) {
					if !g.world.Present(i, m) || score[m] != score[m] {
						return
					}
					l.believe(score, &seen, m, place[m])
					from := len(ex.X)
					ex.X = append(ex.X, make([]float32, width)...)
					copy(ex.X[from:], l.input)
					ex.X[from+features+m] = 1
					ex.Y, ex.W = append(ex.Y, g.split.Outcomes.Figures[policy.Quality][i*s.Models+m]), append(ex.W, 1)
					ex.HeldOut = append(ex.HeldOut, g.held[i])
					ex.N++
				}
				for _, m := range seen.Models {
					add(int(m))
				}
				for range min(beliefUnasked, s.Models-len(seen.Models)) {
					if m := s.draw(r.Float64, g.expect, i, &preference, ev); m >= 0 {
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
	if s.Belief, err = nn.Train(ctx, judgeConfig(c, "belief", ex.N), ex, report); err != nil {
		return fmt.Errorf("training the belief: %w", err)
	}
	return nil
}

// draw picks a model that the state allows, by the softmax of its expected utility; -1 where there is none.
func (s *sense) draw(uniform func() float64, e *forecast.Expected, row int, p *policy.Preference, ev *env.Env) int {
	score := e.Row(policy.Quality, row)
	utility := func(m int) float64 {
		if !ev.Allowed(0, m) || score[m] != score[m] {
			return math.Inf(-1)
		}
		u := p.Utility(e.At(row, m))
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
