package policy

import (
	"fmt"
	"math"
)

// Batch asks for one decision a row. Row r is prompt Prompt[r] under preference Preference[r].
type Batch struct {
	Prompts     *Prompts
	Preferences []Preference
	Prompt      []int32 // [rows] index into Prompts
	Preference  []int32 // [rows] index into Preferences
	// Round counts from 0. From round 1 on only rows that answered Ask come back, with Asked filled in.
	Round int
	Asked *Asked // nil in round 0
}

// Rows is the number of decisions asked for.
func (b *Batch) Rows() int { return len(b.Prompt) }

// Asked is what the host has revealed so far, all of it already charged. Row r owns entries Offset[r] to Offset[r+1],
// in the order of asking. Scores are never revealed.
type Asked struct {
	Offset       []int32 // [rows+1]
	Model        []int32
	Round        []int32  // the round in which the model was asked
	Missing      []bool   // the trace holds no outcome: nothing was revealed and nothing charged
	Answer       []string // nil unless NeedAnswer
	Response     []string // nil unless NeedResponse
	InputTokens  []float32
	OutputTokens []float32
	Figures      Matrix // without quality
}

// Use says how the models of a decision are used.
type Use uint8

const (
	// Select draws one model from the distribution of the row; in replay its outcome is the expectation.
	Select Use = iota
	// Combine runs every model of the row, pays for all, and takes the vote weighted by the row's weights.
	Combine
	// Ask runs every model of the row, pays for all, and comes back with their answers in the next round.
	// The weights are not looked at. A row that asked before and ends with Select or Combine has paid for all it
	// asked, and pays for models it names at the end for the first time.
	Ask
	uses
)

func (u Use) String() string {
	switch u {
	case Select:
		return "select"
	case Combine:
		return "combine"
	case Ask:
		return "ask"
	}
	return fmt.Sprintf("use(%d)", uint8(u))
}

// Decisions are sparse distributions over models, one a row: row r owns entries Offset[r] to Offset[r+1].
type Decisions struct {
	Use    []Use     // [rows]
	Offset []int32   // [rows+1], Offset[0] = 0
	Model  []int32   // index into Setup.Models
	Weight []float32 // Select: probabilities; Combine: weights of the vote. Positive, summing to 1 a row
}

// NewDecisions returns decisions without rows, with room for rows rows of one model each.
func NewDecisions(rows int) *Decisions {
	d := &Decisions{
		Use:    make([]Use, 0, rows),
		Offset: make([]int32, 1, rows+1),
		Model:  make([]int32, 0, rows),
		Weight: make([]float32, 0, rows),
	}
	return d
}

// Rows is the number of decisions.
func (d *Decisions) Rows() int { return len(d.Use) }

// Row is what was decided for row r: views, not copies.
func (d *Decisions) Row(r int) (use Use, models []int32, weights []float32) {
	lo, hi := d.Offset[r], d.Offset[r+1]
	return d.Use[r], d.Model[lo:hi], d.Weight[lo:hi]
}

// Append adds the next row. Weights are taken as they are; see [Decisions.Check] for what they must satisfy.
func (d *Decisions) Append(use Use, models []int32, weights []float32) {
	d.Use = append(d.Use, use)
	d.Model = append(d.Model, models...)
	d.Weight = append(d.Weight, weights...)
	d.Offset = append(d.Offset, int32(len(d.Model)))
}

// AppendOne adds a row that uses one model.
func (d *Decisions) AppendOne(use Use, model int) {
	d.Use = append(d.Use, use)
	d.Model = append(d.Model, int32(model))
	d.Weight = append(d.Weight, 1)
	d.Offset = append(d.Offset, int32(len(d.Model)))
}

// weightTolerance bounds how far the float32 weights of a row may be from summing to one.
const weightTolerance = 1e-3

// Check tells whether the decisions are a well-formed answer to a batch of rows rows over models models: every row
// names at least one known model, none twice, and its weights are finite, positive and sum to one.
func (d *Decisions) Check(rows, models int) error {
	if d.Rows() != rows {
		return fmt.Errorf("decisions for %d rows, want %d", d.Rows(), rows)
	}
	if len(d.Offset) != rows+1 || d.Offset[0] != 0 {
		return fmt.Errorf("decisions have %d offsets, want %d starting at 0", len(d.Offset), rows+1)
	}
	if len(d.Model) != len(d.Weight) || int(d.Offset[rows]) != len(d.Model) {
		return fmt.Errorf("decisions have %d models, %d weights and a last offset of %d, want them equal",
			len(d.Model), len(d.Weight), d.Offset[rows])
	}
	seen := make([]int, models)
	for r := range rows {
		if d.Use[r] >= uses {
			return fmt.Errorf("row %d: unknown use %d", r, d.Use[r])
		}
		lo, hi := d.Offset[r], d.Offset[r+1]
		if lo < 0 || hi < lo || int(hi) > len(d.Model) {
			return fmt.Errorf("row %d: offsets %d to %d are not a range", r, lo, hi)
		}
		if lo == hi {
			return fmt.Errorf("row %d: names no model", r)
		}
		var sum float64
		for e := lo; e < hi; e++ {
			m, w := d.Model[e], float64(d.Weight[e])
			if m < 0 || int(m) >= models {
				return fmt.Errorf("row %d: unknown model %d, the pool has %d", r, m, models)
			}
			if seen[m] == r+1 {
				return fmt.Errorf("row %d: names model %d twice", r, m)
			}
			seen[m] = r + 1
			if math.IsNaN(w) || math.IsInf(w, 0) || w <= 0 {
				return fmt.Errorf("row %d: weight %v of model %d is not a positive number", r, w, m)
			}
			sum += w
		}
		if d.Use[r] != Ask && math.Abs(sum-1) > weightTolerance {
			return fmt.Errorf("row %d: weights sum to %v, want 1", r, sum)
		}
	}
	return nil
}

// Feedback is the outcome of a policy's own decisions, one row a decision: what a live system would learn. Decisions that
// the trace has no outcome for are left out.
type Feedback struct {
	Prompts    *Prompts
	Preference []Preference // [n]
	Model      []int32      // [n] the model that answered: the one drawn from a distribution, the first of a vote
	Propensity []float32    // [n] the probability with which the policy chose it; 1 for a vote
	// Figures of the final answer: its quality, and what the whole decision took, of all models that it asked.
	Figures Matrix
}

// Vote is the answer with the largest sum of weights; the zero answer abstains, and wins where nobody else answered. Of
// equal sums the answer given first wins. It allocates nothing: the voters of a decision are few.
func Vote[A comparable](voters int, answer func(i int) A, weights []float32) A {
	var winner, none A
	var best float32
	for i := range voters {
		a := answer(i)
		if a == none || a == winner {
			continue
		}
		var votes float32
		for j := i; j < voters; j++ {
			if answer(j) == a {
				votes += weights[j]
			}
		}
		if votes > best {
			winner, best = a, votes
		}
	}
	return winner
}
