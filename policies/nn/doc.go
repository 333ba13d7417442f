// Package nn trains small networks with GoMLX and runs them in plain Go. Sessions, the training loop and the optimiser are
// here alone; a policy whose loss is its own writes that with GoMLX in its folder and hands it to a [Loop].
//
// The way of the data through a policy that trains a network:
//
//  1. The policy lays its prompts out as [Examples]: inputs [n × in], targets and their weights [n × out], and for each
//     example the member of the ensemble that must not train on it ([Folds]). Weights of zero, not zeros as targets, stand
//     for outcomes that are missing.
//  2. [Train] builds one graph for the whole ensemble, steps through shuffled batches of one fixed shape with AdamW, stops
//     each member where its held-out loss is least and gives back those weights as a [Net]. Equal seeds on one backend give
//     equal bits.
//  3. [Net.Predict] runs the network in plain Go, in a fixed order of summation for each prompt. A GoMLX graph would
//     answer with other low bits for another batch size, and its start-up costs more than these small networks do.
package nn
