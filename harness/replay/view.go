// Package replay looks up what decisions would have led to, and nothing else: nothing is ever asked again, and what an outcome
// is charged with is known from package billing. The way of the data:
//
//  1. [Of] narrows a table of charged outcomes to the models of a pool, [View.Complete] to the prompts that all answered.
//  2. [Replay] turns decisions into one [Result] a row and their [Mean]; a [Stream] does so batch by batch, and shows whoever
//     decides what its own decisions came to.
//  3. [Oracle] and [SingleMeans] give the references that no policy needs to be asked for.
package replay

import (
	"math"

	"github.com/trilemma-bench/trilemma/harness/billing"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// View is a table narrowed to the models of a pool, which decisions number from 0.
type View struct {
	*billing.Table
	Pool []int // [pool] index into the table's models
}

// Of is the table narrowed to a pool, which is not copied.
func Of(t *billing.Table, pool []int) *View { return &View{Table: t, Pool: pool} }

// At is the outcome of the pool's model for one prompt.
func (v *View) At(prompt, model int) *billing.Outcome { return v.Table.At(prompt, v.Pool[model]) }

// Complete returns those of the prompts that every model of the pool answered.
func (v *View) Complete(prompts []int) []int {
	var out []int
	for _, p := range prompts {
		whole := true
		for m := range v.Pool {
			if !v.At(p, m).Present() {
				whole = false
				break
			}
		}
		if whole {
			out = append(out, p)
		}
	}
	return out
}

// Result is what one decision led to. Covered is false where a model it used has no outcome; the figures are then NaN.
type Result struct {
	billing.Figures
	Covered bool
}

var uncovered = Result{Figures: billing.Unknown}

// add adds w times a figure.
func (r *Result) add(q policy.Quantity, o *billing.Outcome, w float32) {
	r.Low[q] += w * o.Low[q]
	r.High[q] += w * o.High[q]
}

// pay adds w times all that an outcome took but its latency.
func (r *Result) pay(o *billing.Outcome, w float32) {
	for q := policy.Cost; q < policy.NumQuantities; q++ {
		if q != policy.Latency {
			r.add(q, o, w)
		}
	}
}

// Mean is the mean of the covered results of one set of decisions.
type Mean struct {
	N         int // decisions
	Covered   int
	Figures   policy.Figures // central estimates
	Low, High policy.Figures // where all assumed sizes of closed models are at one end
	QualitySE float64        // standard error of the quality over the prompts; NaN for fewer than two
}

// Coverage is the part of the decisions that have a result.
func (m Mean) Coverage() float64 {
	if m.N == 0 {
		return 0
	}
	return float64(m.Covered) / float64(m.N)
}

// sums accumulates results in float64; NaN figures of covered results (an unknown size, say) make the mean NaN.
type sums struct {
	covered   int
	low, high policy.Figures
	squares   float64 // of the quality
}

func (s *sums) add(r *Result) {
	s.covered++
	for q := range s.low {
		s.low[q] += float64(r.Low[q])
		s.high[q] += float64(r.High[q])
	}
	s.squares += float64(r.Low[policy.Quality]) * float64(r.Low[policy.Quality])
}

func (s *sums) merge(o *sums) {
	s.covered += o.covered
	for q := range s.low {
		s.low[q] += o.low[q]
		s.high[q] += o.high[q]
	}
	s.squares += o.squares
}

func (s *sums) mean(n int) Mean {
	m := Mean{N: n, Covered: s.covered, QualitySE: s.qualitySE()}
	c := float64(s.covered)
	for q := range s.low {
		m.Figures[q], m.Low[q], m.High[q] = (s.low[q]+s.high[q])/2/c, s.low[q]/c, s.high[q]/c
	}
	return m
}

// qualitySE is s/√n with the unbiased sample variance s². Scores lie in [0, 1], so the sum of squares loses no digit that
// matters.
func (s *sums) qualitySE() float64 {
	n, sum := float64(s.covered), s.low[policy.Quality]
	variance := (s.squares - sum*sum/n) / (n - 1)
	return math.Sqrt(max(0, variance) / n)
}
