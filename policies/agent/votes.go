package agent

import (
	"math"

	"github.com/trilemma-bench/trilemma/policies/env"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// votes sums up who agrees with whom.
type votes struct {
	leader               int32 // the answer that leads, 0 for none
	lead, second, total  float32
	groups               int
	probability          float32 // that the leader is right, if models err independently
	support, opposition  []float32
	supporters, dissents []float32
}

// count fills the votes of a state.
func (v *votes) count(seen *env.Seen, choices int) {
	n := len(seen.Models)
	grow := func(x []float32) []float32 {
		if cap(x) < n {
			return make([]float32, n, max(n, 8))
		}
		return x[:n]
	}
	v.support, v.opposition = grow(v.support), grow(v.opposition)
	v.supporters, v.dissents = grow(v.supporters), grow(v.dissents)
	v.leader = policy.Vote(len(seen.Answers), func(i int) int32 { return seen.Answers[i] }, seen.Weights)
	v.lead, v.second, v.total, v.groups = 0, 0, 0, 0
	sum, lead := 0.0, 0.0
	for i, a := range seen.Answers {
		var with, size, other, others float32
		first := a != 0
		for j, b := range seen.Answers {
			switch b {
			case 0:
			case a:
				with += seen.Weights[j]
				size++
				if j < i {
					first = false
				}
			default:
				others++
				var group float32
				for k, c := range seen.Answers {
					if c == b {
						group += seen.Weights[k]
					}
				}
				other = max(other, group)
			}
		}
		if a != 0 {
			v.total += seen.Weights[i]
		}
		if first {
			v.groups++
			e := math.Exp(float64(min(with, 20)))
			sum += e
			if a == v.leader {
				v.lead, lead = with, e
			} else {
				v.second = max(v.second, with)
			}
		}
		v.support[i], v.supporters[i] = 0, 0
		if a != 0 {
			v.support[i], v.supporters[i] = with-seen.Weights[i], size-1
		}
		v.opposition[i], v.dissents[i] = other, others
	}
	v.probability = 0
	if v.leader != 0 {
		v.probability = float32(lead / (sum + float64(max(choices-v.groups, 0))))
	}
}
