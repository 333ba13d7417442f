package runner

import (
	"slices"

	"github.com/trilemma-bench/trilemma/harness/replay"
	"github.com/trilemma-bench/trilemma/harness/stats"
	"github.com/trilemma-bench/trilemma/harness/store"
	"github.com/trilemma-bench/trilemma/harness/trace/split"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// selectionRows are the prompts that settings are chosen by, as the experiment's coverage says.
func (p *Plan) selectionRows(pool string) []int {
	rows := p.rows(pool, split.Selection)
	if p.Spec.Coverage == "complete" {
		rows = replay.Of(p.data.Table, p.pools[pool]).Complete(rows)
	}
	return rows
}

// firstHalf draws the half of the selection prompts that tells the order in which settings are tested: the same prompts for
// every cell.
func (p *Plan) firstHalf(rows []int) []bool {
	rng := policy.Stream(p.Spec.Data.Split.Seed, "halves of selection")
	first := make([]bool, len(rows))
	for k, r := range rng.Perm(len(rows)) {
		first[r] = k < len(rows)/2
	}
	return first
}

// momentsOf are the moments of some results, of those that are covered.
func momentsOf(results []replay.Result, in func(r int) bool) (out store.Moments) {
	for _, q := range policy.Decisive {
		var column []float64
		for r := range results {
			if x := &results[r]; x.Covered && in(r) {
				column = append(column, float64(x.At(q)))
			}
		}
		out[q] = stats.MomentsOf(column)
	}
	return out
}

// known are the prompts outside of test that all models of a pool answered: what models, which have learned nothing here,
// are compared on. Where there is no such prompt, they are those that some model answered.
func (p *Plan) known(pool string) []int {
	rows := p.outsideTest(pool)
	if common := replay.Of(p.data.Table, p.pools[pool]).Complete(rows); len(common) > 0 {
		return common
	}
	return rows
}

// outsideTest are the prompts outside of test that some model of a pool answered.
func (p *Plan) outsideTest(pool string) []int {
	var rows []int
	for _, part := range []split.Part{split.Train, split.Validation, split.Selection} {
		rows = append(rows, p.rows(pool, part)...)
	}
	slices.Sort(rows)
	return rows
}

// outsideMeans are a model's means over the known prompts, as the manifest has them: null where unknown.
type outsideMeans struct {
	Model   string   `json:"model"`
	Quality *float64 `json:"quality"`
	CostUSD *float64 `json:"cost_usd"`
	CarbonG *float64 `json:"carbon_g"`
}

func (p *Plan) outside(pool string) ([]outsideMeans, error) {
	means, err := p.modelMeans(p.pools[pool], p.known(pool))
	if err != nil {
		return nil, err
	}
	out := make([]outsideMeans, len(means))
	for i, m := range means {
		out[i] = outsideMeans{p.data.Trace.Models[p.pools[pool][i]].ID, store.Known(m[policy.Quality]), store.Known(m[policy.Cost]), store.Known(m[policy.Carbon])}
	}
	return out, nil
}

// bestSingle is the model of a pool, by its place in it, of the highest mean score on the known prompts; of equals the
// cheaper, then the first. It is chosen once, without the test prompts: what one would have deployed. -1 where no model
// answered anything.
func (p *Plan) bestSingle(pool string) int {
	view := replay.Of(p.data.Table, p.pools[pool])
	n := len(view.Pool)
	score, cost, count := make([]float64, n), make([]float64, n), make([]float64, n)
	for _, prompt := range p.known(pool) {
		for m := range n {
			if o := view.At(prompt, m); o.Present() {
				score[m] += float64(o.At(policy.Quality))
				cost[m] += float64(o.At(policy.Cost))
				count[m]++
			}
		}
	}
	best := -1
	for m := range n {
		if count[m] == 0 {
			continue
		}
		score[m], cost[m] = score[m]/count[m], cost[m]/count[m]
		if best < 0 || score[m] > score[best] || score[m] == score[best] && cost[m] < cost[best] {
			best = m
		}
	}
	return best
}
