// Package agent is what the policies that learn from reward share: how a state becomes numbers, how episodes are played
// in policies/env, and how a trained actor routes. How the actor is changed by what it played is the [Algorithm], one file
// in policies/reinforce and one in policies/ppo.
//
// The way of the data through a fit:
//
//  1. [estimator] learns from labels what can be known without acting: what to expect of every model for a prompt (the
//     predictor of policies/predict, the gate of policies/moe, or nothing but means), and in sequential mode how far an
//     answer is to be believed: its credit by itself, from how the response looks and what it claims, which weighs it in the
//     vote (credit.go), and the posterior that a model's answer is right, given who answered what and who agrees with whom
//     (posterior.go). Both are ensembles in which one member did not see a prompt, and that one judges it while the agent is
//     trained. What an answer cost tells what the next will (lengthElasticity.go).
//  2. A state is laid out as numbers (features.go): what the user pays, what was spent, votes, posteriors, and a few numbers
//     for every action. Each action also gets a base logit, its expected utility in score over a temperature, so that an
//     untrained agent is the supervised router that it starts from and reward teaches it what that one does not know:
//     that asking is worth more than the answer it brings.
//     With feedback "bandit" nothing is learned from labels: the means are those of the outcomes that a log chose, weighted
//     by its propensities, and episodes are played on doubly robust outcomes (bandit.go); without a log, models are drawn.
//  3. Episodes are played on the train split (rollout.go), under a preference drawn for each, in many slots side by side.
//  4. The algorithm changes the actor, several minibatches in one call of the backend.
//  5. From time to time the greedy agent is played on the validation split. The best one is kept, the untrained one
//     included, so that reward can not make it worse than its warm start there. Each check leaves a snapshot, from which an
//     interrupted training goes on (snapshot.go).
//  6. At test time the host reveals answers in rounds, the same numbers are computed from them, and the most probable
//     action is taken.
package agent
