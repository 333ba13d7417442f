// Package compute is what networks are computed with: GoMLX's backends (Go itself, XLA on the CPU or a GPU, found, checked and
// opened once a process), a dense layer and tanh with AVX2 where the machine has it, and loops over rows on all cores.
//
// Whatever runs here gives a row the same bits whoever its neighbours are: sums have an order that the layer's shape fixes.
package compute
