package moe

import (
	"context"
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

// logitOf is the slope of a logit in its probability at one half: it turns differences of mean scores into those of
// forecasts.
const logitOf = 4

// examples are the training prompts as the gate's inputs and targets.
type examples struct {
	*policy.Split
	x       []float32 // [n × in] standardised
	in      int
	heldOut []int32
	near    []float32 // [n × M]; nil without neighbours
	expect  *forecast.Expected
	classes []string
	class   []int
	answers int     // C: the most distinct answers to a prompt, the reference counted
	answer  []int32 // [n × M] number of the answer, the reference being 0 and −1 none
	voted   []bool  // [n] some model gave the reference, so the vote can be won
	prefs   []policy.Preference
}

// gather lays out the task. Outcomes of models that are not seen yet are left out, but for their probe prompts.
func (p *router) gather(ctx context.Context, t *policy.Task, s *state, report func(policy.Progress)) (*examples, error) {
	models := len(p.setup.Models)
	joined, err := forecast.Joined(t)
	if err != nil {
		return nil, err
	}
	ex := &examples{Split: joined, prefs: t.Preferences}
	n := ex.Len()
	if len(p.unseen) > 0 {
		ex.Outcomes.Present = slices.Clone(ex.Outcomes.Present)
		p.hide(ex.Split)
	}
	if len(ex.prefs) == 0 {
		ex.prefs = []policy.Preference{{}}
	}
	ex.heldOut = nn.Folds(n, p.params.Members, policy.Stream(p.setup.Seed, "moe", "folds"))

	s.Features = forecast.Features{Dim: ex.Prompts.Dim, Shape: p.params.Shape}
	s.Features.Fit(&ex.Prompts)
	raw := s.Features.Inputs(&ex.Prompts)
	ex.in = s.Features.Width()
	s.Overall = forecast.Overall(models, ex.Split)
	p.describeUnseen(s.Overall)
	if s.seen = p.seen(s.Overall); !slices.Contains(s.seen, true) {
		return nil, s.Overall.Check(policy.Preference{}, p.setup.Models)
	}

	s.Expense, err = forecast.FitExpense(ctx, nn.Config{
		Backend: p.setup.Backend, Memo: p.setup.Memo, Seed: p.setup.Seed, Name: "moe expense", Hidden: p.params.CostHidden, Members: p.params.Members,
		LearningRate: 0.001, WeightDecay: 1, ClipNorm: 1, Batch: p.params.Batch, Epochs: p.params.Epochs, Patience: p.params.Patience,
	}, s.Overall, &ex.Outcomes, raw, ex.heldOut, report)
	if err != nil {
		return nil, err
	}
	ex.expect = s.means(n)
	if s.Expense != nil {
		if err := s.Expense.Price(ctx, ex.expect, s.Overall, raw, ex.heldOut); err != nil {
			return nil, err
		}
	}
	if p.params.Neighbours > 0 {
		s.Memory, s.Neighbours = forecast.Remember(models, ex.Split), p.params.Neighbours
		itself := make([]int32, n)
		for i := range itself {
			itself[i] = int32(i)
		}
		if ex.near, err = s.near(ctx, &ex.Prompts, itself); err != nil {
			return nil, err
		}
	}
	p.categories(ex, s)
	ex.count()
	ex.x, s.mean, s.scale = nn.Standardise(raw, n)
	return ex, nil
}

// means is n rows of the overall means.
func (s *state) means(n int) *forecast.Expected {
	e := forecast.NewExpected(n, s.Overall.Models)
	for i := range n {
		e.CopyRow(i, s.Overall, 0)
	}
	return e
}

// near is [n × M], the mean score of each prompt's nearest about the overall mean, as a logit; zero for models that
// joined later, of which few neighbours know anything.
func (s *state) near(ctx context.Context, prompts *policy.Prompts, leaveOut []int32) ([]float32, error) {
	found, err := s.Memory.Expect(ctx, prompts.Vector, prompts.Dim, []int{s.Neighbours}, leaveOut)
	if err != nil {
		return nil, err
	}
	out := found[0].Value[policy.Quality]
	for at := range out {
		m := at % s.Overall.Models
		if out[at] = logitOf * (out[at] - s.Overall.Row(policy.Quality, 0)[m]); !s.seen[m] || out[at] != out[at] {
			out[at] = 0
		}
	}
	return out, nil
}

// categories finds the mean score of every model in every training category.
func (p *router) categories(ex *examples, s *state) {
	if p.params.Category == 0 || len(ex.Prompts.Category) != ex.Len() {
		return
	}
	names := slices.Compact(slices.Sorted(slices.Values(ex.Prompts.Category)))
	if len(names) < 2 || len(names) > maxCategories {
		return
	}
	models := len(p.setup.Models)
	ex.classes, ex.class = names, make([]int, ex.Len())
	grouped := forecast.NewMeans(len(names), models)
	for i, name := range ex.Prompts.Category {
		ex.class[i], _ = slices.BinarySearch(names, name)
		grouped.Add(ex.class[i], &ex.Outcomes, i)
	}
	s.ClassMeans = grouped.Expected(s.Overall, categoryShrinkage).Value[policy.Quality]
	for at := range s.ClassMeans {
		m := at % models
		if s.ClassMeans[at] = logitOf * (s.ClassMeans[at] - s.Overall.Row(policy.Quality, 0)[m]); s.ClassMeans[at] != s.ClassMeans[at] {
			s.ClassMeans[at] = 0
		}
	}
}

// count numbers the answers to each prompt: the reference is 0, others follow in the order of the models.
func (ex *examples) count() {
	models := ex.Outcomes.Models
	ex.answers, ex.answer, ex.voted = 1, make([]int32, ex.Len()*models), make([]bool, ex.Len())
	for at := range ex.answer {
		ex.answer[at] = -1
	}
	if ex.Outcomes.Answer == nil {
		return
	}
	for i := range ex.Len() {
		if ex.Reference[i] == "" {
			continue
		}
		number := map[string]int32{ex.Reference[i]: 0}
		for m := range models {
			at := i*models + m
			text := ex.Outcomes.Answer[at]
			if !ex.Outcomes.Present[at] || text == "" {
				continue
			}
			if _, known := number[text]; !known {
				number[text] = int32(len(number))
			}
			ex.answer[at] = number[text]
			ex.voted[i] = ex.voted[i] || number[text] == 0
		}
		ex.answers = max(ex.answers, len(number))
	}
}

// price is what an expected row costs under the preference, in score; unknown figures that the preference does not
// weigh count nothing.
func price(e *forecast.Expected, row int, p policy.Preference, out []float64) {
	for m := range out {
		out[m] = p.Price(e.At(row, m))
		if math.IsNaN(out[m]) {
			out[m] = math.Inf(1)
		}
	}
}
