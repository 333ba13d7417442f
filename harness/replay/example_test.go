package replay_test

import (
	"fmt"

	"github.com/trilemma-bench/trilemma/harness/billing"
	"github.com/trilemma-bench/trilemma/harness/replay"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Two models answered two prompts. A policy that sends the first to the cheap model and the second to the dear one is
// charged with what was logged of those answers, and the oracle shows that it could not have done better.
func Example() {
	table := &billing.Table{Prompts: 2, Models: 2, Outcomes: make([]billing.Outcome, 4)}
	for i, outcome := range []struct{ quality, cost float32 }{{1, 0.25}, {1, 1}, {0, 0.25}, {1, 1}} {
		table.Outcomes[i].Set(policy.Quality, outcome.quality)
		table.Outcomes[i].Set(policy.Cost, outcome.cost)
	}
	view, prompts := replay.Of(table, []int{0, 1}), []int{0, 1}

	decisions := policy.NewDecisions(2)
	decisions.AppendOne(policy.Select, 0)
	decisions.AppendOne(policy.Select, 1)
	mean, err := replay.Replay(view, prompts, &replay.Decisions{Final: decisions}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("quality", mean.Figures[policy.Quality], "USD", mean.Figures[policy.Cost])
	fmt.Println("oracle", replay.Oracle(view, prompts, policy.Preference{policy.Cost: 0.1}))
	// Output:
	// quality 1 USD 0.625
	// oracle [0 1]
}
