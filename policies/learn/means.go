package learn

import (
	"math"

	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Means gathers the mean score, cost, carbon and latency of every model over groups of prompts. Missing outcomes and
// unknown figures are left out of the mean that they are missing from.
type Means struct {
	groups, models int
	sum, count     [quantities][]float64
}

// NewMeans returns means over nothing yet.
func NewMeans(groups, models int) *Means {
	s := &Means{groups: groups, models: models}
	for q := range quantities {
		s.sum[q] = make([]float64, groups*models)
		s.count[q] = make([]float64, groups*models)
	}
	return s
}

// Add counts the outcomes of prompt row in a group.
func (s *Means) Add(group int, o *policy.Outcomes, row int) {
	for m := range s.models {
		at := row*o.Models + m
		if !o.Present[at] {
			continue
		}
		for q := range quantities {
			column := q.Of(o)
			if column == nil || math.IsNaN(float64(column[at])) {
				continue
			}
			s.sum[q][group*s.models+m] += float64(column[at])
			s.count[q][group*s.models+m]++
		}
	}
}

// AddAll counts all prompts of a split in one group.
func (s *Means) AddAll(group int, split *policy.Split) {
	if split == nil {
		return
	}
	for i := range split.Len() {
		s.Add(group, &split.Outcomes, i)
	}
}

// Expected is the means, one row a group. With a prior (its row 0), each is drawn towards it as if strength more prompts
// had been seen there that behaved like the prior,
//
//	(Σ x + strength·prior) / (n + strength),
//
// the posterior mean of a normal prior; without one a model never seen in a group is NaN there.
func (s *Means) Expected(prior *Expected, strength float64) *Expected {
	e := NewExpected(s.groups, s.models)
	for q := range quantities {
		for at, n := range s.count[q] {
			sum := s.sum[q][at]
			if prior != nil {
				if p := float64(prior.Row(q, 0)[at%s.models]); !math.IsNaN(p) {
					if n == 0 {
						e.Value[q][at] = float32(p)
						continue
					}
					sum, n = sum+strength*p, n+strength
				}
			}
			if n > 0 {
				e.Value[q][at] = float32(sum / n)
			}
		}
	}
	return e
}

// Overall is one row: the means over all prompts of the splits; nil splits count nothing.
func Overall(models int, splits ...*policy.Split) *Expected {
	s := NewMeans(1, models)
	for _, split := range splits {
		s.AddAll(0, split)
	}
	return s.Expected(nil, 0)
}

// RoutingError is the mean squared error of expected scores as a router feels it: of each model's difference from the
// mean over the models that answered the prompt, for what all models share moves no decision. Where a single model
// answered it is the plain squared error. +Inf where nothing can be compared.
func RoutingError(e *Expected, split *policy.Split) float64 {
	var sum, n float64
	o := &split.Outcomes
	for i := range split.Len() {
		var meanGot, meanWant, answered float64
		want, got := o.Score[i*o.Models:(i+1)*o.Models], e.Row(Score, i)
		for m := range want {
			if o.Present[i*o.Models+m] {
				meanWant += float64(want[m])
				meanGot += float64(got[m])
				answered++
			}
		}
		if answered > 1 {
			meanWant, meanGot = meanWant/answered, meanGot/answered
		} else {
			meanWant, meanGot = 0, 0
		}
		for m := range want {
			if o.Present[i*o.Models+m] {
				d := (float64(got[m]) - meanGot) - (float64(want[m]) - meanWant)
				sum += d * d
				n++
			}
		}
	}
	if n == 0 || math.IsNaN(sum) {
		return math.Inf(1)
	}
	return sum / n
}
