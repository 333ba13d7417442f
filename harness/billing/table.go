package billing

import (
	"fmt"
	"math"
	"slices"

	"github.com/trilemma-bench/trilemma/harness/trace"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Figures are one number for each quantity between two ends: what the assumed size of a closed model leaves open. Where
// nothing is left open both are the same, as for quality, cost and latency. NaN is what is not known.
type Figures struct{ Low, High [policy.NumQuantities]float32 }

// At is the central estimate: the middle of the ends.
func (f *Figures) At(q policy.Quantity) float32 { return (f.Low[q] + f.High[q]) / 2 }

// Central are the central estimates.
func (f *Figures) Central() (out policy.Figures) {
	for q := range out {
		out[q] = float64(f.At(policy.Quantity(q)))
	}
	return out
}

// Set takes a figure that leaves nothing open.
func (f *Figures) Set(q policy.Quantity, x float32) { f.Low[q], f.High[q] = x, x }

// Unknown are figures of which none is known.
var Unknown = func() (f Figures) {
	for q := range policy.NumQuantities {
		f.Set(q, nan32)
	}
	return f
}()

var nan32 = float32(math.NaN())

// isNaN is what math.IsNaN is for float32, without the conversion.
func isNaN(x float32) bool { return x != x }

// Outcome is one charged outcome. Its quality is NaN where there is none, or where its cost is unknown and [Exclude] leaves
// it out.
type Outcome struct {
	Figures
	// Answer is a code of the trace's answers: 0 is no answer.
	Answer uint32
}

// Present tells whether the outcome can be replayed.
func (o *Outcome) Present() bool { return !isNaN(o.Low[policy.Quality]) }

// Table holds the charged outcomes of a whole trace.
type Table struct {
	Prompts, Models int
	Outcomes        []Outcome // [prompts × models] row-major
	// Reference holds the code of each prompt's reference answer; nil where the trace has no answers to vote on.
	Reference []uint32
	// Unbilled tells, a model, of the outcomes that have a score but no known cost.
	Unbilled []Unbilled
	// Logged tells, a quantity, how many of the present outcomes had it logged rather than derived.
	Logged Shares
	// grid is the intensity that each outcome saw, [prompts × models], or one a model where it does not change.
	grid []float32
	// estimated marks the outcomes whose carbon rests on an estimate of energy, [prompts × models].
	estimated []bool
}

// At is the outcome of one model for one prompt.
func (t *Table) At(prompt, model int) *Outcome { return &t.Outcomes[prompt*t.Models+model] }

// Estimated tells whether an outcome's carbon rests on an estimate of energy; false where energy or carbon was logged.
func (t *Table) Estimated(prompt, model int) bool { return t.estimated[prompt*t.Models+model] }

// GridGPerKWh is the intensity of the grid that a model runs on when a prompt arrives, in gCO2e/kWh.
func (t *Table) GridGPerKWh(prompt, model int) float64 {
	if len(t.grid) == t.Models {
		return float64(t.grid[model])
	}
	return float64(t.grid[prompt*t.Models+model])
}

// readReferences notes the reference answers as codes of the trace's answers. A reference that no model ever gave gets
// a code of its own, so that no vote matches it.
func (t *Table) readReferences(tr *trace.Trace) {
	if tr.Outcomes.Answer == nil || tr.Prompts.Reference == nil {
		return
	}
	code := make(map[string]uint32, len(tr.Outcomes.AnswerText))
	for i, text := range tr.Outcomes.AnswerText {
		code[text] = uint32(i)
	}
	never := uint32(len(tr.Outcomes.AnswerText))
	t.Reference = make([]uint32, t.Prompts)
	for p, text := range tr.Prompts.Reference {
		if text == "" {
			continue
		}
		c, given := code[text]
		if !given {
			c = never
		}
		t.Reference[p] = c
	}
}

// Concat puts tables of the same models under one another: the prompts of separate train and test traces.
func Concat(a, b *Table) (*Table, error) {
	if a.Models != b.Models {
		return nil, fmt.Errorf("joining tables of %d and %d models", a.Models, b.Models)
	}
	out := &Table{
		Prompts: a.Prompts + b.Prompts, Models: a.Models,
		Outcomes:  slices.Concat(a.Outcomes, b.Outcomes),
		estimated: slices.Concat(a.estimated, b.estimated),
		Logged:    a.Logged.mix(&b.Logged, float64(len(a.Outcomes)), float64(len(b.Outcomes))),
		Unbilled:  slices.Clone(a.Unbilled),
	}
	for i := range out.Unbilled {
		out.Unbilled[i].add(&b.Unbilled[i])
	}
	if len(a.grid) == a.Models && len(b.grid) == b.Models && slices.Equal(a.grid, b.grid) {
		out.grid = a.grid
	} else {
		for _, t := range []*Table{a, b} {
			for p := range t.Prompts {
				for m := range t.Models {
					out.grid = append(out.grid, float32(t.GridGPerKWh(p, m)))
				}
			}
		}
	}
	if a.Reference != nil || b.Reference != nil {
		out.Reference = make([]uint32, out.Prompts)
		copy(out.Reference, a.Reference)
		copy(out.Reference[a.Prompts:], b.Reference)
	}
	return out, nil
}
