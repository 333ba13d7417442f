// Package agreement is the smallest policy that looks at answers before it asks on. It asks two cheap models; where
// their extracted answers agree it stops and takes that answer, else it asks the best model of the pool as well.
//
// Agreement of independent models is a sign of being right, so the dear model is paid for only where it may help. This
// is the first step of a cascade by answer consistency (Yue et al., "Large Language Model Cascades with Mixture of
// Thoughts Representations", arXiv 2310.03094), with two models instead of many samples of one.
//
// Under a preference "cheap" and "best" are: the two models of lowest mean price, a price being
// λ_cost·cost + λ_carbon·carbon + λ_latency·latency, or the cost in USD where every λ is zero; and the model of highest
// mean score − price. A preference so dear that this one is among the two cheap models is served by the two alone: the
// better of them is taken where they disagree.
package agreement

import (
	"context"
	"fmt"
	"math"

	"github.com/trilemma-bench/trilemma/policies/checkpoint"
	"github.com/trilemma-bench/trilemma/policies/forecast"
	"github.com/trilemma-bench/trilemma/policies/params"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Params are none.
type Params struct{}

// Definition is the policy as the program offers it.
func Definition() policy.Definition {
	return params.Define(policy.Description{
		Name:       "agreement",
		Version:    "2",
		Summary:    "asks the two cheapest models, stops if their answers agree, else asks the best",
		Source:     "after Yue et al., arXiv 2310.03094",
		Preference: policy.PreferenceInput,
		Needs:      []policy.Need{policy.NeedAnswer},
		Learns:     true,
		Saves:      true,
		Sequential: true,
	}, Params{}, func(_ Params, s policy.Setup) (policy.Policy, error) {
		check := func(mean *forecast.Expected) error {
			if err := mean.CheckShape(1, len(s.Models)); err != nil {
				return err
			}
			return mean.Check(policy.Preference{}, s.Models)
		}
		return &router{Learned: checkpoint.Learned[forecast.Expected]{Kind: "agreement/1", Check: check}, models: s.Models}, nil
	})
}

type router struct {
	checkpoint.Learned[forecast.Expected]
	models []policy.Model
}

// Fit implements [policy.Learner].
func (p *router) Fit(ctx context.Context, t *policy.Task, report func(policy.Progress)) error {
	if err := forecast.CheckTask(t, len(p.models)); err != nil {
		return err
	}
	mean := forecast.Overall(len(p.models), t.Train)
	if err := mean.CheckEach(t.Preferences, p.models); err != nil {
		return err
	}
	if err := mean.Check(policy.Preference{}, p.models); err != nil {
		return err
	}
	p.State = mean
	return ctx.Err()
}

// plan is whom to ask under one preference: one or two cheap models, then the best.
type plan struct {
	cheap []int32
	best  int
}

func (p *router) plan(preference policy.Preference) plan {
	score, cost := p.State.Row(policy.Quality, 0), p.State.Row(policy.Cost, 0)
	price := func(m int) float64 {
		if preference == (policy.Preference{}) {
			if math.IsNaN(float64(cost[m])) {
				return 0 // no cost is known: the first models of the pool are as cheap as any
			}
			return float64(cost[m])
		}
		return preference.Price(p.State.At(0, m))
	}
	cheapest := func(but int) int {
		found := -1
		for m := range score {
			// A model that never answered in training cannot be a witness.
			if m == but || math.IsNaN(float64(score[m])) {
				continue
			}
			if found < 0 || price(m) < price(found) || (price(m) == price(found) && score[m] > score[found]) {
				found = m
			}
		}
		return found
	}
	first := cheapest(-1)
	made := plan{cheap: []int32{int32(first)}, best: p.State.Choose(0, preference)}
	if second := cheapest(first); second >= 0 {
		made.cheap = append(made.cheap, int32(second))
	}
	return made
}

// Route implements [policy.Policy]. Round 0 asks the cheap models; round 1 ends, with the answer already paid for where
// both gave it, else with the best model.
func (p *router) Route(ctx context.Context, b *policy.Batch) (*policy.Decisions, error) {
	if err := p.Fitted(); err != nil {
		return nil, err
	}
	plans := make([]plan, len(b.Preferences))
	for i, preference := range b.Preferences {
		if err := p.State.Check(preference, p.models); err != nil {
			return nil, fmt.Errorf("preference %d: %w", i, err)
		}
		plans[i] = p.plan(preference)
	}
	if b.Round > 0 && b.Asked == nil {
		return nil, fmt.Errorf("round %d came without the answers asked for", b.Round)
	}
	d := policy.NewDecisions(b.Rows())
	for r := range b.Rows() {
		made := &plans[b.Preference[r]]
		switch {
		case len(made.cheap) < 2:
			d.AppendOne(policy.Select, made.best)
		case b.Round == 0:
			d.Append(policy.Ask, made.cheap, []float32{0.5, 0.5})
		default:
			d.AppendOne(policy.Select, p.settle(made, b.Asked, r))
		}
	}
	return d, ctx.Err()
}

// settle is the model whose answer counts after both cheap ones were asked.
func (p *router) settle(made *plan, asked *policy.Asked, row int) int {
	lo, hi := asked.Offset[row], asked.Offset[row+1]
	score := p.State.Row(policy.Quality, 0)
	better, agree := -1, hi-lo >= 2
	for e := lo; e < hi; e++ {
		if asked.Missing[e] || asked.Answer[e] == "" || asked.Answer[e] != asked.Answer[lo] {
			agree = false
		}
		if m := int(asked.Model[e]); better < 0 || score[m] > score[better] {
			better = m
		}
	}
	if agree {
		return better
	}
	return made.best
}
