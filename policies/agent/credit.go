package agent

import (
	"context"
	"fmt"
	"math"

	"github.com/trilemma-bench/trilemma/policies/compute"
	"github.com/trilemma-bench/trilemma/policies/env"
	"github.com/trilemma-bench/trilemma/policies/forecast"
	"github.com/trilemma-bench/trilemma/policies/nn"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// answerWidth is the number of inputs of the credit before the one-hot of the model: its expected score, its response and
// which answer it gave.
func (s *estimator) answerWidth() int { return 1 + env.ShapeFeatures + len(s.Answers) }

// learnAnswerModel trains the probability that an answer is right by itself: from what is expected of its model for the
// prompt, how the response looks and what it claims, before anyone else was asked. It becomes the answer's weight in the vote.
func (s *estimator) learnAnswerModel(ctx context.Context, c *Config, datasets []*dataset, report func(policy.Progress)) error {
	ex := &nn.Examples{}
	features := s.answerWidth()
	width := features + s.Models
	for _, g := range datasets {
		for i := range g.split.Len() {
			score := g.expect.Row(policy.Quality, i)
			for m := range s.Models {
				if !g.world.Present(i, m) || score[m] != score[m] {
					continue
				}
				ex.X = append(ex.X, make([]float32, width)...)
				x := ex.X[len(ex.X)-width:]
				s.answerInput(score[m], m, g.world.Answer(i, m), g.world.Shape(i, m), x[:features])
				x[features+m] = 1
				ex.Y, ex.W = append(ex.Y, g.split.Outcomes.Figures[policy.Quality][i*s.Models+m]), append(ex.W, 1)
				ex.HeldOut = append(ex.HeldOut, g.fold[i])
				ex.N++
			}
		}
	}
	if ex.N == 0 {
		return nil
	}
	var err error
	if s.AnswerModel, err = nn.Train(ctx, correctnessNet(c, "credit", ex.N), ex, report); err != nil {
		return fmt.Errorf("training the credit of answers: %w", err)
	}
	for _, g := range datasets {
		weights := s.priorWeights(g.expect)
		err := compute.EachChunk(ctx, g.split.Len(), func(lo, hi int) {
			j := newWeigher(s)
			for i := lo; i < hi; i++ {
				score := g.expect.Row(policy.Quality, i)
				for m := range s.Models {
					if g.world.Present(i, m) && score[m] == score[m] {
						weights[i*s.Models+m] = j.weight(int(g.fold[i]), score[m], m, g.world.Answer(i, m), g.world.Shape(i, m))
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

// answerInput fills the inputs but the one-hot of the model.
func (s *estimator) answerInput(score float32, m int, answer int32, shape, out []float32) {
	out[0] = logit(score)
	s.standardise(m, shape, out[1:1+env.ShapeFeatures])
	s.tellAnswer(answer, out[1+env.ShapeFeatures:])
}

// tellAnswer fills a one-hot, [len(Answers)], of an answer's number; all zero for no answer and for one that training
// never saw.
func (s *estimator) tellAnswer(answer int32, out []float32) {
	clear(out)
	if answer > 0 && int(answer) <= len(out) {
		out[answer-1] = 1
	}
}

// judge weighs answers; one a goroutine.
type weigher struct {
	estimator   *estimator
	input       []float32
	hidden, out []float32
}

func newWeigher(s *estimator) *weigher {
	j := &weigher{estimator: s, input: make([]float32, s.answerWidth())}
	if s.AnswerModel != nil {
		j.hidden, j.out = make([]float32, s.AnswerModel.Hidden), make([]float32, s.AnswerModel.Out())
	}
	return j
}

// weight is an answer's weight in the vote, by a member of the credit or all.
func (j *weigher) weight(member int, score float32, m int, answer int32, shape []float32) float32 {
	j.estimator.answerInput(score, m, answer, shape, j.input)
	return j.estimator.voteWeight(j.estimator.AnswerModel.OneHot(member, j.input, m, j.hidden, j.out))
}

// voteWeight is the weight of an answer that is right with probability p: its log-odds against one given wrong answer,
// under which the vote is the most probable answer if models err independently (Nitzan and Paroush, International
// Economic Review 23, 1982). It is never negative: an answer does not count against itself.
func (s *estimator) voteWeight(p float32) float32 {
	return max(leastWeight, logit(p)+float32(math.Log(float64(max(s.Choices-1, 1)))))
}

// leastWeight is that of an answer that nobody would bet on, or of a model of which nothing is expected.
const leastWeight = 0.05

// priorWeights are the vote weights that expected scores alone imply, [prompts × models].
func (s *estimator) priorWeights(e *forecast.Expected) []float32 {
	weights := make([]float32, len(e.Value[policy.Quality]))
	for at, q := range e.Value[policy.Quality] {
		weights[at] = s.priorWeight(q)
	}
	return weights
}

func (s *estimator) priorWeight(score float32) float32 {
	if score != score {
		return leastWeight
	}
	return s.voteWeight(score)
}
