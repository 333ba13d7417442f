package replay

import (
	"errors"
	"fmt"

	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Stream routes rows in an order, batch by batch, and shows whoever routes after each batch what its own decisions came to:
// bandit feedback, as a live system has it. Of a distribution over models one is drawn, and no other is looked up.
type Stream struct {
	Order []int // the rows, in the order in which they come
	Batch int   // decisions between two looks at what came of them
	// Uniform is a number in [0, 1) for a row: it must depend on nothing but the row, or what is drawn would depend on the
	// batches.
	Uniform func(row int) float64
	Route   func(rows []int) (*Decisions, error)
	Outcome func(rows []int, d *Decisions, into []Result) error
	Observe func(*Came) error
}

// Came is what the decisions of a batch came to. Those without an outcome are left out.
type Came struct {
	Row        []int
	Model      []int32   // whose answer it was
	Propensity []float32 // the probability with which it was chosen
	Result     []Result  // of the whole decision, with all that was asked on the way
}

// Play routes the whole stream.
func (s *Stream) Play() error {
	if s.Batch < 1 {
		return errors.New("a stream in batches of no decisions")
	}
	for lo := 0; lo < len(s.Order); lo += s.Batch {
		rows := s.Order[lo:min(lo+s.Batch, len(s.Order))]
		d, err := s.Route(rows)
		if err != nil {
			return err
		}
		if d.Rows() != len(rows) {
			return fmt.Errorf("%d decisions for a batch of %d", d.Rows(), len(rows))
		}
		came := &Came{}
		drawn := s.draw(rows, d, came)
		results := make([]Result, len(rows))
		if err := s.Outcome(rows, drawn, results); err != nil {
			return err
		}
		n := 0
		for i, row := range rows {
			if results[i].Covered {
				came.Row = append(came.Row, row)
				came.Model[n], came.Propensity[n] = came.Model[i], came.Propensity[i]
				came.Result = append(came.Result, results[i])
				n++
			}
		}
		came.Model, came.Propensity = came.Model[:n], came.Propensity[:n]
		if err := s.Observe(came); err != nil {
			return err
		}
	}
	return nil
}

// draw takes one model of every distribution, and notes it with its probability. A vote stays as it is.
func (s *Stream) draw(rows []int, d *Decisions, came *Came) *Decisions {
	drawn := &Decisions{Final: policy.NewDecisions(len(rows)), AskedOffset: d.AskedOffset, AskedModel: d.AskedModel, AskedRound: d.AskedRound}
	for i, row := range rows {
		use, models, weights := d.Final.Row(i)
		chosen, propensity := models[0], float32(1)
		if use == policy.Combine {
			drawn.Final.Append(use, models, weights)
		} else {
			if len(models) > 1 {
				at := pick(weights, s.Uniform(row))
				chosen, propensity = models[at], weights[at]
			}
			drawn.Final.AppendOne(use, int(chosen))
		}
		came.Model, came.Propensity = append(came.Model, chosen), append(came.Propensity, propensity)
	}
	return drawn
}

// pick is the entry that a number in [0, 1) falls on, of weights that sum to one but for rounding.
func pick(weights []float32, u float64) int {
	for i, w := range weights {
		if u -= float64(w); u < 0 {
			return i
		}
	}
	return len(weights) - 1
}
