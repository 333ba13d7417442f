package env_test

import (
	"fmt"

	"github.com/trilemma-bench/trilemma/policies/env"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// An agent asks a cheap model, that is wrong, then a dear one, that is right, and stops with the last answer.
func Example() {
	split := &policy.Split{
		Prompts:   policy.Prompts{ID: []string{"p1"}},
		Reference: []string{"A"},
		Outcomes:  policy.Outcomes{Models: 2, Present: []bool{true, true}, Answer: []string{"B", "A"}},
	}
	split.Outcomes.Figures[policy.Quality] = []float32{0, 1}
	split.Outcomes.Figures[policy.Cost] = []float32{1, 2} // USD
	world, err := env.NewWorld(split, []float32{1, 1}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	e, err := env.New(world, env.Config{Slots: 1, Sequential: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	e.Reset(0, 0, policy.Preference{policy.Cost: 0.125}) // slot 0, prompt 0
	const stop = 2                                       // after the two models
	reward, done := make([]float32, 1), make([]bool, 1)
	for _, action := range []int32{0, 1, stop} {
		e.Step([]int32{action}, reward, done)
		fmt.Println(action, reward[0], done[0])
	}
	// Output:
	// 0 -0.125 false
	// 1 -0.25 false
	// 2 1 true
}
