// Package stats holds the statistics that every comparison of policies rests on: pure functions on slices, and a fast
// paired bootstrap.
//
// The way of the data:
//
//  1. Figures per prompt become [Columns]: one column for the quality of one point of one policy, one for its cost, and
//     so on. Equal columns are kept once; a column that resembles another is kept as what differs.
//  2. [Bootstrap] draws prompts with replacement within their strata and gives the mean of every column in every
//     resample. All columns share the draws, so differences between policies are paired.
//  3. The caller turns the means of a resample into metrics, which [Bootstrap.Correct] spreads as far as means vary; [Percentile] turns a metric's resamples into an interval,
//     [PValue] and [Holm] a difference's resamples into a claim that holds over all pairs of a table.
//
// Sources: Efron & Tibshirani, An Introduction to the Bootstrap (1993), §13.3 percentile interval, §16.4 p-values; Rao & Wu,
// Resampling inference with complex survey data (1988); Holm,
// A simple sequentially rejective multiple test procedure (1979); Agarwal et al., Deep Reinforcement Learning at the Edge
// of the Statistical Precipice (2021), interquartile mean.
package stats
