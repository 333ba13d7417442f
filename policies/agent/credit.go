package agent

import (
	"context"
	"fmt"
	"math"

	"github.com/trilemma-bench/trilemma/policies/env"
	"github.com/trilemma-bench/trilemma/policies/learn"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// creditFeatures are the inputs of the credit before the one-hot of the model: its expected score and its response.
const creditFeatures = 1 + env.ShapeFeatures

// learnCredit trains the probability that an answer is right by itself: from what is expected of its model for the
// prompt and how the response looks, before anyone else was asked. It becomes the answer's weight in the vote.
func (s *sense) learnCredit(ctx context.Context, c *Config, grounds []*ground, report func(policy.Progress)) error {
	ex := &learn.Examples{}
	width := creditFeatures + s.Models
	for _, g := range grounds {
		for i := range g.split.Len() {
			score := g.expect.Row(learn.Score, i)
			for m := range s.Models {
				if !g.world.Present(i, m) || score[m] != score[m] {
					continue
				}
				ex.X = append(ex.X, make([]float32, width)...)
				x := ex.X[len(ex.X)-width:]
				s.creditInput(score[m], m, g.world.Shape(i, m), x)
				x[creditFeatures+m] = 1
				ex.Y, ex.W = append(ex.Y, g.split.Outcomes.Score[i*s.Models+m]), append(ex.W, 1)
				ex.HeldOut = append(ex.HeldOut, g.held[i])
				ex.N++
			}
		}
	}
	if ex.N == 0 {
		return nil
	}
	var err error
	if s.Credit, err = learn.Train(ctx, beliefConfig(c, "credit"), ex, report); err != nil {
		return fmt.Errorf("training the credit of answers: %w", err)
	}
	for _, g := range grounds {
		weights := s.priorWeights(g.expect)
		err := learn.EachChunk(ctx, g.split.Len(), func(lo, hi int) {
			j := newJudge(s)
			for i := lo; i < hi; i++ {
				score := g.expect.Row(learn.Score, i)
				for m := range s.Models {
					if g.world.Present(i, m) && score[m] == score[m] {
						weights[i*s.Models+m] = j.weight(int(g.held[i]), score[m], m, g.world.Shape(i, m))
					}
				}
			}
		})
		if err != nil {
			return err
		}
		if err := g.world.Weigh(weights); err != nil {
			return err
		}
	}
	return nil
}

// creditInput fills the inputs but the one-hot.
func (s *sense) creditInput(score float32, m int, shape, out []float32) {
	out[0] = logit(score)
	s.standardise(m, shape, out[1:creditFeatures])
}

// judge weighs answers; one a goroutine.
type judge struct {
	sense       *sense
	input       [creditFeatures]float32
	hidden, out []float32
}

func newJudge(s *sense) *judge {
	j := &judge{sense: s}
	if s.Credit != nil {
		j.hidden, j.out = make([]float32, s.Credit.Hidden), make([]float32, s.Credit.Out())
	}
	return j
}

// weight is an answer's weight in the vote, by a member of the credit or all.
func (j *judge) weight(member int, score float32, m int, shape []float32) float32 {
	j.sense.creditInput(score, m, shape, j.input[:])
	return j.sense.voteWeight(j.sense.Credit.OneHot(member, j.input[:], m, j.hidden, j.out))
}

// voteWeight is the weight of an answer that is right with probability p: its log-odds against one given wrong answer,
// under which the vote is the most probable answer if models err independently (Nitzan and Paroush, International
// Economic Review 23, 1982). It is never negative: an answer does not count against itself.
func (s *sense) voteWeight(p float32) float32 {
	return max(leastWeight, logit(p)+float32(math.Log(float64(max(s.Choices-1, 1)))))
}

// leastWeight is that of an answer that nobody would bet on, or of a model of which nothing is expected.
const leastWeight = 0.05

// priorWeights are the vote weights that expected scores alone imply, [prompts × models].
func (s *sense) priorWeights(e *learn.Expected) []float32 {
	weights := make([]float32, len(e.Value[learn.Score]))
	for at, q := range e.Value[learn.Score] {
		weights[at] = s.priorWeight(q)
	}
	return weights
}

func (s *sense) priorWeight(score float32) float32 {
	if score != score {
		return leastWeight
	}
	return s.voteWeight(score)
}
