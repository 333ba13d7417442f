package predict

import (
	"github.com/trilemma-bench/trilemma/policies/compute"
	"github.com/trilemma-bench/trilemma/policies/params"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Params of the policy.
type Params struct {
	Model        string  `json:"model" doc:"form of the predictor of quality: one hidden layer, or none" enum:"mlp,linear"`
	Hidden       int     `json:"hidden" doc:"units of the hidden layer of the mlp" min:"1" max:"4096"`
	Members      int     `json:"members" doc:"networks in the ensemble; the training prompts are dealt into as many folds, and each network stops by the one that it does not train on" min:"1" max:"32"`
	PoolFolds    bool    `json:"use_validation" doc:"deal the validation prompts into the folds too; if not, every network trains on train and stops by validation"`
	LearningRate float64 `json:"learning_rate" doc:"of AdamW at the start; falls to zero along a half cosine" min:"0.0000001" max:"1"`
	WeightDecay  float64 `json:"weight_decay" doc:"of AdamW; no weight of standardised inputs grows far beyond its inverse" min:"0" max:"10"`
	Batch        int     `json:"batch" doc:"prompts in one step" min:"1" max:"65536"`
	Epochs       int     `json:"epochs" doc:"passes over the training prompts at most" min:"1" max:"10000"`
	Patience     int     `json:"patience" doc:"passes without a better held-out loss before training ends" min:"1" max:"10000"`
	Shape        bool    `json:"text_features" doc:"add features of the prompt's text: length, share of digits, lines and such"`
	Category     float64 `json:"category_weight" doc:"weight of learning the category of the training prompts as well; 0 leaves categories out. At test time it is predicted, never looked at" min:"0" max:"100"`
	Neighbours   int     `json:"neighbours" doc:"nearest prompts whose mean outcome is blended in; 0 for none" min:"0" max:"100000"`
	CostHidden   int     `json:"cost_hidden" doc:"units of the hidden layer of the predictor of cost, carbon and latency; 0 for a linear one" min:"0" max:"4096"`
}

// Defaults of the parameters.
var Defaults = Params{
	Model: "mlp", Hidden: 64, Members: 5, PoolFolds: true,
	LearningRate: 0.001, WeightDecay: 1, Batch: 128, Epochs: 20, Patience: 5,
	Shape: true, Category: 0.3, Neighbours: 200, CostHidden: 32,
}

// Definition is the policy as the program offers it.
func Definition() policy.Definition {
	return params.Define(policy.Description{
		Name:       "predict",
		Version:    "2",
		Summary:    "predicts each model's quality and cost for the prompt, and asks the model of highest utility",
		Preference: policy.PreferenceInput,
		Needs:      []policy.Need{policy.NeedVector, policy.NeedText, policy.NeedCategory},
		Stochastic: true,
		Learns:     true,
		Saves:      true,
	}, Defaults, func(p Params, s policy.Setup) (policy.Policy, error) {
		if err := compute.Check(s.Backend); err != nil {
			return nil, err
		}
		if p.Model == "linear" {
			p.Hidden = 0
		}
		return &router{params: p, setup: s}, nil
	})
}
