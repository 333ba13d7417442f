package carbon

import (
	"github.com/trilemma-bench/trilemma/policies/compute"
	"github.com/trilemma-bench/trilemma/policies/params"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Params of the policy.
type Params struct {
	Hidden        int     `json:"hidden" doc:"units of the hidden layer of the predictor of quality; 0 for a linear one" min:"0" max:"4096"`
	UsageHidden   int     `json:"usage_hidden" doc:"units of the hidden layer of the predictor of cost, energy and latency; 0 for a linear one" min:"0" max:"4096"`
	Members       int     `json:"members" doc:"networks in the ensemble; the training prompts are dealt into as many folds, and each network stops by the one that it does not train on" min:"2" max:"32"`
	LearningRate  float64 `json:"learning_rate" doc:"of AdamW at the start; falls to zero along a half cosine" min:"0.0000001" max:"1"`
	WeightDecay   float64 `json:"weight_decay" doc:"of AdamW" min:"0" max:"10"`
	Batch         int     `json:"batch" doc:"prompts in one step" min:"1" max:"65536"`
	Epochs        int     `json:"epochs" doc:"passes over the training prompts at most" min:"1" max:"10000"`
	Patience      int     `json:"patience" doc:"passes without a better held-out loss before training ends" min:"1" max:"10000"`
	Neighbours    int     `json:"neighbours" doc:"nearest prompts whose mean outcome is blended in; 0 for none" min:"0" max:"100000"`
	TimeAware     bool    `json:"time_aware" doc:"weigh the grid of the hour in which a prompt arrives; if not, each model's mean grid over the training prompts"`
	BudgetUSD     float64 `json:"budget_usd" doc:"mean USD a prompt to keep to, on top of the preference; 0 for no budget" min:"0" max:"1000000"`
	BudgetCarbonG float64 `json:"budget_carbon_g" doc:"mean gCO2e a prompt to keep to, on top of the preference; 0 for no budget" min:"0" max:"1000000000"`
	Step          float64 `json:"budget_step" doc:"how fast the prices of the budgets follow the spend that is observed" min:"0.000001" max:"1"`
}

// Defaults of the parameters.
var Defaults = Params{
	Hidden: 64, UsageHidden: 32, Members: 4, LearningRate: 0.001, WeightDecay: 1, Batch: 128, Epochs: 20, Patience: 5,
	Neighbours: 200, TimeAware: true, Step: 0.03,
}

// Definition is the policy as the program offers it.
func Definition() policy.Definition {
	return definition("carbon", "predicts quality, cost and energy of each model, and weighs the energy by its grid at the hour of the prompt", false)
}

// BudgetDefinition is the policy that is shown what it spent, and holds its budgets over the stream.
func BudgetDefinition() policy.Definition {
	return definition("carbon-budget", "the carbon policy with budgets of USD and gCO2e that it keeps over a stream, by a primal-dual controller", true)
}

func definition(name, summary string, online bool) policy.Definition {
	return params.Define(policy.Description{
		Name: name, Version: "2", Summary: summary,
		Preference: policy.PreferenceInput,
		Needs:      []policy.Need{policy.NeedVector, policy.NeedText, policy.NeedGrid},
		Stochastic: true, Learns: true, Saves: true, Online: online,
	}, Defaults, func(p Params, s policy.Setup) (policy.Policy, error) {
		if err := compute.Check(s.Backend); err != nil {
			return nil, err
		}
		r := &router{params: p, setup: s}
		r.Kind, r.Check = "carbon/1", func(loaded *state) error {
			_, first := r.bases()
			return loaded.check(len(first), len(s.Models))
		}
		if online {
			return &online1{r}, nil
		}
		return r, nil
	})
}
