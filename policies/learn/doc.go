// Package learn is what policies that learn share: what is expected of each model ([Expected], [Means]), nearest
// neighbours ([Memory]), groups of vectors ([Cluster]), small networks trained with GoMLX ([Train], [Net]), and states
// written as bytes ([SaveState]). GoMLX's sessions, optimisers and backends are set up here alone; a policy whose loss is
// its own writes that with GoMLX in its folder.
//
// The way of the data through a policy that trains a network:
//
//  1. [CheckTask] refuses what cannot be learned from. Masks, not zeros, stand for outcomes that are missing.
//  2. The policy lays its prompts out as [Examples]: inputs [n × in], targets and their weights [n × out], and for each
//     example the member of the ensemble that must not train on it.
//  3. [Train] builds one graph for the whole ensemble, steps through shuffled batches of one fixed shape, stops each
//     member where its held-out loss is least and gives back those weights as a [Net]. Equal seeds on one backend give
//     equal bits.
//  4. [Net.Predict] runs the network in plain Go, in a fixed order of summation for each prompt. A GoMLX graph would
//     answer with other low bits for another batch size, and its start-up costs more than these small networks do.
//  5. The predictions fill an [Expected], which picks the model of highest utility for each row of a batch.
package learn
