package forecast

import (
	"math"

	"github.com/trilemma-bench/trilemma/policies/checkpoint"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// blendSteps is the resolution of the weights of a blend: twentieths. A finer grid would fit the noise of the few
// thousand prompts that it is chosen on.
const blendSteps = 20

// Blend chooses non-negative weights, adding up to one, of several expectations for the prompts of a split so that the
// [RoutingError] of their weighted mean score is least (stacking: Breiman, Machine Learning 24, 1996). Each expectation
// must be an honest one, made without the outcomes that it is compared with. Equals go to the earlier expectations, and
// where nothing can be compared the first takes all.
func Blend(parts []*Expected, o *policy.Outcomes) []float64 {
	gram, target := differences(parts, o)
	weights, best, least := make([]int, len(parts)), make([]float64, len(parts)), math.Inf(1)
	best[0] = 1
	var try func(part, left int)
	try = func(part, left int) {
		if part == len(parts)-1 {
			weights[part] = left
			e := 0.0
			for j, wj := range weights {
				e -= 2 * float64(wj) / blendSteps * target[j]
				for k, wk := range weights {
					e += float64(wj*wk) / (blendSteps * blendSteps) * gram[j][k]
				}
			}
			if e < least {
				least = e
				for j, w := range weights {
					best[j] = float64(w) / blendSteps
				}
			}
			return
		}
		for w := left; w >= 0; w-- {
			weights[part] = w
			try(part+1, left-w)
		}
	}
	try(0, blendSteps)
	return best
}

// differences returns the inner products of the expectations' differences from the row mean, with each other and with
// what happened: all that the squared error of a weighted mean depends on.
func differences(parts []*Expected, o *policy.Outcomes) (gram [][]float64, target []float64) {
	k := len(parts)
	gram, target = make([][]float64, k), make([]float64, k)
	for j := range gram {
		gram[j] = make([]float64, k)
	}
	row := make([]float64, (k+1)*o.Models)
	for i := range len(o.Present) / max(o.Models, 1) {
		answered := 0
		for m := range o.Models {
			if !o.Present[i*o.Models+m] || math.IsNaN(float64(parts[0].Row(policy.Quality, i)[m])) {
				continue
			}
			for j, p := range parts {
				row[answered*(k+1)+j] = float64(p.Row(policy.Quality, i)[m])
			}
			row[answered*(k+1)+k] = float64(o.Figures[policy.Quality][i*o.Models+m])
			answered++
		}
		if answered < 2 {
			continue
		}
		for j := range k + 1 {
			mean := 0.0
			for a := range answered {
				mean += row[a*(k+1)+j] / float64(answered)
			}
			for a := range answered {
				row[a*(k+1)+j] -= mean
			}
		}
		for a := range answered {
			d := row[a*(k+1) : (a+1)*(k+1)]
			for j := range k {
				target[j] += d[j] * d[k]
				for l := range k {
					gram[j][l] += d[j] * d[l]
				}
			}
		}
	}
	return gram, target
}

// Mix is the weighted mean score of several expectations; the other quantities are those of the first.
func Mix(parts []*Expected, weights []float64) *Expected {
	mixed := &Expected{Models: parts[0].Models, Value: parts[0].Value}
	mixed.Value[policy.Quality] = make(checkpoint.F32s, len(parts[0].Value[policy.Quality]))
	for i := range mixed.Value[policy.Quality] {
		sum := 0.0
		for j, p := range parts {
			if weights[j] > 0 {
				sum += weights[j] * float64(p.Value[policy.Quality][i])
			}
		}
		mixed.Value[policy.Quality][i] = float32(sum)
	}
	return mixed
}
