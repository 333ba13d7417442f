package predict

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/trilemma-bench/trilemma/policies/forecast"
	"github.com/trilemma-bench/trilemma/policies/nn"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// maxCategories bounds the number of categories that are worth learning: beyond it they are identifiers.
const maxCategories = 256

// categoryShrinkage draws a category's means towards the overall ones as so many more prompts would.
const categoryShrinkage = 10

// gathered are the prompts that are learned from.
type gathered struct {
	prompts  policy.Prompts
	outcomes policy.Outcomes
	heldOut  []int32
	classes  []string // sorted
	class    []int    // [n] index into classes
}

// gather lays train and validation prompts side by side and deals them into folds.
func (p *router) gather(t *policy.Task) (*gathered, error) {
	joined, err := forecast.Joined(t)
	if err != nil {
		return nil, err
	}
	g := &gathered{prompts: joined.Prompts, outcomes: joined.Outcomes}
	category := joined.Prompts.Category
	n := g.prompts.Len()
	if p.params.Category > 0 && len(category) == n {
		g.classes = slices.Compact(slices.Sorted(slices.Values(category)))
		if len(g.classes) < 2 || len(g.classes) > maxCategories {
			g.classes = nil
		}
		g.class = make([]int, n)
		for i, c := range category {
			g.class[i], _ = slices.BinarySearch(g.classes, c)
		}
	}
	g.heldOut = make([]int32, n)
	members := p.params.Members
	switch {
	case forecast.HasValidation(t) && !p.params.PoolFolds:
		for i := range g.heldOut {
			g.heldOut[i] = nn.FromNobody
			if i >= t.Train.Len() {
				g.heldOut[i] = nn.FromEverybody
			}
		}
	default:
		g.heldOut = nn.Folds(n, members, policy.Stream(p.setup.Seed, "predict", "folds"))
	}
	return g, nil
}

// fit learns every part and then their weights.
func (p *router) fit(ctx context.Context, t *policy.Task, report func(policy.Progress)) (*state, error) {
	g, err := p.gather(t)
	if err != nil {
		return nil, err
	}
	models := len(p.setup.Models)
	all := &policy.Split{Prompts: g.prompts, Outcomes: g.outcomes}
	s := &state{
		Features: forecast.Features{Dim: g.prompts.Dim, Shape: p.params.Shape},
		Overall:  forecast.Overall(models, all),
	}
	s.Features.Fit(&g.prompts)
	x := s.Features.Inputs(&g.prompts)

	ex := p.qualityExamples(g, x)
	config := nn.Config{
		Backend: p.setup.Backend, Memo: p.setup.Memo, Seed: p.setup.Seed, Name: "predict quality",
		Blocks: []nn.Block{{Link: nn.Bernoulli, Width: models, Weight: 1}},
		Hidden: p.params.Hidden, Members: p.params.Members,
		LearningRate: p.params.LearningRate, WeightDecay: p.params.WeightDecay, ClipNorm: 1,
		Batch: p.params.Batch, Epochs: p.params.Epochs, Patience: p.params.Patience,
	}
	if len(g.classes) > 0 {
		config.Blocks = append(config.Blocks, nn.Block{Link: nn.Softmax, Width: len(g.classes), Weight: p.params.Category})
		grouped := forecast.NewMeans(len(g.classes), models)
		for i, c := range g.class {
			grouped.Add(c, &g.outcomes, i)
		}
		s.Category = grouped.Expected(s.Overall, categoryShrinkage)
	}

	if s.Quality, err = nn.Train(ctx, config, ex, report); err != nil {
		return nil, fmt.Errorf("training the predictor of quality: %w", err)
	}
	config.Name, config.Hidden = "predict expense", p.params.CostHidden
	if s.Expense, err = forecast.FitExpense(ctx, config, s.Overall, &g.outcomes, x, g.heldOut, report); err != nil {
		return nil, fmt.Errorf("training the predictor of cost: %w", err)
	}
	honest, err := s.Quality.Predict(ctx, ex.X, ex.HeldOut)
	if err != nil {
		return nil, err
	}
	var near *forecast.Expected
	if p.params.Neighbours > 0 {
		s.Memory, s.Neighbours = forecast.Remember(models, all), p.params.Neighbours
		itself := make([]int32, g.prompts.Len())
		for i := range itself {
			itself[i] = int32(i)
		}
		found, err := s.Memory.Expect(ctx, g.prompts.Vector, g.prompts.Dim, []int{s.Neighbours}, itself)
		if err != nil {
			return nil, err
		}
		near = found[0]
	}
	parts := s.parts(g.prompts.Len(), honest, near)
	s.Weights = forecast.Blend(parts, &g.outcomes)
	if report != nil {
		metrics := make([]policy.Metric, len(s.Weights))
		for i, w := range s.Weights {
			metrics[i] = policy.Metric{Name: "weight_" + partNames[i], Value: w}
		}
		metrics = append(metrics, policy.Metric{Name: "routing_error", Value: forecast.RoutingError(forecast.Mix(parts, s.Weights), all)})
		report(policy.Progress{Stage: "blend", Step: 1, Total: 1, Metrics: metrics})
	}
	return s, ctx.Err()
}

