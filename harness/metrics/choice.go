package metrics

import (
	"math"

	"github.com/trilemma-bench/trilemma/harness/pareto"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Outcomes are what every model of a pool did with n prompts: [n × Models] row-major, all present.
type Outcomes struct {
	Models  int
	Figures policy.Matrix // quality, cost and carbon; that nil, or NaN where unknown
}

// Len is the number of prompts.
func (o *Outcomes) Len() int { return len(o.Figures[policy.Quality]) / max(o.Models, 1) }

// Dearest tells of each model whether its mean cost is the highest; more than one's may be.
func (o *Outcomes) Dearest() []bool {
	sums := make([]float64, o.Models)
	for i, c := range o.Figures[policy.Cost] {
		sums[i%o.Models] += float64(c)
	}
	dearest := make([]bool, o.Models)
	for m, s := range sums {
		dearest[m] = true
		for _, other := range sums {
			if other > s {
				dearest[m] = false
			}
		}
	}
	return dearest
}

// Oracle is the highest score of each prompt, then the lowest cost, then the lowest carbon; where no model scores, the
// cheapest, which is paid.
func (o *Outcomes) Oracle() []int32 {
	choice := make([]int32, o.Len())
	for p := range choice {
		row := p * o.Models
		best := 0
		for m := 1; m < o.Models; m++ {
			if o.better(row+m, row+best) {
				best = m
			}
		}
		choice[p] = int32(best)
	}
	return choice
}

func (o *Outcomes) better(a, b int) bool {
	switch {
	case o.Figures[policy.Quality][a] != o.Figures[policy.Quality][b]:
		return o.Figures[policy.Quality][a] > o.Figures[policy.Quality][b]
	case o.Figures[policy.Cost][a] != o.Figures[policy.Cost][b]:
		return o.Figures[policy.Cost][a] < o.Figures[policy.Cost][b]
	}
	return o.Figures[policy.Carbon] != nil && o.Figures[policy.Carbon][a] < o.Figures[policy.Carbon][b]
}

// Unanswered tells of each prompt whether no model scores anything on it. RouterBench's oracle pays nothing there; ours
// pays the cheapest model. It is offered to compare with RouterBench's numbers.
func (o *Outcomes) Unanswered() []bool {
	out := make([]bool, o.Len())
	for p := range out {
		out[p] = true
		for _, s := range o.Figures[policy.Quality][p*o.Models : (p+1)*o.Models] {
			if s > 0 {
				out[p] = false
			}
		}
	}
	return out
}

// Sound tells of each choice whether ORBIT counts it as sound (methods/base.py, cal_rci): the chosen model is among the
// best and not the dearest by mean cost, or only the dearest is best and was chosen. Where several models are the dearest
// they count as one. −1 is no choice, and not sound.
func (o *Outcomes) Sound(choice []int32) []float32 {
	dearest := o.Dearest()
	sound := make([]float32, len(choice))
	for p, c := range choice {
		if c < 0 {
			continue
		}
		row := o.Figures[policy.Quality][p*o.Models : (p+1)*o.Models]
		best := row[c]
		for _, s := range row {
			best = max(best, s)
		}
		cheaperIsBest := false
		for m, s := range row {
			if s == best && !dearest[m] {
				cheaperIsBest = true
			}
		}
		if row[c] == best && (!dearest[c] || !cheaperIsBest) {
			sound[p] = 1
		}
	}
	return sound
}

// RCI is ORBIT's routing collapse index of one choice a prompt, at the largest budget: 1 − the share of sound choices.
// Lower is better.
func (o *Outcomes) RCI(choice []int32) (float64, pareto.Reason) {
	if len(choice) == 0 {
		return math.NaN(), NoChoice
	}
	var sum float64
	for _, s := range o.Sound(choice) {
		sum += float64(s)
	}
	return 1 - sum/float64(len(choice)), ""
}

// NoChoice is the reason where a decision is not the choice of one model.
const NoChoice pareto.Reason = "not every decision is the choice of one model"
