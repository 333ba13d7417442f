// Package policy is the contract between the harness and a routing policy: what a policy sees, and what it must answer.
// It imports nothing but the standard library, so a policy can be written, tested and shipped without the harness.
//
// The way of a policy through a run:
//
//  1. A [Definition] says what the policy is ([Description]) and makes an instance from a [Setup]: the models of the
//     pool, the parameters, the seed, the compute backend.
//  2. A [Learner] is fitted on a [Task]: the train and validation splits with their outcomes, and the preferences of
//     the sweep. It never sees an outcome of a test prompt.
//  3. [Policy.Route] is given a [Batch] of rows, each one prompt under one preference, and answers with [Decisions]:
//     a sparse distribution over models and how to use it.
//  4. A policy that looks at answers before it asks on returns [Ask] for a row. The host looks up, charges and reveals
//     the outcomes asked for and routes the row again with [Batch.Asked] filled in, until the row ends with [Select]
//     or [Combine].
//  5. An [Observer] routes a stream of prompts batch by batch, and is shown after each batch the outcomes of its own
//     decisions (bandit feedback).
//  6. A [Saver] turns what was learned into bytes and back.
//
// Everything is columnar: a batch of n prompts is a handful of slices of length n (or n × dim, row-major), not n structs.
package policy
