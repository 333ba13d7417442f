// Package billing charges outcomes with what they took. The way of the data:
//
//  1. [Accounting] says how figures that a trace did not log are derived; a logged figure always wins.
//  2. A meter a model gives USD (package cost), Wh and seconds (package energy), gCO2e (package carbon) and mL of water from
//     an answer's tokens, the model's prices, size and region, and the hour; energy and what follows from it at both ends of
//     the size that is assumed of a closed model.
//  3. [NewTable] charges every outcome of a trace: [Figures] of every (prompt, model), and [Shares] of what was logged.
//  4. Outcomes whose cost is unknown are told in [Unbilled], and [UnknownCost] says what becomes of them.
//
// Package replay looks decisions up in the table.
package billing
