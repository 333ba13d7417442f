// Package env is the train split as an environment for agents that learn from reward. Full feedback makes the
// simulation exact: whatever models an agent asks, in whatever order, what would have happened was logged. A test in
// harness/replay holds every path equal to the replay that results are computed by.
//
// The way of the data:
//
//  1. A [World] lays a labelled split out in dense columns: scores, figures, answers as numbers, the vote weight of every
//     model for every prompt, and [Shape] features of the responses.
//  2. An [Env] runs many episodes over one world side by side, one a slot. [Env.Reset] puts a slot at a prompt under a
//     preference; [Env.Step] takes one action of every slot and gives rewards back. Neither allocates.
//  3. [Env.Seen] is what a live router would know in a slot's state: who was asked, what each answered, what it cost.
//     Scores are not in it.
//
// The actions over M models are 0 to M−1, ask that model; M, stop with the last answer; M+1, stop with the vote of all
// that answered, weighted. In one-shot mode asking ends the episode and there is nothing else to do.
//
// The reward of asking is −λ·spend; the score of the final answer is added where the episode ends. Summed over an
// episode it is the utility of [policy.Preference], with the latencies of the models asked one after another added up.
package env
