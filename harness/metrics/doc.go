// Package metrics judges policies by their points: mean quality, cost and carbon, one point a preference.
//
// The way of the data:
//
//  1. [Input] holds what each model did with each compared test prompt, and for every policy, seed and preference the
//     quality, cost and carbon of each prompt, and their means over selection prompts, which the policy has not seen.
//  2. [Evaluate] adds the references that need no policy (single models, Zero router, oracle) and chooses by the selection
//     means what each is judged by ([Vertices]: the settings that its curve runs through). Then it applies every metric to
//     the test figures, and again to 10,000 paired bootstrap resamples of the prompts.
//  3. A [Table] holds a row for each policy and metric: the value with its interval, and the paired difference to a
//     baseline; all [Pair] differences with Holm's correction; and a [Headline]. [WriteCSV] writes the metrics.csv of a run,
//     [WriteJSON] the same with all that does not fit.
//
// A metric and its twin in hindsight (aiq, aiq_hindsight) differ in what chose the settings: the selection prompts, or the
// very prompts they are judged on, as published tools do. [Metrics] lists all. The metrics themselves are pure functions on
// point sets in float64, each with its definition and source: hull.go (AIQ), line.go (curves as chosen), area.go (nAUC, QNC,
// CostSave), gain.go (PerfGain, Gain@R, Gain@B, Gap@O), distance.go (ParetoDist), volume.go and bound.go (hypervolume),
// pair.go (two-model routing: PGR, APGR, CPT), arena.go (Arena score, optimality, robustness), choice.go (oracle's choices,
// RCI) and oracle.go (the oracle's front). Where the published code fails or divides by zero, a value is defined, or the
// metric has none and a [Reason] says why.
package metrics
