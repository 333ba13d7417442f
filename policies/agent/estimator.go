package agent

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/trilemma-bench/trilemma/policies/checkpoint"
	"github.com/trilemma-bench/trilemma/policies/env"
	"github.com/trilemma-bench/trilemma/policies/forecast"
	"github.com/trilemma-bench/trilemma/policies/moe"
	"github.com/trilemma-bench/trilemma/policies/nn"
	"github.com/trilemma-bench/trilemma/policies/policy"
	"github.com/trilemma-bench/trilemma/policies/predict"
)

// estimator is what is known before acting.
type estimator struct {
	Models      int                `json:"models"`
	Dim         int                `json:"dim"`
	Predictor   *predict.Predictor `json:"predictor,omitempty"` // at most one of these two: the warm start
	Gate        *moe.Predictor     `json:"gate,omitempty"`
	Overall     *forecast.Expected `json:"overall"`                // one row
	AnswerModel *nn.Net            `json:"answer_model,omitempty"` // of an answer by itself; nil without responses
	Posterior   *nn.Net            `json:"posterior,omitempty"`    // of an answer among others; nil in one-shot mode
	Elasticity  lengthElasticity   `json:"length_elasticity"`      // of a prompt, as answers in hand tell it
	// Of the response features of each model, [Models × env.ShapeFeatures]; nil without responses.
	ShapeMean  checkpoint.F32s `json:"shape_mean,omitempty"`
	ShapeScale checkpoint.F32s `json:"shape_scale,omitempty"`
	// Choices is the number of answers that a prompt may have, as far as the training answers tell; 0 without answers.
	Choices int `json:"choices"`
	// Answers are those of the training prompts, sorted, where they are at most maxChoices: which one was given tells
	// something, since nobody who has to guess guesses evenly.
	Answers []string `json:"answers,omitempty"`
	// Weighed are the quantities whose λ the agent is told. Typical is the mean of each over the pool, so that a λ becomes a
	// price in score.
	Weighed []policy.Quantity `json:"weighed"`
	Typical policy.Figures    `json:"typical"`
}

// maxChoices bounds what the number of different answers says: beyond it the answers are free text, and two that agree
// by chance are as good as impossible.
const maxChoices = 20

// learn fits all but what judges answers, and returns what is expected of the train and validation prompts.
func (s *estimator) learn(ctx context.Context, c *Config, t *policy.Task, report func(policy.Progress)) (train, validation *forecast.Expected, err error) {
	s.Models, s.Dim = len(c.Setup.Models), t.Train.Prompts.Dim
	s.Overall = forecast.Overall(s.Models, t.Train)
	if c.Bandit {
		b := newBandit(t.Train, c.Setup.Seed, c.Name)
		s.Overall = b.means()
		if metrics := b.metrics(); metrics != nil && report != nil {
			report(policy.Progress{Stage: "log", Step: 1, Total: 1, Metrics: metrics})
		}
	}
	s.Weighed = t.Train.Outcomes.Weighed()
	for _, q := range s.Weighed {
		n := 0.0
		for _, x := range s.Overall.Row(q, 0) {
			if x == x {
				s.Typical[q] += float64(x)
				n++
			}
		}
		s.Typical[q] /= max(n, 1)
	}
	if c.Sequential {
		s.countChoices(t.Train)
	}
	if c.Warm == Cold {
		train = s.means(t.Train.Len())
		if forecast.HasValidation(t) {
			validation = s.means(t.Validation.Len())
		}
		return train, validation, ctx.Err()
	}
	setup := c.Setup
	setup.Params = nil
	if c.Warm == WarmGate {
		s.Gate, train, validation, err = moe.Learn(ctx, setup, moe.Defaults, t, report)
	} else {
		s.Predictor, train, validation, err = predict.Learn(ctx, setup, predict.Defaults, t, report)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("learning the warm start: %w", err)
	}
	if validation == nil && forecast.HasValidation(t) {
		validation, err = s.expect(ctx, &t.Validation.Prompts)
	}
	return train, validation, err
}

