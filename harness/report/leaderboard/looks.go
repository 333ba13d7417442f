package leaderboard

import (
	"cmp"
	"errors"
	"math"
	"os"
	"slices"
	"strings"

	"github.com/trilemma-bench/trilemma/harness/metrics"
	"github.com/trilemma-bench/trilemma/harness/plot"
	"github.com/trilemma-bench/trilemma/harness/store"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// muted are the policies that every experiment has to compare with.
var muted = []string{"random", "best-single", "category-best"}

// LooksOf are the colours and markers of a run's policies and models, the same wherever they are shown. Policies are in the
// order of the experiment, models by what an answer costs: the mean of their answers to the test prompts.
func LooksOf(run *store.Run) (*plot.Looks, error) {
	plan, err := run.Plan()
	if err != nil {
		return nil, err
	}
	var policies []plot.Policy
	for _, ref := range plan {
		if ref.Family != FamilySingle && !slices.ContainsFunc(policies, func(p plot.Policy) bool { return p.Label == ref.Policy }) {
			policies = append(policies, plot.Policy{Label: ref.Policy, Family: ref.Family, Control: slices.Contains(muted, ref.Family)})
		}
	}
	models, priced, err := modelsByPrice(run)
	if err != nil {
		return nil, err
	}
	looks := plot.LooksOf(policies, models)
	if !priced {
		return looks.Unpriced(), nil
	}
	return looks, nil
}

// modelsByPrice are the models that a run has answers of, from the cheapest to the dearest; of equals, and where no price is known,
// by name, after all others; and whether any price is known.
func modelsByPrice(run *store.Run) (models []string, priced bool, err error) {
	sum, count := map[string]float64{}, map[string]float64{}
	add := func(model string, usd float64) {
		if _, known := count[model]; !known {
			models, count[model] = append(models, model), 0
		}
		if usd == usd {
			sum[model], count[model], priced = sum[model]+usd, count[model]+1, true
		}
	}
	prompts, err := run.Prompts()
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, false, err
	}
	for i := range prompts {
		for _, o := range prompts[i].Outcomes {
			add(o.Model, float64(o.CostUSD))
		}
	}
	points, err := run.Points()
	if err != nil {
		return nil, false, err
	}
	// A run of an older version holds no prompts.
	for i := range points {
		if p := &points[i]; p.Family == FamilySingle && len(prompts) == 0 {
			add(strings.TrimPrefix(p.Policy, metrics.SinglePrefix), p.Figures[policy.Cost])
		}
	}
	slices.SortFunc(models, func(a, b string) int {
		price := func(model string) float64 {
			if count[model] == 0 {
				return math.Inf(1)
			}
			return sum[model] / count[model]
		}
		return cmp.Or(cmp.Compare(price(a), price(b)), cmp.Compare(a, b))
	})
	return models, priced, nil
}
