package forecast

import (
	"context"
	"fmt"

	"github.com/trilemma-bench/trilemma/policies/checkpoint"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Memory holds training prompts with their outcomes, to expect of a new prompt what happened to those nearest to it.
type Memory struct {
	Dim     int             `json:"dim"`
	Unit    checkpoint.F32s `json:"unit"`    // [n × Dim] vectors of length one
	Outcome *Expected       `json:"outcome"` // [n × models] what happened; NaN where there is no outcome
	Overall *Expected       `json:"overall"` // one row: the means over all n, as [Means] compares models
	// Prompt is what each prompt makes of a quantity, see [twoWay]; nil where every model answered all of them.
	Prompt [policy.NumQuantities]checkpoint.F32s `json:"prompt"`
}

// Remember makes a memory of the prompts of splits, nil and empty ones left out.
func Remember(models int, splits ...*policy.Split) *Memory {
	means := NewMeans(1, models)
	n := 0
	for _, s := range splits {
		if s != nil {
			n += s.Len()
		}
		means.AddAll(0, s)
	}
	m := &Memory{Overall: means.Expected(nil, 0), Outcome: NewExpected(n, models)}
	for _, q := range policy.Decisive {
		_, a := twoWay(means.cells(means.rows[0], q), n, models, q)
		for _, x := range a {
			m.Prompt[q] = append(m.Prompt[q], float32(x))
		}
	}
	at := 0
	for _, s := range splits {
		if s == nil || s.Len() == 0 {
			continue
		}
		m.Dim = s.Prompts.Dim
		m.Unit = append(m.Unit, Unit(s.Prompts.Vector, s.Prompts.Dim)...)
		for _, q := range policy.Decisive {
			column := s.Outcomes.Figures[q]
			for i, present := range s.Outcomes.Present {
				if present && column != nil {
					m.Outcome.Value[q][at*models+i] = column[i]
				}
			}
		}
		at += s.Len()
	}
	return m
}

// Len is the number of prompts remembered.
func (m *Memory) Len() int { return m.Outcome.Rows() }

// CheckShape tells whether a loaded memory is whole and fits a pool of models models.
func (m *Memory) CheckShape(models int) error {
	if m == nil || m.Dim <= 0 || len(m.Unit)%m.Dim != 0 || len(m.Unit) == 0 {
		return fmt.Errorf("the checkpoint's memory is not whole; fit again")
	}
	if err := m.Outcome.CheckShape(len(m.Unit)/m.Dim, models); err != nil {
		return err
	}
	for _, a := range m.Prompt {
		if len(a) > 0 && len(a) != m.Len() {
			return fmt.Errorf("the checkpoint's memory is not whole; fit again")
		}
	}
	return m.Overall.CheckShape(1, models)
}

// Expect returns, for each k of ks (ascending), what the k nearest remembered prompts did: the mean over those neighbours
// that have the model's outcome, corrected for which of the neighbours these are as [twoWay] knows their prompts, or the
// overall mean where none has. vectors is [n × dim]; leaveOut is as in [eachNearest].
func (m *Memory) Expect(ctx context.Context, vectors []float32, dim int, ks []int, leaveOut []int32) ([]*Expected, error) {
	if dim != m.Dim {
		return nil, fmt.Errorf("prompt vectors have %d numbers, those fitted on had %d: use the same encoder", dim, m.Dim)
	}
	models := m.Outcome.Models
	n := len(vectors) / dim
	found := make([]*Expected, len(ks))
	for i := range found {
		found[i] = NewExpected(n, models)
	}
	err := eachNearest(ctx, Unit(vectors, dim), m.Unit, dim, ks[len(ks)-1], leaveOut, func(query int, near []neighbour) {
		sum, count, of := make([]float64, models), make([]float64, models), make([]float64, models)
		for _, q := range policy.Decisive {
			clear(sum)
			clear(count)
			clear(of)
			used := 0
			var all, known float64 // over the neighbours of which something is known
			overall := m.Overall.Row(q, 0)
			for i, k := range ks {
				for ; used < min(k, len(near)); used++ {
					row := int(near[used].Row)
					a := m.prompt(q, row)
					if a == a {
						all, known = all+a, known+1
					}
					for model, x := range m.Outcome.Row(q, row) {
						if x == x {
							sum[model] += float64(x)
							count[model]++
							of[model] += a
						}
					}
				}
				out := found[i].Row(q, query)
				for model, n := range count {
					switch mean := sum[model] / n; {
					case n == 0:
						out[model] = overall[model]
					case n == known || q != policy.Quality && of[model] == 0:
						out[model] = float32(mean)
					case q == policy.Quality:
						out[model] = float32(min(max(mean+all/known-of[model]/n, 0), 1))
					default:
						out[model] = float32(sum[model] / of[model] * all / known)
					}
				}
			}
		}
	})
	if err != nil {
		return nil, err
	}
	return found, nil
}

// prompt is what a remembered prompt makes of a quantity, as [twoWay] says.
func (m *Memory) prompt(q policy.Quantity, row int) float64 {
	switch {
	case len(m.Prompt[q]) > 0:
		return float64(m.Prompt[q][row])
	case q == policy.Quality:
		return 0
	}
	return 1
}
