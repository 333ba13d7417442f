package policy_test

import (
	"context"
	"fmt"

	"github.com/trilemma-bench/trilemma/policies/policy"
)

// shortest sends short prompts to the first model, the others to the second.
type shortest struct{ limit int }

func (s shortest) Route(_ context.Context, b *policy.Batch) (*policy.Decisions, error) {
	d := policy.NewDecisions(b.Rows())
	for row := range b.Rows() {
		model := 0
		if len(b.Prompts.Text[b.Prompt[row]]) > s.limit {
			model = 1
		}
		d.AppendOne(policy.Select, model)
	}
	return d, nil
}

// A batch crosses prompts with preferences; a policy answers each row with a distribution over models.
func Example() {
	prompts := policy.Prompts{ID: []string{"p1", "p2"}, Text: []string{"2+2?", "Prove that there are infinitely many primes."}}
	batch := &policy.Batch{
		Prompts: &prompts, Preferences: []policy.Preference{{}},
		Prompt: []int32{0, 1}, Preference: []int32{0, 0},
	}
	decisions, err := shortest{limit: 20}.Route(context.Background(), batch)
	if err != nil {
		fmt.Println(err)
		return
	}
	for row := range batch.Rows() {
		_, models, weights := decisions.Row(row)
		fmt.Println(prompts.ID[batch.Prompt[row]], models, weights)
	}
	// Output:
	// p1 [0] [1]
	// p2 [1] [1]
}

// A preference says how much quality a unit of each quantity is worth: here 100 points of quality a dollar.
func ExamplePreference_Utility() {
	answer := policy.Figures{policy.Quality: 0.9, policy.Cost: 0.002}
	dear := policy.Preference{policy.Cost: 100}
	fmt.Printf("%.2f\n", dear.Utility(answer))
	// Output: 0.70
}
