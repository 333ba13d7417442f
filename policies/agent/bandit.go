package agent

import (
	"math"
	"slices"

	"github.com/trilemma-bench/trilemma/policies/forecast"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// bandit is what feedback "bandit" leaves of a split. A prompt with propensities was routed by whoever wrote the log: its
// outcomes are kept as they were logged. Of every other prompt one model is drawn evenly, as a live system that has
// learned nothing would choose it. Each outcome that is kept weighs 1/propensity, so that what the log seldom tried counts
// as much as what it often did.
type bandit struct {
	split  *policy.Split
	kept   []bool    // [n × models]
	weight []float64 // [n × models] of a kept outcome
	logged []bool    // [n] the prompt comes from a log
	log    bool      // some prompt does
	clips  int
}

// maxWeight bounds 1/propensity: beyond it one lucky outcome would stand for hundreds of prompts. What is clipped is drawn
// towards the model's mean.
const maxWeight = 100

func newBandit(split *policy.Split, seed uint64, name string) *bandit {
	o := &split.Outcomes
	n, models := split.Len(), o.Models
	b := &bandit{split: split, kept: make([]bool, n*models), weight: make([]float64, n*models), logged: make([]bool, n)}
	draw := policy.Stream(seed, name, "bandit")
	for i := range n {
		drawn := draw.IntN(models) // of every prompt, so that a propensity more or less does not shift the others' draws
		for m := range models {
			at := i*models + m
			if !o.Present[at] || o.Propensity == nil || !(o.Propensity[at] > 0) {
				continue
			}
			b.logged[i], b.log, b.kept[at] = true, true, true
			if b.weight[at] = 1 / float64(o.Propensity[at]); b.weight[at] > maxWeight {
				b.weight[at] = maxWeight
				b.clips++
			}
		}
		if at := i*models + drawn; !b.logged[i] && o.Present[at] {
			b.kept[at], b.weight[at] = true, float64(models)
		}
	}
	return b
}

// means are the self-normalised importance-weighted means of every model (Swaminathan and Joachims, NeurIPS 2015),
//
//	Σ_i x_i/p_i / Σ_i 1/p_i  over the prompts where the model's outcome was kept,
//
// one row. A score that was never seen is NaN under a log, which never tried the model, and 1/2 where models are drawn.
func (b *bandit) means() *forecast.Expected {
	o := &b.split.Outcomes
	e := forecast.NewExpected(1, o.Models)
	sum, total := make([]float64, o.Models), make([]float64, o.Models)
	for _, q := range policy.Decisive {
		clear(sum)
		clear(total)
		column := o.Figures[q]
		for at, kept := range b.kept {
			if !kept || len(column) == 0 || column[at] != column[at] {
				continue
			}
			sum[at%o.Models] += b.weight[at] * float64(column[at])
			total[at%o.Models] += b.weight[at]
		}
		for m := range o.Models {
			switch {
			case total[m] > 0:
				e.Value[q][m] = float32(sum[m] / total[m])
			case q == policy.Quality && !b.log:
				e.Value[q][m] = 0.5
			}
		}
	}
	return e
}

// playable is the split that episodes are played on. Prompts of a log become doubly robust outcomes of every model that the
// log tried (Dudík, Langford and Li, ICML 2011): with the mean μ of the model,
//
//	μ + (x − μ)/p  for what was logged, μ for what was not,
//
// whose mean over the log's draws is the true one, whatever the log preferred. They may lie outside of [0, 1]. Other
// prompts are played as they are: the agent sees what it chooses, as it would live.
func (b *bandit) playable(mean *forecast.Expected) *policy.Split {
	if !b.log {
		return b.split
	}
	out := *b.split
	o := &out.Outcomes
	o.Present = append([]bool{}, o.Present...)
	for i, logged := range b.logged {
		for m := range o.Models {
			if mu := mean.Row(policy.Quality, 0)[m]; logged {
				o.Present[i*o.Models+m] = mu == mu
			}
		}
	}
	for _, q := range policy.Decisive {
		o.Figures[q] = slices.Clone(o.Figures[q])
		for at, x := range o.Figures[q] {
			if !b.logged[at/o.Models] {
				continue
			}
			mu := mean.Row(q, 0)[at%o.Models]
			o.Figures[q][at] = mu
			if b.kept[at] && x == x {
				o.Figures[q][at] = mu + float32(b.weight[at])*(x-mu)
			}
		}
	}
	return &out
}

// metrics tell how far a log carries: its effective sample size, (Σ w)²/Σ w², as a share of the outcomes that were kept,
// and the share of weights that were clipped.
func (b *bandit) metrics() []policy.Metric {
	var n, sum, square float64
	for at, kept := range b.kept {
		if kept {
			n, sum, square = n+1, sum+b.weight[at], square+b.weight[at]*b.weight[at]
		}
	}
	if !b.log || square == 0 {
		return nil
	}
	return []policy.Metric{
		{Name: "log_outcomes", Value: n}, {Name: "log_effective_share", Value: sum * sum / square / n},
		{Name: "log_clipped_share", Value: float64(b.clips) / math.Max(n, 1)},
	}
}
