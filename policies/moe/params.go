package moe

import (
	"errors"

	"github.com/trilemma-bench/trilemma/policies/compute"
	"github.com/trilemma-bench/trilemma/policies/params"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Params of the policy.
type Params struct {
	K            int     `json:"k" doc:"experts that may answer one prompt; their answers are combined by weight" min:"1" max:"64"`
	Adaptive     bool    `json:"adaptive" doc:"ask fewer than k where the next experts' expected gain is below their price"`
	Conditioning string  `json:"conditioning" doc:"input: one gate that takes the preference as input and is trained on preferences drawn from the sweep; none: one gate trained for quality alone, prices only subtracted; each: a gate of its own for every preference of the sweep" enum:"input,none,each"`
	Experts      string  `json:"experts" doc:"learned: an expert is a row of weights of its own; features: its row is predicted from its public facts, and what is learned of it is a correction" enum:"learned,features"`
	Unseen       string  `json:"unseen" doc:"ids, joined by commas, of models that join after training: they are fitted on the probe prompts alone, with the rest of the gate frozen"`
	Probe        int     `json:"probe" doc:"training prompts on which an unseen model was tried: 0 none; a number beyond the prompts is all of them" min:"0" max:"100000000"`
	Depth        int     `json:"depth" doc:"hidden layers of the gate" min:"1" max:"8"`
	Width        int     `json:"width" doc:"units of a hidden layer" min:"1" max:"4096"`
	Norm         string  `json:"norm" doc:"normalisation of the hidden layers" enum:"none,layer"`
	Dropout      float64 `json:"dropout" doc:"share of hidden units dropped in a training step" min:"0" max:"0.95"`
	Members      int     `json:"members" doc:"gates in the ensemble; the training prompts are dealt into as many folds, and each gate stops by the one that it does not train on" min:"1" max:"32"`
	Temperature  float64 `json:"temperature" doc:"of the softmax over utilities at the start, in score; learned from there on" min:"0.001" max:"100"`
	Noise        float64 `json:"noise" doc:"size of the noise on the gates during training, times its learned spread; 0 for none" min:"0" max:"100"`
	Neighbours   int     `json:"neighbours" doc:"nearest prompts whose mean scores the gate sees; 0 for none" min:"0" max:"100000"`
	Shape        bool    `json:"text_features" doc:"add features of the prompt's text: length, share of digits, lines and such"`
	CostHidden   int     `json:"cost_hidden" doc:"units of the hidden layer of the predictor of cost, carbon and latency; 0 for a linear one" min:"0" max:"4096"`

	Task       float64 `json:"task_weight" doc:"weight of the expected task loss; with k above 1 only where there are no answers to vote on" min:"0" max:"1000"`
	Vote       float64 `json:"vote_weight" doc:"weight of the cross-entropy of the weighted vote" min:"0" max:"1000"`
	Score      float64 `json:"score_weight" doc:"weight of forecasting every model's score" min:"0" max:"1000"`
	Category   float64 `json:"category_weight" doc:"weight of learning the category of the training prompts; 0 leaves categories out" min:"0" max:"1000"`
	Entropy    float64 `json:"entropy_weight" doc:"weight of the gate's entropy: sparsity" min:"0" max:"1000"`
	L1         float64 `json:"l1_weight" doc:"weight of the L1 norm of the unnormalised gates: sparsity" min:"0" max:"1000"`
	Importance float64 `json:"importance_weight" doc:"weight of the importance loss: balance" min:"0" max:"1000"`
	Load       float64 `json:"load_weight" doc:"weight of the load loss: balance; needs noise" min:"0" max:"1000"`
	Switch     float64 `json:"switch_weight" doc:"weight of Switch's auxiliary loss: balance" min:"0" max:"1000"`
	Cost       float64 `json:"cost_weight" doc:"weight of the expected cost under the preference, and of every quantity without a weight of its own" min:"0" max:"1000"`
	Carbon     float64 `json:"carbon_weight" doc:"weight of the expected carbon under the preference" min:"0" max:"1000"`
	Latency    float64 `json:"latency_weight" doc:"weight of the expected latency under the preference" min:"0" max:"1000"`

	LearningRate float64 `json:"learning_rate" doc:"of AdamW at the start" min:"0.0000001" max:"1"`
	Schedule     string  `json:"schedule" doc:"how the rate falls over the epochs" enum:"cosine,linear,constant"`
	Warmup       int     `json:"warmup" doc:"epochs over which the rate climbs first" min:"0" max:"10000"`
	WeightDecay  float64 `json:"weight_decay" doc:"of AdamW; no weight of standardised inputs grows far beyond its inverse" min:"0" max:"10"`
	ClipNorm     float64 `json:"clip_norm" doc:"bound of one gate's gradient norm; 0 for none" min:"0" max:"1000000"`
	Batch        int     `json:"batch" doc:"prompts in one step" min:"1" max:"65536"`
	Epochs       int     `json:"epochs" doc:"passes over the training prompts at most" min:"1" max:"10000"`
	Patience     int     `json:"patience" doc:"passes without a better held-out loss before training ends" min:"1" max:"10000"`
}

// Defaults of the parameters.
var Defaults = Params{
	K: 5, Adaptive: true, Conditioning: "input", Experts: "learned", Depth: 1, Width: 64, Norm: "none", Members: 5,
	Temperature: 0.1, Noise: 0.3, Neighbours: 0, Shape: true, CostHidden: 32,
	Task: 0.1, Vote: 0.1, Score: 1, Category: 0.1, Cost: 0.1, Carbon: 0.1, Latency: 0.1,
	LearningRate: 0.001, Schedule: "cosine", WeightDecay: 1, ClipNorm: 1, Batch: 128, Epochs: 20, Patience: 5,
}

// priceWeight is the weight of the loss of what is spent of a quantity.
func (p *Params) priceWeight(q policy.Quantity) float64 {
	switch q {
	case policy.Carbon:
		return p.Carbon
	case policy.Latency:
		return p.Latency
	}
	return p.Cost
}

// Definition is the policy as the program offers it.
func Definition() policy.Definition {
	return params.Define(policy.Description{
		Name:       "moe",
		Version:    "2",
		Summary:    "a trained gate spreads the prompt over models; the top k answer and are combined by weight",
		Source:     "after Shazeer et al., arXiv 1701.06538",
		Preference: policy.PreferenceInput,
		Needs:      []policy.Need{policy.NeedVector, policy.NeedText, policy.NeedCategory, policy.NeedAnswer},
		Stochastic: true,
		Learns:     true,
		Saves:      true,
		Combines:   true,
	}, Defaults, func(p Params, s policy.Setup) (policy.Policy, error) {
		if err := compute.Check(s.Backend); err != nil {
			return nil, err
		}
		if p.Load > 0 && p.Noise == 0 {
			return nil, errors.New(`parameter "load_weight": the load is smooth only under noise: set noise above 0, or balance by importance_weight or switch_weight`)
		}
		r := &router{params: p, setup: s}
		var err error
		if r.unseen, err = unseenModels(s.Models, p.Unseen); err != nil {
			return nil, err
		}
		return r, nil
	})
}
