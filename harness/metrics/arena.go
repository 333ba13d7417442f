package metrics

import (
	"math"

	"github.com/trilemma-bench/trilemma/harness/pareto"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Bounds and weight of RouterArena's score (llm_evaluation/run.py, compute_arena_score).
const (
	arenaBeta         = 0.1
	arenaDearestUSD   = 200    // per 1,000 prompts
	arenaCheapestUSD  = 0.0044 // per 1,000 prompts
	promptsOfArenaUSD = 1000
)

// ArenaScore is RouterArena's score of a router of mean quality A at mean cost c a prompt:
//
//	((1+β)·A·C)/(β·A+C), C = (log2 200 − log2 c′)/(log2 200 − log2 0.0044), β = 0.1
//
// with c′ the cost of 1,000 prompts in USD, clamped to [0.0044, 200]: a free router counts as the cheapest, where
// RouterArena's code fails. 0 where both A and C are.
func ArenaScore(quality, costUSD float64) (float64, pareto.Reason) {
	if !pareto.Finite(quality) || !pareto.Finite(costUSD) {
		return math.NaN(), pareto.NoPoints
	}
	c := min(max(costUSD*promptsOfArenaUSD, arenaCheapestUSD), arenaDearestUSD)
	cheap := (math.Log2(arenaDearestUSD) - math.Log2(c)) / (math.Log2(arenaDearestUSD) - math.Log2(arenaCheapestUSD))
	if quality == 0 || cheap == 0 {
		return 0, ""
	}
	return (1 + arenaBeta) * quality * cheap / (arenaBeta*quality + cheap), ""
}

// RightScore is the score from which an answer counts as right: partly right answers are not.
const RightScore = 1

// Optimality compares choices with the cheapest right answer (RouterArena, compute_optimality_from_predictions), over the
// prompts that some model answers right.
type Optimality struct {
	Prompts   int // that some model answers right
	Selected  int // of them, those on which the cheapest right model was chosen
	Selection float64
	Cost      float64 // what the cheapest right answers cost ÷ what was paid, over prompts that were answered right
	Accuracy  float64 // the choices' score ÷ the oracle's
}

// Optimality of one choice a prompt. A choice of −1, none, is not right and scores nothing. No value where no model
// answers any prompt right; Cost is NaN where nothing was answered right, and 1 where that cost nothing.
func (o *Outcomes) Optimality(choice []int32) (Optimality, pareto.Reason) {
	return optimality(o.Models, o.Figures[policy.Quality], o.Figures[policy.Cost], choice)
}

func optimality[F float32 | float64](models int, score, cost []F, choice []int32) (Optimality, pareto.Reason) {
	var r Optimality
	var optimal, paid, own, best float64
	for p, c := range choice {
		row := p * models
		at := -1
		for m := range models {
			if score[row+m] >= RightScore && (at < 0 || cost[row+m] < cost[row+at]) {
				at = m
			}
		}
		if at < 0 {
			continue
		}
		r.Prompts++
		best++
		if int(c) == at {
			r.Selected++
		}
		if c >= 0 && score[row+int(c)] >= RightScore {
			own++
			optimal += float64(cost[row+at])
			paid += float64(cost[row+int(c)])
		}
	}
	if r.Prompts == 0 {
		return Optimality{Selection: math.NaN(), Cost: math.NaN(), Accuracy: math.NaN()}, "no model answers any prompt right"
	}
	r.Selection = float64(r.Selected) / float64(r.Prompts)
	r.Accuracy = own / best
	switch {
	case own == 0:
		r.Cost = math.NaN()
	case paid == 0:
		r.Cost = 1
	default:
		r.Cost = optimal / paid
	}
	return r, ""
}

// Robustness is RouterArena's: 1 − the share of prompts whose choice differs under a perturbation of the prompt. A constant
// policy scores 1, so it is shown beside quality.
func Robustness(choice, perturbed []int32) (float64, pareto.Reason) {
	if len(choice) == 0 || len(choice) != len(perturbed) {
		return math.NaN(), "no pairs of choices"
	}
	same := 0
	for i, c := range choice {
		if c == perturbed[i] {
			same++
		}
	}
	return float64(same) / float64(len(choice)), ""
}