// qualityExamples are the scores, and the category as one of the classes.
func (p *router) qualityExamples(g *gathered, x []float32) *nn.Examples {
	n, models := g.prompts.Len(), len(p.setup.Models)
	width := models + len(g.classes)
	ex := &nn.Examples{N: n, X: x, Y: make([]float32, n*width), W: make([]float32, n*width), HeldOut: g.heldOut}
	for i := range n {
		y, w := ex.Y[i*width:(i+1)*width], ex.W[i*width:(i+1)*width]
		for m := range models {
			if g.outcomes.Present[i*models+m] {
				y[m], w[m] = g.outcomes.Figures[policy.Quality][i*models+m], 1
			}
		}
		if len(g.classes) > 0 {
			y[models+g.class[i]] = 1
			for c := range g.classes {
				w[models+c] = 1
			}
		}
	}
	return ex
}

// partNames are the names of the parts that are blended, in their order.
var partNames = []string{"network", "category", "neighbours", "overall"}

// parts are the expectations that are blended, in the order of partNames; one that there is not is the overall mean.
// quality [n × out] is the output of the network.
func (s *state) parts(n int, quality []float32, near *forecast.Expected) []*forecast.Expected {
	models, out := s.Overall.Models, s.Quality.Out()
	overall, network := forecast.NewExpected(n, models), forecast.NewExpected(n, models)
	for i := range n {
		overall.CopyRow(i, s.Overall, 0)
		network.CopyRow(i, s.Overall, 0)
		copy(network.Row(policy.Quality, i), quality[i*out:i*out+models])
	}
	// A model without a single training outcome is not known, whatever the network says.
	for m, mean := range s.Overall.Row(policy.Quality, 0) {
		if math.IsNaN(float64(mean)) {
			for i := range n {
				network.Row(policy.Quality, i)[m] = mean
			}
		}
	}
	category := overall
	if s.Category != nil {
		category = forecast.NewExpected(n, models)
		for i := range n {
			probability := quality[i*out+models : (i+1)*out]
			row := category.Row(policy.Quality, i)
			for m := range row {
				sum := 0.0
				for c, share := range probability {
					sum += float64(share) * float64(s.Category.Row(policy.Quality, c)[m])
				}
				row[m] = float32(sum)
			}
		}
	}
	if near == nil {
		near = overall
	}
	return []*forecast.Expected{network, category, near, overall}
}

// check tells whether a loaded state is whole.
func (s *state) check(models int) error {
	if err := s.Overall.CheckShape(1, models); err != nil {
		return err
	}
	if err := s.Quality.Check(); err != nil {
		return err
	}
	classes := 0
	if s.Category != nil {
		classes = s.Category.Rows()
		if err := s.Category.CheckShape(classes, models); err != nil {
			return err
		}
	}
	if err := s.Features.Check(); err != nil {
		return err
	}
	if s.Quality.Out() != models+classes || s.Quality.In != s.Features.Width() || len(s.Weights) != len(partNames) {
		return errors.New("the checkpoint's parts do not fit together; fit again")
	}
	if s.Expense != nil {
		if err := s.Expense.Check(s.Features.Width(), models); err != nil {
			return err
		}
	}
	if s.Memory != nil {
		if s.Neighbours < 1 || s.Memory.Dim != s.Features.Dim {
			return errors.New("the checkpoint's memory does not fit its vectors; fit again")
		}
		return s.Memory.CheckShape(models)
	}
	return nil
}
