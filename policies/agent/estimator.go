package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/trilemma-bench/trilemma/policies/checkpoint"
	"github.com/trilemma-bench/trilemma/policies/env"
	"github.com/trilemma-bench/trilemma/policies/forecast"
	"github.com/trilemma-bench/trilemma/policies/nn"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// estimator is what is known before acting.
type estimator struct {
	Models      int                `json:"models"`
	Dim         int                `json:"dim"`
	WarmStart   string             `json:"warm_start"`
	Forecast    json.RawMessage    `json:"forecast,omitempty"`     // the forecaster, written out; nil for a cold start
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

	forecaster forecast.Forecaster // nil for a cold start
}

// maxChoices bounds what the number of different answers says: beyond it the answers are free text, and two that agree
// by chance are as good as impossible.
const maxChoices = 20

// learn fits all but what judges answers, and returns what is expected of the train and validation prompts.
func (s *estimator) learn(ctx context.Context, c *Config, t *policy.Task, report func(policy.Progress)) (train, validation *forecast.Expected, err error) {
	s.Models, s.Dim = len(c.Setup.Models), t.Train.Prompts.Dim
	s.Overall = forecast.Overall(s.Models, t.Train)
	if c.bandit() {
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
	if c.sequential() {
		s.countChoices(t.Train)
	}
	s.WarmStart = c.WarmStart
	if c.WarmStart == cold {
		train = s.means(t.Train.Len())
		if forecast.HasValidation(t) {
			validation = s.means(t.Validation.Len())
		}
		return train, validation, ctx.Err()
	}
	setup := c.Setup
	setup.Params = nil
	s.forecaster = c.WarmStarts[c.WarmStart]()
	train, validation, err = s.forecaster.Fit(ctx, setup, t, report)
	if err == nil {
		s.Forecast, err = json.Marshal(s.forecaster)
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
	if s.forecaster != nil {
		return s.forecaster.Expect(ctx, p)
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
func (s *estimator) check(c *Config) error {
	models := len(c.Setup.Models)
	if s.Models != models {
		return fmt.Errorf("the checkpoint is of a pool of %d models, not of %d; fit again", s.Models, models)
	}
	if err := s.Overall.CheckShape(1, models); err != nil {
		return err
	}
	if s.WarmStart != c.WarmStart {
		return errors.New("the checkpoint was fitted with another warm_start; fit again")
	}
	if c.WarmStart != cold {
		s.forecaster = c.WarmStarts[c.WarmStart]()
		if err := json.Unmarshal(s.Forecast, s.forecaster); err != nil {
			return fmt.Errorf("the checkpoint's forecaster: %w; fit again", err)
		}
		if err := s.forecaster.Check(models); err != nil {
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

// dataset is a labelled split to play on.
type dataset struct {
	split  *policy.Split
	expect *forecast.Expected // of each prompt, by a predictor that did not see it
	world  *env.World
	// fold [prompts] is the member of the nets of estimator that did not train on the prompt. It alone may judge there, so that
	// what is known of a training prompt looks as it will for a new one.
	fold []int32
}

// lay makes the datasets of a task, train first, and learns on them how far answers are to be believed.
func (s *estimator) lay(ctx context.Context, c *Config, t *policy.Task, train, validation *forecast.Expected, report func(policy.Progress)) ([]*dataset, error) {
	r := policy.Stream(c.Setup.Seed, c.Name, "folds")
	var datasets []*dataset
	for _, part := range []struct {
		split  *policy.Split
		expect *forecast.Expected
	}{{t.Train, train}, {t.Validation, validation}} {
		if part.expect == nil {
			continue
		}
		split := part.split
		if c.bandit() {
			split = newBandit(split, c.Setup.Seed, c.Name).playable(s.Overall)
		}
		g, err := newDataset(c, s, split, part.expect, r)
		if err != nil {
			return nil, err
		}
		datasets = append(datasets, g)
	}
	if !c.sequential() {
		return datasets, nil
	}
	responses := true
	for _, g := range datasets {
		responses = responses && g.world.Shape(0, 0) != nil
	}
	if responses {
		s.scaleShapes(datasets[0].world)
	}
	if c.WarmStart == cold {
		return datasets, nil
	}
	if responses {
		if err := s.learnAnswerModel(ctx, c, datasets, report); err != nil {
			return nil, err
		}
	}
	s.Elasticity = learnElasticity(c, datasets[0])
	return datasets, s.learnPosterior(ctx, c, t.Preferences, datasets, report)
}

// newDataset lays a split out. A figure that is not known of an outcome is taken to be what is expected: a reward that is
// not a number would teach nothing.
func newDataset(c *Config, s *estimator, split *policy.Split, e *forecast.Expected, r *rand.Rand) (*dataset, error) {
	known := *split
	o := &known.Outcomes
	for _, q := range policy.Weighed {
		if o.Figures[q] == nil {
			continue
		}
		o.Figures[q] = slices.Clone(o.Figures[q])
		for at, x := range o.Figures[q] {
			if o.Present[at] && x != x {
				o.Figures[q][at] = e.Value[q][at]
			}
		}
	}
	if !c.sequential() || !c.Responses {
		o.Response = nil
	}
	w, err := env.NewWorld(&known, s.priorWeights(e), s.Answers)
	if err != nil {
		return nil, err
	}
	return &dataset{split: split, expect: e, world: w, fold: nn.Folds(split.Len(), folds, r)}, nil
}
