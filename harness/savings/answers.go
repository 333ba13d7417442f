package savings

import (
	"math"
	"slices"

	"github.com/trilemma-bench/trilemma/harness/experiment"
	"github.com/trilemma-bench/trilemma/harness/replay"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// use is one answer that was paid for.
type use struct {
	row    int   // index into p.test of the pool
	model  int32 // of the table
	weight float64
}

// answers are what one way of answering the test prompts of a pool led to. Columns are over p.test, NaN where there is no
// result; uses are in order of the rows.
type answers struct {
	score, cost, latency []float32
	uses                 []use
}

func newAnswers(n int) *answers { return &answers{score: nans(n), cost: nans(n), latency: nans(n)} }

func nans(n int) []float32 { return slices.Repeat([]float32{float32(math.NaN())}, n) }

// covers tells whether there is a result.
func (a *answers) covers(row int) bool { return !math.IsNaN(float64(a.score[row])) }

// asking is what asking models of the table leads to: of(row) lists them by part of the prompts, so that it is the
// expectation over a mix.
func (p *poolSavings) asking(of func(row int) []use) *answers {
	test := p.Test
	a := newAnswers(len(test))
	for row, prompt := range test {
		var score, cost, latency float64
		list := of(row)
		whole := len(list) > 0
		for _, u := range list {
			o := p.Data.Table.At(prompt, int(u.model))
			whole = whole && o.Present()
			score, cost, latency = score+u.weight*float64(o.At(policy.Quality)), cost+u.weight*float64(o.At(policy.Cost)), latency+u.weight*float64(o.At(policy.Latency))
		}
		if whole {
			a.score[row], a.cost[row], a.latency[row] = float32(score), float32(cost), float32(latency)
			a.uses = append(a.uses, list...)
		}
	}
	return a
}

// single is what asking one model for everything leads to.
func (p *poolSavings) single(model int) *answers {
	return p.asking(func(row int) []use { return []use{{row, int32(model), 1}} })
}

// answersOf reads what the decisions of a cell led to under some preferences.
func (p *poolSavings) answersOf(c *experiment.Cell, preferences []string) (map[string]*answers, error) {
	row := map[string]int{}
	for i, prompt := range p.Test {
		row[p.Data.Trace.Prompts.ID[prompt]] = i
	}
	model := map[string]int32{}
	for _, m := range p.Models {
		model[p.Data.Trace.Models[m].ID] = int32(m)
	}
	out := map[string]*answers{}
	for d, err := range p.run.Decisions(c.ID) {
		if err != nil {
			return nil, err
		}
		i, known := row[d.PromptID]
		if !known || !slices.Contains(preferences, d.Preference) {
			continue
		}
		a := out[d.Preference]
		if a == nil {
			a = newAnswers(len(row))
			out[d.Preference] = a
		}
		f := d.Figures()
		a.score[i], a.cost[i], a.latency[i] = float32(f[policy.Quality]), float32(f[policy.Cost]), float32(f[policy.Latency])
		for _, m := range d.Asked {
			a.uses = append(a.uses, use{i, model[m], 1})
		}
		for k, m := range d.Models {
			if slices.Contains(d.Asked, m) {
				continue
			}
			weight := 1.0
			if d.Use != "combine" {
				weight = float64(d.Weights[k])
			}
			a.uses = append(a.uses, use{i, model[m], weight})
		}
	}
	// Cells store their prompts in the order of the trace, as p.test is; what is by prompt must not depend on that.
	for _, a := range out {
		slices.SortStableFunc(a.uses, func(x, y use) int { return x.row - y.row })
	}
	return out, nil
}

// spent brings answers to the prompts that are kept (rows, ascending) and says which model emitted what.
func (p *poolSavings) spent(a *answers, keep []int) Spent {
	place := make([]int32, len(p.Test))
	for i := range place {
		place[i] = -1
	}
	var out Spent
	for i, row := range keep {
		place[row] = int32(i)
		out.Score, out.CostUSD, out.LatencySec = append(out.Score, a.score[row]), append(out.CostUSD, a.cost[row]), append(out.LatencySec, a.latency[row])
	}
	by := map[int]*Emitted{}
	for _, u := range a.uses {
		at := place[u.row]
		if at < 0 {
			continue
		}
		prompt := p.Test[u.row]
		factor := Exact
		if p.Data.Table.Estimated(prompt, int(u.model)) {
			factor = p.doubt.of[u.model]
		}
		e := by[factor]
		if e == nil {
			e = &Emitted{Factor: factor}
			by[factor] = e
		}
		g := float32(u.weight) * p.Data.Table.At(prompt, int(u.model)).At(policy.Carbon)
		if k := len(e.Prompt); k > 0 && e.Prompt[k-1] == at {
			e.G[k-1] += g // another copy of the same model, or the same one again
		} else {
			e.Prompt, e.G = append(e.Prompt, at), append(e.G, g)
		}
	}
	for f := Exact; f < len(p.doubt.factors); f++ {
		if by[f] != nil {
			out.Carbon = append(out.Carbon, *by[f])
		}
	}
	return out
}

// emittedBy are the mean emissions by the factor that they may be wrong by, and those that were measured.
func (p *poolSavings) emittedBy(s *Spent) (byModel []float64, exact float64) {
	byModel = make([]float64, len(p.doubt.factors))
	for _, e := range s.Carbon {
		var sum float64
		for _, g := range e.G {
			sum += float64(g)
		}
		sum /= float64(len(s.Score))
		if e.Factor == Exact {
			exact = sum
		} else {
			byModel[e.Factor] = sum
		}
	}
	return byModel, exact
}

// sizes are the mean emissions on the prompts that are kept, where all assumed sizes are at their low and at their high end.
func (p *poolSavings) sizes(a *answers, keep []int) (low, high float64) {
	kept := make([]bool, len(p.Test))
	for _, row := range keep {
		kept[row] = true
	}
	for _, u := range a.uses {
		if !kept[u.row] {
			continue
		}
		o := p.Data.Table.At(p.Test[u.row], int(u.model))
		low += u.weight * float64(o.Low[policy.Carbon]) / float64(len(keep))
		high += u.weight * float64(o.High[policy.Carbon]) / float64(len(keep))
	}
	return low, high
}

// meansOf are the single models' means over some prompts, as blind mixes know them.
func (p *poolSavings) meansOf(rows []int) ([]Known, []replay.Mean, error) {
	means, err := replay.SingleMeans(replay.Of(p.Data.Table, p.Models), rows)
	if err != nil {
		return nil, nil, err
	}
	out := make([]Known, len(means))
	for m := range means {
		out[m] = Known{Quality: means[m].Figures[policy.Quality], CarbonG: means[m].Figures[policy.Carbon]}
	}
	return out, means, nil
}
