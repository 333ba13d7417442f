package replay

import "github.com/trilemma-bench/trilemma/policies/policy"

// Oracle is the per-prompt best decision under a preference: for each prompt the model of the highest utility, of
// equals the cheapest, of equals the first. With all λ zero that is the highest score and then the cheapest; where no
// model scores it takes the cheapest and pays for it. A prompt that no model of the pool answered gets -1.
//
// METHODS defines the oracle so. RouterBench's own charges nothing where no model scores.
func Oracle(v *View, prompts []int, pref policy.Preference) []int32 {
	choice := make([]int32, len(prompts))
	for r, p := range prompts {
		choice[r] = v.best(p, pref)
	}
	return choice
}

func (v *View) best(prompt int, pref policy.Preference) int32 {
	best := int32(-1)
	var bestUtility float64
	var bestCost float32
	for m := range v.Pool {
		o := v.At(prompt, m)
		if !o.Present() {
			continue
		}
		u := pref.Utility(o.Central())
		if best < 0 || u > bestUtility || u == bestUtility && o.At(policy.Cost) < bestCost {
			best, bestUtility, bestCost = int32(m), u, o.At(policy.Cost)
		}
	}
	return best
}

// SingleMeans replays every model of the pool alone over the prompts. A model that answered none of them has N > 0
// and Covered == 0.
func SingleMeans(v *View, prompts []int) ([]Mean, error) {
	means := make([]Mean, len(v.Pool))
	choice := make([]int32, len(prompts))
	for m := range v.Pool {
		for r := range choice {
			choice[r] = int32(m)
		}
		var err error
		if means[m], err = Selected(v, prompts, choice, nil); err != nil {
			return nil, err
		}
	}
	return means, nil
}
