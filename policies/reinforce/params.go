package reinforce

import (
	"github.com/trilemma-bench/trilemma/policies/agent"
	"github.com/trilemma-bench/trilemma/policies/env"
	"github.com/trilemma-bench/trilemma/policies/params"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Params of the policy.
type Params struct {
	Mode        string  `json:"mode" doc:"one-shot: pick a model for the prompt; sequential: ask models one after another, look at each answer, and stop" enum:"one-shot,sequential"`
	MaxAsks     int     `json:"max_asks" doc:"models that a sequential agent may ask for one prompt" min:"1" max:"64"`
	WarmStart   string  `json:"warm_start" doc:"predict: start as the supervised router of that name; moe: start from what the gate of that policy forecasts; none: start from the pool's means" enum:"predict,moe,none"`
	Feedback    string  `json:"feedback" doc:"full: labels of all models may be learned from beside the reward; bandit: only outcomes of chosen models, as in a live system: those that a log chose where it tells propensities, else of models drawn evenly" enum:"full,bandit"`
	Temperature float64 `json:"temperature" doc:"difference in expected utility, in score, that makes an action e times as probable before training" min:"0.0001" max:"100"`
	Vector      bool    `json:"use_vector" doc:"the network sees the prompt's vector itself, beside what a predictor makes of it"`
	Responses   bool    `json:"use_responses" doc:"a sequential agent sees how responses look (length, hedging, digits, equations, no answer) and how far they bear out what they claim"`
	Conditioned bool    `json:"conditioned" doc:"one agent that is told the preference serves the whole sweep; false: an agent for every preference of the sweep, each with its own steps"`
	Hidden      int     `json:"hidden" doc:"units of each of the trunk's two layers" min:"1" max:"4096"`
	Scorer      int     `json:"scorer" doc:"units that weigh what is known of each action, the same for all actions" min:"1" max:"4096"`
	Steps       int     `json:"steps" doc:"environment steps at most; 0 leaves the agent as it starts, without learning from reward" min:"0" max:"1000000000"`
	Passes      int     `json:"passes" doc:"steps at most for each training prompt: few prompts teach no more by being played for ever" min:"1" max:"1000000"`
	Slots       int     `json:"slots" doc:"episodes that are played side by side" min:"1" max:"65536"`
	Horizon     int     `json:"horizon" doc:"steps of each slot between two updates" min:"1" max:"65536"`
	Checks      int     `json:"checks" doc:"times that the agent is played on validation prompts, the best is kept; 0 keeps the last" min:"0" max:"10000"`

	Baseline        string  `json:"baseline" doc:"learned: the value network; leave-one-out: the mean return of the rollout's other episodes; none" enum:"learned,leave-one-out,none"`
	Minibatches     int     `json:"minibatches" doc:"steps that a rollout is dealt into, each row used once; all of them in one call of the backend" min:"1" max:"256"`
	NormaliseReturn bool    `json:"normalise_return" doc:"divide what is left after the baseline by its spread in the rollout"`
	Entropy         float64 `json:"entropy" doc:"weight of the entropy bonus" min:"0" max:"100"`
	ValueWeight     float64 `json:"value_weight" doc:"weight of the learned baseline's loss" min:"0" max:"100"`
	ClipNorm        float64 `json:"clip_norm" doc:"bound of the gradient's norm; 0 for none" min:"0" max:"1000"`
	LearningRate    float64 `json:"learning_rate" doc:"of Adam at the start" min:"0.0000001" max:"1"`
	Anneal          bool    `json:"anneal" doc:"let the learning rate fall to zero along a line"`

	Scalarisation  string  `json:"scalarisation" doc:"linear: score − Σ λ·figure; chebyshev: 1 − max(1 − score, λ·figure)" enum:"linear,chebyshev"`
	RiskLevel      float64 `json:"risk_level" doc:"α of CVaR: the worst share of episodes" min:"0.001" max:"1"`
	RiskWeight     float64 `json:"risk_weight" doc:"share of CVaR in the objective; 0 for the mean alone" min:"0" max:"1"`
	BudgetCost     float64 `json:"budget_cost_usd" doc:"bound of the mean USD a prompt, held by a learned price; 0 for none" min:"0"`
	BudgetCarbon   float64 `json:"budget_carbon_g" doc:"bound of the mean gCO2e a prompt; 0 for none" min:"0"`
	BudgetLatency  float64 `json:"budget_latency_s" doc:"bound of the mean seconds a prompt; 0 for none" min:"0"`
	MultiplierRate float64 `json:"multiplier_rate" doc:"score that the price of a whole budget changes by after one update at twice the budget" min:"0" max:"100"`
}

// Defaults of the parameters.
var Defaults = Params{
	Mode: "one-shot", MaxAsks: 4, WarmStart: "predict", Feedback: "full", Temperature: 0.02, Responses: true, Conditioned: true,
	Hidden: 64, Scorer: 32, Steps: 200_000, Passes: 40, Slots: 128, Horizon: 32, Checks: 12,
	Baseline: "learned", Minibatches: 4, NormaliseReturn: true,
	Entropy: 0.003, ValueWeight: 0.5, ClipNorm: 0.5, LearningRate: 0.001, Anneal: true,
	Scalarisation: "linear", RiskLevel: 0.1, MultiplierRate: 0.02,
}

// Definition is the policy as the program offers it.
func Definition() policy.Definition {
	return params.Define(policy.Description{
		Name:       "reinforce",
		Version:    "7",
		Summary:    "policy gradient with a baseline: learns from the reward of the models that it tries",
		Source:     "Williams, Machine Learning 8, 1992",
		Preference: policy.PreferenceInput,
		Needs:      []policy.Need{policy.NeedVector, policy.NeedText, policy.NeedCategory, policy.NeedAnswer, policy.NeedResponse},
		Stochastic: true,
		Learns:     true,
		Saves:      true,
		Combines:   true,
		Sequential: true,
		Untrained:  agent.Untrained(Defaults),
	}, Defaults, func(p Params, s policy.Setup) (policy.Policy, error) {
		return agent.New(p.config(s), p.start)
	})
}

// config is the part of the parameters that is not the algorithm's.
func (p *Params) config(s policy.Setup) agent.Config {
	c := agent.Config{
		Name: "reinforce", Kind: "reinforce/5", Setup: s, Sequential: p.Mode == "sequential", MaxAsks: p.MaxAsks, Warm: agent.Warm(p.WarmStart),
		Bandit: p.Feedback == "bandit", Separate: !p.Conditioned, Temperature: p.Temperature, Vector: p.Vector, Responses: p.Responses, Hidden: p.Hidden,
		Scorer: p.Scorer, Steps: p.Steps, Passes: p.Passes, Slots: p.Slots, Horizon: p.Horizon, Checks: p.Checks,
		RiskLevel: p.RiskLevel, RiskWeight: p.RiskWeight, Budget: policy.Figures{policy.Cost: p.BudgetCost, policy.Carbon: p.BudgetCarbon, policy.Latency: p.BudgetLatency}, MultiplierRate: p.MultiplierRate,
	}
	if p.Scalarisation == "chebyshev" {
		c.Scalarisation = env.Chebyshev
	}
	return c
}
