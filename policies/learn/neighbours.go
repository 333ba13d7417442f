package learn

import (
	"context"
	"fmt"
	"math"

	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Memory holds training prompts with their outcomes, to expect of a new prompt what happened to those nearest to it.
type Memory struct {
	Dim     int       `json:"dim"`
	Unit    F32s      `json:"unit"`    // [n × Dim] vectors of length one
	Outcome *Expected `json:"outcome"` // [n × models] what happened; NaN where there is no outcome
	Overall *Expected `json:"overall"` // one row: the means over all n
}

// Remember makes a memory of the prompts of splits, nil and empty ones left out.
func Remember(models int, splits ...*policy.Split) *Memory {
	m := &Memory{Overall: Overall(models, splits...)}
	n := 0
	for _, s := range splits {
		if s != nil {
			n += s.Len()
		}
	}
	m.Outcome = NewExpected(n, models)
	at := 0
	for _, s := range splits {
		if s == nil || s.Len() == 0 {
			continue
		}
		m.Dim = s.Prompts.Dim
		m.Unit = append(m.Unit, Unit(s.Prompts.Vector, s.Prompts.Dim)...)
		for q := range quantities {
			column := q.Of(&s.Outcomes)
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
	return m.Overall.CheckShape(1, models)
}

// Expect returns, for each k of ks (ascending), what the k nearest remembered prompts did: the mean over those neighbours
// that have the model's outcome, or the overall mean where none has. vectors is [n × dim]; leaveOut is as in
// [EachNearest].
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
	err := EachNearest(ctx, Unit(vectors, dim), m.Unit, dim, ks[len(ks)-1], leaveOut, func(query int, near []Neighbour) {
		sum, count := make([]float64, models), make([]float64, models)
		for q := range quantities {
			clear(sum)
			clear(count)
			used := 0
			overall := m.Overall.Row(q, 0)
			for i, k := range ks {
				for ; used < min(k, len(near)); used++ {
					for model, x := range m.Outcome.Row(q, int(near[used].Row)) {
						if !math.IsNaN(float64(x)) {
							sum[model] += float64(x)
							count[model]++
						}
					}
				}
				out := found[i].Row(q, query)
				for model := range out {
					if count[model] > 0 {
						out[model] = float32(sum[model] / count[model])
					} else {
						out[model] = overall[model]
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
