package moe

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"github.com/trilemma-bench/trilemma/policies/checkpoint"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// order lists experts by their gate's logit, the greatest first and ties by number; only the first k are in their places.
func order(logits []float64, k int) []int32 {
	list := make([]int32, 0, len(logits))
	for m, z := range logits {
		if !math.IsInf(z, -1) && !math.IsNaN(z) && z > never/2 {
			list = append(list, int32(m))
		}
	}
	slices.SortFunc(list, func(a, b int32) int {
		switch {
		case logits[a] > logits[b]:
			return -1
		case logits[a] < logits[b]:
			return 1
		}
		return int(a - b)
	})
	return list[:min(k, len(list))]
}

// voteWeights are the softmax of the experts' vote logits over those who are asked.
func voteWeights(chosen []int32, free []float64, out []float64) []float64 {
	out = out[:0]
	top, sum := math.Inf(-1), 0.0
	for _, m := range chosen {
		top = max(top, free[m])
	}
	for _, m := range chosen {
		// A weight of zero is no weight: the contract wants every expert that is paid to count.
		w := max(math.Exp(free[m]-top), 1e-6)
		out = append(out, w)
		sum += w
	}
	for i := range out {
		out[i] /= sum
	}
	return out
}

// worthFeatures is the number of figures that the value of a combination is read from.
const worthFeatures = 5

// describeSet fills out with what is known of a combination before anybody answers: one, the forecasts of the first, of the
// best and of the vote's mean expert, and the spread of the forecasts about it.
func describeSet(chosen []int32, weights, forecast []float64, out *[worthFeatures]float64) {
	best, mean, square := 0.0, 0.0, 0.0
	for i, m := range chosen {
		best = max(best, forecast[m])
		mean += weights[i] * forecast[m]
	}
	for i, m := range chosen {
		square += weights[i] * (forecast[m] - mean) * (forecast[m] - mean)
	}
	*out = [worthFeatures]float64{1, forecast[chosen[0]], best, mean, math.Sqrt(square)}
}

// worthRidge draws the coefficients of a value to those of the next smaller combination, as so many prompts would.
const worthRidge = 20

// worth learns the expected score of the first j experts together, for j = 1 … k: a ridge regression of the score that
// the vote of the first j got, on prompts that the member deciding did not train on, over preferences of the list.
// It is a row of coefficients for each j.
func (p *router) worth(g *gate, s *state, ex *examples, r *reading, list []policy.Preference) []checkpoint.F32s {
	k := min(p.params.K, count(s.seen))
	gram := make([][worthFeatures][worthFeatures]float64, k)
	target := make([][worthFeatures]float64, k)
	some := spread(list)
	models := g.Models
	free, logits, forecast, cost := make([]float64, models), make([]float64, models), make([]float64, models), make([]float64, models)
	room, buffer := g.scratch(), make([]float64, 0, k)
	var x [worthFeatures]float64
	for i := range ex.Len() {
		from, to := 0, g.Members
		if h := ex.heldOut[i]; h >= 0 {
			from, to = int(h), int(h)+1
		}
		g.votes(r, i, from, to, free)
		g.forecasts(r, i, from, to, forecast)
		for _, preference := range some {
			price(ex.expect, i, preference, cost)
			g.logits(r, i, from, to, g.layout(preference, s.MeanCost), cost, logits, room)
			drop(logits, s.seen)
			chosen := order(logits, k)
			for j := range chosen {
				part := chosen[:j+1]
				score, known := ex.combined(i, part, voteWeights(part, free, buffer))
				if !known {
					continue
				}
				describeSet(part, voteWeights(part, free, buffer), forecast, &x)
				for a := range x {
					target[j][a] += x[a] * score
					for b := range x {
						gram[j][a][b] += x[a] * x[b]
					}
				}
			}
		}
	}
	out := make([]checkpoint.F32s, k)
	prior := [worthFeatures]float64{0, 1, 0, 0, 0} // one expert alone is worth its forecast
	for j := range out {
		prior = ridge(gram[j], target[j], prior, worthRidge*float64(len(some)))
		out[j] = make(checkpoint.F32s, worthFeatures)
		for a, c := range prior {
			out[j][a] = float32(c)
		}
	}
	return out
}

// maxWorthPreferences bounds the preferences under which combinations are tried.
const maxWorthPreferences = 8

// drop takes experts out that nobody may ask.
func drop(logits []float64, may []bool) {
	for m := range logits {
		if !may[m] {
			logits[m] = math.Inf(-1)
		}
	}
}

// combined is the score of a combination on training prompt i: that of the weighted vote, or the weighted mean score where
// there is nothing to vote on. It is unknown where one of them has no outcome.
func (ex *examples) combined(i int, chosen []int32, weights []float64) (score float64, known bool) {
	models := ex.Outcomes.Models
	votes := map[int32]float64{}
	mean := 0.0
	for j, m := range chosen {
		at := i*models + int(m)
		if !ex.Outcomes.Present[at] {
			return 0, false
		}
		mean += weights[j] * float64(ex.Outcomes.Figures[policy.Quality][at])
		if a := ex.answer[at]; a >= 0 {
			votes[a] += weights[j]
		}
	}
	if len(chosen) == 1 || ex.Outcomes.Answer == nil || ex.Reference[i] == "" {
		return mean, true
	}
	for a, v := range votes {
		if a != 0 && v >= votes[0] {
			return 0, true
		}
	}
	if votes[0] > 0 {
		return 1, true
	}
	return 0, true
}

// ridge solves (G + strength·I)·c = t + strength·prior.
func ridge(gram [worthFeatures][worthFeatures]float64, target, prior [worthFeatures]float64, strength float64) [worthFeatures]float64 {
	a, b := mat.NewSymDense(worthFeatures, nil), mat.NewVecDense(worthFeatures, nil)
	for i := range worthFeatures {
		for j := i; j < worthFeatures; j++ {
			a.SetSym(i, j, gram[i][j])
		}
		a.SetSym(i, i, gram[i][i]+strength)
		b.SetVec(i, target[i]+strength*prior[i])
	}
	var factor mat.Cholesky
	var solved mat.VecDense
	if !factor.Factorize(a) || factor.SolveVecTo(&solved, b) != nil {
		return prior // scores that are not finite
	}
	return [worthFeatures]float64(solved.RawVector().Data)
}
