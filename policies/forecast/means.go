package forecast

import (
	"math"

	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Means gathers what every model did with groups of prompts, to compare the models within each by their mean score, cost,
// carbon and latency. A mean over the prompts that a model happens to have would call it good for lacking the hard ones.
// So models are compared on the prompts that all of them answered, where these are at least half of the group's; fewer
// would cost what is known of the others more than it brings, and each model is taken for what it comes to over all
// prompts, see [twoWay]. A model without any outcome in the group is left out of this.
type Means struct {
	models int
	rows   [][]answered // by group
}

// answered are the outcomes of one prompt.
type answered struct {
	outcomes *policy.Outcomes
	row      int
}

// NewMeans returns means over nothing yet.
func NewMeans(groups, models int) *Means {
	return &Means{models: models, rows: make([][]answered, groups)}
}

// Add counts the outcomes of prompt row in a group. They are read by [Means.Expected].
func (s *Means) Add(group int, o *policy.Outcomes, row int) {
	s.rows[group] = append(s.rows[group], answered{o, row})
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
//	(n·mean + strength·prior) / (n + strength),
//
// n being the prompts that the model's mean is of: the posterior mean of a normal prior. Without one a model never
// seen in a group is NaN there.
func (s *Means) Expected(prior *Expected, strength float64) *Expected {
	e := NewExpected(len(s.rows), s.models)
	for group, rows := range s.rows {
		rows = s.common(rows)
		for _, q := range policy.Decisive {
			cells := s.cells(rows, q)
			_, count := plain(cells, s.models)
			level, _ := twoWay(cells, len(rows), s.models, q)
			out := e.Row(q, group)
			for m, mean := range level {
				n := count[m]
				if prior != nil {
					if p := float64(prior.Row(q, 0)[m]); p == p {
						if n == 0 {
							out[m] = float32(p)
							continue
						}
						mean, n = (n*mean+strength*p)/(n+strength), n+strength
					}
				}
				if n > 0 {
					out[m] = float32(mean)
				}
			}
		}
	}
	return e
}

// common are the prompts that all models answered which answered any, if they are at least half of the group; else all.
func (s *Means) common(rows []answered) []answered {
	answers, counts := make([]bool, s.models), 0
	has := func(r answered, m int) bool { return r.outcomes.Present[r.row*r.outcomes.Models+m] }
	for _, r := range rows {
		some := false
		for m := range answers {
			if has(r, m) {
				answers[m], some = true, true
			}
		}
		if some {
			counts++
		}
	}
	var out []answered
	for _, r := range rows {
		whole := true
		for m, some := range answers {
			whole = whole && (!some || has(r, m))
		}
		if whole {
			out = append(out, r)
		}
	}
	if 2*len(out) < counts {
		return rows
	}
	return out
}

// cells are the known figures of a quantity, row by row.
func (s *Means) cells(rows []answered, q policy.Quantity) []cell {
	var out []cell
	for i, r := range rows {
		column := r.outcomes.Figures[q]
		if column == nil {
			continue
		}
		for m := range s.models {
			if at := r.row*r.outcomes.Models + m; r.outcomes.Present[at] && column[at] == column[at] {
				out = append(out, cell{int32(i), int32(m), float64(column[at])})
			}
		}
	}
	return out
}

// Overall is one row: the means over all prompts of the splits, as [Means] compares models; nil splits count nothing.
func Overall(models int, splits ...*policy.Split) *Expected {
	s := NewMeans(1, models)
	for _, split := range splits {
		s.AddAll(0, split)
	}
	return s.Expected(nil, 0)
}

// OverAllPrompts is what every model comes to over all prompts of a split, by [twoWay], whatever it answered.
func OverAllPrompts(models int, split *policy.Split, q policy.Quantity) []float64 {
	s := NewMeans(1, models)
	s.AddAll(0, split)
	level, _ := twoWay(s.cells(s.rows[0], q), split.Len(), models, q)
	return level
}

// RoutingError is the mean squared error of expected scores as a router feels it: of each model's difference from the
// mean over the models that answered the prompt, for what all models share moves no decision. Where a single model
// answered it is the plain squared error. +Inf where nothing can be compared.
func RoutingError(e *Expected, split *policy.Split) float64 {
	var sum, n float64
	o := &split.Outcomes
	for i := range split.Len() {
		var meanGot, meanWant, answered float64
		want, got := o.Figures[policy.Quality][i*o.Models:(i+1)*o.Models], e.Row(policy.Quality, i)
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
