// Package bundled names the policies that the program brings with it, one line a policy.
package bundled

import (
	"sort"

	"github.com/trilemma-bench/trilemma/policies/agreement"
	"github.com/trilemma-bench/trilemma/policies/bestsingle"
	"github.com/trilemma-bench/trilemma/policies/carbon"
	"github.com/trilemma-bench/trilemma/policies/categorybest"
	"github.com/trilemma-bench/trilemma/policies/forecast"
	"github.com/trilemma-bench/trilemma/policies/knn"
	"github.com/trilemma-bench/trilemma/policies/moe"
	"github.com/trilemma-bench/trilemma/policies/policy"
	"github.com/trilemma-bench/trilemma/policies/ppo"
	"github.com/trilemma-bench/trilemma/policies/predict"
	"github.com/trilemma-bench/trilemma/policies/random"
	"github.com/trilemma-bench/trilemma/policies/reinforce"
	"github.com/trilemma-bench/trilemma/policies/single"
	"github.com/trilemma-bench/trilemma/policies/static"
)

// warmStarts are the forecasters that agents may start from.
var warmStarts = map[string]func() forecast.Forecaster{"predict": predict.Forecaster(predict.Defaults), "moe": moe.Forecaster(moe.Defaults)}

// All lists the bundled policies by name.
func All() []policy.Definition {
	list := []policy.Definition{
		agreement.Definition(),
		bestsingle.Definition(),
		carbon.Definition(),
		carbon.BudgetDefinition(),
		categorybest.Definition(),
		predict.Definition(),
		ppo.Definition(warmStarts),
		random.Definition(),
		reinforce.Definition(warmStarts),
		knn.Definition(),
		moe.Definition(),
		single.Definition(),
		static.Definition(),
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Description.Name < list[j].Description.Name })
	return list
}

// Find is the bundled policy of a name.
func Find(name string) (policy.Definition, bool) {
	for _, d := range All() {
		if d.Description.Name == name {
			return d, true
		}
	}
	return policy.Definition{}, false
}
