// Package categorybest is the policy that knows each prompt's category and asks the model that did best there: the
// dataset oracle of the literature, as far as training prompts can tell.
//
// For category c and model m the training outcomes give mean score, cost, carbon and latency, each drawn towards the
// model's overall mean as if Shrinkage more prompts had been seen that behaved like it; the model of the highest
// utility under the row's preference is asked. A category that no training prompt has goes by the overall means.
package categorybest

import (
	"context"
	"slices"

	"github.com/trilemma-bench/trilemma/policies/checkpoint"
	"github.com/trilemma-bench/trilemma/policies/forecast"
	"github.com/trilemma-bench/trilemma/policies/params"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Params of the policy.
type Params struct {
	Shrinkage float64 `json:"shrinkage" doc:"strength, in prompts, with which a category's means are drawn towards the overall means; 0 takes them as they are" min:"0" max:"1000000"`
}

// Defaults of the parameters.
var Defaults = Params{Shrinkage: 10}

// Definition is the policy as the program offers it.
func Definition() policy.Definition {
	return params.Define(policy.Description{
		Name:       "category-best",
		Version:    "2",
		Summary:    "the best model of the prompt's own category under the preference",
		Preference: policy.PreferenceInput,
		Needs:      []policy.Need{policy.NeedCategory, policy.NeedLiveCategory},
		Learns:     true,
		Saves:      true,
	}, Defaults, func(p Params, s policy.Setup) (policy.Policy, error) {
		check := func(loaded *state) error {
			loaded.row = rows(loaded.Categories)
			return loaded.Means.CheckShape(len(loaded.Categories)+1, len(s.Models))
		}
		return &router{Learned: checkpoint.Learned[state]{Kind: "category-best/1", Check: check}, params: p, models: s.Models}, nil
	})
}

type router struct {
	checkpoint.Learned[state]
	params Params
	models []policy.Model
}

// state is what was learned: row 0 holds the overall means, row 1+i those of Categories[i].
type state struct {
	Categories []string           `json:"categories"`
	Means      *forecast.Expected `json:"means"`

	row map[string]int // category → row of the means
}

// Fit implements [policy.Learner].
func (p *router) Fit(ctx context.Context, t *policy.Task, report func(policy.Progress)) error {
	if err := forecast.CheckTask(t, len(p.models), policy.NeedCategory); err != nil {
		return err
	}
	overall := forecast.Overall(len(p.models), t.Train)
	if err := overall.CheckEach(t.Preferences, p.models); err != nil {
		return err
	}
	categories := slices.Clone(t.Train.Prompts.Category)
	slices.Sort(categories)
	categories = slices.Compact(categories)
	row := rows(categories)

	grouped := forecast.NewMeans(len(categories)+1, len(p.models))
	for i, category := range t.Train.Prompts.Category {
		grouped.Add(row[category], &t.Train.Outcomes, i)
	}
	// Row 0 has counted nothing, so it becomes the prior itself.
	p.State = &state{Categories: categories, Means: grouped.Expected(overall, p.params.Shrinkage), row: row}
	return ctx.Err()
}

func rows(categories []string) map[string]int {
	row := make(map[string]int, len(categories))
	for i, category := range categories {
		row[category] = i + 1
	}
	return row
}

// Route implements [policy.Policy].
func (p *router) Route(ctx context.Context, b *policy.Batch) (*policy.Decisions, error) {
	if err := p.Fitted(); err != nil {
		return nil, err
	}
	if err := forecast.CheckPrompts(b.Prompts, policy.NeedCategory); err != nil {
		return nil, err
	}
	d, err := p.State.Means.Route(b, p.models, func(i int) int { return p.State.row[b.Prompts.Category[i]] })
	if err != nil {
		return nil, err
	}
	return d, ctx.Err()
}
