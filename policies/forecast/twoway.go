package forecast

import (
	"math"

	"github.com/trilemma-bench/trilemma/policies/policy"
)

// cell is one known figure: of a prompt, counted from 0 within its group, and a model.
type cell struct {
	row, model int32
	value      float64
}

// twoWay tells what every model would come to over all prompts of a group, of which it may have answered only some: each
// figure is taken apart into what the prompt and what the model makes of it,
//
//	score = a_i + b_m,   cost, carbon or latency = a_i · b_m,
//
// fitted by least squares and by the Poisson quasi-likelihood, both by turns: the a that fit best given b, then the b
// given a. A prompt that one model alone has says nothing of the others, so b is fitted on prompts that two or more
// models have; of two models, b compares them on just the prompts that both answered. A model's level is then that of
// its b at the mean a of all prompts. Where every model answered every prompt it is the plain mean, and a is nil; else a is
// given about its mean: 0 for the usual prompt's score, 1 for its cost, NaN where nothing is known of a prompt.
//
// Models that no chain of common prompts links, as in a log of one choice a prompt, cannot be compared: each such set is
// taken by itself, and a model that shares no prompt keeps its plain mean. NaN where a model has no figure.
//
// Sources: the two-way layout without interaction, as in Searle, Linear Models (1971), ch. 7; for the product, the
// margins of Santos Silva and Tenreyro, The Log of Gravity (2006).
func twoWay(cells []cell, rows, models int, q policy.Quantity) (level, a []float64) {
	level, n := plain(cells, models)
	group := linked(cells, rows, models)
	answered := make([]int, models)    // rows of a set of models, by its first
	incomplete := make([]bool, models) // whether a model of the set lacks one
	first := make([]int32, rows)       // the set that a row belongs to; −1 without figures
	for i := range first {
		first[i] = -1
	}
	for _, c := range cells {
		if first[c.row] < 0 {
			first[c.row] = group[c.model]
			answered[group[c.model]]++
		}
	}
	some := false
	for m := range models {
		if g := group[m]; n[m] > 0 && int(n[m]) < answered[g] {
			incomplete[g], some = true, true
		}
	}
	if !some {
		return level, nil
	}
	f := &fit{product: q != policy.Quality, a: make([]float64, rows), b: append([]float64(nil), level...), cells: cells, width: make([]int, rows)}
	for _, c := range cells {
		f.width[c.row]++
	}
	f.solve()
	mean := make([]float64, models) // of a, by the first model of a set
	for i, a := range f.a {
		if g := first[i]; g >= 0 {
			mean[g] += a / float64(answered[g])
		}
	}
	for i := range f.a {
		switch g := first[i]; {
		case g < 0:
			f.a[i] = math.NaN()
		case f.product:
			f.a[i] /= mean[g]
		default:
			f.a[i] -= mean[g]
		}
	}
	for m, g := range group {
		switch {
		case n[m] == 0 || !incomplete[g]:
		case f.product:
			level[m] = f.b[m] * mean[g]
		default:
			level[m] = min(max(f.b[m]+mean[g], 0), 1)
		}
	}
	return level, f.a
}

// plain is the mean of every model over what it has, and of how many.
func plain(cells []cell, models int) (mean, n []float64) {
	mean, n = make([]float64, models), make([]float64, models)
	for _, c := range cells {
		mean[c.model] += c.value
		n[c.model]++
	}
	for m := range mean {
		mean[m] /= n[m] // NaN for none
	}
	return mean, n
}

// linked gives the models that common prompts link, directly or by others, one number: the first model's.
func linked(cells []cell, rows, models int) []int32 {
	set := make([]int32, models)
	for m := range set {
		set[m] = int32(m)
	}
	root := func(m int32) int32 {
		for set[m] != m {
			set[m] = set[set[m]]
			m = set[m]
		}
		return m
	}
	of := make([]int32, rows) // a model of the row, counted from 1
	for _, c := range cells {
		if of[c.row] == 0 {
			of[c.row] = c.model + 1
			continue
		}
		x, y := root(of[c.row]-1), root(c.model)
		set[max(x, y)] = min(x, y)
	}
	for m := range set {
		set[m] = root(int32(m))
	}
	return set
}

// fit is a two-way layout being fitted.
type fit struct {
	product bool
	cells   []cell
	width   []int // [rows] figures of the row
	a, b    []float64
}

const (
	fitRounds    = 1000
	fitTolerance = 1e-9 // of the largest b
)

// solve fits a and b by turns until b rests.
func (f *fit) solve() {
	before := make([]float64, len(f.b))
	for range fitRounds {
		copy(before, f.b)
		f.byRow()
		f.byModel()
		var moved, most float64
		for m, b := range f.b {
			if b == b {
				moved, most = max(moved, math.Abs(b-before[m])), max(most, math.Abs(b))
			}
		}
		if moved <= fitTolerance*most {
			break
		}
	}
	f.byRow()
}

// byRow fits the prompts given the models. A prompt is worth at most maxRatio usual ones, so that a model that is free on
// the prompts that it shares and dear elsewhere moves nobody without bounds.
func (f *fit) byRow() {
	f.refine(f.a, f.b, func(c cell) (of, given int32) { return c.row, c.model }, 1)
	if f.product {
		for i, a := range f.a {
			f.a[i] = min(a, maxRatio)
		}
	}
}

// byModel fits the models given the prompts, on the prompts that say something of more than one.
func (f *fit) byModel() {
	f.refine(f.b, f.a, func(c cell) (of, given int32) { return c.model, c.row }, 2)
}

func (f *fit) refine(to, from []float64, key func(cell) (of, given int32), width int) {
	sum, weight := make([]float64, len(to)), make([]float64, len(to))
	for _, c := range f.cells {
		if f.width[c.row] < width {
			continue
		}
		k, given := key(c)
		if f.product {
			sum[k] += c.value
			weight[k] += from[given]
		} else {
			sum[k] += c.value - from[given]
			weight[k]++
		}
	}
	for k, w := range weight {
		switch {
		case w > 0:
			to[k] = sum[k] / w
		case f.product && len(to) == len(f.a):
			to[k] = 1 // only models that are free have it: as any other prompt
		}
	}
}
