// Package forecast tells what to expect of each model: the quality of its answer to a prompt, and what that will take.
//
// The way of the data:
//
//  1. [CheckTask] refuses what cannot be learned from; [Joined] lays train and validation prompts side by side.
//  2. [Overall] and [Means] are what models did on average, over all prompts or by group, with missing outcomes made good
//     for by a two-way layout. [Memory] holds vectors for nearest neighbours, [Cluster] groups them, [Expense] predicts by a
//     network what an answer will take, from the vector and the shape of the text ([Features]).
//  3. Each fills an [Expected]: figures of every model, by [policy.Quantity], a row a prompt. [Blend] finds the weights by
//     which several of them err least, [Mix] applies those.
//  4. [Expected.Route] picks the model of highest expected utility for each row of a batch.
package forecast
