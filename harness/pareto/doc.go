// Package pareto measures curves of quality against cost: pure functions on point sets in float64, each with its definition
// and source. Fronts ([Front]), hulls ([NonDecreasingHull], [AIQ]) and curves as they would be deployed ([Line]); areas and
// costs at a quality ([NAUC], [QNC], [CostSave]); gains over references ([PerfGain], [Gain], [GapO]); distances ([Dist])
// and volumes ([Hypervolume]); and two-model routing ([PGR], [APGR], [CPT]).
//
// Where the published code fails or divides by zero, a value is defined, or there is none and a [Reason] says why. Package
// metrics applies them to the policies of a run.
package pareto
