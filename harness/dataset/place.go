package dataset

import (
	"fmt"
	"math"
	"time"

	"github.com/trilemma-bench/trilemma/harness/experiment"
	"github.com/trilemma-bench/trilemma/harness/trace"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// place lets prompts arrive and models run where the experiment says.
func (s *source) place(d *experiment.Data) error {
	if err := s.arrive(d.Arrivals); err != nil {
		return err
	}
	return s.deploy(d.Regions)
}

// arrive draws a time of arrival for every prompt, each from a stream of its own so that another trace order draws the
// same. Times that the trace has are replaced only where
// that is asked for.
func (s *source) arrive(a *experiment.Arrivals) error {
	if a == nil {
		return nil
	}
	if s.trace.Prompts.ArrivedAt != nil && !a.Replace {
		return fmt.Errorf("data.arrivals: the trace has times of arrival of its own (arrived_at): leave arrivals out, or set replace: true")
	}
	from, err := time.Parse(time.RFC3339, a.From)
	if err != nil {
		return fmt.Errorf("data.arrivals.from: %w", err)
	}
	copied := *s.trace
	copied.Prompts.ArrivedAt = make([]time.Time, s.n)
	for i, id := range s.trace.Prompts.ID {
		share := policy.Stream(a.Seed, "arrivals", id).Float64()
		copied.Prompts.ArrivedAt[i] = from.Add(time.Duration(share * float64(a.Span.Std()))).UTC().Truncate(time.Second)
	}
	s.trace = &copied
	return nil
}

// deploy makes a model of every place that a model can be run in, beside the model itself. The copies answer as the
// original did, for the same price; their emissions and water are those of their own grid, so what was logged of the original's is
// left out of them.
func (s *source) deploy(list []experiment.Deployment) error {
	if len(list) == 0 {
		return nil
	}
	zones := make([][]string, len(s.trace.Models))
	for i, d := range list {
		found, err := d.Matches(s.trace.Models)
		if err != nil {
			return fmt.Errorf("data.regions[%d]: %w", i, err)
		}
		for _, m := range found {
			zones[m] = append(zones[m], d.Zones...)
		}
	}
	old := s.trace
	var models []policy.Model
	var copyOf []string
	taken := map[string]bool{}
	for _, facts := range old.Models {
		taken[facts.ID] = true
	}
	s.origin = nil
	for m, facts := range old.Models {
		models, copyOf, s.origin = append(models, facts), append(copyOf, ""), append(s.origin, m)
		for _, z := range zones[m] {
			facts.ID, facts.Region = old.Models[m].ID+"@"+z, z
			if taken[facts.ID] {
				return fmt.Errorf("data.regions: the copy of %s in %s would be called %s, and a model is called so already: rename that model, or leave the zone out",
					old.Models[m].ID, z, facts.ID)
			}
			taken[facts.ID] = true
			models, copyOf, s.origin = append(models, facts), append(copyOf, old.Models[m].ID), append(s.origin, m)
		}
	}
	s.trace, s.raw = trace.NewTrace(models, old.Prompts), old
	s.trace.Dir, s.trace.CopyOf = old.Dir, copyOf
	from, to := &old.Outcomes, &s.trace.Outcomes
	if from.Estimated != nil {
		to.Estimated = trace.NewBitmap(s.n * len(models))
	}
	to.AnswerText = from.AnswerText
	if from.Answer != nil {
		to.Answer = make([]uint32, s.n*len(models))
	}
	for _, f := range trace.Figures {
		matrix := *f.Matrix(from)
		if matrix == nil {
			continue
		}
		out := trace.NewMatrix(s.n * len(models))
		for p := range s.n {
			for m, o := range s.origin {
				out[to.At(p, m)] = matrix[from.At(p, o)]
			}
		}
		*f.Matrix(to) = out
	}
	for p := range s.n {
		for m, o := range s.origin {
			if from.Present.Has(from.At(p, o)) {
				to.Present.Set(to.At(p, m))
			}
			if from.Estimated != nil && from.Estimated.Has(from.At(p, o)) {
				to.Estimated.Set(to.At(p, m))
			}
			if to.Answer != nil {
				to.Answer[to.At(p, m)] = from.Answer[from.At(p, o)]
			}
			for _, q := range []policy.Quantity{policy.Carbon, policy.Water} {
				if to.Logged[q] != nil && copyOf[m] != "" {
					to.Logged[q][to.At(p, m)] = float32(math.NaN())
				}
			}
		}
	}
	return nil
}

// original is the trace as it was read, in which responses are looked up, and a model's index in it.
func (s *source) original(model int) int {
	if s.origin == nil {
		return model
	}
	return s.origin[model]
}

func (s *source) originalTrace() *trace.Trace {
	if s.raw == nil {
		return s.trace
	}
	return s.raw
}
