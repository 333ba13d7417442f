// Package replay looks up what decisions would have led to. Nothing is ever asked again: the outcome of a decision comes
// from the trace. The way of the data:
//
//  1. [NewTable] brings a trace to one dense table of billed outcomes: score, USD, Wh, gCO2e and seconds for every
//     (prompt, model), logged where the trace has the figure and derived from tokens, prices and sizes where not.
//  2. [Table.View] narrows it to the models of a pool, [View.Complete] to the prompts that all of them answered.
//  3. [Replay] turns decisions into one [Result] a row and their mean.
//  4. [Oracle] and [SingleMeans] give the references no policy needs to be asked for.
package replay

import (
	"math"

	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Outcome is one billed outcome, 32 bytes so that two share a cache line. Score is NaN where there is no outcome or
// where its bill is unknown and [Exclude] leaves it out; energy and carbon are NaN where the model's size is unknown. The central estimate of
// energy and of carbon is the middle of its bounds.
type Outcome struct {
	Score        float32
	CostUSD      float32
	EnergyWhLow  float32
	EnergyWhHigh float32
	CarbonGLow   float32
	CarbonGHigh  float32
	LatencySec   float32
	// answer is a code of Table.answers: 0 is no answer.
	answer uint32
}

// EnergyWh is the central estimate.
func (o *Outcome) EnergyWh() float32 { return (o.EnergyWhLow + o.EnergyWhHigh) / 2 }

// CarbonG is the central estimate.
func (o *Outcome) CarbonG() float32 { return (o.CarbonGLow + o.CarbonGHigh) / 2 }

// Figures are the central figures of the outcome.
func (o *Outcome) Figures() policy.Figures {
	f := policy.Unknown()
	f[policy.Quality], f[policy.Cost], f[policy.Energy] = float64(o.Score), float64(o.CostUSD), float64(o.EnergyWh())
	f[policy.Carbon], f[policy.Latency] = float64(o.CarbonG()), float64(o.LatencySec)
	return f
}

// Present tells whether the outcome can be replayed.
func (o *Outcome) Present() bool { return !isNaN(o.Score) }

// isNaN is what math.IsNaN is for float32, without the conversion.
func isNaN(x float32) bool { return x != x }

// Table holds the billed outcomes of a whole trace, [prompts × models] row-major.
type Table struct {
	Prompts int
	Models  int
	cell    []Outcome
	// grid is the intensity that each outcome saw, [prompts × models], or one a model where it does not change.
	grid []float32
	// estimated marks the outcomes whose carbon rests on an estimate of energy, [prompts × models].
	estimated []bool
	// reference holds the code of each prompt's reference answer; nil where the trace has no answers to vote on.
	reference []uint32
	// Unbilled tells, a model, of the outcomes that have a score but no known cost.
	Unbilled []Unbilled
	// Logged tells, a quantity, how many of the present outcomes had it logged rather than derived.
	Logged Shares
}

// Shares are the parts of the present outcomes whose figure was logged; the rest was derived or is unknown.
type Shares struct {
	CostUSD, EnergyWh, CarbonG, LatencySec float64
	// Known says which part of the present outcomes has the figure at all.
	KnownEnergyWh, KnownCarbonG, KnownLatencySec float64
	// Unread counts outcomes whose energy is unknown only because their input tokens are, where reading prompts counts.
	Unread int
	// ImputedCostUSD is the part charged with the mean cost of its model, EstimatedTokens that whose tokens were estimated
	// from the text.
	ImputedCostUSD, EstimatedTokens float64
	// Unbilled counts outcomes that had a score but neither a logged cost nor tokens and prices to derive it from.
	Unbilled int
}

// At is the outcome of one model for one prompt.
func (t *Table) At(prompt, model int) *Outcome { return &t.cell[prompt*t.Models+model] }

// Estimated tells whether an outcome's carbon rests on an estimate of energy; false where energy or carbon was logged.
func (t *Table) Estimated(prompt, model int) bool { return t.estimated[prompt*t.Models+model] }

// GridGPerKWh is the intensity of the grid that a model runs on when a prompt arrives, in gCO2e/kWh.
func (t *Table) GridGPerKWh(prompt, model int) float64 {
	if len(t.grid) == t.Models {
		return float64(t.grid[model])
	}
	return float64(t.grid[prompt*t.Models+model])
}

// View is a table narrowed to the models of a pool, which decisions number from 0.
type View struct {
	*Table
	Pool []int // [pool] index into the table's models
}

// View returns the table narrowed to a pool. The pool is not copied.
func (t *Table) View(pool []int) *View { return &View{Table: t, Pool: pool} }

// At is the outcome of the pool's model for one prompt.
func (v *View) At(prompt, model int) *Outcome { return v.Table.At(prompt, v.Pool[model]) }

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
	Quality      float32
	CostUSD      float32
	EnergyWhLow  float32
	EnergyWhHigh float32
	CarbonGLow   float32
	CarbonGHigh  float32
	LatencySec   float32
	Covered      bool
}

