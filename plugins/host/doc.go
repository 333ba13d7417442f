// Package host starts policies, checks what they answer, and supervises them.
//
// The way of a call:
//
//  1. [Start] makes an [Instance] from a [Source]: a process of its own, or the policy within this process. Both go
//     through the same checks, so a run gives the same decisions either way.
//  2. [Instance.Configure] checks the parameters against the policy's own JSON Schema and makes the policy.
//  3. [Instance.Fit] sends the training data, only the columns that the policy declared in its needs.
//  4. [Instance.RouteAll] routes prompts under preferences: in batches, and in rounds for a policy that looks at answers
//     before it asks on. What a row asks for is revealed through a callback of the caller's, and recorded, so that it is
//     charged.
//  5. Every answer is checked. What is wrong comes back as an [*Error] that says what happened, where, and how the log
//     of the process ends. A policy that fails never takes the host down.
//  6. [Instance.Close] ends the process and waits for it.
//
// What this protects against: mistakes, and a policy that profits from what it is sent. A process runs with a cleaned
// environment in an empty folder and is sent no outcome of a test prompt that it did not ask, and pay, for. It is not a
// sandbox: an executable runs with the user's rights and can read the user's files.
package host
