package agent

import (
	"encoding/json"
	"fmt"

	"github.com/trilemma-bench/trilemma/policies/compute"
	"github.com/trilemma-bench/trilemma/policies/env"
	"github.com/trilemma-bench/trilemma/policies/forecast"
	"github.com/trilemma-bench/trilemma/policies/nn/actor"
	"github.com/trilemma-bench/trilemma/policies/policy"
	"github.com/trilemma-bench/trilemma/policies/rl"
)

// Params are those of every agent: what it sees, what it starts from and how it plays.
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
}

// Objective are the parameters of what every agent is to reach.
type Objective struct {
	Scalarisation  string  `json:"scalarisation" doc:"linear: score − Σ λ·figure; chebyshev: 1 − max(1 − score, λ·figure)" enum:"linear,chebyshev"`
	RiskLevel      float64 `json:"risk_level" doc:"α of CVaR: the worst share of episodes" min:"0.001" max:"1"`
	RiskWeight     float64 `json:"risk_weight" doc:"share of CVaR in the objective; 0 for the mean alone" min:"0" max:"1"`
	BudgetCost     float64 `json:"budget_cost_usd" doc:"bound of the mean USD a prompt, held by a learned price; 0 for none" min:"0"`
	BudgetCarbon   float64 `json:"budget_carbon_g" doc:"bound of the mean gCO2e a prompt; 0 for none" min:"0"`
	BudgetLatency  float64 `json:"budget_latency_s" doc:"bound of the mean seconds a prompt; 0 for none" min:"0"`
	MultiplierRate float64 `json:"multiplier_rate" doc:"score that the price of a whole budget changes by after one update at twice the budget" min:"0" max:"100"`
}

// DefaultParams are the defaults of what agents share, in a mode.
func DefaultParams(mode string) Params {
	return Params{
		Mode: mode, MaxAsks: 4, WarmStart: "predict", Feedback: "full", Temperature: 0.02, Responses: true, Conditioned: true,
		Hidden: 64, Scorer: 32, Steps: 200_000, Passes: 40, Slots: 128, Horizon: 32, Checks: 12,
	}
}

// DefaultObjective is the mean utility.
var DefaultObjective = Objective{Scalarisation: "linear", RiskLevel: 0.1, MultiplierRate: 0.02}

// cold is the warm start that is none: the pool's means.
const cold = "none"

// Config is an agent of a policy.
type Config struct {
	Name  string // of the policy
	Kind  string // of its checkpoints
	Setup policy.Setup
	Params
	Objective
	WarmStarts map[string]func() forecast.Forecaster // by their names in the parameter warm_start
}

// Start makes the algorithm for an actor that it is going to train.
type Start func(c *Config, a *actor.Actor) (rl.Algorithm, error)

func (p *Params) sequential() bool { return p.Mode == "sequential" }

func (p *Params) bandit() bool { return p.Feedback == "bandit" }

func (o *Objective) reward() env.Scalarisation {
	if o.Scalarisation == "chebyshev" {
		return env.Chebyshev
	}
	return env.Linear
}

// budget bounds the mean a prompt; 0 for none.
func (o *Objective) budget() policy.Figures {
	return policy.Figures{policy.Cost: o.BudgetCost, policy.Carbon: o.BudgetCarbon, policy.Latency: o.BudgetLatency}
}

func (c *Config) check() error {
	if len(c.Setup.Models) > env.MaxModels {
		return fmt.Errorf("%s: the pool has %d models, at most %d: choose a smaller pool", c.Name, len(c.Setup.Models), env.MaxModels)
	}
	if c.bandit() && c.WarmStart != cold {
		return fmt.Errorf("%s: feedback \"bandit\" cannot start from what was learned from every model's score: set warm_start to \"none\"", c.Name)
	}
	if c.bandit() && c.sequential() {
		return fmt.Errorf("%s: feedback \"bandit\" is for mode \"one-shot\": the posterior of a sequential agent learns from labels", c.Name)
	}
	if c.WarmStart != cold && c.WarmStarts[c.WarmStart] == nil {
		return fmt.Errorf("%s: warm_start %q: no such forecaster was given", c.Name, c.WarmStart)
	}
	return compute.Check(c.Setup.Backend)
}

// startParams are the parameters that shape what an agent starts from; the others say how it learns from reward.
var startParams = []string{
	"mode", "max_asks", "warm_start", "feedback", "temperature", "use_vector", "use_responses", "conditioned", "hidden", "scorer",
}

// Describe adds to a name, version, summary and source what every agent has in common, whatever it learns by. defaults are the
// parameters of the policy.
func Describe(d policy.Description, defaults any) policy.Description {
	d.Preference = policy.PreferenceInput
	d.Needs = []policy.Need{policy.NeedVector, policy.NeedText, policy.NeedCategory, policy.NeedAnswer, policy.NeedResponse}
	d.Stochastic, d.Learns, d.Saves, d.Combines, d.Sequential = true, true, true, true, true
	d.Untrained = untrained(defaults)
	return d
}

// untrained are the parameters of an agent's start without a step of reward, to be put over others: agents that differ only
// in how they learn share it. defaults are those of the policy.
func untrained(defaults any) json.RawMessage {
	text, err := json.Marshal(defaults)
	all := map[string]json.RawMessage{}
	if err == nil {
		err = json.Unmarshal(text, &all)
	}
	for _, name := range startParams {
		delete(all, name)
	}
	all["steps"] = json.RawMessage("0")
	if err == nil {
		text, err = json.Marshal(all)
	}
	if err != nil {
		panic(fmt.Sprintf("agent: parameters that are no JSON: %v", err)) // they are plain structs
	}
	return text
}

// needs are the columns that the agent looks at.
func (c *Config) needs() []policy.Need {
	needs := []policy.Need{}
	if c.WarmStart != cold || c.Vector {
		needs = append(needs, policy.NeedVector)
	}
	if c.WarmStart != cold {
		needs = append(needs, policy.NeedText)
	}
	return needs
}