// EnergyWh is the central estimate.
func (r *Result) EnergyWh() float32 { return (r.EnergyWhLow + r.EnergyWhHigh) / 2 }

// CarbonG is the central estimate.
func (r *Result) CarbonG() float32 { return (r.CarbonGLow + r.CarbonGHigh) / 2 }

// Figures are the central figures of the result.
func (r *Result) Figures() policy.Figures {
	f := policy.Unknown()
	f[policy.Quality], f[policy.Cost], f[policy.Energy] = float64(r.Quality), float64(r.CostUSD), float64(r.EnergyWh())
	f[policy.Carbon], f[policy.Latency] = float64(r.CarbonG()), float64(r.LatencySec)
	return f
}

var nan32 = float32(math.NaN())

var noOutcome = Outcome{
	Score: nan32, CostUSD: nan32, EnergyWhLow: nan32, EnergyWhHigh: nan32,
	CarbonGLow: nan32, CarbonGHigh: nan32, LatencySec: nan32,
}

var uncovered = Result{
	Quality: nan32, CostUSD: nan32, EnergyWhLow: nan32, EnergyWhHigh: nan32,
	CarbonGLow: nan32, CarbonGHigh: nan32, LatencySec: nan32,
}

// Mean is the mean of the covered results of one set of decisions.
type Mean struct {
	N            int // decisions
	Covered      int
	Quality      float64
	QualitySE    float64 // standard error of Quality over the prompts; NaN for fewer than two
	CostUSD      float64
	EnergyWh     float64
	EnergyWhLow  float64
	EnergyWhHigh float64
	CarbonG      float64
	CarbonGLow   float64
	CarbonGHigh  float64
	LatencySec   float64
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
	covered                                             int
	quality, squares, cost, eLow, eHigh, cLow, cHigh, s float64
}

func (s *sums) add(r *Result) {
	s.covered++
	s.quality += float64(r.Quality)
	s.squares += float64(r.Quality) * float64(r.Quality)
	s.cost += float64(r.CostUSD)
	s.eLow += float64(r.EnergyWhLow)
	s.eHigh += float64(r.EnergyWhHigh)
	s.cLow += float64(r.CarbonGLow)
	s.cHigh += float64(r.CarbonGHigh)
	s.s += float64(r.LatencySec)
}

func (s *sums) merge(o sums) {
	s.covered += o.covered
	s.quality += o.quality
	s.squares += o.squares
	s.cost += o.cost
	s.eLow += o.eLow
	s.eHigh += o.eHigh
	s.cLow += o.cLow
	s.cHigh += o.cHigh
	s.s += o.s
}

func (s *sums) mean(n int) Mean {
	c := float64(s.covered)
	return Mean{
		N: n, Covered: s.covered,
		Quality: s.quality / c, QualitySE: s.qualitySE(), CostUSD: s.cost / c,
		EnergyWh: (s.eLow + s.eHigh) / 2 / c, EnergyWhLow: s.eLow / c, EnergyWhHigh: s.eHigh / c,
		CarbonG: (s.cLow + s.cHigh) / 2 / c, CarbonGLow: s.cLow / c, CarbonGHigh: s.cHigh / c,
		LatencySec: s.s / c,
	}
}

// qualitySE is s/√n with the unbiased sample variance s². Scores lie in [0, 1], so the sum of squares loses no digit that
// matters.
func (s *sums) qualitySE() float64 {
	n := float64(s.covered)
	variance := (s.squares - s.quality*s.quality/n) / (n - 1)
	return math.Sqrt(max(0, variance) / n)
}
