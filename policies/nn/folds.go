package nn

import "math/rand/v2"

// Folds deals n examples into as many folds as there are members, for [Examples.HeldOut]. A single member holds out a
// fifth. Folds of a few prompts would stop training by noise: below four prompts a member nothing is held out.
func Folds(n, members int, r *rand.Rand) []int32 {
	heldOut := make([]int32, n)
	switch {
	case members == 1 || n < 4*members:
		// One member of a fold of its own would train on nothing.
		for i := range heldOut {
			heldOut[i] = FromNobody
		}
		if members == 1 && n >= 8 {
			for i, at := range r.Perm(n) {
				if i%5 == 0 {
					heldOut[at] = 0
				}
			}
		}
	default:
		for i, at := range r.Perm(n) {
			heldOut[at] = int32(i % members)
		}
	}
	return heldOut
}