// means expects of every prompt what is expected of all.
func (s *estimator) means(rows int) *forecast.Expected {
	e := forecast.NewExpected(rows, s.Models)
	for i := range rows {
		e.CopyRow(i, s.Overall, 0)
	}
	return e
}

// expect is what is known of test prompts.
func (s *estimator) expect(ctx context.Context, p *policy.Prompts) (*forecast.Expected, error) {
	switch {
	case s.Predictor != nil:
		return s.Predictor.Expect(ctx, p)
	case s.Gate != nil:
		return s.Gate.Expect(ctx, p)
	}
	return s.means(p.Len()), ctx.Err()
}

func (s *estimator) countChoices(split *policy.Split) {
	seen := map[string]bool{}
	for _, a := range split.Outcomes.Answer {
		if a != "" {
			seen[a] = true
		}
	}
	s.Choices = min(len(seen), maxChoices)
	if len(seen) <= maxChoices {
		s.Answers = slices.Sorted(maps.Keys(seen))
	}
}

// scaleShapes finds mean and spread of each model's response features: a long answer means something else of a terse
// model than of a talkative one.
func (s *estimator) scaleShapes(w *env.World) {
	const k = env.ShapeFeatures
	n := make([]float64, s.Models)
	sum, square := make([]float64, s.Models*k), make([]float64, s.Models*k)
	for i := range w.N {
		for m := range s.Models {
			if !w.Present(i, m) {
				continue
			}
			n[m]++
			for j, x := range w.Shape(i, m) {
				sum[m*k+j] += float64(x)
				square[m*k+j] += float64(x) * float64(x)
			}
		}
	}
	s.ShapeMean, s.ShapeScale = make(checkpoint.F32s, s.Models*k), make(checkpoint.F32s, s.Models*k)
	for i := range sum {
		count := max(n[i/k], 1)
		mean := sum[i] / count
		s.ShapeMean[i] = float32(mean)
		if spread := math.Sqrt(max(square[i]/count-mean*mean, 0)); spread > 1e-4 {
			s.ShapeScale[i] = float32(1 / spread)
		}
	}
}

// standardise writes a response's features, as spreads from what its model usually does, into out [env.ShapeFeatures].
func (s *estimator) standardise(m int, shape, out []float32) {
	const k = env.ShapeFeatures
	for j, x := range shape {
		z := (x - s.ShapeMean[m*k+j]) * s.ShapeScale[m*k+j]
		out[j] = min(max(z, -4), 4)
	}
}

// logit of a probability, kept away from certainty.
func logit(p float32) float32 {
	x := math.Min(math.Max(float64(p), 0.01), 0.99)
	return float32(math.Log(x / (1 - x)))
}

// check tells whether a loaded estimator is whole.
func (s *estimator) check(models int) error {
	if s.Models != models {
		return fmt.Errorf("the checkpoint is of a pool of %d models, not of %d; fit again", s.Models, models)
	}
	if err := s.Overall.CheckShape(1, models); err != nil {
		return err
	}
	if s.Predictor != nil {
		if err := s.Predictor.Check(models); err != nil {
			return err
		}
	}
	if s.Gate != nil {
		if err := s.Gate.Check(models); err != nil {
			return err
		}
	}
	for _, n := range []struct {
		net      *nn.Net
		features int
	}{{s.Posterior, s.posteriorWidth()}, {s.AnswerModel, s.answerWidth()}} {
		if n.net == nil {
			continue
		}
		if err := n.net.Check(); err != nil {
			return err
		}
		if n.net.In != n.features+models || n.net.Out() != 1 || n.net.Hidden == 0 {
			return errors.New("the checkpoint's posterior reads other features; fit again")
		}
	}
	if s.AnswerModel != nil && s.ShapeMean == nil {
		return errors.New("the checkpoint judges responses without their scales; fit again")
	}
	if n := len(s.ShapeMean); n != len(s.ShapeScale) || (n != 0 && n != models*env.ShapeFeatures) {
		return errors.New("the checkpoint's scales of response features do not fit the pool; fit again")
	}
	return nil
}
