package replay

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/trilemma-bench/trilemma/harness/billing"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Decisions are final decisions with what was asked on the way to them.
type Decisions struct {
	// Final holds Select and Combine rows only; models number the view's pool.
	Final *policy.Decisions
	// AskedOffset is nil where nobody asked before deciding. Else row r asked entries AskedOffset[r] to
	// AskedOffset[r+1], and has paid for them.
	AskedOffset []int32
	AskedModel  []int32
	AskedRound  []int32 // non-decreasing within a row
}

// Rows is the number of decisions.
func (d *Decisions) Rows() int { return d.Final.Rows() }

// block is the number of rows that one goroutine sums at a time. Sums are taken block by block in a fixed order, so
// that the number of processors never reaches a result.
const block = 4096

// Replay looks up the result of every row: row r is a decision for prompt prompts[r]. It returns the mean, and stores
// each row's result in into unless that is nil. It allocates nothing per row.
//
// The result of a row:
//   - Select: the expectation over the row's distribution.
//   - Combine: every model is paid. The score is that of the weighted vote over the models' answers against the
//     reference where the trace has both, else the weighted mean of the scores. Models answer side by side, so the
//     latency is the slowest's.
//   - What was asked before is paid in any case; rounds follow one another, so their latencies add up.
func Replay(v *View, prompts []int, d *Decisions, into []Result) (Mean, error) {
	rows := len(prompts)
	if d.Rows() != rows {
		return Mean{}, fmt.Errorf("replaying %d decisions for %d prompts", d.Rows(), rows)
	}
	if into != nil && len(into) != rows {
		return Mean{}, fmt.Errorf("replaying %d decisions into %d results", rows, len(into))
	}
	total := eachBlock(rows, func(lo, hi int) sums {
		var s sums
		var res Result
		for r := lo; r < hi; r++ {
			v.row(prompts[r], d, r, &res)
			if res.Covered {
				s.add(&res)
			}
			if into != nil {
				into[r] = res
			}
		}
		return s
	})
	return total.mean(rows), nil
}

// Selected is Replay for decisions that select one model each: the case of almost every router, and the fast one.
// model[r] numbers the view's pool.
func Selected(v *View, prompts []int, model []int32, into []Result) (Mean, error) {
	rows := len(prompts)
	if len(model) != rows || into != nil && len(into) != rows {
		return Mean{}, fmt.Errorf("replaying %d selections for %d prompts into %d results", len(model), rows, len(into))
	}
	total := eachBlock(rows, func(lo, hi int) sums {
		var s sums
		var res Result
		for r := lo; r < hi; r++ {
			v.one(prompts[r], int(model[r]), &res)
			if res.Covered {
				s.add(&res)
			}
			if into != nil {
				into[r] = res
			}
		}
		return s
	})
	return total.mean(rows), nil
}

// eachBlock runs f over [0, rows) in blocks on every processor and adds the sums up in the order of the blocks.
func eachBlock(rows int, f func(lo, hi int) sums) sums {
	blocks := (rows + block - 1) / block
	part := make([]sums, blocks)
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), blocks) {
		wg.Go(func() {
			for {
				b := int(next.Add(1)) - 1
				if b >= blocks {
					return
				}
				part[b] = f(b*block, min((b+1)*block, rows))
			}
		})
	}
	wg.Wait()
	var total sums
	for _, p := range part {
		total.merge(&p)
	}
	return total
}

// one is the result of a single selected model.
func (v *View) one(prompt, model int, res *Result) {
	if o := v.At(prompt, model); o.Present() {
		res.Figures, res.Covered = o.Figures, true
	} else {
		*res = uncovered
	}
}

// row is the result of row r of any decisions.
func (v *View) row(prompt int, d *Decisions, r int, res *Result) {
	use, models, weights := d.Final.Row(r)
	var asked []int32
	if d.AskedOffset != nil {
		asked = d.AskedModel[d.AskedOffset[r]:d.AskedOffset[r+1]]
	}
	if len(asked) == 0 && len(models) == 1 {
		v.one(prompt, int(models[0]), res)
		return
	}
	*res = Result{Covered: true}
	if len(asked) > 0 {
		v.payAsked(prompt, asked, d.AskedRound[d.AskedOffset[r]:d.AskedOffset[r+1]], res)
	}
	if use == policy.Combine {
		v.combine(prompt, models, weights, asked, res)
	} else {
		v.expect(prompt, models, weights, asked, res)
	}
	if !res.Covered {
		*res = uncovered
	}
}

// payAsked charges what was asked in rounds: all of it, side by side within a round, round after round.
func (v *View) payAsked(prompt int, asked, round []int32, res *Result) {
	var slowest slowest
	for i, m := range asked {
		o := v.At(prompt, int(m))
		if !o.Present() {
			res.Covered = false
			return
		}
		res.pay(o, 1)
		if i > 0 && round[i] != round[i-1] {
			slowest.end(res)
		}
		slowest.see(o)
	}
	slowest.end(res)
}

// expect adds the expectation over a distribution. A model asked before costs nothing more.
func (v *View) expect(prompt int, models []int32, weights []float32, asked []int32, res *Result) {
	var sum float32
	for _, w := range weights {
		sum += w
	}
	for i, m := range models {
		o := v.At(prompt, int(m))
		if !o.Present() {
			res.Covered = false
			return
		}
		w := weights[i] / sum
		res.add(policy.Quality, o, w)
		if !slices.Contains(asked, m) {
			res.pay(o, w)
			res.add(policy.Latency, o, w)
		}
	}
}

// combine adds the weighted vote, or the weighted mean where there is nothing to vote on.
func (v *View) combine(prompt int, models []int32, weights []float32, asked []int32, res *Result) {
	var slowest slowest
	var mean, sum float32
	for i, m := range models {
		o := v.At(prompt, int(m))
		if !o.Present() {
			res.Covered = false
			return
		}
		if !slices.Contains(asked, m) {
			res.pay(o, 1)
			slowest.see(o)
		}
		mean += weights[i] * o.At(policy.Quality)
		sum += weights[i]
	}
	slowest.end(res)
	switch {
	case len(models) == 1 || v.Reference == nil || v.Reference[prompt] == 0:
		res.Set(policy.Quality, mean/sum)
	case v.vote(prompt, models, weights) == v.Reference[prompt]:
		res.Set(policy.Quality, 1)
	}
}

// vote is the answer that wins the weighted vote, 0 where nobody answered.
func (v *View) vote(prompt int, models []int32, weights []float32) uint32 {
	return policy.Vote(len(models), func(i int) uint32 { return v.At(prompt, int(models[i])).Answer }, weights)
}

// slowest is the longest latency of answers that are given side by side; an unknown one makes it unknown.
type slowest struct{ low, high float32 }

func (s *slowest) see(o *billing.Outcome) {
	s.low, s.high = max(s.low, o.Low[policy.Latency]), max(s.high, o.High[policy.Latency])
}

// end adds it to the result, before the next round.
func (s *slowest) end(res *Result) {
	res.Low[policy.Latency] += s.low
	res.High[policy.Latency] += s.high
	*s = slowest{}
}
