// Package static is the router that the field's products ship and that this project sets out to beat: a classifier puts
// the prompt into one of a few fixed categories, and each category has its model.
//
// The categories are the trace's own, or clusters of the training vectors (spherical k-means). The classifier is a
// softmax regression on the prompt vector,
//
//	p(c|x) = softmax(W·x + b),
//
// fitted by cross-entropy and stopped by the validation prompts; at test time it alone decides the category, the
// trace's label is never looked at. A category's model is that of the highest utility over its training prompts under
// the row's preference, from the category's mean score, cost, carbon and latency, drawn a little towards the overall
// means where there are few prompts.
//
// Source: the static, semantic-category routing of RouteLLM-like products and of the baselines in RouterBench
// (arXiv 2403.12031) and LLMRouterBench.
package static

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/trilemma-bench/trilemma/policies/checkpoint"
	"github.com/trilemma-bench/trilemma/policies/compute"
	"github.com/trilemma-bench/trilemma/policies/forecast"
	"github.com/trilemma-bench/trilemma/policies/nn"
	"github.com/trilemma-bench/trilemma/policies/params"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Params of the policy.
type Params struct {
	Categories   string  `json:"categories" doc:"where the fixed categories come from: the trace's own, or clusters of the training vectors" enum:"trace,kmeans"`
	K            int     `json:"k" doc:"number of clusters; only for categories: kmeans" min:"1" max:"1000"`
	Shrinkage    float64 `json:"shrinkage" doc:"strength, in prompts, with which a category's means are drawn towards the overall means" min:"0" max:"1000000"`
	LearningRate float64 `json:"learning_rate" doc:"of AdamW at the start; falls to zero along a half cosine" min:"0.0000001" max:"1"`
	WeightDecay  float64 `json:"weight_decay" doc:"of AdamW" min:"0" max:"10"`
	Batch        int     `json:"batch" doc:"prompts in one step" min:"1" max:"65536"`
	Epochs       int     `json:"epochs" doc:"passes over the training prompts at most" min:"1" max:"10000"`
	Patience     int     `json:"patience" doc:"passes without a better validation loss before training ends" min:"1" max:"10000"`
}

// Defaults of the parameters.
var Defaults = Params{
	Categories: "trace", K: 16, Shrinkage: 10,
	LearningRate: 0.003, WeightDecay: 0.01, Batch: 128, Epochs: 30, Patience: 5,
}

const (
	// clusterRounds bounds the passes of k-means, which settles in a few dozen.
	clusterRounds = 50
	// maxCategories bounds the trace's own categories: beyond it they are identifiers, and no classifier learns them.
	maxCategories = 1000
)

// Definition is the policy as the program offers it.
func Definition() policy.Definition {
	return params.Define(policy.Description{
		Name:       "static",
		Version:    "2",
		Summary:    "classifies the prompt into fixed categories, each mapped to one model",
		Source:     "static category routing, as in RouterBench (arXiv 2403.12031)",
		Preference: policy.PreferenceInput,
		Needs:      []policy.Need{policy.NeedVector, policy.NeedCategory},
		Stochastic: true,
		Learns:     true,
		Saves:      true,
	}, Defaults, func(p Params, s policy.Setup) (policy.Policy, error) {
		if err := compute.Check(s.Backend); err != nil {
			return nil, err
		}
		check := func(loaded *state) error { return loaded.check(len(s.Models)) }
		return &router{Learned: checkpoint.Learned[state]{Kind: "static/1", Check: check}, params: p, setup: s}, nil
	})
}

type router struct {
	checkpoint.Learned[state]
	params Params
	setup  policy.Setup
}

// state is what was learned.
type state struct {
	Means      *forecast.Expected `json:"means"`                // one row a category
	Classifier *nn.Net            `json:"classifier,omitempty"` // nil where there is one category
	Dim        int                `json:"dim"`
}

// Fit implements [policy.Learner].
func (p *router) Fit(ctx context.Context, t *policy.Task, report func(policy.Progress)) error {
	needs := []policy.Need{policy.NeedVector}
	if p.params.Categories == "trace" {
		needs = append(needs, policy.NeedCategory)
	}
	models := len(p.setup.Models)
	if err := forecast.CheckTask(t, models, needs...); err != nil {
		return err
	}
	overall := forecast.Overall(models, t.Train)
	if err := overall.Check(policy.Preference{}, p.setup.Models); err != nil {
		return err
	}
	if err := overall.CheckEach(t.Preferences, p.setup.Models); err != nil {
		return err
	}
	labels, classes, err := p.categories(ctx, t)
	if err != nil {
		return err
	}
	grouped := forecast.NewMeans(classes, models)
	for i := range t.Train.Len() {
		grouped.Add(labels[i], &t.Train.Outcomes, i)
	}
	s := &state{Means: grouped.Expected(overall, p.params.Shrinkage), Dim: t.Train.Prompts.Dim}
	if classes > 1 {
		if s.Classifier, err = p.classifier(ctx, t, labels, classes, report); err != nil {
			return fmt.Errorf("training the classifier: %w", err)
		}
	}
	p.State = s
	return ctx.Err()
}

