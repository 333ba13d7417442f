package billing_test

import (
	"fmt"

	"github.com/trilemma-bench/trilemma/harness/billing"
	"github.com/trilemma-bench/trilemma/harness/trace"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// One answer of 1,000 tokens in and 500 out is charged by the model's prices.
func Example() {
	model := policy.NewModel("m")
	model.PriceInputUSDPerMTok, model.PriceOutputUSDPerMTok = 2, 8
	t := trace.NewTrace([]policy.Model{model}, trace.Prompts{ID: []string{"p"}})
	t.Outcomes.Present.Set(0)
	t.Outcomes.Logged[policy.Quality][0], t.Outcomes.InputTokens[0], t.Outcomes.OutputTokens[0] = 1, 1000, 500

	table, err := billing.NewTable(t, []int{0}, billing.DefaultAccounting())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%.4f USD, logged: %.0f %%\n", table.At(0, 0).At(policy.Cost), 100*table.Logged.Logged[policy.Cost])
	// Output: 0.0060 USD, logged: 0 %
}
