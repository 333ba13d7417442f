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

const (
	posteriorStates    = 6 // drawn for every prompt
	posteriorUnasked   = 4 // models not asked that each state teaches
	posteriorLongest   = 5 // most models asked in a state
	posteriorExamples  = 3e5
	posteriorSelection = 0.1 // temperature, in score, of the draw of models: those that an agent may ask come up more often
)

const (
	correctnessHidden = 64
	folds             = 4       // each trained without a quarter of the prompts
	manyExamples      = 100_000 // examples
)

// correctnessNet is how the nets that judge answers are trained. Where examples are many, most of them are the same prompts in
// other states: they are learned by heart after a few epochs.
func correctnessNet(c *Config, name string, examples int) nn.Config {
	batch, epochs := 256, 30
	if examples > manyExamples {
		batch, epochs = 1024, 8
	}
	return nn.Config{
		Backend: c.Setup.Backend, Memo: c.Setup.Memo, Seed: c.Setup.Seed, Name: c.Name + " " + name,
		Blocks: []nn.Block{{Link: nn.Bernoulli, Width: 1, Weight: 1}}, Hidden: correctnessHidden, Members: folds,
		LearningRate: 0.003, WeightDecay: 0.5, ClipNorm: 1, Batch: batch, Epochs: epochs, Patience: 4,
	}
}

// learnPosterior trains the probability that an answer is right on states drawn at random: a preference, then models by
// their expected utility. The features are the same for every model and count the evidence, so the net is small; which
// model it is about is one input among them.
func (s *estimator) learnPosterior(ctx context.Context, c *Config, preferences []policy.Preference, datasets []*dataset, report func(policy.Progress)) error {
	r := policy.Stream(c.Setup.Seed, c.Name, "belief")
	ex := &nn.Examples{}
	l := newFeaturizer(s, c)
	prompts := 0
	for _, g := range datasets {
		prompts += g.split.Len()
	}
	// Few states a prompt where there are many prompts: the examples must fit into memory.
	keep := min(1, posteriorExamples/float64(prompts*posteriorStates*(posteriorUnasked+2)))
	features := s.posteriorWidth()
	width := features + s.Models
	for _, g := range datasets {
		ev, err := env.New(g.world, env.Config{Slots: 1, Sequential: true, MaxAsks: min(c.MaxAsks, posteriorLongest)})
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
			for range posteriorStates {
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
				l.summarise(score, &seen)
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
					l.posteriorInput(score, &seen, m, place[m])
					from := len(ex.X)
					ex.X = append(ex.X, make([]float32, width)...)
					copy(ex.X[from:], l.input)
					ex.X[from+features+m] = 1
					ex.Y, ex.W = append(ex.Y, g.split.Outcomes.Figures[policy.Quality][i*s.Models+m]), append(ex.W, 1)
					ex.HeldOut = append(ex.HeldOut, g.fold[i])
					ex.N++
				}
				for _, m := range seen.Models {
					add(int(m))
				}
				for range min(posteriorUnasked, s.Models-len(seen.Models)) {
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
	if s.Posterior, err = nn.Train(ctx, correctnessNet(c, "belief", ex.N), ex, report); err != nil {
		return fmt.Errorf("training the posterior: %w", err)
	}
	return nil
}

// draw picks a model that the state allows, by the softmax of its expected utility; -1 where there is none.
func (s *estimator) draw(uniform func() float64, e *forecast.Expected, row int, p *policy.Preference, ev *env.Env) int {
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
		if g := utility(m)/posteriorSelection + noise; g > best {
			chosen, best = m, g
		}
	}
	return chosen
}

// answerWidth is the number of inputs of the answer model before the one-hot of the model: its expected score, its response and
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
		return fmt.Errorf("training the answer model: %w", err)
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

// weight is an answer's weight in the vote, by a member of the answer model or all.
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