// unlabelled marks a validation prompt of a category that no training prompt has.
const unlabelled = -1

// categories labels the training prompts and then the validation prompts.
func (p *router) categories(ctx context.Context, t *policy.Task) (labels []int, classes int, err error) {
	n := t.Train.Len()
	if p.params.Categories == "kmeans" {
		dim := t.Train.Prompts.Dim
		vectors := slices.Clone(t.Train.Prompts.Vector)
		if forecast.HasValidation(t) {
			vectors = append(vectors, t.Validation.Prompts.Vector...)
		}
		// The clusters are of prompts alone, so those of validation may take part; their outcomes do not.
		labels, classes, err = forecast.Cluster(ctx, forecast.Unit(vectors, dim), dim, p.params.K, clusterRounds,
			policy.Stream(p.setup.Seed, "static", "clusters"))
		return labels, classes, err
	}
	names := slices.Compact(slices.Sorted(slices.Values(t.Train.Prompts.Category)))
	if len(names) > maxCategories {
		return nil, 0, fmt.Errorf("the train split has %d categories, more than the %d that can be told apart: set categories to kmeans",
			len(names), maxCategories)
	}
	label := func(category string) int {
		if i, ok := slices.BinarySearch(names, category); ok {
			return i
		}
		return unlabelled
	}
	labels = make([]int, 0, n)
	for _, c := range t.Train.Prompts.Category {
		labels = append(labels, label(c))
	}
	if forecast.HasValidation(t) {
		for _, c := range t.Validation.Prompts.Category {
			labels = append(labels, label(c))
		}
	}
	return labels, len(names), nil
}

// classifier is the softmax regression, trained on train and stopped by validation.
func (p *router) classifier(ctx context.Context, t *policy.Task, labels []int, classes int, report func(policy.Progress)) (*nn.Net, error) {
	n := len(labels)
	x := t.Train.Prompts.Vector
	if n > t.Train.Len() {
		x = append(slices.Clone(x), t.Validation.Prompts.Vector...)
	}
	ex := &nn.Examples{N: n, X: x, Y: make([]float32, n*classes), W: make([]float32, n*classes), HeldOut: make([]int32, n)}
	for i, label := range labels {
		ex.HeldOut[i] = nn.FromNobody
		if i >= t.Train.Len() {
			ex.HeldOut[i] = nn.FromEverybody
		}
		if label == unlabelled {
			continue // weighs nothing
		}
		ex.Y[i*classes+label] = 1
		for c := range classes {
			ex.W[i*classes+c] = 1
		}
	}
	return nn.Train(ctx, nn.Config{
		Backend: p.setup.Backend, Memo: p.setup.Memo, Seed: p.setup.Seed, Name: "static classifier",
		Blocks:  []nn.Block{{Link: nn.Softmax, Width: classes, Weight: 1}},
		Members: 1, LearningRate: p.params.LearningRate, WeightDecay: p.params.WeightDecay, ClipNorm: 1,
		Batch: p.params.Batch, Epochs: p.params.Epochs, Patience: p.params.Patience,
	}, ex, report)
}

// Route implements [policy.Policy].
func (p *router) Route(ctx context.Context, b *policy.Batch) (*policy.Decisions, error) {
	if err := p.Fitted(); err != nil {
		return nil, err
	}
	if err := forecast.CheckPrompts(b.Prompts, policy.NeedVector); err != nil {
		return nil, err
	}
	if n := b.Prompts.Len(); n > 0 && b.Prompts.Dim != p.State.Dim {
		return nil, fmt.Errorf("prompt vectors have %d numbers, those fitted on had %d: use the same encoder", b.Prompts.Dim, p.State.Dim)
	}
	category := make([]int, b.Prompts.Len())
	if p.State.Classifier != nil && len(category) > 0 {
		probability, err := p.State.Classifier.Predict(ctx, b.Prompts.Vector, nil)
		if err != nil {
			return nil, err
		}
		classes := p.State.Means.Rows()
		for i := range category {
			for c, x := range probability[i*classes : (i+1)*classes] {
				if x > probability[i*classes+category[i]] {
					category[i] = c
				}
			}
		}
	}
	d, err := p.State.Means.Route(b, p.setup.Models, func(i int) int { return category[i] })
	if err != nil {
		return nil, err
	}
	return d, ctx.Err()
}

// check tells whether a loaded state is whole and fits a pool of models models.
func (s *state) check(models int) error {
	if s.Means == nil || s.Dim < 1 {
		return errors.New("the checkpoint is not whole; fit again")
	}
	classes := s.Means.Rows()
	if err := s.Means.CheckShape(classes, models); err != nil {
		return err
	}
	if s.Classifier == nil {
		if classes != 1 {
			return fmt.Errorf("%d categories and no classifier; fit again", classes)
		}
		return nil
	}
	if err := s.Classifier.Check(); err != nil {
		return err
	}
	if s.Classifier.In != s.Dim || s.Classifier.Out() != classes {
		return fmt.Errorf("%d categories do not fit the classifier's %d; fit again", classes, s.Classifier.Out())
	}
	return nil
}
