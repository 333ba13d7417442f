// Package metrics judges policies by their points: mean quality, cost and carbon, one point a preference.
//
// The way of the data:
//
//  1. [Input] holds what each model did with each compared test prompt, and for every policy, seed and preference the
//     quality, cost and carbon of each prompt.
//  2. [Evaluate] adds the references that need no policy (single models, Zero router, oracle), reduces figures to point
//     sets, applies every metric to them, and again to 10,000 paired bootstrap resamples of the prompts.
//  3. A [Table] holds a row for each policy and metric: the value with its interval, and the paired difference to a
//     baseline. [Table.WriteCSV] writes the metrics.csv of a run, [Table.WriteJSON] the same with all that does not fit.
//
// The metrics themselves are pure functions on point sets in float64, each with its definition and source: hull.go (AIQ,
// Zero router), area.go (nAUC, peak, QNC), gain.go (PerfGain, CostSave, Gain@R, Gain@B, Gap@O), distance.go (ParetoDist),
// hypervolume.go, pair.go (two-model routing: PGR, APGR, CPT), arena.go (Arena score, optimality, robustness, RCI) and
// reference.go (oracle, cheapest, best single). Where the published code fails or divides by zero, a value is defined, or
// the metric has none and a [Reason] says why.
package metrics
