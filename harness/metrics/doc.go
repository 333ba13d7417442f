// Package metrics judges policies by their points: mean quality, cost and carbon, one point a preference.
//
// The way of the data:
//
//  1. [Input] holds what each model did with each compared test prompt, and for every policy, seed and preference the
//     quality, cost and carbon of each prompt, and their means over selection prompts, which the policy has not seen.
//  2. [Evaluate] adds the references that need no policy (single models, Zero router, oracle) and chooses by the selection
//     means what each is judged by ([pareto.Vertices]: the settings that its curve runs through). Then it applies every metric to
//     the test figures, and again to 10,000 paired bootstrap resamples of the prompts.
//  3. A [Table] holds a row for each policy and metric: the value with its interval, and the paired difference to a
//     baseline; all [Pair] differences with Holm's correction; and a [Headline]. [WriteCSV] writes the metrics.csv of a run,
//     [WriteJSON] the same with all that does not fit.
//
// A metric and its twin in hindsight (aiq, aiq_hindsight) differ in what chose the settings: the selection prompts, or the
// very prompts they are judged on, as published tools do. [Metrics] lists all. What is measured on points is in package pareto;
// here are the measures of choices: arena.go (Arena score, optimality, robustness), choice.go (oracle's choices, RCI),
// oracle.go (the oracle's front) and bound.go (what no policy exceeds).
package metrics
