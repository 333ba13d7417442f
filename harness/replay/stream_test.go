package replay

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/trilemma-bench/trilemma/policies/policy"
)

// told is a stream whose rows cost their number plus a hundred times the model; row 3 has no outcome.
func told(batch int, route func(rows []int) (*Decisions, error), observe func(*Came) error) *Stream {
	return &Stream{
		Order: []int{4, 0, 3, 1, 2}, Batch: batch,
		Uniform: func(row int) float64 { return float64(row) / 5 }, // 0, 0.2, 0.4, 0.6, 0.8
		Route:   route, Observe: observe,
		Outcome: func(rows []int, d *Decisions, into []Result) error {
			for i, row := range rows {
				_, models, _ := d.Final.Row(i)
				into[i].Set(policy.Cost, float32(row+100*int(models[0])))
				into[i].Covered = row != 3
			}
			return nil
		},
	}
}

// What is shown is the outcome of the one model drawn, after all of its batch was routed, whatever the batch.
func TestStream(t *testing.T) {
	for _, batch := range []int{1, 2, 5, 9} {
		var log []string
		routed, seen := 0, &Came{}
		s := told(batch, func(rows []int) (*Decisions, error) {
			log = append(log, "route")
			routed += len(rows)
			d := &Decisions{Final: policy.NewDecisions(len(rows))}
			for range rows {
				d.Final.Append(policy.Select, []int32{1, 0}, []float32{0.5, 0.5})
			}
			return d, nil
		}, func(c *Came) error {
			log = append(log, "observe")
			seen.Row, seen.Model = append(seen.Row, c.Row...), append(seen.Model, c.Model...)
			seen.Propensity, seen.Result = append(seen.Propensity, c.Propensity...), append(seen.Result, c.Result...)
			return nil
		})
		if err := s.Play(); err != nil {
			t.Fatal(err)
		}
		if want := []int{4, 0, 1, 2}; routed != 5 || !slices.Equal(seen.Row, want) {
			t.Errorf("batch %d: %d routed, %v seen, want 5 and %v: row 3 has no outcome", batch, routed, seen.Row, want)
		}
		if want := []int32{0, 1, 1, 1}; !slices.Equal(seen.Model, want) {
			t.Errorf("batch %d: drawn %v, want %v by the rows' own numbers", batch, seen.Model, want)
		}
		for i, row := range seen.Row {
			if seen.Propensity[i] != 0.5 || seen.Result[i].At(policy.Cost) != float32(row+100*int(seen.Model[i])) {
				t.Errorf("batch %d: row %d is shown with probability %v and %+v", batch, row, seen.Propensity[i], seen.Result[i])
			}
		}
		for i := range log {
			if want := []string{"route", "observe"}[i%2]; log[i] != want {
				t.Errorf("batch %d: %s comes at %d", batch, log[i], i)
			}
		}
		if want := 2 * ((5 + batch - 1) / batch); len(log) != want {
			t.Errorf("batch %d: %d calls, want %d", batch, len(log), want)
		}
	}
}

// A vote is not drawn from: all of it is paid, and its first model stands for it.
func TestAVoteOnAStream(t *testing.T) {
	s := told(5, func(rows []int) (*Decisions, error) {
		d := &Decisions{Final: policy.NewDecisions(len(rows))}
		for range rows {
			d.Final.Append(policy.Combine, []int32{2, 1}, []float32{0.3, 0.7})
		}
		return d, nil
	}, func(c *Came) error {
		for i := range c.Row {
			if c.Model[i] != 2 || c.Propensity[i] != 1 {
				t.Errorf("row %d: model %d with probability %v", c.Row[i], c.Model[i], c.Propensity[i])
			}
		}
		return nil
	})
	outcome := s.Outcome
	s.Outcome = func(rows []int, d *Decisions, into []Result) error {
		if use, models, _ := d.Final.Row(0); use != policy.Combine || len(models) != 2 {
			t.Errorf("replayed as %v of %v", use, models)
		}
		return outcome(rows, d, into)
	}
	if err := s.Play(); err != nil {
		t.Fatal(err)
	}
}

func TestBadStreams(t *testing.T) {
	s := told(0, nil, nil)
	if err := s.Play(); err == nil || !strings.Contains(err.Error(), "no decisions") {
		t.Errorf("batches of nothing give %v", err)
	}
	s = told(2, func([]int) (*Decisions, error) { return &Decisions{Final: policy.NewDecisions(0)}, nil }, nil)
	if err := s.Play(); err == nil || !strings.Contains(err.Error(), "0 decisions for a batch of 2") {
		t.Errorf("a router that decides nothing gives %v", err)
	}
}

func TestPickIsTheDistribution(t *testing.T) {
	weights := []float32{0.1, 0.6, 0.3}
	count := make([]float64, 3)
	const n = 1000
	for i := range n {
		count[pick(weights, (float64(i)+0.5)/n)] += 1.0 / n
	}
	for i, w := range weights {
		if math.Abs(count[i]-float64(w)) > 2.0/n {
			t.Errorf("entry %d is picked %v of the time, want %v", i, count[i], w)
		}
	}
	if got := pick([]float32{0.5, 0.4999}, 0.99999); got != 1 {
		t.Errorf("rounding beyond the last weight picks %d", got)
	}
}
