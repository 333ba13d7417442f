package agent

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/trilemma-bench/trilemma/policies/compute"
	"github.com/trilemma-bench/trilemma/policies/env"
	"github.com/trilemma-bench/trilemma/policies/nn/actor"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Warm is what an agent starts from.
type Warm string

// The starts.
const (
	Cold        Warm = "none"    // the pool's means
	WarmPredict Warm = "predict" // the supervised router of that name
	WarmGate    Warm = "moe"     // what the gate of that policy forecasts
)

// Config says how an agent sees, plays and is trained; the parameters of its algorithm are the algorithm's own.
type Config struct {
	Name  string // of the policy
	Kind  string // of its checkpoints
	Setup policy.Setup

	Sequential  bool
	MaxAsks     int
	Warm        Warm
	Temperature float64 // of the base logits, in score
	Vector      bool    // the actor sees the prompt's vector itself
	Responses   bool    // it sees how responses look
	Bandit      bool    // only outcomes of models that it chose, or that a log did, are ever looked at
	Separate    bool    // an agent for every preference of the sweep, in place of one that is told the preference

	Hidden, Scorer int

	Steps   int // environment steps at most; 0 leaves the start as it is
	Passes  int // steps at most for each training prompt
	Slots   int
	Horizon int // steps of every slot between two updates
	Checks  int // how often the agent is validated

	Scalarisation  env.Scalarisation
	RiskLevel      float64        // α of CVaR
	RiskWeight     float64        // its share in the objective; 0 for none
	Budget         policy.Figures // bounds of the mean a prompt; 0 for none
	MultiplierRate float64
}

// Algorithm changes an actor by what it played.
type Algorithm interface {
	// Update learns from a rollout; left is the part of the training that is still to come, from 1 to 0.
	Update(ctx context.Context, r *Rollout, left float64) ([]policy.Metric, error)
	// Read copies the weights into the actor.
	Read(*actor.Actor) error
	// State is all that is remembered from one update to the next, and Restore goes on from it.
	State() (StepperState, error)
	Restore(StepperState) error
	Close()
}

// Start makes the algorithm for an actor that it is going to train.
type Start func(c *Config, a *actor.Actor) (Algorithm, error)

func (c *Config) check() error {
	if len(c.Setup.Models) > env.MaxModels {
		return fmt.Errorf("%s: the pool has %d models, at most %d: choose a smaller pool", c.Name, len(c.Setup.Models), env.MaxModels)
	}
	if c.Bandit && c.Warm != Cold {
		return fmt.Errorf("%s: feedback \"bandit\" cannot start from what was learned from every model's score: set warm_start to \"none\"", c.Name)
	}
	if c.Bandit && c.Sequential {
		return fmt.Errorf("%s: feedback \"bandit\" is for mode \"one-shot\": the posterior of a sequential agent learns from labels", c.Name)
	}
	return compute.Check(c.Setup.Backend)
}

// startParams are the parameters that shape what an agent starts from; the others say how it learns from reward.
var startParams = []string{
	"mode", "max_asks", "warm_start", "feedback", "temperature", "use_vector", "use_responses", "conditioned", "hidden", "scorer",
}

// Untrained are the parameters of an agent's start without a step of reward, to be put over others: agents that differ only
// in how they learn share it. defaults are those of the policy.
func Untrained(defaults any) json.RawMessage {
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
	if c.Warm != Cold || c.Vector {
		needs = append(needs, policy.NeedVector)
	}
	if c.Warm != Cold {
		needs = append(needs, policy.NeedText)
	}
	return needs
}
