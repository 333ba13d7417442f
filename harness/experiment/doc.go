// Package experiment turns an experiment file into cells. The way of the data:
//
//  1. [Load] reads YAML, puts `--set` changes over it, and checks it into a [Spec]. Every mistake is listed, each with
//     file, line and column and, where a name is near another, a suggestion.
//  2. The caller opens the traces, and says in [Facts] what the plan depends on: the models, what each policy is, and
//     the fingerprints of everything that goes in.
//  3. [Preferences.Expand] turns the sweeps into labelled preferences, once the scale of cost and carbon is known.
//  4. [Expand] multiplies pools × policies × parameters × encoders × seeds (× preferences, where a policy cannot take one
//     as input) into [Cell]s. A cell's id is the hash of the canonical JSON of all that determines its result, so equal
//     work has equal names and nothing is computed twice.
//  5. [RunID] names the run from its cells.
//
// `experiments/schema.json` is made from the same structs, for completion in editors.
package experiment
